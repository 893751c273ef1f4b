//! A rotation that is under way, and the questions before it is changed; secrets that are shown again.

use askama::Template;

use super::form::{Choice, FormErrors};
use super::keys::{KeyFacts, LastUse};
use super::shell::{Moment, Shell};

/// One of the two secrets of a key that is being rotated.
#[derive(Debug, Clone)]
pub struct TurningSecret {
    /// The start of the token that ends in it.
    pub hint: String,
    /// Its most recent use.
    pub last_use: LastUse,
    /// What called then, as it names itself: free text.
    pub user_agent: Option<String>,
    /// Whether it was used since the rotation began.
    pub used_since: bool,
}

/// What can be done to a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RotationRights {
    /// End it early.
    pub end: bool,
    /// Let it go on for longer.
    pub extend: bool,
    /// Take it back.
    pub cancel: bool,
}

/// A rotation that is under way.
#[derive(Debug, Clone)]
pub struct RotationView {
    /// The secret that was replaced and is still good.
    pub old: TurningSecret,
    /// The one that took its place.
    pub new: TurningSecret,
    /// Until when the old one is accepted.
    pub until: Moment,
    /// What the reader may do.
    pub may: RotationRights,
}

/// What is asked about a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RotationQuestion {
    /// Whether it ends now.
    End,
    /// Until when it goes on instead.
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
    /// The rotation.
    pub rotation: RotationView,
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
}
