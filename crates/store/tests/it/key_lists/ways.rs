//! That a list comes to its end whatever it is sorted by, and goes on from where its cursor stands.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use claviger_core::id::KeyId;
use claviger_core::key::{Key, Origin, RevocationReason};
use claviger_core::limits::KEYS_EXAMINED_MAX;
use claviger_core::organization::Organization;
use claviger_core::role::{BuiltIn, Role};
use claviger_core::time::Timestamp;
use claviger_store::keys::{KeyFilter, KeyOrder, KeySort, KeyStatus};
use claviger_store::usage::SecretUse;
use claviger_store::{Error, PageRequest, Store};

use super::{all_pages, haystack, shows};
use crate::world::{World, event, id, name, now, organization, tenant, used_once, user};

/// A further role of the root, later ones behind earlier ones.
fn role(world: &World, number: usize) -> Role {
    let mut role = Role::built_in(id(), world.root_organization.id, BuiltIn::Readonly, now());
    (role.name, role.built_in) = (name(&format!("role {number:03}")), None);
    role
}

async fn insert_roles(world: &World, roles: &[Role]) {
    let mut tx = world.store.begin().await.expect("a transaction");
    for it in roles {
        tx.insert_role(&world.root, it).await.expect("a role");
    }
    tx.commit(event(&world.root, world.root_organization.id)).await.expect("a commit");
}

/// Writes a key of acme that is like this.
async fn insert(world: &World, text: &str, change: impl FnOnce(&mut Key)) -> Key {
    let (mut key, secret, _) = world.key(&world.acme, text);
    change(&mut key);
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.insert_key(&world.acme.tenant, &key, &[secret]).await.expect("a key");
    tx.commit(event(&world.acme.tenant, key.id)).await.expect("a commit");
    key
}

/// The names that a list shows, page by page.
async fn names(world: &World, filter: &KeyFilter, order: KeyOrder, limit: u32) -> Vec<String> {
    let rows = all_pages(world, filter, order, limit).await;
    rows.into_iter().map(|it| it.key.name.to_string()).collect()
}

#[tokio::test]
async fn list_by_role_comes_to_its_end_past_more_roles_than_one_request_walks_along() {
    let world = World::new().await;
    let roles: Vec<_> = (0..130).map(|number| role(&world, number)).collect();
    insert_roles(&world, &roles).await;
    for (text, role_id) in [("early", Some(roles[3].id)), ("late", Some(roles[128].id)), ("none", None), ("nil", None)]
    {
        insert(&world, text, |it| it.role_id = role_id).await;
    }
    // Every role has a key, so that few keys have many roles.
    for (number, role) in roles.iter().enumerate() {
        insert(&world, &format!("k {number:03}"), |it| it.role_id = Some(role.id)).await;
    }
    let any = KeyFilter { status: KeyStatus::Any, ..KeyFilter::default() };
    for filter in [KeyFilter::default(), any] {
        for descending in [false, true] {
            let found = names(&world, &filter, KeyOrder { sort: KeySort::Role, descending }, 1).await;
            let place = |text: &str| found.iter().position(|it| it == text).expect("a key that is listed");
            assert_eq!(found.len(), 134);
            assert_eq!(place("early") < place("late"), !descending);
            let last = if descending { ["nil", "none"] } else { ["none", "nil"] };
            assert_eq!(found[132..], last, "{filter:?}");
        }
    }
}

#[tokio::test]
async fn cursor_stays_good_when_the_last_key_of_its_role_or_api_goes() {
    let world = World::new().await;
    let first = insert(&world, "first", |it| it.role_id = Some(world.admin.id)).await;
    insert(&world, "second", |it| (it.role_id, it.api_id) = (Some(world.readonly.id), world.loader.id)).await;
    insert(&world, "third", |it| (it.role_id, it.api_id) = (Some(world.readonly.id), world.loader.id)).await;
    let last = insert(&world, "last", |it| it.role_id = Some(world.admin.id)).await;
    let page = async |order: KeyOrder, request: &PageRequest| {
        let mut reader = world.store.read().await.expect("a reader");
        reader.page_keys(&world.acme.tenant, &KeyFilter::default(), order, request, now()).await.expect("a page")
    };
    let orders = [KeySort::Role, KeySort::Api].map(|sort| {
        // The admin role and its api's keys come first.
        let descending = match sort {
            KeySort::Role => world.readonly.name.key() < world.admin.name.key(),
            _ => world.loader.slug.as_str() < world.api.slug.as_str(),
        };
        KeyOrder { sort, descending }
    });
    let mut requests = Vec::new();
    for order in orders {
        let found = page(order, &PageRequest::first(1)).await;
        requests.push((order, PageRequest { after: found.next, limit: 5 }));
    }
    for key in [first, last] {
        world.revoke_key(&world.acme, &key).await;
    }
    for (order, request) in requests {
        let rows = page(order, &request).await.rows;
        let mut found: Vec<_> = rows.iter().map(|it| it.key.name.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, ["second", "third"], "{order:?}");
    }
}

