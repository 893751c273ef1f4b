//! Lists of keys: what they show, in which order, and that an index answers.

mod below;
mod sought;
mod ways;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use claviger_core::id::{KeyId, UserId};
use claviger_core::key::{Key, KeyState, Origin, RevocationReason};
use claviger_core::limits::KEYS_EXAMINED_MAX;
use claviger_core::secret::AccessId;
use claviger_core::time::Timestamp;
use claviger_store::keys::{KeyFilter, KeyOrder, KeyRow, KeySort, KeyStatus};
use claviger_store::{Cursor, Error, PageRequest};
use proptest::prelude::*;
use sqlx::{AssertSqlSafe, Row};

use crate::engine::{embedded, file};
use crate::world::{World, event, name, now, used_once, user};

/// What a random key is like.
#[derive(Debug, Clone)]
struct Sample {
    name: String,
    owner: bool,
    mapped: bool,
    role: Option<bool>,
    loader: bool,
    days_left: Option<i8>,
    fate: u8,
    used: Option<u8>,
    origin: Origin,
}

fn sample() -> impl Strategy<Value = Sample> {
    let who = (any::<bool>(), any::<bool>(), proptest::option::of(any::<bool>()), any::<bool>());
    let origin = prop::sample::select(Origin::ALL.to_vec());
    let life = (proptest::option::of(-2_i8..4), 0_u8..4, proptest::option::of(0_u8..3), origin);
    ("[a-dÄß%_]{1,3}", who, life).prop_map(|(name, (owner, mapped, role, loader), (days_left, fate, used, origin))| {
        Sample { name, owner, mapped, role, loader, days_left, fate, used, origin }
    })
}

fn filter() -> impl Strategy<Value = (KeyFilterSample, KeyOrder, u32)> {
    let statuses = prop::sample::select(vec![
        KeyStatus::Live,
        KeyStatus::Active,
        KeyStatus::Inactive,
        KeyStatus::Expired,
        KeyStatus::Revoked,
        KeyStatus::Any,
    ]);
    let sorts = (prop::sample::select(KeySort::ALL.to_vec()), any::<bool>());
    let sorts = sorts.prop_map(|(sort, descending)| KeyOrder { sort, descending });
    let bits = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let search = proptest::option::of("[a-dÄß%_]{1,2}");
    ((statuses, search, bits), sorts, 1_u32..6).prop_map(|((status, search, bits), sort, limit)| {
        (
            KeyFilterSample {
                status,
                search,
                owner: bits.0,
                mapped: bits.1,
                role: bits.2,
                api: bits.3,
                never_used: bits.4,
            },
            sort,
            limit,
        )
    })
}

#[derive(Debug, Clone)]
struct KeyFilterSample {
    status: KeyStatus,
    search: Option<String>,
    owner: bool,
    mapped: bool,
    role: bool,
    api: bool,
    never_used: bool,
}

/// Whether the list should show the key: the same question, asked of the key itself.
fn shows(filter: &KeyFilter, key: &Key, used: bool) -> bool {
    let state = key.state(now());
    let status = match filter.status {
        KeyStatus::Live => state != KeyState::Revoked,
        KeyStatus::Active => state == KeyState::Active,
        KeyStatus::Inactive => state == KeyState::Inactive,
        KeyStatus::Expired => state == KeyState::Expired,
        KeyStatus::Revoked => state == KeyState::Revoked,
        KeyStatus::Any => true,
    };
    let folded = |text: &str| name(text).key().as_str().to_owned();
    status
        && filter.search.as_ref().is_none_or(|it| key.name.key().as_str().contains(&folded(it)))
        && filter.owner_id.is_none_or(|it| key.owner_id == Some(it))
        && filter.mapped_user_id.is_none_or(|it| key.mapped_user_id == Some(it))
        && filter.role_id.is_none_or(|it| key.role_id == Some(it))
        && filter.api_id.is_none_or(|it| key.api_id == it)
        && !(filter.never_used && used)
}

