//! Lists of keys: what they show, in which order, and that an index answers.

use std::collections::BTreeSet;
use std::time::Duration;

use claviger_core::id::KeyId;
use claviger_core::key::{Key, KeyState, RevocationReason};
use claviger_core::secret::AccessId;
use claviger_core::time::Timestamp;
use claviger_store::keys::{KeyFilter, KeyRow, KeySort, KeyStatus};
use claviger_store::usage::SecretUse;
use claviger_store::{Cursor, Error, PageRequest};
use proptest::prelude::*;
use sqlx::{AssertSqlSafe, Row};

use crate::engine::{embedded, file};
use crate::world::{Customer, World, event, name, now, user};

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
    used: bool,
}

fn sample() -> impl Strategy<Value = Sample> {
    let who = (any::<bool>(), any::<bool>(), proptest::option::of(any::<bool>()), any::<bool>());
    let life = (proptest::option::of(-2_i8..4), 0_u8..4, any::<bool>());
    ("[a-dÄß%_]{1,3}", who, life).prop_map(|(name, (owner, mapped, role, loader), (days_left, fate, used))| Sample {
        name,
        owner,
        mapped,
        role,
        loader,
        days_left,
        fate,
        used,
    })
}

fn filter() -> impl Strategy<Value = (KeyFilterSample, KeySort, u32)> {
    let statuses = prop::sample::select(vec![
        KeyStatus::Live,
        KeyStatus::Active,
        KeyStatus::Inactive,
        KeyStatus::Expired,
        KeyStatus::Revoked,
        KeyStatus::Any,
    ]);
    let sorts = prop::sample::select(vec![KeySort::Created, KeySort::Name, KeySort::Expiry]);
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

fn order(sort: KeySort, key: &Key) -> (Option<Timestamp>, String, KeyId) {
    let last = Timestamp::MAX;
    match sort {
        KeySort::Created => (None, String::new(), key.id),
        KeySort::Name => (None, key.name.key().as_str().to_owned(), key.id),
        KeySort::Expiry => (Some(key.expires_at.unwrap_or(last)), String::new(), key.id),
    }
}

async fn all_pages(world: &World, filter: &KeyFilter, sort: KeySort, limit: u32) -> Vec<KeyRow> {
    let mut reader = world.store.read().await.expect("a reader");
    let (mut rows, mut request) = (Vec::new(), PageRequest::first(limit));
    loop {
        let page = reader.page_keys(&world.acme.tenant, filter, sort, &request, now()).await.expect("a page");
        assert!(page.rows.len() <= limit as usize);
        rows.extend(page.rows);
        match page.next {
            // Through its text, as it goes through a link.
            Some(next) => request.after = Some(Cursor::parse(&next.to_text()).expect("a cursor")),
            None => return rows,
        }
    }
}

/// Writes the samples and says which keys were used.
async fn write(world: &World, samples: &[Sample]) -> (Vec<Key>, BTreeSet<KeyId>) {
    let other = user(world.acme.organization.id, "other");
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.insert_user(&world.acme.tenant, &other).await.expect("a user");
    let (mut keys, mut used, mut uses, mut names) = (Vec::new(), BTreeSet::new(), Vec::new(), BTreeSet::new());
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
        if it.used {
            used.insert(key.id);
            uses.push(SecretUse { secret_id: secret.id, last_used_at: now(), ip: None, user_agent: None, count: 1 });
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
            for (it, sort, limit) in filters {
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
                let mut expected: Vec<_> = keys.iter().filter(|key| shows(&filter, key, used.contains(&key.id))).collect();
                expected.sort_by_key(|key| order(sort, key));
                if sort == KeySort::Created {
                    expected.reverse();
                }
                let found = all_pages(&world, &filter, sort, limit).await;
                let found_keys: Vec<_> = found.iter().map(|row| &row.key).collect();
                assert_eq!(found_keys, expected, "{filter:?} {sort:?}");
                let mut reader = world.store.read().await.expect("a reader");
                let count = reader.count_keys(&world.acme.tenant, &filter, 1000, now()).await.expect("a count");
                assert_eq!(count as usize, expected.len());
                let bounded = reader.count_keys(&world.acme.tenant, &filter, 2, now()).await.expect("a count");
                assert_eq!(bounded as usize, expected.len().min(2));
            }
        });
    }
}

