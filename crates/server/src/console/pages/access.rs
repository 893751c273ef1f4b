//! API access: the reader's own, the keys that others made for the reader, and everybody's as whoever manages it sees it.

use askama::Template;

use super::form::FormErrors;
use super::key_list::KeyRowView;
use super::keys::{KeyFacts, LastUse};
use super::settings::Crumb;
use super::shell::{Moment, Shell, Status};
use super::webhooks::WebhookView;

/// The reader's own API access.
#[derive(Template, Debug)]
#[template(path = "access/own.html")]
pub struct ApiAccessPage {
    /// The frame.
    pub shell: Shell,
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// Whether the reader has access whatever a switch says.
    pub is_admin: bool,
    /// Whether the reader may have keys at all.
    pub allowed: bool,
    /// Whether the role may have keys at all; without it the one that is there is refused.
    pub has_access: bool,
    /// The name of the reader's role as people read it.
    pub role: String,
    /// The reader's key, if access is on.
    pub key: Option<KeyFacts>,
    /// How the last key ended that the reader had, as half a sentence, and when; absent where there was none, or there is one now.
    pub ended: Option<(&'static str, Moment)>,
    /// Whether the key is switched off and the reader may switch it on.
    pub may_activate: bool,
    /// The start of its token.
    pub hint: String,
    /// Whether its secret is shown again.
    pub shows: bool,
    /// What policy says of seeing its secret again, as a sentence.
    pub reveal: &'static str,
    /// What subscribed with the key, newest first.
    pub webhooks: Vec<WebhookView>,
    /// The address of the page where the api of such keys is documented.
    pub documentation: String,
}

/// The keys that are mapped to the reader and belong to somebody else.
#[derive(Template, Debug)]
#[template(path = "access/mapped.html")]
pub struct MappedKeysPage {
    /// The frame.
    pub shell: Shell,
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// The keys of this page.
    pub rows: Vec<MappedKeyView>,
    /// Whether nothing stands before these.
    pub is_first: bool,
    /// The query string of the next page, without `?`; none on the last.
    pub next: Option<String>,
}

/// A key that somebody else made for the reader.
#[derive(Debug, Clone)]
pub struct MappedKeyView {
    /// What the list of keys says of it.
    pub row: KeyRowView,
    /// Its api: what type it is of.
    pub api: String,
    /// Whom it belongs to; none for nobody.
    pub owner: Option<String>,
}

/// Who holds an active key.
#[derive(Template, Debug)]
#[template(path = "access/holders.html")]
pub struct HoldersPage {
    /// The frame.
    pub shell: Shell,
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// The path of this page within the organization.
    pub base: String,
    /// Whether the reader may see webhooks.
    pub shows_webhooks: bool,
    /// The holders of this page.
    pub rows: Vec<HolderView>,
    /// Whether nothing stands before these.
    pub is_first: bool,
    /// The query string of the next page, without `?`; none on the last.
    pub next: Option<String>,
}

/// One of somebody's keys, by what it is known.
#[derive(Debug, Clone)]
pub struct HeldName {
    /// Its page within the organization.
    pub path: String,
    /// Free text.
    pub name: String,
    /// The start of its token; empty where it has none.
    pub hint: String,
}

/// A holder of active keys.
#[derive(Debug, Clone)]
pub struct HolderView {
    /// The user's id.
    pub user_id: String,
    /// Free text.
    pub name: String,
    /// Some of the keys, the personal one first.
    pub keys: Vec<HeldName>,
    /// How many others there are.
    pub more: usize,
    /// When one of them was used last.
    pub last_use: LastUse,
    /// What is to be reviewed of them, the most urgent first.
    pub health: Status,
    /// How many webhooks hang on them that have not ended.
    pub webhooks: u64,
}

/// Somebody's keys, and what can be done about the personal one.
#[derive(Template, Debug)]
#[template(path = "access/holder.html")]
pub struct HolderPage {
    /// The frame.
    pub shell: Shell,
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// The path of the list within the organization.
    pub base: String,
    /// The user's id.
    pub user_id: String,
    /// What the user is called: free text.
    pub name: String,
    /// The personal key; none where the user holds none, or none any more.
    pub key: Option<HeldKey>,
    /// The other active keys of the user.
    pub others: Vec<KeyRowView>,
    /// The webhooks of the user's keys, newest first; none where the reader may see none.
    pub webhooks: Option<HeldWebhooks>,
}

/// The webhooks of somebody's keys.
#[derive(Debug, Clone)]
pub struct HeldWebhooks {
    /// The newest of them.
    pub rows: Vec<WebhookView>,
    /// Whether there are others.
    pub has_more: bool,
}

/// A personal key that somebody holds.
#[derive(Debug, Clone)]
pub struct HeldKey {
    /// The start of its token.
    pub hint: String,
    /// What is known of it.
    pub facts: KeyFacts,
}

/// Asks before a personal key stops working.
#[derive(Template, Debug)]
#[template(path = "access/ask.html")]
pub struct AskPage {
    /// The frame.
    pub shell: Shell,
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// The question.
    pub title: &'static str,
    /// Whose key it is, where it is not the reader's: free text.
    pub whose: Option<String>,
    /// What follows.
    pub consequence: &'static str,
    /// What becomes of the key's webhooks, where it has any.
    pub webhooks: Option<String>,
    /// The key's last use, to be seen before anything is done.
    pub last_use: LastUse,
    /// Where the answer is sent, within the organization.
    pub action: String,
    /// The button that does it.
    pub button: &'static str,
    /// Makes a reload of the answer harmless; empty where it is harmless anyway.
    pub once: String,
    /// Where "Cancel" leads, within the organization.
    pub back: String,
    /// Whether the reader has to type their password.
    pub must_confirm: bool,
    /// What was wrong with the answer that was sent.
    pub errors: FormErrors,
}