/// What a key is sorted by: whether it comes last in either direction, and by what among its like.
fn place(world: &World, sort: KeySort, key: &Key, used_at: Option<Timestamp>) -> (bool, i64, String, KeyId) {
    let (mut is_last, mut number, mut text) = (false, 0, String::new());
    let of_user = |id: Option<UserId>| (id.is_none(), id.map_or(String::new(), |it| it.to_string()));
    match sort {
        KeySort::Created => {}
        KeySort::Name => key.name.key().as_str().clone_into(&mut text),
        KeySort::Expiry => number = key.expires_at.map_or(i64::MAX, Timestamp::as_micros),
        KeySort::LastUse => number = used_at.map_or(i64::MIN, Timestamp::as_micros),
        KeySort::Role => {
            let role = [&world.admin, &world.readonly].into_iter().find(|it| Some(it.id) == key.role_id);
            (is_last, text) = (role.is_none(), role.map_or(String::new(), |it| it.name.key().as_str().to_owned()));
        }
        KeySort::Api => {
            text = [&world.api, &world.loader].iter().find(|it| it.id == key.api_id).expect("an api").slug.to_string();
        }
        KeySort::Owner => (is_last, text) = of_user(key.owner_id),
        KeySort::MappedUser => (is_last, text) = of_user(key.mapped_user_id),
        KeySort::State => {
            text = match key.state(now()) {
                KeyState::Active => "1",
                KeyState::Inactive => "2",
                KeyState::Expired => {
                    number = key.expires_at.expect("an end").as_micros();
                    "3"
                }
                KeyState::Revoked => "4",
            }
            .into();
        }
        KeySort::Origin => key.origin.as_str().clone_into(&mut text),
    }
    // Of the state the word counts first, and of everything else there is only one of the two.
    if sort == KeySort::State {
        let rank: i64 = text.parse().expect("a digit");
        text = format!("{number:020}");
        number = rank;
    }
    (is_last, number, text, key.id)
}

fn sort(world: &World, order: KeyOrder, keys: &mut [&Key], uses: &BTreeMap<KeyId, Timestamp>) {
    keys.sort_by(|a, b| {
        let of = |it: &Key| place(world, order.sort, it, uses.get(&it.id).copied());
        let ((a_last, a_number, a_text, a_id), (b_last, b_number, b_text, b_id)) = (of(a), of(b));
        let among = (a_number, a_text, a_id).cmp(&(b_number, b_text, b_id));
        a_last.cmp(&b_last).then(if order.descending { among.reverse() } else { among })
    });
}

async fn all_pages(world: &World, filter: &KeyFilter, sort: impl Into<KeyOrder> + Copy, limit: u32) -> Vec<KeyRow> {
    let mut reader = world.store.read().await.expect("a reader");
    let (mut rows, mut request) = (Vec::new(), PageRequest::first(limit));
    loop {
        let page = reader.page_keys(&world.acme.tenant, filter, sort, &request, now()).await.expect("a page");
        assert!(page.rows.len() <= limit as usize && page.examined <= KEYS_EXAMINED_MAX);
        rows.extend(page.rows);
        match page.next {
            // Through its text, as it goes through a link.
            Some(next) => request.after = Some(Cursor::parse(&next.to_text()).expect("a cursor")),
            None => return rows,
        }
    }
}