#[tokio::test]
async fn key_whose_secrets_were_used_at_the_same_time_is_listed_once_wherever_a_window_ends() {
    let world = World::new().await;
    let keys = haystack(&world).await;
    // The first window is four times as long as what a page of one looks for.
    const WINDOW: usize = 8;
    let use_of = |key: &Key, minutes: u64| {
        let at = now().saturating_sub(Duration::from_secs(60 * minutes));
        let (key_id, secret_id, organization_id) = (key.id, id(), world.acme.organization.id);
        SecretUse { key_id, secret_id, organization_id, last_used_at: at, ip: None, user_agent: None, count: 1 }
    };
    let mut uses: Vec<_> = (8..8 + WINDOW - 1).map(|number| use_of(&keys[number], 100)).collect();
    uses.extend([use_of(&keys[7], 50), use_of(&keys[7], 50)]);
    uses.extend((20..20 + WINDOW - 1).map(|number| use_of(&keys[number], 10)));
    // One that was used twice within a window, and before.
    uses.extend([use_of(&keys[1507], 5), use_of(&keys[1507], 5), use_of(&keys[1507], 70)]);
    world.store.record_uses(&uses).await.expect("uses");
    let filter = KeyFilter { search: Some("needle".into()), ..KeyFilter::default() };
    for (descending, expected) in [(false, [3007, 7, 1507]), (true, [1507, 7, 3007])] {
        let order = KeyOrder { sort: KeySort::LastUse, descending };
        for limit in [1, 2, 25] {
            let found: Vec<_> = all_pages(&world, &filter, order, limit).await.iter().map(|it| it.key.id).collect();
            assert_eq!(found, expected.map(|number| keys[number].id), "{descending} {limit}");
        }
    }
}

async fn move_below(store: &Store, it: &Organization, world: &World, to: &Organization) {
    let changed = Organization { parent_id: Some(to.id), version: it.version + 1, ..it.clone() };
    let mut tx = store.begin().await.expect("a transaction");
    tx.update_organization(&world.root, &changed, it.version).await.expect("a move");
    tx.commit(event(&world.root, it.id)).await.expect("a commit");
}

#[tokio::test]
async fn revoked_keys_are_listed_after_their_role_and_api_were_left_behind_by_a_move() {
    let world = World::new().await;
    // Below acme, which has a role and an api of its own.
    let below = organization(Some(world.acme.organization.id), "below");
    let below_tenant = tenant(below.id);
    let mut of_acme = role(&world, 1);
    of_acme.organization_id = world.acme.organization.id;
    let api = crate::world::api(&world.acme.tenant, "acmes", "ac");
    let ann = user(below.id, "below-ann");
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.insert_role(&world.acme.tenant, &of_acme).await.expect("a role");
    tx.insert_api(&world.acme.tenant, &api).await.expect("an api");
    tx.insert_organization(&world.acme.tenant, &below).await.expect("an organization");
    tx.insert_user(&below_tenant, &ann).await.expect("a user");
    let mut expected = Vec::new();
    for (text, is_left) in [("kept", false), ("left", true)] {
        let (mut key, secret, _) = world.key(&world.acme, text);
        key.organization_id = below.id;
        (key.owner_id, key.mapped_user_id) = (Some(ann.id), Some(ann.id));
        if is_left {
            (key.role_id, key.api_id) = (Some(of_acme.id), api.id);
            key.revoke(RevocationReason::Unspecified, now()).expect("a live key");
        }
        tx.insert_key(&below_tenant, &key, &[secret]).await.expect("a key");
        expected.push(key.id);
    }
    tx.commit(event(&below_tenant, below.id)).await.expect("a commit");
    move_below(&world.store, &below, &world, &world.beta.organization).await;
    let mut reader = world.store.read().await.expect("a reader");
    for sort in [KeySort::Role, KeySort::Api] {
        for status in [KeyStatus::Any, KeyStatus::Revoked] {
            let filter = KeyFilter { status, ..KeyFilter::default() };
            let page = reader.page_keys(&below_tenant, &filter, sort, &PageRequest::default(), now()).await;
            let found: Vec<_> = page.expect("a page").rows.iter().map(|it| it.key.id).collect();
            let shown = if status == KeyStatus::Any { &expected[..] } else { &expected[1..] };
            assert_eq!(found, shown, "{sort:?} {status:?}");
        }
    }
}

