//! The menu behind the gear: which pages lead where, along the paths that people know from the products they come from.
//!
//! One page may stand at the end of several paths. An entry appears only to who may use what is behind it, and a section only where one of
//! its entries does.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::response::Response;
use claviger_core::decision::Code;
use claviger_core::reject::Reject;

use super::failure::Failure;
use super::menu::{BESIDES, Entry, GROUPS, Needs, Section};
use super::pages::settings::{Crumb, EntryGroup, EntryView, SectionPage};
use super::pages::shell::Place;
use super::paging::Forward;
use super::settings_search;
use super::visit::Visit;

impl Section {
    /// Its path within the organization.
    pub(super) fn path(self) -> &'static str {
        self.plan().path
    }

    fn place(self) -> Place {
        match self {
            Self::Profile | Self::EditProfile | Self::ProfileSecurity => Place::Elsewhere,
            _ => Place::Settings,
        }
    }

    /// The way to a page that stands right below this one.
    pub(super) fn crumbs_below(self) -> Vec<Crumb> {
        let plan = self.plan();
        let mut crumbs = plan.above.map(Self::crumbs_below).unwrap_or_default();
        crumbs.push(Crumb { path: plan.path, label: plan.title });
        crumbs
    }

    /// What the viewer may use of it.
    fn entries(self, visit: &Visit) -> Vec<EntryView> {
        shown(visit, self.plan().entries)
    }

    /// The same with what is in the sections that it leads to; each page once.
    fn all_entries(self, visit: &Visit) -> Vec<EntryView> {
        let mut all = self.entries(visit);
        for entry in self.plan().entries {
            if let Needs::Section(section) = entry.needs {
                for mut it in section.all_entries(visit) {
                    if it.above.is_empty() {
                        it.above = section.plan().title;
                    }
                    if !all.iter().any(|known| known.path == it.path) {
                        all.push(it);
                    }
                }
            }
        }
        all
    }

    /// What stands beside each other in it, as far as the viewer may use it.
    pub(super) fn tabs(self, visit: &Visit) -> Vec<Crumb> {
        self.entries(visit).iter().map(|it| Crumb { path: it.path, label: it.label }).collect()
    }
}

/// The page of the menus that a path within the organization lies right below, where the viewer may use it.
pub(super) fn nearest_above(visit: &Visit, path: &str) -> Option<EntryView> {
    let mut all = Section::Settings.all_entries(visit);
    all.extend(Section::Profile.all_entries(visit));
    let lies_below = |it: &EntryView| path.strip_prefix(it.path).is_some_and(|rest| rest.starts_with('/'));
    all.into_iter().filter(|it| it.within && lies_below(it)).max_by_key(|it| it.path.len())
}

/// Those entries that the viewer may use.
fn shown(visit: &Visit, entries: &'static [Entry]) -> Vec<EntryView> {
    let may_use = |needs| match needs {
        Needs::Nothing => true,
        Needs::Permissions(all) => all.iter().all(|it| visit.may_do(it)),
        Needs::AtRoot(all) => visit.is_at_root() && all.iter().all(|it| visit.may_do(it)),
        Needs::Keys => visit.may("read"),
        Needs::KeysToDelete => visit.may("delete"),
        Needs::Others => visit.may_switch(),
        Needs::Section(section) => !section.entries(visit).is_empty(),
    };
    let shown = entries.iter().filter(|it| may_use(it.needs));
    // What is said of a section is said of all that is in it: who may use one page of several is told of that one.
    let note = |it: &Entry| match it.needs {
        Needs::Section(section) => match section.entries(visit).as_slice() {
            [only] if section.plan().entries.len() > 1 => only.note,
            _ => it.note,
        },
        Needs::Keys if it.path == "/keys" && !visit.may_create_keys() => match visit.may_do("claviger/keys:read") {
            true => "Look at the keys that applications call with.",
            false => "The keys that belong to you, or that act under your name.",
        },
        _ => it.note,
    };
    let view = |it: &Entry| EntryView {
        path: it.path,
        within: !it.path.starts_with("/docs"),
        icon: it.icon,
        label: it.label,
        note: note(it),
        above: "",
    };
    shown.map(view).collect()
}

/// The settings by what stands together, without the groups that the viewer may use nothing of.
fn grouped(entries: &[EntryView]) -> Vec<EntryGroup> {
    let group = |(title, paths): &(&'static str, &[&str])| EntryGroup {
        title,
        entries: paths.iter().filter_map(|path| entries.iter().find(|it| it.path == *path).copied()).collect(),
    };
    GROUPS.iter().map(group).filter(|it| !it.entries.is_empty()).collect()
}

/// Shows the settings, or those that a search means, with all that is in their sections and a few pages that have no entry.
pub(super) async fn show_settings(
    visit: Visit,
    query: Result<Query<Forward>, QueryRejection>,
) -> Result<Response, Failure> {
    let search = query.unwrap_or_default().search();
    let groups = match search.is_empty() {
        true => grouped(&Section::Settings.entries(&visit)),
        false => {
            let mut all = Section::Settings.all_entries(&visit);
            let besides = shown(&visit, BESIDES).into_iter().chain(Section::Profile.all_entries(&visit));
            for it in besides {
                if !all.iter().any(|known| known.path == it.path) {
                    all.push(it);
                }
            }
            EntryGroup::whole(settings_search::find(all, &search))
        }
    };
    let (crumbs, title) = (Vec::new(), Section::Settings.plan().title);
    let page = SectionPage {
        shell: visit.shell(Place::Settings),
        crumbs,
        title,
        groups,
        search: Some(search),
        preferences: false,
    };
    Ok(visit.page(&page))
}

/// Shows a page that only leads on; refused to who may go nowhere from it.
pub(super) async fn show(visit: Visit, section: Section) -> Result<Response, Failure> {
    let entries = section.entries(&visit);
    if entries.is_empty() {
        return Err(Reject::from(Code::InsufficientPermission).into());
    }
    let plan = section.plan();
    let page = SectionPage {
        shell: visit.shell(section.place()),
        crumbs: plan.above.map(Section::crumbs_below).unwrap_or_default(),
        title: plan.title,
        groups: EntryGroup::whole(entries),
        search: None,
        preferences: section == Section::Profile,
    };
    Ok(visit.page(&page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_is_reached_from_the_one_above_it() {
        for section in Section::ALL {
            let plan = section.plan();
            let Some(above) = plan.above else { continue };
            let found = above.plan().entries.iter().find(|it| it.path == plan.path);
            assert_eq!(found.map(|it| it.label), Some(plan.title), "{}", plan.path);
        }
    }

    #[test]
    fn every_setting_stands_in_one_group() {
        for entry in Section::Settings.plan().entries {
            let groups = GROUPS.iter().filter(|(_, paths)| paths.contains(&entry.path));
            assert_eq!(groups.count(), 1, "{}", entry.path);
        }
    }
}