/// Writes the samples and says which keys were used.
async fn write(world: &World, samples: &[Sample]) -> (Vec<Key>, BTreeMap<KeyId, Timestamp>) {
    let other = user(world.acme.organization.id, "other");
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.insert_user(&world.acme.tenant, &other).await.expect("a user");
    let (mut keys, mut used, mut uses, mut names) = (Vec::new(), BTreeMap::new(), Vec::new(), BTreeSet::new());
    for it in samples {
        let (mut key, secret, _) = world.key(&world.acme, &it.name);
        key.owner_id = it.owner.then_some(world.acme.user.id);
        key.mapped_user_id = Some(if it.mapped { world.acme.user.id } else { other.id });
        key.role_id = it.role.map(|admin| if admin { world.admin.id } else { world.readonly.id });
        key.api_id = if it.loader { world.loader.id } else { world.api.id };
        let day = |days: i8| Duration::from_secs(86_400 * u64::from(days.unsigned_abs()));
        key.expires_at = it
            .days_left
            .map(|days| if days <= 0 { now().saturating_sub(day(days)) } else { now().saturating_add(day(days)) });
        match it.fate {
            0 => key.set_active(false, now()).expect("a live key"),
            1 => key.revoke(RevocationReason::Unspecified, now()).expect("a live key"),
            _ => {}
        }
        let is_live = key.revocation.is_none();
        if is_live && !names.insert((key.name.key(), key.api_id)) {
            continue;
        }
        key.origin = it.origin;
        if let Some(days) = it.used {
            let at = now().saturating_sub(Duration::from_secs(86_400 * u64::from(days)));
            used.insert(key.id, at);
            uses.push(used_once(world.acme.organization.id, &secret, at));
        }
        tx.insert_key(&world.acme.tenant, &key, &[secret]).await.expect("a key");
        keys.push(key);
    }
    tx.commit(event(&world.acme.tenant, other.id)).await.expect("a commit");
    world.store.record_uses(&uses).await.expect("uses");
    (keys, used)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn list_shows_exactly_the_keys_that_match_in_order_whatever_the_page_size(
        samples in proptest::collection::vec(sample(), 1..30),
        filters in proptest::collection::vec(filter(), 12),
    ) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let world = World::new().await;
            world.insert_key(&world.beta, "of somebody else").await;
            let (keys, used) = write(&world, &samples).await;
            for (it, order, limit) in filters {
                let filter = KeyFilter {
                    status: it.status,
                    search: it.search,
                    owner_id: it.owner.then_some(world.acme.user.id),
                    mapped_user_id: it.mapped.then_some(world.acme.user.id),
                    role_id: it.role.then_some(world.admin.id),
                    api_id: it.api.then_some(world.loader.id),
                    never_used: it.never_used,
                    ..KeyFilter::default()
                };
                let mut expected: Vec<_> = keys.iter().filter(|key| shows(&filter, key, used.contains_key(&key.id))).collect();
                sort(&world, order, &mut expected, &used);
                let found = all_pages(&world, &filter, order, limit).await;
                let found_keys: Vec<_> = found.iter().map(|row| &row.key).collect();
                assert_eq!(found_keys, expected, "{filter:?} {order:?}");
                let mut reader = world.store.read().await.expect("a reader");
                let total = reader.count_keys(&world.acme.tenant, &filter, now()).await.expect("a count");
                assert_eq!((total.count as usize, total.is_exact), (expected.len(), true));
            }
        });
    }
}

/// More live keys than one request looks at, some of them needles; in the order of their making.
async fn haystack(world: &World) -> Vec<Key> {
    const KEYS: usize = KEYS_EXAMINED_MAX * 2 + 500;
    let mut keys = Vec::new();
    for part in 0..KEYS.div_ceil(1000) {
        let mut batch = Vec::new();
        for number in part * 1000..KEYS.min((part + 1) * 1000) {
            let needle = if number % 1500 == 7 { "needle" } else { "hay" };
            let (mut key, secret, _) = world.key(&world.acme, &format!("straw {number} {needle}"));
            key.origin = if number % 1500 == 7 { Origin::Form } else { Origin::Import };
            batch.push((key, secret));
        }
        let mut tx = world.store.begin().await.expect("a transaction");
        tx.insert_keys(&world.acme.tenant, &batch).await.expect("keys");
        tx.commit(event(&world.acme.tenant, world.acme.user.id)).await.expect("a commit");
        keys.extend(batch.into_iter().map(|(key, _)| key));
    }
    keys
}

