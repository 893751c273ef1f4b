//! A key's own pages, and what others say of keys in the same words.

use askama::Template;

use super::audit::EventRowView;
use super::form::{Choice, FormErrors};
use super::health::HealthLine;
use super::limits::{LimitInputs, LimitWords};
use super::notifications::Ending;
use super::rotation::{RotationView, Viewing};
use super::secrets::Replaced;
use super::settings::Crumb;
use super::shell::{Moment, Shell, Status};
use super::snippets::Snippet;
use super::usage::UsageView;
use super::webhooks::WebhookView;

/// When a key or a secret was last used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastUse {
    /// Not since it was made.
    Never,
    /// At an instant, from an address.
    At {
        /// The most recent recorded use.
        at: Moment,
        /// The caller's address, where known.
        ip: Option<String>,
    },
}

/// Along which path the list of keys was reached, and what that changes in words.
#[derive(Debug, Clone)]
pub struct DoorView {
    /// The word that forms pass on; empty for the usual path.
    pub word: &'static str,
    /// The list's path within the organization.
    pub path: &'static str,
    /// The path of the form for a new key.
    pub new: String,
    /// The way to the list.
    pub crumbs: Vec<Crumb>,
    /// The button that leads to the form.
    pub create: &'static str,
    /// The button of the form.
    pub submit: &'static str,
    /// Whether the form shows at once what narrows a key.
    pub shows_permissions: bool,
}

/// What a reader may do with a key; nothing of it with one that is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyRights {
    /// Change what it is called and what it may do.
    pub edit: bool,
    /// Switch it off, or on again.
    pub switch: bool,
    /// Give it a new secret.
    pub rotate: bool,
    /// Make another one like it.
    pub replace: bool,
    /// Delete it.
    pub delete: bool,
}

impl KeyRights {
    /// Whether there is anything that is done to several keys at once.
    #[must_use]
    pub fn any_of_bulk(self) -> bool {
        self.edit || self.switch || self.delete
    }
}

/// A key's own page.
#[derive(Template, Debug)]
#[template(path = "keys/show.html")]
pub struct KeyPage {
    /// The frame.
    pub shell: Shell,
    /// Whether it ends within a day, and how.
    pub ending: Vec<Ending>,
    /// The key.
    pub key: KeyFacts,
    /// How often it may be used.
    pub limits: Vec<LimitWords>,
    /// Its secrets, the current one first.
    pub secrets: Vec<SecretView>,
    /// Whether its current secret came from another product.
    pub foreign: bool,
    /// Whether the viewer is shown them again; nothing of a key that is deleted.
    pub viewing: Option<Viewing>,
    /// The rotation that is under way.
    pub rotation: Option<RotationView>,
    /// How it is used.
    pub usage: UsageView,
    /// The key that it takes the place of, where the reader comes from making it and that is still good.
    pub replaced: Option<Replaced>,
    /// Whether the viewer could switch it on, were it not somebody else who switched it off.
    pub held_off: bool,
    /// What the viewer may do with it.
    pub may: KeyRights,
    /// What somebody should look at about it.
    pub health: Vec<HealthLine>,
    /// What happened to it last, newest first.
    pub revisions: Vec<EventRowView>,
    /// Whether the viewer may look at what happened to it.
    pub may_read_history: bool,
    /// How to use the key, with a placeholder for it.
    pub snippets: Vec<Snippet>,
    /// The address of the page where its api is documented.
    pub documentation: String,
    /// What subscribed with it, newest first.
    pub webhooks: Vec<WebhookView>,
}

