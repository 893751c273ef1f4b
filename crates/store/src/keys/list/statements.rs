//! Every statement that a list of keys can be put together from, by name: for the test that prepares them on every engine.

use claviger_core::id::{ApiId, OrganizationId, RoleId, UserId};
use claviger_core::key::Origin;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;

use super::condition::{Beginning, Condition, access_ids};
use super::plan::{APIS, ROLES, Stage};
use super::sole::FIND_SOLE_KEY_ROWS;
use super::walk::{Ask, Few, Mark, Order, Walk};
use super::{FIND_KEY_ROWS, KeyFilter, KeyHealth, KeyPart, KeyStatus};

const STATUSES: [KeyStatus; 6] =
    [KeyStatus::Live, KeyStatus::Active, KeyStatus::Inactive, KeyStatus::Expired, KeyStatus::Revoked, KeyStatus::Any];

/// Filters of which each says one thing more, by name; the last says all.
fn filters() -> Vec<(&'static str, KeyFilter)> {
    let now = Timestamp::MIN;
    let one = KeyFilter::default;
    let all = KeyFilter {
        status: KeyStatus::Active,
        search: Some("x".into()),
        owner_id: Some(UserId::from_u128(0)),
        mapped_user_id: Some(UserId::from_u128(0)),
        role_id: Some(RoleId::from_u128(0)),
        api_id: Some(ApiId::from_u128(0)),
        never_used: true,
        unused_since: Some(now),
        origin: Some(Origin::Toggle),
        personal: Some(true),
        created_from: Some(now),
        created_before: Some(now),
        expires_from: Some(now),
        expires_before: Some(now),
        health: Some(KeyHealth::ToReview),
        without: [KeyPart::Owner, KeyPart::MappedUser, KeyPart::Role].into(),
        seen_by: None,
    };
    vec![
        ("all", one()),
        ("owner", KeyFilter { owner_id: all.owner_id, ..one() }),
        ("mapped_user", KeyFilter { mapped_user_id: all.mapped_user_id, ..one() }),
        ("role", KeyFilter { role_id: all.role_id, ..one() }),
        ("api", KeyFilter { api_id: all.api_id, ..one() }),
        ("never_used", KeyFilter { never_used: true, ..one() }),
        ("unused_since", KeyFilter { unused_since: all.unused_since, ..one() }),
        ("origin", KeyFilter { origin: all.origin, ..one() }),
        ("imported", KeyFilter { origin: Some(Origin::Import), ..one() }),
        ("personal", KeyFilter { personal: Some(true), ..one() }),
        ("not_personal", KeyFilter { personal: Some(false), ..one() }),
        ("created", KeyFilter { created_from: all.created_from, created_before: all.created_before, ..one() }),
        ("expires", KeyFilter { expires_from: all.expires_from, expires_before: all.expires_before, ..one() }),
        ("without", KeyFilter { without: all.without.clone(), ..one() }),
        ("search", KeyFilter { search: all.search.clone(), ..one() }),
        ("health", KeyFilter { health: all.health, ..one() }),
        ("everything", all),
    ]
}

/// Ways to go, by name: along which index.
fn walks(filter: &KeyFilter, conditions: &[Condition]) -> Vec<(&'static str, Walk)> {
    let walk = |order, lanes| Walk { name: String::new(), order, descending: false, lanes, besides: vec![] };
    let ends = conditions.iter().filter(|it| it.is_end());
    let lane = |it| vec![it];
    let ending = |it| [it].into_iter().chain(ends.clone().cloned()).collect();
    vec![
        ("id", Walk::by_id(filter, conditions, false)),
        ("name", walk(Order::Name, vec![lane(Condition::Unrevoked), lane(Condition::Revoked)])),
        ("end", walk(Order::End, vec![ending(Condition::Unrevoked), ending(Condition::Revoked)])),
        ("owner", walk(Order::Owner, vec![vec![]])),
        ("mapped_user", walk(Order::Mapped, vec![vec![]])),
        ("last_use", walk(Order::Used, vec![vec![]])),
        ("inactive", walk(Order::Id, vec![lane(Condition::Inactive)])),
        ("revoked", walk(Order::Id, vec![lane(Condition::Revoked)])),
    ]
}

