//! The pages around a key's secret. The one that shows it is the answer to the request that made it, and nothing else ever is.

use askama::Template;

use super::form::{Choice, FormErrors};
use super::keys::KeyFacts;
use super::rotation::{OldSecretView, TurningSecret};
use super::settings::Crumb;
use super::shell::{Moment, Shell};
use super::snippets::Snippet;

/// Shows a new token, once.
#[derive(Template)]
#[template(path = "keys/created.html")]
pub struct CreatedKeyPage {
    /// The frame.
    pub shell: Shell,
    /// Whether policy shows the secret to the reader again.
    pub shown_again: bool,
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// Where the reader goes on, within the organization.
    pub done: &'static str,
    /// Where a reload and coming back lead, where scripts run: nothing is shown here again.
    pub here: String,
    /// The key's id.
    pub key_id: String,
    /// Free text.
    pub key_name: String,
    /// Where the new secret comes from.
    pub origin: SecretOrigin,
    /// The whole token.
    pub token: String,
    /// The part that goes into `accessKey`, or in front of the colon of Basic.
    pub access: String,
    /// The part that goes into `secretKey`.
    pub secret: String,
    /// Whether the line that sets a program up to sign in with it can be asked for.
    pub offers_bundle: bool,
    /// How to try it, with the token filled in.
    pub snippets: Vec<Snippet>,
    /// The key that it takes the place of, where that is still good.
    pub replaced: Option<Replaced>,
}

/// Shows the line with a key's token and the shared secret, to whoever asked for it.
#[derive(Template)]
#[template(path = "keys/bundle.html")]
pub struct BundlePage {
    /// The frame.
    pub shell: Shell,
    /// The key's id.
    pub key_id: String,
    /// Free text.
    pub key_name: String,
    /// The whole token, which the question sends along until it is answered.
    pub token: String,
    /// In base64; absent where the reader has to confirm first who they are.
    pub line: Option<String>,
    /// What was wrong with the last try.
    pub errors: FormErrors,
}

/// A key that another one was made for, and that works until somebody deactivates it.
#[derive(Debug, Clone)]
pub struct Replaced {
    /// Its id.
    pub id: String,
    /// Free text.
    pub name: String,
}

/// Where a new secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretOrigin {
    /// The key was created.
    Created,
    /// The key was rotated; the old secret stops at the instant, or has stopped already.
    Rotated {
        /// Until when the old secret is accepted; none where it was ended at once.
        old_until: Option<Moment>,
        /// Whether it is the key that ends then, before the overlap is over.
        ends_with_key: bool,
        /// How many it has ended at once.
        ended: usize,
    },
}

/// What a form did that was sent a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// It created a key.
    Key,
    /// It gave a key a new secret.
    Secret,
    /// It gave the reader's personal key a new secret.
    PersonalSecret,
}

/// The answer to a form that was sent a second time: the key exists, its secret was shown.
#[derive(Template, Debug)]
#[template(path = "keys/shown.html")]
pub struct SecretShownPage {
    /// The frame.
    pub shell: Shell,
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// The key's id.
    pub key_id: String,
    /// Free text.
    pub key_name: String,
    /// What the form did.
    pub made: Made,
    /// Whether policy shows the secret to the reader again.
    pub shown_again: bool,
    /// Whether the reader may give the key a new secret.
    pub may_rotate: bool,
    /// The key that it takes the place of, where that is still good.
    pub replaced: Option<Replaced>,
}

/// Asks how a key is to be rotated.
#[derive(Template, Debug)]
#[template(path = "keys/rotate.html")]
pub struct RotateKeyPage {
    /// The frame.
    pub shell: Shell,
    /// Whether policy shows the secret to the reader again.
    pub shown_again: bool,
    /// The key.
    pub key: KeyFacts,
    /// Makes a reload of the answer harmless.
    pub once: String,
    /// The present secret.
    pub present: TurningSecret,
    /// Those before it that are still good: whoever chooses "Now" ends them too.
    pub older: Vec<OldSecretView>,
    /// What "Now" does to its webhooks, in a sentence; none where it does nothing to any.
    pub webhooks: Option<String>,
    /// Now, and the overlaps that policy allows.
    pub overlaps: Vec<Choice>,
    /// What was wrong with the form that was sent.
    pub errors: FormErrors,
}