/// All that is known of a key.
#[derive(Debug, Clone)]
pub struct KeyFacts {
    /// The key's id.
    pub id: String,
    /// Free text.
    pub name: String,
    /// Free text; empty for none.
    pub description: String,
    /// Its api: what type it is of.
    pub api: String,
    /// The role's name.
    pub role: String,
    /// Whether the role carries full administrative privileges.
    pub role_is_admin: bool,
    /// The permissions that narrow it; none where it is not narrowed.
    pub scopes: Option<Vec<String>>,
    /// The addresses and networks that it may be used from; empty for everywhere.
    pub allowed_ips: Vec<String>,
    /// Whether it reaches all organizations below its own.
    pub reaches_below: bool,
    /// When it was deleted, and why where that was said.
    pub deleted: Option<Deletion>,
    /// The owner's name; none for an ownerless key.
    pub owner: Option<String>,
    /// The mapped user's name; none where nobody is mapped.
    pub mapped_user: Option<String>,
    /// Whether it was taken over from another product, with the value that it had there.
    pub imported: bool,
    /// When it was made, or taken over.
    pub created: Moment,
    /// When it expires; none for never.
    pub expires: Option<Moment>,
    /// The most recent use of any of its secrets.
    pub last_use: LastUse,
    /// Its state in words.
    pub status: Status,
    /// Whether it is switched on.
    pub active: bool,
    /// Whether it still can be changed: not deleted.
    pub live: bool,
    /// Whether it is past its end.
    pub expired: bool,
}

/// The end of a key.
#[derive(Debug, Clone)]
pub struct Deletion {
    /// When.
    pub at: Moment,
    /// Why, as half a sentence; none where nothing was said.
    pub reason: Option<&'static str>,
}

/// A secret of a key.
#[derive(Debug, Clone)]
pub struct SecretView {
    /// The start of the token that ends in it.
    pub hint: String,
    /// Current, retiring until …, ended.
    pub status: Status,
    /// When it was made.
    pub created: Moment,
    /// The most recent use.
    pub last_use: LastUse,
    /// What called then, as it names itself: free text.
    pub user_agent: Option<String>,
}

/// Asks before a key is deleted.
#[derive(Template, Debug)]
#[template(path = "keys/delete.html")]
pub struct DeleteKeyPage {
    /// The frame.
    pub shell: Shell,
    /// The key.
    pub key: KeyFacts,
    /// Requests that passed in the last 24 hours.
    pub last_day: String,
    /// What becomes of its webhooks, where it has any.
    pub webhooks: Option<String>,
    /// Whether the reader has to type their password.
    pub must_confirm: bool,
    /// What was wrong with the answer that was sent.
    pub errors: FormErrors,
}

/// The form that creates a key, or changes one.
#[derive(Template, Debug)]
#[template(path = "keys/form.html")]
pub struct KeyFormPage {
    /// The frame.
    pub shell: Shell,
    /// Along which path it was reached.
    pub door: DoorView,
    /// The key that is changed; none when one is created.
    pub key: Option<KeyFacts>,
    /// The key that has the name already, by id, where the name is refused for that and the viewer may see the key.
    pub taken_by: Option<String>,
    /// The key that the new one is a copy of; empty for none.
    pub from: String,
    /// What that key is called, where the new one is to take its place.
    pub replaces: Option<String>,
    /// The metadata that a copy takes over, as JSON; empty for none.
    pub metadata: String,
    /// The slug of the api of a copy; empty for the usual one.
    pub api: String,
    /// What people call it.
    pub api_label: String,
    /// Makes a reload of the answer harmless: the same token creates no second key.
    pub once: String,
    /// Which version of the key the form shows; empty when one is created.
    pub version: String,
    /// What the key was set to then, for what somebody else changes meanwhile to be told from what the reader does.
    pub began: String,
    /// The name as typed.
    pub name: String,
    /// The description as typed.
    pub description: String,
    /// The roles that the viewer may grant.
    pub roles: Vec<Choice>,
    /// Never, some spans, or a day.
    pub expiries: Vec<Choice>,
    /// The day as typed, `2027-02-19`.
    pub expires_on: String,
    /// The last day that policy allows; none where it allows any.
    pub latest: Option<String>,
    /// The users that the viewer may map a key to; empty where there is no choice.
    pub mapped_users: Vec<Choice>,
    /// Whom the key can belong to; empty where there is no choice.
    pub owners: Vec<Choice>,
    /// Whether to give the key to somebody else destroys the copy of its secret by which it can be viewed again.
    pub hides_secret: bool,
    /// How far down the tree it can reach; empty where there is no choice.
    pub reaches: Vec<Choice>,
    /// The permissions that narrow it as typed, one a line.
    pub scopes: String,
    /// The addresses and networks that it may be used from as typed, one a line.
    pub allowed_ips: String,
    /// How often it may be used as typed.
    pub limits: LimitInputs,
    /// What was wrong with the form that was sent.
    pub errors: FormErrors,
}
