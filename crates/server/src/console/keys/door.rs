//! The doors to the list of keys: one page that stands at the end of several paths, each with its own way back and its own words.

use claviger_core::name::Slug;

use crate::console::menu::Section;
use crate::console::pages::keys::DoorView;
use crate::console::pages::settings::Crumb;
use crate::console::respond::own_path;

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

/// Bytes of the way back that are looked at; ours are shorter.
pub(super) const BACK_BYTES_MAX: usize = 2048;

/// A list of keys in some organization, with what narrows it, out of something that an address brought along; nothing where it is anything else, so
/// that no link through a key's page leads elsewhere. Whether its reader may look at it is asked there.
pub(in crate::console) fn list_of_keys(wanted: &str) -> Option<&str> {
    let path = wanted.split_once('?').map_or(wanted, |it| it.0);
    let (slug, rest) = path.strip_prefix("/o/")?.split_once('/')?;
    let is_list = Door::ALL.iter().any(|it| it.path().strip_prefix('/') == Some(rest));
    let is_ours = slug.parse::<Slug>().is_ok() && is_list && wanted.len() <= BACK_BYTES_MAX;
    (is_ours && own_path(wanted) == wanted).then_some(wanted)
}

#[cfg(test)]
mod tests {
    use super::list_of_keys;

    #[test]
    fn the_way_back_to_another_organization_is_a_list_of_keys_and_nothing_else() {
        for path in ["/o/root/keys", "/o/root/keys?status=deleted&q=a%26b", "/o/north-agency/integrations/keys?"] {
            assert_eq!(list_of_keys(path), Some(path));
        }
        for path in [
            "",
            "/keys",
            "/o/root",
            "/o//keys",
            "/o/root/keys/new",
            "//evil.example/keys",
            "/o/../keys",
            "/o/root/keys?a b",
        ] {
            assert_eq!(list_of_keys(path), None, "{path}");
        }
        assert_eq!(list_of_keys(&format!("/o/root/keys?q={}", "x".repeat(3000))), None);
    }
}