#[tokio::test]
async fn a_request_looks_at_so_many_keys_and_the_next_one_goes_on() {
    let world = World::new().await;
    let mut keys = haystack(&world).await;
    // A key that is revoked is in nobody's way.
    world.revoke_key(&world.acme, &keys.pop().expect("a key")).await;
    let needles = |filter: &KeyFilter| {
        let is_shown = |key: &&Key| key.name.as_str().contains("needle") == filter.search.is_some();
        keys.iter().filter(is_shown).map(|it| it.id).collect::<BTreeSet<_>>()
    };
    let search = KeyFilter { search: Some("needle".into()), ..KeyFilter::default() };
    let unused = KeyFilter { never_used: true, status: KeyStatus::Any, ..search.clone() };
    for filter in [search, unused] {
        for sort in KeySort::ALL {
            for descending in [false, true] {
                let mut reader = world.store.read().await.expect("a reader");
                let (mut found, mut examined, mut request) = (Vec::new(), 0, PageRequest::first(25));
                loop {
                    let order = KeyOrder { sort, descending };
                    let page = reader.page_keys(&world.acme.tenant, &filter, order, &request, now()).await;
                    let page = page.expect("a page");
                    assert!(page.examined <= KEYS_EXAMINED_MAX, "{order:?}");
                    examined += page.examined;
                    found.extend(page.rows.iter().map(|it| it.key.id));
                    request.after = page.next;
                    if request.after.is_none() {
                        break;
                    }
                }
                let all: BTreeSet<_> = found.iter().copied().collect();
                assert_eq!(found.len(), all.len(), "{sort:?} shows a key twice");
                assert_eq!(all, needles(&filter), "{filter:?} {sort:?}");
                assert!(keys.len() <= examined, "{sort:?} has looked at {examined} only");
            }
        }
        let mut reader = world.store.read().await.expect("a reader");
        let total = reader.count_keys(&world.acme.tenant, &filter, now()).await.expect("a count");
        assert!(!total.is_exact && total.count <= needles(&filter).len() as u64);
    }
}

// Where all are too many to be sorted, what is likeliest comes first.
#[tokio::test]
async fn names_that_begin_with_what_is_searched_for_come_first_in_a_long_list() {
    let world = World::new().await;
    haystack(&world).await;
    for text in ["a needle", "needle 2", "needle 1"] {
        world.insert_key(&world.acme, text).await;
    }
    let filter = KeyFilter { search: Some("Needle".into()), ..KeyFilter::default() };
    let found = all_pages(&world, &filter, KeySort::Name, 2).await;
    let names: Vec<_> = found.iter().map(|it| it.key.name.as_str()).collect();
    let others = ["a needle", "straw 1507 needle", "straw 3007 needle", "straw 7 needle"];
    assert_eq!(names, [&["needle 1", "needle 2"][..], &others].concat());
}

