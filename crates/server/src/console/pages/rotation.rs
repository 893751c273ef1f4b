//! A rotation that is under way, and the questions before it is changed; secrets that are shown again.

use askama::Template;

use super::form::{Choice, FormErrors};
use super::keys::{KeyFacts, LastUse};
use super::shell::{Moment, Shell};

/// One of the secrets of a key that is being rotated.
#[derive(Debug, Clone)]
pub struct TurningSecret {
    /// Its identifier.
    pub id: String,
    /// The start of the token that ends in it; none of an imported one.
    pub hint: Option<String>,
    /// When it was made.
    pub made: Moment,
    /// Its most recent use.
    pub last_use: LastUse,
    /// What called then, as it names itself: free text.
    pub user_agent: Option<String>,
    /// Whether it was used since it was replaced, or, of the new one, since it is there.
    pub used_since: bool,
}

/// An old secret that is still good.
#[derive(Debug, Clone)]
pub struct OldSecretView {
    /// The secret.
    pub secret: TurningSecret,
    /// Until when it is accepted.
    pub until: Moment,
    /// Whether it is the key that ends then, before the overlap is over.
    pub ends_with_key: bool,
    /// Whether the reader may let it be good for longer.
    pub may_extend: bool,
}

/// A rotation that is under way.
#[derive(Debug, Clone)]
pub struct RotationView {
    /// The secrets that were replaced and are still good, the one that was replaced last first.
    pub old: Vec<OldSecretView>,
    /// The one that took their place.
    pub new: TurningSecret,
    /// Whether the reader may end old ones early.
    pub may_end: bool,
    /// Whether the reader may take the rotation back.
    pub may_cancel: bool,
}

/// What is asked about a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RotationQuestion {
    /// Whether old secrets end now.
    End,
    /// Until when an old one goes on instead.
    Extend {
        /// The ends that policy allows.
        ends: Vec<Choice>,
    },
    /// Whether it is taken back.
    Cancel,
}

impl RotationQuestion {
    /// The last part of its address.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::End => "end",
            Self::Extend { .. } => "extend",
            Self::Cancel => "cancel",
        }
    }
}

/// Asks before a rotation is changed.
#[derive(Template, Debug)]
#[template(path = "keys/rotation.html")]
pub struct RotationPage {
    /// The frame.
    pub shell: Shell,
    /// The key.
    pub key: KeyFacts,
    /// The old secrets that it is about: of several only where all of them end.
    pub old: Vec<OldSecretView>,
    /// How many others are still good, which keep their time.
    pub others: usize,
    /// The new one.
    pub new: TurningSecret,
    /// What is asked.
    pub question: RotationQuestion,
    /// Which version of the key the page shows.
    pub version: String,
    /// Whether the reader has to type their password.
    pub must_confirm: bool,
    /// What was wrong with the answer that was sent.
    pub errors: FormErrors,
}

/// Whether the secrets of a key can be shown to the reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Viewing {
    /// They can.
    May,
    /// They cannot: why, as a sentence.
    No(String),
}

/// Asks before the secrets of a key are shown again, or says why they are not.
#[derive(Template, Debug)]
#[template(path = "keys/view.html")]
pub struct ViewSecretPage {
    /// The frame.
    pub shell: Shell,
    /// The key.
    pub key: KeyFacts,
    /// Whether they can be.
    pub viewing: Viewing,
    /// Whether the reader may give the key a new secret.
    pub may_rotate: bool,
    /// Whether the reader may make another key like it.
    pub may_replace: bool,
    /// Whether the reader has to type their password.
    pub must_confirm: bool,
    /// What was wrong with the answer that was sent.
    pub errors: FormErrors,
}

/// A secret that is shown again.
pub struct ShownSecret {
    /// Until when it is accepted; none for the current one.
    pub until: Option<Moment>,
    /// Its values; none where no copy of it was kept.
    pub values: Option<SecretValues>,
}

impl ShownSecret {
    /// Tells an old one's values from the current one's, before their names.
    fn which(&self) -> &'static str {
        if self.until.is_some() { "old " } else { "" }
    }
}

/// A secret in clear.
pub struct SecretValues {
    /// The whole token.
    pub token: String,
    /// The part that goes into `accessKey`.
    pub access: String,
    /// The part that goes into `secretKey`.
    pub secret: String,
}

/// Shows the secrets of a key again.
#[derive(Template)]
#[template(path = "keys/viewed.html")]
pub struct ViewedSecretPage {
    /// The frame.
    pub shell: Shell,
    /// The key's id.
    pub key_id: String,
    /// Free text.
    pub key_name: String,
    /// The secrets that are good, the current one first.
    pub secrets: Vec<ShownSecret>,
    /// Whether the line that sets a program up to sign in with the current one can be asked for.
    pub offers_bundle: bool,
}