#[tokio::test]
async fn row_says_whose_key_it_is_how_it_begins_and_when_it_was_used() {
    let world = World::new().await;
    let (key, secret) = world.insert_key(&world.acme, "CI").await;
    let at = now().saturating_sub(Duration::from_secs(5));
    let used = SecretUse { secret_id: secret.id, last_used_at: at, ip: None, user_agent: None, count: 1 };
    world.store.record_uses(&[used]).await.expect("a use");
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
async fn whole_access_id_finds_its_key_and_a_strangers_finds_nothing() {
    let world = World::new().await;
    world.insert_key(&world.acme, "another").await;
    let (key, secret) = world.insert_key(&world.acme, "CI").await;
    let access_id = secret.access_id.expect("a key of ours").to_string();
    let found = async |customer: &Customer| {
        let filter = KeyFilter { search: Some(format!(" {access_id} ")), ..KeyFilter::default() };
        let mut reader = world.store.read().await.expect("a reader");
        let page = reader.page_keys(&customer.tenant, &filter, KeySort::Created, &PageRequest::default(), now()).await;
        page.expect("a page").rows.into_iter().map(|it| it.key.id).collect::<Vec<_>>()
    };
    assert_eq!(found(&world.acme).await, [key.id]);
    assert_eq!(found(&world.beta).await, []);
}

#[tokio::test]
async fn cursor_of_another_list_is_refused_or_harmless() {
    let world = World::new().await;
    world.insert_key(&world.acme, "CI").await;
    let mut reader = world.store.read().await.expect("a reader");
    for text in ["a2V5XzEKbmFtZQ", "Ci0x", "fgo5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk"] {
        let request = PageRequest { after: Some(Cursor::parse(text).expect("a cursor")), limit: 5 };
        for sort in [KeySort::Created, KeySort::Name, KeySort::Expiry] {
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
    const WHOLE_TABLE: [&str; 7] = [
        "FIND_LEAVING",
        "COUNT_ALL_LIVE_KEYS",
        "FIND_INSTALLATION",
        "CLAIM_INSTALLATION",
        "KEEP_MASTER_KEY_ID",
        "FIND_MASTER_KEY_ID",
        "PURGE_LINKS",
    ];
    let mut scans = Vec::new();
    for (name, sql) in claviger_store::statements() {
        let rows = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"))).fetch_all(&mut connection).await;
        let plan: Vec<String> = rows.expect("a plan").iter().map(|it| it.get("detail")).collect();
        let is_scan = |step: &&String| {
            let Some(what) = step.strip_prefix("SCAN ") else { return false };
            // Walked in the order of an index as far as a page goes, or made up on the way.
            let harmless =
                ["USING", "VALUES CLAUSE", "lines", "counted", "found", "ranked", "CONSTANT ROW", "(subquery"];
            !harmless.iter().any(|it| what.contains(it))
        };
        if !WHOLE_TABLE.contains(&name.as_str())
            && let Some(step) = plan.iter().find(is_scan)
        {
            scans.push(format!("{name}: {step}"));
        }
    }
    assert!(scans.is_empty(), "{scans:#?}");
    // Few keys out of many are found by what makes them few, and not by going through all in the order of the list.
    let few = [
        ("page_keys CreatedAmongExpired Expired 000000", "key_expiry"),
        ("page_keys Created Live 000010", "key_owner"),
        ("page_keys Created Live 000100", "key_mapped_user"),
        ("page_keys Created Live 001000", "key_role"),
        ("page_keys Created Live 010000", "key_api"),
        ("page_keys Created Revoked 000000", "key_revoked"),
        ("page_keys Name Live 000000", "key_name"),
        ("page_keys Ending Live 000000", "key_expiry"),
        ("page_keys Created Live 000000", "key_organization"),
        ("page_keys Created Live 100000000", "key_personal_list"),
        ("page_keys Created Live 10000000", "key_origin"),
        ("page_keys Name Live 100000000", "key_personal_name"),
        ("find_key_ids Live 000010", "key_owner"),
        ("find_key_ids Live 000000", "key_organization"),
    ];
    let statements: std::collections::BTreeMap<_, _> = claviger_store::statements().into_iter().collect();
    for (name, index) in few {
        let sql = format!("EXPLAIN QUERY PLAN {}", statements[name]);
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection).await.expect("a plan");
        let first: String = rows[0].get("detail");
        assert!(first.contains(&format!("INDEX {index} ")), "{name}: {first}");
    }
}