#[tokio::test]
async fn what_an_index_finds_is_found_at_once_in_every_order() {
    let world = World::new().await;
    let keys = haystack(&world).await;
    let needle = &keys[1507];
    let by_name = KeyFilter { search: Some("STRAW 1507".into()), ..KeyFilter::default() };
    let by_origin = KeyFilter { origin: Some(Origin::Form), search: Some("1507".into()), ..KeyFilter::default() };
    for filter in [by_name, by_origin] {
        for sort in KeySort::ALL {
            let mut reader = world.store.read().await.expect("a reader");
            let page = reader.page_keys(&world.acme.tenant, &filter, sort, &PageRequest::first(25), now()).await;
            let ids: Vec<_> = page.expect("a page").rows.iter().map(|it| it.key.id).collect();
            assert_eq!(ids, [needle.id], "{sort:?}");
        }
    }
    let mut reader = world.store.read().await.expect("a reader");
    let total = reader.count_keys(&world.acme.tenant, &KeyFilter::default(), now()).await.expect("a count");
    assert_eq!((total.count as usize, total.is_exact), (keys.len(), true), "all of them are a number that is kept");
    // Work that goes through keys without an order stops too, and says where.
    let filter = KeyFilter { search: Some("needle".into()), ..KeyFilter::default() };
    let (mut found, mut after, mut requests) = (Vec::new(), None, 0);
    loop {
        let (ids, next) =
            reader.find_key_ids(&world.acme.tenant, &filter, after, 1000, now()).await.expect("identifiers");
        requests += 1;
        found.extend(ids);
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((found, requests), (vec![keys[7].id, keys[1507].id, keys[3007].id], 3));
}

#[tokio::test]
async fn row_says_whose_key_it_is_how_it_begins_and_when_it_was_used() {
    let world = World::new().await;
    let (key, secret) = world.insert_key(&world.acme, "CI").await;
    let at = now().saturating_sub(Duration::from_secs(5));
    world.store.record_uses(&[used_once(world.acme.organization.id, &secret, at)]).await.expect("a use");
    let mut reader = world.store.read().await.expect("a reader");
    let row = reader.find_key_row(&world.acme.tenant, key.id, now()).await.expect("an answer").expect("a key");
    assert_eq!(row.api_slug, world.api.slug);
    assert_eq!(row.role_name, Some(world.admin.name.clone()));
    assert_eq!(
        (row.owner_name, row.mapped_user_name),
        (Some(world.acme.user.name.clone()), Some(world.acme.user.name.clone()))
    );
    assert_eq!(row.access_hint, secret.access_id.as_ref().map(AccessId::hint));
    assert_eq!((row.last_used_at, row.secret_id), (Some(at), Some(secret.id)));
}

#[tokio::test]
async fn cursor_of_another_list_is_refused_or_harmless() {
    let world = World::new().await;
    world.insert_key(&world.acme, "CI").await;
    let mut reader = world.store.read().await.expect("a reader");
    let texts =
        ["\n", "key_1\nname", "~\n9999999999999999999999999", "key_1\np:", "key_1\npnone:", "key_1\nn:x", "\nrsome:-"];
    for text in texts.map(|it| data_encoding::BASE64URL_NOPAD.encode(it.as_bytes())) {
        let request = PageRequest { after: Some(Cursor::parse(&text).expect("a cursor")), limit: 5 };
        for sort in KeySort::ALL {
            let page = reader.page_keys(&world.acme.tenant, &KeyFilter::default(), sort, &request, now()).await;
            assert!(matches!(page, Ok(_) | Err(Error::InvalidCursor)), "{text}: {page:?}");
        }
    }
}

#[tokio::test]
async fn lists_and_looks_ups_go_by_an_index() {
    let store = embedded().await;
    let mut connection = file(&store, "claviger.db").await;
    let usage = store.folder().expect("a folder").join("usage.db");
    let attach = format!("ATTACH DATABASE '{}' AS usage", usage.display());
    sqlx::query(AssertSqlSafe(attach)).execute(&mut connection).await.expect("the other file");
    // These go through all rows there are, or end at the first, and are meant to.
    const WHOLE_TABLE: [&str; 10] = [
        "END_LINKS",
        "FIND_LEAVING",
        "FORGET_FAREWELL_LEASES",
        "COUNT_ALL_LIVE_KEYS",
        "FIND_INSTALLATION",
        "CLAIM_INSTALLATION",
        "KEEP_MASTER_KEY_ID",
        "FIND_MASTER_KEY_ID",
        "PUT_MASTER_KEY_ID",
        "PURGE_LINKS",
    ];
    let mut scans = Vec::new();
    for (name, sql) in claviger_store::statements() {
        let rows = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"))).fetch_all(&mut connection).await;
        let plan: Vec<String> = rows.expect("a plan").iter().map(|it| it.get("detail")).collect();
        let is_scan = |step: &&String| {
            let Some(what) = step.strip_prefix("SCAN ") else { return false };
            // Walked in the order of an index as far as a page goes, or made up on the way.
            let harmless = [
                "USING",
                "VALUES CLAUSE",
                "lines",
                "counted",
                "found",
                "ranked",
                "imports",
                "CONSTANT ROW",
                "(subquery",
            ];
            !harmless.iter().any(|it| what.contains(it))
        };
        // What was put together inside is gone through, once for each time it was.
        let inside = plan.iter().filter(|it| matches!(it.as_str(), "CO-ROUTINE k" | "MATERIALIZE k")).count();
        let walks = plan.iter().filter(is_scan).filter(|it| *it == "SCAN k").count();
        let other = plan.iter().filter(is_scan).find(|it| *it != "SCAN k");
        let step = other.or((inside < walks).then(|| &plan[0]));
        if let Some(step) = step.filter(|_| !WHOLE_TABLE.contains(&name.as_str())) {
            scans.push(format!("{name}: {step} of {plan:#?}"));
        }
    }
    assert!(scans.is_empty(), "{} such as {}", scans.len(), scans[0]);
    // Few keys out of many are found by what makes them few, all others in the order of the list.
    let few = [
        ("page_keys id0 Live all", "key_live"),
        ("page_keys id0 Any all", "key_organization"),
        ("page_keys id0 down Live all", "key_live"),
        ("page_keys id0 Live owner", "key_owner_list"),
        ("page_keys id0 Live mapped_user", "key_mapped_user"),
        ("page_keys id0 Live role", "key_role"),
        ("page_keys id0 Live api", "key_api"),
        ("page_keys id0 Live personal", "key_personal_list"),
        ("page_keys id0 Live origin", "key_origin"),
        ("page_keys id0 Live created", "key_live"),
        ("page_keys id0 Revoked all", "key_revoked"),
        ("page_keys name0 Live all", "key_name"),
        ("page_keys name0 down Live search", "key_name"),
        ("page_keys name1 Revoked all", "key_revoked_name"),
        ("page_keys end0 Live all", "key_expiry"),
        ("page_keys end0 down Expired all", "key_expiry"),
        ("page_keys end1 Revoked all", "key_revoked_expiry"),
        ("page_keys owner0 Live all", "key_owner_list"),
        ("page_keys mapped_user0 Live all", "key_mapped_user"),
        ("page_keys last_use0 down Any all", "secret_use_last"),
        ("page_keys last_use0 Live all", "secret_use_last"),
        ("page_keys inactive0 Inactive all", "key_inactive"),
        ("PAGE_EVENTS_OF_ENTITY", "event_id"),
        ("PAGE_REVISIONS", "host_event_at"),
        ("PAGE_REVISIONS_OF_THING", "host_event_thing"),
        ("PAGE_REVISIONS_BY_KEY", "host_event_key"),
        ("PAGE_REVISIONS_BY_USER", "host_event_user"),
        ("PAGE_REVISIONS_WHERE", "host_event_operation"),
        ("PAGE_REVISIONS_OF_KIND", "host_event_entity"),
        ("WITHDRAW", "notification_subject"),
        ("COUNT_KEYS_OF_API", "key_api_live"),
        ("count_few 0 Live owner", "key_owner_list"),
        ("count_few 0 Expired all", "key_expiry"),
        ("count_few beginning", "key_name"),
        ("count_few beginning of revoked", "key_revoked_name"),
    ];
    let statements: std::collections::BTreeMap<_, _> = claviger_store::statements().into_iter().collect();
    for (name, index) in few {
        let sql = format!("EXPLAIN QUERY PLAN {}", statements[name]);
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection).await.expect("a plan");
        let steps: Vec<String> = rows.iter().map(|it| it.get("detail")).collect();
        let first = steps.iter().find(|it| it.contains("INDEX")).expect("an index");
        assert!(first.contains(&format!("INDEX {index} ")), "{name}: {steps:#?}");
        // A window is none once all has to be sorted before the first row is out of it: that is the innermost part of the plan. Few keys have
        // the same name, and only those are sorted.
        let inside = steps.iter().position(|it| it.contains("INDEX")).expect("an index");
        let sorts_all = steps[inside..].iter().position(|it| it == "USE TEMP B-TREE FOR ORDER BY");
        let ends = steps[inside..].iter().position(|it| it.starts_with("SCAN")).unwrap_or(usize::MAX);
        assert!(sorts_all.is_none_or(|it| ends < it), "{name}: {steps:#?}");
    }
}
