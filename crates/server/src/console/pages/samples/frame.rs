//! What stands around every filled page.

use super::Words;
use crate::console::pages::form::Choice;
use crate::console::pages::notifications::Ending;
use crate::console::pages::pager::Pager;
use crate::console::pages::shell::{Place, Preferences, Shell, ViewLink, ViewSwitch, Viewer};
use crate::ops::notifications::words::Sentence;

pub(super) fn shell(words: &Words<'_>, place: Place) -> Shell {
    Shell {
        organization_name: words.organization.to_owned(),
        organization_slug: "acme".to_owned(),
        views: Some(view_switch(words)),
        viewer: Viewer { name: words.person.to_owned(), email: words.email.to_owned() },
        webhooks: true,
        place,
        preferences: Preferences::default(),
        back: Some("/o/top/keys?status=active&q=%3Cb%3E".to_owned()),
        here: "/o/acme/keys?status=active".to_owned(),
        now: "2026-11-21T05:15:00Z".to_owned(),
        notice: None,
        unconfirmed: None,
        unread: 3,
        behind: true,
    }
}

fn view_switch(words: &Words<'_>) -> ViewSwitch {
    let link = |name: &str, slug: &str, here| ViewLink {
        name: name.to_owned(),
        slug: slug.to_owned(),
        has_namesake: slug == "zoo",
        here,
    };
    let slugs = ["harbor-street", "hill-road", "mill-lane", "north", "old-town", "station", "west-end", "zoo"];
    ViewSwitch {
        top: Some(link(words.names[2], "top", false)),
        agency: Some(link(words.organization, "acme", true)),
        locations: slugs.iter().zip(words.names.iter().cycle()).map(|(slug, name)| link(name, slug, false)).collect(),
    }
}

/// What ends within a day.
pub(super) fn ending(words: &Words<'_>) -> Vec<Ending> {
    let sentence = Sentence {
        before: "Key “".to_owned(),
        name: words.names[3].to_owned(),
        after: "” is deleted on 2026-11-22 00:42:11 UTC, since nobody uses it.".to_owned(),
    };
    vec![Ending { sentence, href: "/o/acme/keys/key_4".to_owned() }]
}

/// All of a list of so many rows.
pub(super) fn whole(rows: usize) -> Pager {
    Pager { first: "1".to_owned(), last: rows.to_string(), is_last: true, ..Pager::default() }
}

/// Some part of a list that goes on in both directions.
pub(super) fn pager() -> Pager {
    Pager {
        first: "26".to_owned(),
        last: "50".to_owned(),
        is_last: false,
        previous: Some("rows=50".to_owned()),
        next: Some("rows=50&after=x".to_owned()),
        sizes: vec![Choice::new("", "25", true), Choice::new("50", "50", false)],
    }
}