/// More keys than are sorted, unlike each other in everything they can be sorted by, every fiftieth a needle; and when they were used.
async fn spread(world: &World) -> (Vec<Key>, BTreeMap<KeyId, Timestamp>) {
    let other = user(world.acme.organization.id, "other");
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.insert_user(&world.acme.tenant, &other).await.expect("a user");
    tx.commit(event(&world.acme.tenant, other.id)).await.expect("a commit");
    let (mut keys, mut used, mut uses) = (Vec::new(), BTreeMap::new(), Vec::new());
    for part in 0..5 {
        let mut batch = Vec::new();
        for number in part * 900..(part + 1) * 900 {
            // Neighbours and needles differ in each of these, and many are alike.
            let pick = |of: usize, salt: usize| (number / 50 + number * 31 + salt) % of;
            let kind = if number % 50 == 7 { "needle" } else { "hay" };
            let (mut key, secret, _) = world.key(&world.acme, &format!("{:03} {number} {kind}", number * 7919 % 997));
            let users = [Some(world.acme.user.id), Some(other.id), None];
            (key.owner_id, key.mapped_user_id) = (users[pick(3, 0)], users[pick(3, number / 450)]);
            key.role_id = [Some(world.admin.id), Some(world.readonly.id), None][pick(3, number / 150)];
            key.api_id = [world.api.id, world.loader.id][pick(2, 0)];
            key.origin = Origin::ALL[pick(Origin::ALL.len(), 1)];
            let days = |days: usize| Duration::from_secs(86_400 * days as u64);
            key.expires_at = match pick(4, 2) {
                0 => None,
                1 => Some(now().saturating_sub(days(pick(5, 0)))),
                _ => Some(now().saturating_add(days(pick(5, 1) + 1))),
            };
            match pick(5, 3) {
                0 => key.set_active(false, now()).expect("a live key"),
                1 | 2 => key.revoke(RevocationReason::Unspecified, now()).expect("a live key"),
                _ => {}
            }
            for age in [pick(7, 0), pick(7, 3)].into_iter().filter(|it| *it < 4) {
                let at = now().saturating_sub(days(age));
                let organization_id = world.acme.organization.id;
                uses.push(SecretUse { secret_id: id(), ..used_once(organization_id, &secret, at) });
                let last = used.entry(key.id).or_insert(at);
                *last = at.max(*last);
            }
            batch.push((key, secret));
        }
        let mut tx = world.store.begin().await.expect("a transaction");
        tx.insert_keys(&world.acme.tenant, &batch).await.expect("keys");
        tx.commit(event(&world.acme.tenant, other.id)).await.expect("a commit");
        keys.extend(batch.into_iter().map(|(key, _)| key));
    }
    world.store.record_uses(&uses).await.expect("uses");
    (keys, used)
}

#[tokio::test]
async fn list_that_goes_along_an_index_is_in_order_in_both_directions() {
    let world = World::new().await;
    let (keys, used) = spread(&world).await;
    for status in [KeyStatus::Live, KeyStatus::Any] {
        let filter = KeyFilter { search: Some("needle".into()), status, ..KeyFilter::default() };
        for sort in KeySort::ALL {
            for descending in [false, true] {
                let order = KeyOrder { sort, descending };
                let is_shown = |it: &&Key| it.name.as_str().ends_with("needle") && shows(&filter, it, false);
                let mut expected: Vec<_> = keys.iter().filter(is_shown).collect();
                super::sort(&world, order, &mut expected, &used);
                let expected: Vec<_> = expected.iter().map(|it| it.id).collect();
                assert!(40 < expected.len());
                // Pages that are filled before a window ends, and pages that no window fills.
                for limit in [10, 100] {
                    let found = all_pages(&world, &filter, order, limit).await;
                    let found: Vec<_> = found.iter().map(|it| it.key.id).collect();
                    assert_eq!(found, expected, "{status:?} {order:?} {limit}");
                }
            }
        }
    }
}