/// Every statement, by name: what is done, along which index, which of the filters.
pub(crate) fn built_statements() -> Vec<(String, String)> {
    let (tenant, now) = (Tenant::system(OrganizationId::from_u128(0), "test"), Timestamp::MIN);
    let stage = Stage { letter: 'p', few: None, keys: 0, besides: vec![] };
    let mut statements = vec![
        ("FIND_KEY_ROWS".to_owned(), FIND_KEY_ROWS.portable.clone()),
        ("FIND_SOLE_KEY_ROWS".to_owned(), FIND_SOLE_KEY_ROWS.portable.clone()),
    ];
    for status in STATUSES {
        for (name, filter) in filters() {
            let filter = KeyFilter { status, ..filter };
            let conditions = Condition::of(&filter, now);
            for (index, walk) in walks(&filter, &conditions) {
                for descending in [false, true] {
                    let walk = Walk { descending, ..walk.clone() };
                    let mark = Mark::parse(walk.order, "0").expect("a number is a text too");
                    let spot = (mark, String::new());
                    for (number, lane) in walk.lanes.iter().enumerate() {
                        let direction = if descending { " down" } else { "" };
                        let mut add = |what: &str, sql: String| {
                            statements.push((format!("{what} {index}{number}{direction} {status:?} {name}"), sql));
                        };
                        let rest = walk.rest(lane, &conditions, &stage);
                        let ask = Ask { tenant: &tenant, walk: &walk, lane, after: Some(&spot) };
                        add("page_keys", ask.window(&rest, 1, 1).sql);
                        add("end_of_window", ask.end_of_window(1).sql);
                        add("first page_keys", Ask { after: None, ..ask }.window(&rest, 1, 1).sql);
                        let few = Few { group: &conditions, at_most: 1 };
                        add("page_few", Ask { after: Some(&spot), ..ask }.of_few(&few, &conditions, 1).sql);
                    }
                }
            }
            for (number, group) in Condition::groups(&conditions).iter().enumerate() {
                let few = Few { group, at_most: 1 };
                let named = |what: &str| format!("{what} {number} {status:?} {name}");
                statements.push((named("count_few"), few.count(&tenant).sql));
                statements.push((named("count_keys"), few.count_meeting(&tenant, &conditions).sql));
                statements.push((named("count_keys_that"), few.count_hanging(&tenant, &conditions).sql));
                for (what, parts) in [("role", ROLES), ("api", APIS)] {
                    statements.push((named(what), parts.query(&tenant, false, Some(group), Some("")).sql));
                }
            }
        }
    }
    let begins = Beginning::of("x").expect("a name");
    let ids = access_ids("x").expect("an access id");
    let searches = [
        ("access", vec![Condition::Access(ids.clone())]),
        ("beginning", vec![Condition::Unrevoked, Condition::NameBegins(begins.clone())]),
        ("beginning of revoked", vec![Condition::Revoked, Condition::NameBegins(begins.clone())]),
        ("others", vec![Condition::NotAccess(ids), Condition::NotNameBegins(begins)]),
    ];
    for (name, group) in searches {
        statements.push((format!("count_few {name}"), Few { group: &group, at_most: 1 }.count(&tenant).sql));
    }
    for (what, parts) in [("role", ROLES), ("api", APIS)] {
        for descending in [false, true] {
            for from in [None, Some("")] {
                let sql = parts.query(&tenant, descending, None, from).sql;
                statements.push((format!("{what} {descending} {}", from.is_some()), sql));
            }
        }
    }
    statements
}
