//! The doors to the list of keys: one page that stands at the end of several paths, each with its own way back and its own words.

use crate::console::menu::Section;
use crate::console::pages::keys::DoorView;
use crate::console::pages::settings::Crumb;

/// Along which path the list of keys was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::console) enum Door {
    /// Settings › API Keys.
    #[default]
    Settings,
    /// Settings › User Management › API Keys.
    UserManagement,
    /// System Settings › System setup › Integrations › API Keys.
    Integrations,
}

impl Door {
    /// All of them.
    pub(in crate::console) const ALL: [Self; 3] = [Self::Settings, Self::UserManagement, Self::Integrations];

    /// The word in an address and a form; empty for the usual one.
    pub(in crate::console) fn word(self) -> &'static str {
        match self {
            Self::Settings => "",
            Self::UserManagement => "user-management",
            Self::Integrations => "integrations",
        }
    }

    /// The door of a word; an unknown one is the usual one.
    pub(in crate::console) fn parse(word: &str) -> Self {
        [Self::UserManagement, Self::Integrations].into_iter().find(|it| it.word() == word).unwrap_or_default()
    }

    /// The list's path within the organization.
    pub(in crate::console) fn path(self) -> &'static str {
        match self {
            Self::Settings => "/keys",
            Self::UserManagement => "/user-management/keys",
            Self::Integrations => "/integrations/keys",
        }
    }

    /// The way to the list.
    pub(in crate::console) fn crumbs(self) -> Vec<Crumb> {
        match self {
            Self::Settings => Section::Settings,
            Self::UserManagement => Section::UserManagement,
            Self::Integrations => Section::Integrations,
        }
        .crumbs_below()
    }

    /// What pages say of it.
    pub(in crate::console) fn view(self) -> DoorView {
        let word = self.word();
        DoorView {
            word,
            path: self.path(),
            new: if word.is_empty() { "/keys/new".to_owned() } else { format!("/keys/new?door={word}") },
            crumbs: self.crumbs(),
            create: if self == Self::UserManagement { "ADD API KEY" } else { "Create API Key" },
            submit: if self == Self::Integrations { "Save" } else { "Generate" },
            shows_permissions: self == Self::UserManagement,
        }
    }
}
