//! Confirming by password: before something grave, whoever sits there proves again who they are.
//!
//! The question itself has the field, so that nothing that was typed or chosen is lost on a way to another page and back.

use std::time::Duration;

use axum::extract::Form;
use axum::extract::rejection::FormRejection;
use claviger_core::reject::RejectCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::failure::Failure;
use super::pages::form::FormErrors;
use super::renewal;
use super::visit::Visit;
use crate::ops::account;
use crate::ops::caller::Caller;
use crate::ops::keys::{KeyInfo, LastUse};

/// What was used within this time is in use: ending it stops something.
const IN_USE: Duration = Duration::from_secs(24 * 60 * 60);

/// A form that may have to be confirmed, as it is sent.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct ConfirmForm {
    confirm: SecretString,
}

/// A confirmation that was not accepted.
pub(super) struct Unconfirmed {
    /// What was wrong, for the page that asks again.
    pub(super) errors: FormErrors,
    /// Seconds to wait, where somebody tried too often.
    pub(super) wait_secs: Option<u64>,
}

impl Visit {
    /// Whether the reader signed in, or confirmed who they are, too long ago to be shown a secret.
    pub(super) fn is_long_ago(&self) -> bool {
        self.app.now().since(self.signed_in_at) >= account::CONFIRMED_FOR
    }

    /// Whether ending these keys has to be confirmed: one of them is in use, and the reader signed in a while ago.
    pub(super) fn must_confirm<'k>(&self, keys: impl IntoIterator<Item = &'k KeyInfo>) -> bool {
        let now = self.app.now();
        let is_in_use = |it: &KeyInfo| it.last_use.as_ref().is_some_and(|it| now.since(it.at) < IN_USE);
        self.is_long_ago() && keys.into_iter().any(is_in_use)
    }

    /// The same of a secret that was used last as said.
    pub(super) fn must_confirm_end_of(&self, last_use: Option<&LastUse>) -> bool {
        let now = self.app.now();
        self.is_long_ago() && last_use.is_some_and(|it| now.since(it.at) < IN_USE)
    }

    /// Takes the confirmation. Afterwards the visit goes on in a new session, which leaves with the answer whatever that is, see [`renewal`].
    pub(super) async fn confirm(
        &mut self,
        form: Result<Form<ConfirmForm>, FormRejection>,
    ) -> Result<Result<(), Unconfirmed>, Failure> {
        self.confirm_by(form.map(|it| it.0.confirm).unwrap_or_default()).await
    }

    /// The same with a password that was read from a form of another shape.
    pub(super) async fn confirm_by(&mut self, password: SecretString) -> Result<Result<(), Unconfirmed>, Failure> {
        let mut errors = FormErrors::default();
        if password.expose_secret().is_empty() {
            errors.add("confirm", "Enter your password.");
            return Ok(Err(Unconfirmed { errors, wait_secs: None }));
        }
        let error = match account::confirm(&self.app, &self.caller, password, self.origin.clone()).await {
            Ok(signed_in) => {
                let (user_id, session_id) = (signed_in.user.id, signed_in.session_id);
                self.caller = Caller::Session { user_id, session_id, ip: self.origin.ip };
                renewal::leave(signed_in);
                return Ok(Ok(()));
            }
            Err(error) => error.into_reject(),
        };
        match error.code {
            RejectCode::Unauthenticated => errors.add("confirm", "This is not your password."),
            RejectCode::TooManyTries => errors.add_general(error.detail),
            _ => return Err(error.into()),
        }
        Ok(Err(Unconfirmed { errors, wait_secs: error.retry_after_secs }))
    }
}
