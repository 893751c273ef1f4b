//! The permissions that the form of a role offers: what Claviger itself asks for, and what roles here allow of the host's own things.

use std::collections::{BTreeMap, BTreeSet};

use claviger_core::limits::PAGE_ITEMS_MAX;
use claviger_core::permission::PermissionSet;

use crate::console::pages::form::Choice;
use crate::console::pages::roles::PermissionGroup;
use crate::console::visit::Visit;
use crate::ops::page::PageRequest;
use crate::ops::roles::list_roles;

/// What the management API asks for, thing by thing; a test compares it with openapi.json.
const OF_CLAVIGER: [(&str, &str); 15] = [
    ("apis", "read create update delete"),
    ("event-types", "read update delete"),
    ("events", "read create delete"),
    ("keys", "read create update delete verify"),
    ("members", "read create update delete"),
    ("metrics", "read"),
    ("nodes", "read update"),
    ("organizations", "read create update"),
    ("own-keys", "read create update delete"),
    ("own-webhooks", "read create update delete"),
    ("roles", "read create update delete"),
    ("shared-secrets", "read create update delete reveal"),
    ("signing-keys", "read update"),
    ("users", "read create update"),
    ("webhooks", "read create update delete"),
];
/// Things that are offered; what else there is can be typed.
const THINGS_MAX: usize = 40;

/// What is offered to be ticked, by the thing that it is about, and those of `held` that are not, for the field beside.
///
/// Only what the viewer may give is offered, and what the role allows already.
pub(super) async fn offered(visit: &Visit, held: &BTreeSet<String>) -> (Vec<PermissionGroup>, Vec<String>) {
    let first = PageRequest { after: None, limit: PAGE_ITEMS_MAX };
    let roles = list_roles(&visit.app, &visit.caller, visit.organization_id(), first).await;
    let in_use = roles.iter().flat_map(|it| &it.items).flat_map(|it| it.permissions.to_texts());
    let own = OF_CLAVIGER
        .iter()
        .flat_map(|(thing, actions)| actions.split(' ').map(move |action| format!("claviger/{thing}:{action}")));
    let rights = visit.caller.reach(&visit.app, visit.organization_id());
    let may_give = |text: &String| {
        let wanted = PermissionSet::parse(&[text]);
        wanted.is_ok_and(|it| rights.as_ref().is_ok_and(|reach| it.is_within(reach.rights())))
    };
    grouped(in_use.chain(own).filter(|it| held.contains(it) || may_give(it)), held)
}

fn grouped(texts: impl IntoIterator<Item = String>, held: &BTreeSet<String>) -> (Vec<PermissionGroup>, Vec<String>) {
    let mut things: BTreeMap<(bool, String), BTreeSet<(usize, String)>> = BTreeMap::new();
    for text in texts {
        let Some((on, action)) = text.rsplit_once(':') else { continue };
        // What a host calls its own comes before what is Claviger's.
        let thing = (on.starts_with("claviger/"), on.to_owned());
        things.entry(thing).or_default().insert((rank(action), action.to_owned()));
    }
    let group = |((_, on), actions): ((bool, String), BTreeSet<(usize, String)>)| {
        let choice = |(_, action): (usize, String)| {
            let text = format!("{on}:{action}");
            let is_held = held.contains(&text);
            Choice::new(text, if action == "*" { "anything".to_owned() } else { action }, is_held)
        };
        let actions = actions.into_iter().map(choice).collect();
        PermissionGroup { actions, on }
    };
    let groups: Vec<_> = things.into_iter().map(group).take(THINGS_MAX).collect();
    let is_offered = |text: &&String| groups.iter().any(|it| it.actions.iter().any(|it| it.value == **text));
    let rest = held.iter().filter(|it| !is_offered(it)).cloned().collect();
    (groups, rest)
}

/// The order of actions: as in the table of what a role allows, any others behind.
fn rank(action: &str) -> usize {
    ["read", "create", "update", "delete"].iter().position(|it| *it == action).unwrap_or(4)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn texts(value: &Value, into: &mut BTreeSet<String>) {
        match value {
            Value::String(text) => drop(into.insert(text.clone())),
            Value::Array(all) => all.iter().for_each(|it| texts(it, into)),
            Value::Object(all) => all.values().for_each(|it| texts(it, into)),
            _ => {}
        }
    }

    #[test]
    fn every_permission_that_the_api_asks_for_is_offered() {
        let document: Value = serde_json::from_str(include_str!("../../../../../openapi.json")).expect("JSON");
        let mut asked = BTreeSet::new();
        for operation in document["paths"].as_object().expect("paths").values().flat_map(|it| it.as_object()).flatten()
        {
            texts(&operation.1["x-permissions"], &mut asked);
        }
        let offered = |text: &String| {
            let (thing, action) = text.strip_prefix("claviger/").and_then(|it| it.split_once(':')).expect("ours");
            OF_CLAVIGER.iter().any(|it| it.0 == thing && it.1.split(' ').any(|it| it == action))
        };
        assert!(asked.len() > 20);
        let missing: Vec<_> = asked.iter().filter(|it| !offered(it)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn permissions_stand_by_their_thing_and_what_is_not_offered_is_left_to_be_typed() {
        let held = ["contacts:read", "far:away"].map(str::to_owned).into();
        let known = ["claviger/keys:read", "contacts:export", "contacts:update", "contacts:read", "*:read", "x:*"];
        let (groups, rest) = grouped(known.map(str::to_owned), &held);
        let told: Vec<_> = groups
            .iter()
            .map(|it| (it.on.as_str(), it.actions.iter().map(|it| (it.label.as_str(), it.chosen)).collect::<Vec<_>>()))
            .collect();
        assert_eq!(
            told,
            [
                ("*", vec![("read", false)]),
                ("contacts", vec![("read", true), ("update", false), ("export", false)]),
                ("x", vec![("anything", false)]),
                ("claviger/keys", vec![("read", false)]),
            ]
        );
        assert_eq!(rest, ["far:away"]);
    }
}
