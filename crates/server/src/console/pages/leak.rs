//! Reporting leaked keys.

use askama::Template;

use super::form::FormErrors;
use super::shell::{Shell, Status, Tone};

/// Asks for what leaked, and says what will become of it.
#[derive(Template, Debug)]
#[template(path = "keys/leak.html")]
pub struct LeakPage {
    /// The frame.
    pub shell: Shell,
    /// Whether policy has keys deleted that are reported here, or only the report put on record.
    pub revokes: bool,
    /// Whether the reader may look at the policy.
    pub sees_policy: bool,
    /// Lines that one report may have.
    pub lines_max: usize,
    /// Where it was found, as it was typed.
    pub found_at: String,
    /// What to mend.
    pub errors: FormErrors,
}

/// What came of it, line by line.
#[derive(Template, Debug)]
#[template(path = "keys/leaked.html")]
pub struct LeakedPage {
    /// The frame.
    pub shell: Shell,
    /// The lines.
    pub rows: Vec<LeakRow>,
}

impl LeakedPage {
    /// What came of lines, each once: what it means is said below the table, however many lines it is about.
    #[must_use]
    pub fn outcomes(&self) -> Vec<Outcome> {
        let mut found = Vec::new();
        for row in &self.rows {
            if !found.contains(&row.outcome) {
                found.push(row.outcome);
            }
        }
        found
    }
}

/// What came of a line. Nothing of what stood in it is here.
#[derive(Debug, Clone)]
pub struct LeakRow {
    /// Its number among all that were pasted, the empty ones too.
    pub line: usize,
    /// What came of it.
    pub outcome: Outcome,
    /// The key: its name as free text, and its page where the reader has one.
    pub key: Option<(String, Option<String>)>,
}

/// What came of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its key is deleted now.
    Deleted,
    /// It is on record, and its key is still good.
    OnRecord,
    /// It was a token; all tokens of its sign-in are ended.
    TokenEnded,
    /// It was good for nothing any more.
    Dead,
    /// The reader has no key with this secret.
    Unknown,
    /// It could not be looked for.
    NotDone,
}

impl Outcome {
    /// In a few words.
    #[must_use]
    pub fn status(self) -> Status {
        let (tone, words) = match self {
            Self::Deleted => (Tone::Good, "Deleted now"),
            Self::OnRecord => (Tone::Warning, "On record, still good"),
            Self::TokenEnded => (Tone::Good, "Token ended"),
            Self::Dead => (Tone::Ended, "Already dead"),
            Self::Unknown => (Tone::Ended, "Not one of ours"),
            Self::NotDone => (Tone::Warning, "Not looked for"),
        };
        Status { tone, words: words.to_owned() }
    }

    /// What that means, and what to do now.
    #[must_use]
    pub fn note(self) -> &'static str {
        match self {
            Self::Deleted => "Calls with it are refused from now on. Give what used it another key.",
            Self::OnRecord => {
                "Policy leaves it as it is, and whom it concerns is told. Rotate or delete it on its page."
            }
            Self::TokenEnded => {
                "All access tokens of the same sign-in are refused from now on. The key itself is as good as before."
            }
            Self::Dead => "It was refused before; nothing was changed.",
            Self::Unknown => "No key that you may delete, here or below, has this secret.",
            Self::NotDone => "Something failed on the way. Report this line and those behind it again.",
        }
    }
}