#[tokio::test]
async fn cursor_of_somebody_who_sees_own_keys_tells_of_no_other_key() {
    let world = World::new().await;
    let (mut keys, _) = spread(&world).await;
    keys.extend(haystack(&world).await);
    let user_id = world.acme.user.id;
    let own = KeyFilter { seen_by: Some(user_id), search: Some("needle".into()), ..KeyFilter::default() };
    let owner = KeyFilter { owner_id: Some(user_id), ..own.clone() };
    let mapped = KeyFilter { mapped_user_id: Some(user_id), status: KeyStatus::Any, ..own };
    for filter in [owner, mapped] {
        let is_own = |it: &Key| match filter.owner_id {
            Some(_) => it.owner_id == Some(user_id),
            None => it.mapped_user_id == Some(user_id),
        };
        let own: BTreeSet<_> = keys.iter().filter(|it| is_own(it)).map(|it| it.id.to_string()).collect();
        let expected = keys.iter().filter(|it| is_own(it) && shows(&filter, it, false)).count();
        let mut refused = Vec::new();
        for sort in KeySort::ALL {
            let (mut found, mut request) = (0, PageRequest::first(10));
            loop {
                let mut reader = world.store.read().await.expect("a reader");
                let page = match reader.page_keys(&world.acme.tenant, &filter, sort, &request, now()).await {
                    Err(Error::TooManyToSort) => break refused.push(sort),
                    page => page.expect("a page"),
                };
                found += page.rows.len();
                let Some(next) = page.next else { break assert_eq!(found, expected, "{sort:?}") };
                let text = data_encoding::BASE64URL_NOPAD.decode(next.to_text().as_bytes()).expect("a text");
                let text = String::from_utf8(text).expect("a text");
                let id = text.split('\n').next().expect("an identifier");
                assert!(id.is_empty() || own.contains(id), "{sort:?} tells of {text}");
                request.after = Some(next);
            }
        }
        let other = if filter.owner_id.is_some() { KeySort::MappedUser } else { KeySort::Owner };
        assert_eq!(refused, [KeySort::Name, KeySort::Expiry, KeySort::LastUse, other, KeySort::State]);
    }
}

#[tokio::test]
async fn list_sorted_by_what_it_is_narrowed_to_looks_at_those_keys_alone() {
    let world = World::new().await;
    let owner = user(world.acme.organization.id, "owner");
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.insert_user(&world.acme.tenant, &owner).await.expect("a user");
    tx.commit(event(&world.acme.tenant, owner.id)).await.expect("a commit");
    haystack(&world).await;
    // Too many of them to be sorted, behind all others.
    for part in 0..3 {
        let mut tx = world.store.begin().await.expect("a transaction");
        let keys = (0..KEYS_EXAMINED_MAX / 2).map(|number| {
            let (mut key, secret, _) = world.key(&world.acme, &format!("own {part} {number}"));
            (key.owner_id, key.mapped_user_id, key.role_id) = (Some(owner.id), Some(owner.id), Some(world.readonly.id));
            key.api_id = world.loader.id;
            (key, secret)
        });
        tx.insert_keys(&world.acme.tenant, &keys.collect::<Vec<_>>()).await.expect("keys");
        tx.commit(event(&world.acme.tenant, owner.id)).await.expect("a commit");
    }
    let of_owner = KeyFilter { owner_id: Some(owner.id), ..KeyFilter::default() };
    let of_mapped = KeyFilter { mapped_user_id: Some(owner.id), ..KeyFilter::default() };
    let of_role = KeyFilter { role_id: Some(world.readonly.id), ..KeyFilter::default() };
    let of_api = KeyFilter { api_id: Some(world.loader.id), ..KeyFilter::default() };
    let lists = [
        (of_owner, KeySort::Owner),
        (of_mapped, KeySort::MappedUser),
        (of_role, KeySort::Role),
        (of_api, KeySort::Api),
    ];
    for (filter, sort) in lists {
        for descending in [false, true] {
            let order = KeyOrder { sort, descending };
            let mut reader = world.store.read().await.expect("a reader");
            let page = reader.page_keys(&world.acme.tenant, &filter, order, &PageRequest::first(25), now()).await;
            let page = page.expect("a page");
            assert_eq!(page.rows.len(), 25, "{order:?}");
            assert!(page.rows.iter().all(|it| it.key.owner_id == Some(owner.id)), "{order:?}");
            assert!(page.examined <= KEYS_EXAMINED_MAX / 10, "{order:?} has looked at {}", page.examined);
        }
    }
}
