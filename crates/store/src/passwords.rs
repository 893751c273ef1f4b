//! Passwords, as PHC strings.

use claviger_core::id::UserId;
use claviger_core::time::Timestamp;

use crate::{Connection, StoreResult, Tx};

impl Connection {
    /// Finds the PHC string of a user's password.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_password_unchecked(&mut self, _user_id: UserId) -> StoreResult<Option<String>> {
        todo!()
    }
}

impl Tx {
    /// Sets the password of a user, in place of an earlier one.
    ///
    /// # Errors
    /// `Missing` when there is no such user.
    pub async fn put_password_unchecked(&mut self, _user_id: UserId, _phc: &str, _at: Timestamp) -> StoreResult<()> {
        todo!()
    }
}
