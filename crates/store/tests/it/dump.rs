//! Moving everything from one store to another, and from one engine to the other.

use claviger_core::event::{Position, Stream};
use claviger_store::dump::{Check, Export, Import};
use claviger_store::feed::Followed;
use claviger_store::usage::SecretUse;
use claviger_store::usage::versions::VersionUse;
use claviger_store::{Error, Options, Store};

use crate::engine::{embedded, harm, throwaway, throwaway_by};
use crate::world::{World, event, now, organization, rng, used_once};

async fn lines(store: &Store) -> Vec<String> {
    let mut export: Export = store.export().await.expect("an export");
    let mut lines = Vec::new();
    loop {
        let more = export.next().await.expect("lines");
        if more.is_empty() {
            return lines;
        }
        lines.extend(more);
    }
}

async fn import(store: &Store, lines: &[String]) -> Result<u64, Error> {
    let mut import: Import = store.import().await?;
    for line in lines {
        import.take(line).await?;
    }
    import.finish().await
}

/// A world with something in most tables, and more keys than a page.
async fn full_world() -> World {
    let world = World::new().await;
    let keys: Vec<_> = (0..1100).map(|it| world.key(&world.acme, &format!("key {it}"))).collect();
    let keys: Vec<_> = keys.into_iter().map(|(key, secret, _)| (key, secret)).collect();
    for keys in keys.chunks(1000) {
        let mut tx = world.store.begin().await.expect("a transaction");
        tx.insert_keys(&world.acme.tenant, keys).await.expect("keys");
        tx.commit(event(&world.acme.tenant, keys[0].0.id)).await.expect("a commit");
    }
    let (_, sealed) = world.insert_key(&world.beta, "sealed").await;
    crate::sealing::seal(&world, &world.beta.tenant, &sealed).await;
    let (key, _) = world.insert_key(&world.beta, "CI \u{1f511} \"quoted\"\\").await;
    world.revoke_key(&world.beta, &key).await;
    let once = used_once(keys[0].0.organization_id, &keys[0].1, now());
    let used = SecretUse { user_agent: Some("curl".into()), count: 3, ..once };
    let (key_id, organization_id, at) = (used.key_id, used.organization_id, used.last_used_at);
    world.store.record_uses(&[used]).await.expect("a use");
    let called = VersionUse { key_id, organization_id, version: "1.0".into(), at, count: 3 };
    world.store.record_version_uses(&mut vec![called]).await.expect("requests");
    // The parent was made after the child.
    let (child, mut parent) = (world.acme.organization.clone(), organization(None, "late-parent"));
    parent.parent_id = Some(world.root_organization.id);
    let mut tx = world.store.begin_structural().await.expect("a transaction");
    tx.insert_organization(&world.root, &parent).await.expect("an organization");
    let mut moved = child.clone();
    (moved.parent_id, moved.version) = (Some(parent.id), child.version + 1);
    tx.update_organization(&world.root, &moved, child.version).await.expect("a move");
    tx.commit(event(&world.root, parent.id)).await.expect("a commit");
    world
}

#[tokio::test]
async fn everything_arrives_on_either_engine_as_it_was() {
    let world = full_world().await;
    let before = lines(&world.store).await;
    assert!(2 * 1100 < before.len(), "{} lines", before.len());
    for other in [embedded().await, throwaway().await] {
        let rows = import(&other, &before).await.expect("an import");
        let head = other.read().await.expect("a reader").head(Stream::Change).await.expect("a head");
        assert_eq!((head.epoch, head.seq), (2, 0), "followers of before load everything again");
        let mut after = lines(&other).await;
        assert_eq!(after.pop(), before.last().cloned(), "{rows} rows");
        let heads = |it: &&String| !it.starts_with("[\"change\",1,") && !it.starts_with("[\"change\",2,0]");
        let rest = |lines: &[String]| lines.iter().filter(heads).cloned().collect::<Vec<_>>();
        let events = |lines: &[String]| lines.iter().filter(|it| it.contains("\"evt_")).cloned().collect::<Vec<_>>();
        assert_eq!(events(&after), events(&before));
        let whole = before.len() - 1;
        assert_eq!(rest(&after), rest(&before[..whole]));
    }
}

