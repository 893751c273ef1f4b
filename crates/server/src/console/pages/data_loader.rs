//! The keys of the data loader: which user has one, giving one, and until when it is good.

use askama::Template;

use super::form::{Choice, FormErrors};
use super::key_list::KeyRowView;
use super::pager::Pager;
use super::settings::Crumb;
use super::shell::Shell;
use super::snippets::Snippet;

/// The users of an organization, each with the key or with the way to one.
#[derive(Template, Debug)]
#[template(path = "data_loader/list.html")]
pub struct DataLoaderPage {
    /// The frame.
    pub shell: Shell,
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// What stands beside it under Integrations.
    pub tabs: Vec<Crumb>,
    /// The users of this page.
    pub rows: Vec<LoaderUserView>,
    /// What is searched for; empty for everybody.
    pub search: String,
    /// Whether nothing stands before these.
    pub is_first: bool,
    /// Which part of the list it is.
    pub pager: Pager,
    /// How to send such a key along.
    pub snippets: Vec<Snippet>,
    /// The address of the page where the api of these keys is documented.
    pub documentation: String,
}

/// A user of the data loader, or one who may become one.
#[derive(Debug, Clone)]
pub struct LoaderUserView {
    /// The membership's id.
    pub member_id: String,
    /// The user's name.
    pub name: String,
    /// The user's e-mail address.
    pub email: Option<String>,
    /// Whether the user is disabled.
    pub disabled: bool,
    /// The user's key, if there is one.
    pub key: Option<KeyRowView>,
    /// Whether the reader can give the user one.
    pub may_give: bool,
}

impl DataLoaderPage {
    /// Whether a key stands on the page whose user is disabled: somebody waits for its answers.
    #[must_use]
    pub fn any_disabled(&self) -> bool {
        self.rows.iter().any(|it| it.disabled && it.key.is_some())
    }
}

/// Asks until when a user gets a key, or until when the key is good from now on.
#[derive(Template, Debug)]
#[template(path = "data_loader/key.html")]
pub struct LoaderKeyPage {
    /// The frame.
    pub shell: Shell,
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// What is asked.
    pub question: LoaderQuestion,
    /// The membership's id.
    pub member_id: String,
    /// The user's name.
    pub name: String,
    /// Until when, to choose from.
    pub expiries: Vec<Choice>,
    /// The last day that was chosen.
    pub expires_on: String,
    /// The latest day that policy allows.
    pub latest: Option<String>,
    /// What is wrong with the form.
    pub errors: FormErrors,
}

/// What is asked about a user's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoaderQuestion {
    /// Whether the user gets one.
    Give {
        /// Tells one filled-in form from another.
        once: String,
        /// The user's role, as people read it.
        role: String,
        /// Whether that carries full administrative privileges.
        role_is_admin: bool,
    },
    /// When it ends.
    Extend {
        /// Which version of the key the form was filled in from.
        version: String,
    },
}
