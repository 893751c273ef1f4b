//! Passwords, as PHC strings.

use claviger_core::id::UserId;
use claviger_core::time::Timestamp;

use crate::sql::statements;
use crate::value::args;
use crate::{Connection, StoreResult, Tx};

statements! {
    PUT_PASSWORD =
        "INSERT INTO password (user_id, phc, updated_at) VALUES ($1, $2, $3) \
         ON CONFLICT (user_id) DO UPDATE SET phc = excluded.phc, updated_at = excluded.updated_at";
    NOTE_SIGN_IN = "UPDATE password SET signed_in_at = $2 WHERE user_id = $1";
    FIND_PASSWORD = "SELECT phc FROM password WHERE user_id = $1";
}

impl Connection {
    /// Finds the PHC string of a user's password.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_password_unchecked(&mut self, user_id: UserId) -> StoreResult<Option<String>> {
        self.find(FIND_PASSWORD, args![user_id], "password", |it| it.next()).await
    }
}

impl Tx {
    /// Sets the password of a user, in place of an earlier one.
    ///
    /// # Errors
    /// `Missing` when there is no such user.
    pub async fn put_password_unchecked(&mut self, user_id: UserId, phc: &str, at: Timestamp) -> StoreResult<()> {
        self.execute(PUT_PASSWORD, args![user_id, phc, at]).await.map(drop)
    }

    /// Notes when a user signed in.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn note_sign_in_unchecked(&mut self, user_id: UserId, at: Timestamp) -> StoreResult<()> {
        self.execute(NOTE_SIGN_IN, args![user_id, at]).await.map(drop)
    }
}
