//! The pages of an organization's shared secret.

use askama::Template;

use super::form::{Choice, FormErrors};
use super::shell::{Moment, Shell};
use super::snippets::Snippet;

/// What the reader may do to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SharedSecretRights {
    /// Make the first one.
    pub create: bool,
    /// Look at it again.
    pub view: bool,
    /// Put another one in its place.
    pub rotate: bool,
    /// Delete it.
    pub delete: bool,
}

/// One that was replaced and is still accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldSharedSecret {
    /// Its identifier.
    pub id: String,
    /// When it was made.
    pub made: Moment,
    /// Until when it is accepted.
    pub until: Moment,
    /// Whether the reader may let it be good for longer.
    pub may_extend: bool,
}

/// What there is, and how to sign in with it.
#[derive(Debug, Template)]
#[template(path = "shared_secret/show.html")]
pub struct SharedSecretPage {
    /// The frame.
    pub shell: Shell,
    /// When the current one was made; absent where there is none.
    pub made: Option<Moment>,
    /// Those before it that are still accepted.
    pub old: Vec<OldSharedSecret>,
    /// What the reader may do.
    pub may: SharedSecretRights,
    /// How to sign in.
    pub snippets: Vec<Snippet>,
}

/// What is asked about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SharedSecretQuestion {
    /// Whether it is shown.
    View,
    /// When the one before stops.
    Rotate {
        /// The form's mark.
        once: String,
        /// The overlaps that policy allows.
        overlaps: Vec<Choice>,
    },
    /// Whether an old one stops now.
    End {
        /// Which.
        old: OldSharedSecret,
    },
    /// Until when an old one goes on instead.
    Extend {
        /// Which.
        old: OldSharedSecret,
        /// The ends that policy allows.
        ends: Vec<Choice>,
    },
    /// Whether it is deleted.
    Delete,
}

/// Asks before something is done.
#[derive(Debug, Template)]
#[template(path = "shared_secret/question.html")]
pub struct SharedSecretQuestionPage {
    /// The frame.
    pub shell: Shell,
    /// What is asked.
    pub question: SharedSecretQuestion,
    /// Whether the reader has to confirm who they are.
    pub must_confirm: bool,
    /// What was wrong with the last try.
    pub errors: FormErrors,
}

/// Why it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShownBecause {
    /// It was made.
    Made,
    /// It took the place of another.
    Rotated,
    /// The reader asked.
    Asked,
}

/// The shared secret in clear.
#[derive(Template)]
#[template(path = "shared_secret/shown.html")]
pub struct SharedSecretShownPage {
    /// The frame.
    pub shell: Shell,
    /// Why it is shown.
    pub because: ShownBecause,
    /// The secret.
    pub secret: String,
    /// Until when the one before is accepted.
    pub old_until: Option<Moment>,
    /// How to sign in.
    pub snippets: Vec<Snippet>,
}

impl std::fmt::Debug for SharedSecretShownPage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SharedSecretShownPage").field("because", &self.because).finish_non_exhaustive()
    }
}