#[tokio::test]
async fn store_that_was_moved_goes_on() {
    let world = full_world().await;
    // Another node makes other event ids.
    let other = Store::throwaway(rng(77)).await.expect("a store");
    import(&other, &lines(&world.store).await).await.expect("an import");
    let mut world = world;
    world.store = other;
    let (key, _) = world.insert_key(&world.beta, "after").await;
    let mut reader = world.store.read().await.expect("a reader");
    assert!(reader.find_key(&world.beta.tenant, key.id).await.expect("an answer").is_some());
    let from = Position { epoch: 2, seq: 0 };
    match reader.changes(from, 10, now()).await.expect("an answer") {
        Followed::Frame(frame) => assert_eq!((frame.to.epoch, frame.to.seq), (2, 1)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn import_that_broke_off_is_begun_again() {
    let whole = lines(&full_world().await.store).await;
    for other in [embedded().await, throwaway().await] {
        let cut = import(&other, &whole[..whole.len() - 1]).await;
        assert!(matches!(cut, Err(Error::NoExport { why: "the end is missing", .. })), "{cut:?}");
        import(&other, &whole).await.expect("an import");
        let uses = |lines: &[String]| lines.iter().filter(|it| it.contains("\"curl\"")).cloned().collect::<Vec<_>>();
        assert_eq!(uses(&lines(&other).await), uses(&whole));
        assert_eq!(uses(&whole).len(), 1);
    }
}

#[tokio::test]
async fn what_is_no_whole_export_is_refused_by_line_and_leaves_nothing() {
    let world = World::new().await;
    let whole = lines(&world.store).await;
    let end = whole.len() - 1;
    let changed = |at: usize, line: &str| {
        let mut lines = whole.clone();
        lines[at] = line.to_owned();
        lines
    };
    let cut = whole[..end].to_vec();
    // One that no other refers to.
    let last = whole.iter().rposition(|it| it.starts_with('[')).expect("a row");
    let one_less = [&whole[..last], &whole[last + 1..]].concat();
    let behind = [&whole[..], &whole[..1]].concat();
    let cases = [
        (cut, "the end is missing"),
        (one_less, "rows are missing"),
        (behind, "something stands behind the end"),
        (changed(0, "sha256,name"), "no line of an export"),
        (changed(0, r#"{"claviger":{"export":2}}"#), "not an export of this version"),
        (changed(1, r#"{"table":{"name":"organization","columns":["id"]}}"#), "not like this"),
        (changed(2, "[1]"), "not a row of its table"),
        (changed(2, "[\"a\""), "not JSON"),
        (whole[2..].to_vec(), "a row of no table"),
        (vec![], "the end is missing"),
    ];
    for (lines, expected) in cases {
        let other = throwaway().await;
        let error = import(&other, &lines).await.expect_err(expected);
        assert!(error.to_string().contains(expected), "{expected}: {error}");
        assert!(
            other.read().await.expect("a reader").find_installation_unchecked().await.expect("an answer").is_none()
        );
        other.close().await;
    }
    // Nor into one that holds something.
    assert!(matches!(import(&world.store, &whole).await, Err(Error::Taken(_))));
}

#[tokio::test]
async fn restore_writes_its_events_into_a_new_life_of_the_log_and_none_of_it_stands_before_it_commits() {
    let world = full_world().await;
    let whole = lines(&world.store).await;
    for other in [Store::throwaway(rng(2)).await.expect("a store"), throwaway_by(2).await] {
        for is_committed in [false, true] {
            let mut import = other.import().await.expect("an import");
            for line in &whole {
                import.take(line).await.expect("a line");
            }
            let mut restoration = import.restored(7).await.expect("it is whole");
            let (sessions, links) = restoration.end_sessions_unchecked().await.expect("an end");
            assert_eq!((sessions, links), (0, 0));
            let acme = world.acme.tenant.organization_id();
            let off = restoration.quarantine_keys_unchecked(acme, None, now()).await.expect("keys");
            assert_eq!(off.len(), 1000, "as many as one event stands for");
            restoration.note(event(&world.acme.tenant, acme)).await.expect("an event");
            let rest = restoration.quarantine_keys_unchecked(acme, off.last().copied(), now()).await.expect("keys");
            assert_eq!(rest.len(), 100);
            restoration.note(event(&world.acme.tenant, acme)).await.expect("an event");
            if is_committed {
                restoration.commit().await.expect("a commit");
            }
        }
        let mut reader = other.read().await.expect("a reader");
        let head = reader.head(Stream::Change).await.expect("a head");
        assert_eq!((head.epoch, head.seq), (8, 2), "later than every life that was heard of");
        match reader.changes(Position { epoch: 8, seq: 0 }, 10, now()).await.expect("an answer") {
            Followed::Frame(frame) => {
                assert_eq!(frame.to.seq, 2);
                assert!(1100 <= frame.changes.len(), "{} rows", frame.changes.len());
            }
            other => panic!("{other:?}"),
        }
        drop(reader);
        let mut tx = other.begin_structural().await.expect("a transaction");
        let acme = world.acme.tenant.organization_id();
        let lifted = tx.lift_quarantine_unchecked(acme, now(), now()).await.expect("keys");
        assert_eq!(lifted.len(), 1000);
    }
}

#[tokio::test]
async fn lines_are_looked_through_without_a_database() {
    let whole = lines(&World::new().await.store).await;
    let looked = |lines: &[String]| {
        let mut check = Check::default();
        lines.iter().try_for_each(|it| check.take(it)).and_then(|()| check.finish())
    };
    let rows = whole.iter().filter(|it| it.starts_with('[')).count() as u64;
    assert_eq!(looked(&whole).expect("it is whole"), rows);
    for cut in 0..whole.len() {
        assert!(matches!(looked(&whole[..cut]), Err(Error::NoExport { .. })), "{cut}");
    }
}

#[tokio::test]
async fn store_is_read_beside_the_process_that_has_it_and_migrates_nothing() {
    let folder = std::env::temp_dir().join(format!("claviger-beside-{}", std::process::id()));
    let first = Store::open(&folder, Options::default(), rng(1)).await.expect("a store");
    let beside = Store::beside(&folder, rng(2)).await.expect("it is read beside");
    assert_eq!(beside.export().await.expect("an export").position(), Position { epoch: 1, seq: 0 });
    assert!(beside.import().await.is_err(), "nothing is written");
    beside.close().await;
    harm(&first, "DELETE FROM _sqlx_migrations WHERE version = 6").await;
    assert!(matches!(Store::beside(&folder, rng(3)).await, Err(Error::Unmigrated)));
    harm(&first, "UPDATE _sqlx_migrations SET version = 4711 WHERE version = 5").await;
    assert!(matches!(Store::beside(&folder, rng(4)).await, Err(Error::Schema(_))));
    first.close().await;
    std::fs::remove_dir_all(folder).expect("it was there");
}
