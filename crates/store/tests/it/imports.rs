//! Imports: keys in bulk, once each, with progress that survives.

use claviger_core::event::{Event, EventKind};
use claviger_core::id::{ApiId, RoleId};
use claviger_core::key::Key;
use claviger_core::permission::PermissionSet;
use claviger_core::secret::{Digest, Secret};
use claviger_store::imports::{Import, Known, REJECTED_LINES_MAX, RejectedLine};
use claviger_store::{Error, PageRequest, Unique};

use crate::world::{Customer, World, event, id, name, now};

fn import(customer: &Customer, api_id: ApiId, role_id: RoleId, source: u8) -> Import {
    Import {
        id: id(),
        organization_id: customer.organization.id,
        source_digest: [source; 32],
        source_name: "keys.csv".into(),
        api_id,
        role_id: Some(role_id),
        scopes: Some(PermissionSet::parse(&["contacts:read"]).expect("permissions")),
        owner_id: Some(customer.user.id),
        mapped_user_id: None,
        next_line: 1,
        accepted: 0,
        existing: 0,
        rejected: 0,
        rejected_lines: vec![],
        created_at: now(),
        created_by: Some(customer.user.id),
        updated_at: now(),
        finished_at: None,
    }
}

fn batch(world: &World, customer: &Customer, names: std::ops::Range<usize>) -> Vec<(Key, Secret)> {
    names.map(|it| world.key(customer, &format!("key {it}"))).map(|(key, secret, _)| (key, secret)).collect()
}

#[tokio::test]
async fn batch_is_written_whole_whatever_its_size() {
    let world = World::new().await;
    let mut from = 0;
    for size in [0, 1, 49, 50, 51, 1000] {
        let keys = batch(&world, &world.acme, from..from + size);
        from += size;
        let mut tx = world.store.begin().await.expect("a transaction");
        tx.insert_keys(&world.acme.tenant, &keys).await.expect("keys");
        tx.commit(event(&world.acme.tenant, world.acme.organization.id)).await.expect("a commit");
        let mut reader = world.store.read().await.expect("a reader");
        for (key, secret) in keys.iter().step_by(7).chain(keys.last()) {
            assert_eq!(reader.find_key(&world.acme.tenant, key.id).await.expect("an answer").as_ref(), Some(key));
            let secrets = reader.find_live_secrets(&world.acme.tenant, key.id).await.expect("secrets");
            assert!(secrets.len() == 1 && secrets[0].digest.matches(&secret.digest));
        }
        assert_eq!(reader.count_live_keys(&world.acme.tenant).await.expect("a count"), from as i64);
    }
}

#[tokio::test]
async fn batch_with_one_bad_key_is_not_written_at_all() {
    let world = World::new().await;
    let (known, known_secret) = world.insert_key(&world.beta, "known").await;
    let write = async |keys: &[(Key, Secret)]| {
        let mut tx = world.store.begin().await.expect("a transaction");
        tx.insert_keys(&world.acme.tenant, keys).await?;
        tx.commit(event(&world.acme.tenant, world.acme.organization.id)).await
    };
    let mut twin_name = batch(&world, &world.acme, 0..120);
    twin_name[119].0.name = name("ＫＥＹ 3");
    assert!(matches!(write(&twin_name).await, Err(Error::Taken(Unique::KeyName))));
    let mut twin_digest = batch(&world, &world.acme, 0..120);
    twin_digest[60].1.digest = known_secret.digest;
    assert!(matches!(write(&twin_digest).await, Err(Error::Taken(Unique::Digest))));
    let mut no_user = batch(&world, &world.acme, 0..120);
    no_user[5].0.owner_id = Some(id());
    assert!(matches!(write(&no_user).await, Err(Error::Missing)));
    let mut reader = world.store.read().await.expect("a reader");
    assert_eq!(reader.count_live_keys(&world.acme.tenant).await.expect("a count"), 0);
    assert!(reader.find_key(&world.beta.tenant, known.id).await.expect("an answer").is_some());
    drop(reader);
    write(&batch(&world, &world.acme, 0..120)).await.expect("a batch");
}

#[tokio::test]
#[should_panic(expected = "an event stands for so many rows at most")]
async fn batch_of_more_keys_than_an_event_stands_for_is_not_taken() {
    let world = World::new().await;
    let keys = batch(&world, &world.acme, 0..1001);
    let mut tx = world.store.begin().await.expect("a transaction");
    drop(tx.insert_keys(&world.acme.tenant, &keys).await);
}

#[tokio::test]
async fn progress_is_kept_with_the_keys_or_not_at_all() {
    let world = World::new().await;
    let mut progress = import(&world.acme, world.api.id, world.admin.id, 1);
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.insert_import(&world.acme.tenant, &progress).await.expect("an import");
    tx.commit_unaudited("an import without keys is nothing to follow").await.expect("a commit");
    for committed in [false, true] {
        progress.next_line = 101;
        (progress.accepted, progress.existing, progress.rejected) = (50, 20, 30);
        progress.rejected_lines = vec![RejectedLine { line: 7, reason: "not a digest".into() }];
        let mut tx = world.store.begin().await.expect("a transaction");
        tx.insert_keys(&world.acme.tenant, &batch(&world, &world.acme, 0..50)).await.expect("keys");
        tx.update_import(&world.acme.tenant, &progress).await.expect("progress");
        if committed {
            let told = Event::new(&world.acme.tenant, EventKind::KeysImported, progress.id, now());
            tx.commit(told).await.expect("a commit");
        } else {
            drop(tx);
        }
        let mut reader = world.store.read().await.expect("a reader");
        let found = reader.find_import(&world.acme.tenant, progress.id).await.expect("an answer").expect("an import");
        let keys = reader.count_live_keys(&world.acme.tenant).await.expect("a count");
        assert_eq!((found.next_line, keys), if committed { (101, 50) } else { (1, 0) });
        if committed {
            assert_eq!(found, progress);
        }
    }
    // The same source goes on where it stopped; it is not begun twice.
    let mut reader = world.store.read().await.expect("a reader");
    let found = reader.find_import_by_source(&world.acme.tenant, &[1; 32]).await.expect("an answer");
    assert_eq!(found, Some(progress));
    let again = import(&world.acme, world.api.id, world.admin.id, 1);
    let mut tx = world.store.begin().await.expect("a transaction");
    let error = tx.insert_import(&world.acme.tenant, &again).await.expect_err("the same source");
    assert!(matches!(error, Error::Taken(Unique::ImportSource)), "{error}");
}

#[tokio::test]
async fn import_remembers_the_first_thousand_rejected_lines() {
    let world = World::new().await;
    let mut many = import(&world.acme, world.api.id, world.admin.id, 1);
    many.rejected_lines = (0..1500).map(|line| RejectedLine { line, reason: "too short".into() }).collect();
    many.rejected = 1500;
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.insert_import(&world.acme.tenant, &many).await.expect("an import");
    tx.insert_import(&world.beta.tenant, &import(&world.beta, world.api.id, world.admin.id, 1))
        .await
        .expect("an import");
    tx.insert_import(&world.acme.tenant, &import(&world.acme, world.api.id, world.admin.id, 2))
        .await
        .expect("an import");
    tx.commit_unaudited("a test").await.expect("a commit");
    let mut reader = world.store.read().await.expect("a reader");
    let found = reader.find_import(&world.acme.tenant, many.id).await.expect("an answer").expect("an import");
    assert_eq!((found.rejected_lines.len(), found.rejected), (REJECTED_LINES_MAX, 1500));
    let page = reader.page_imports(&world.acme.tenant, &PageRequest::first(1)).await.expect("a page");
    assert_eq!(page.rows[0].source_digest, [2; 32], "newest first");
    let next = PageRequest { after: page.next, limit: 1 };
    let page = reader.page_imports(&world.acme.tenant, &next).await.expect("a page");
    assert!(page.rows[0].id == many.id && page.next.is_none());
}

#[tokio::test]
async fn digest_is_known_as_own_as_revoked_or_as_somebody_elses() {
    let world = World::new().await;
    let (own, own_secret) = world.insert_key(&world.acme, "own").await;
    let (gone, gone_secret) = world.insert_key(&world.acme, "gone").await;
    world.revoke_key(&world.acme, &gone).await;
    let (foreign, foreign_secret) = world.insert_key(&world.beta, "foreign").await;
    world.revoke_key(&world.beta, &foreign).await;
    let new = Digest::of_token(b"new");
    // More than one statement asks for, the known ones at both ends.
    let mut digests = vec![own_secret.digest, new];
    digests.extend((0..120_u8).map(|it| Digest::of_token(&[it])));
    digests.extend([gone_secret.digest, foreign_secret.digest, own_secret.digest]);
    let mut reader = world.store.read().await.expect("a reader");
    let found = reader.find_digests(&world.acme.tenant, &digests).await.expect("an answer");
    assert_eq!(found.len(), digests.len());
    assert_eq!((found[0], found[1]), (Some(Known::Own(own.id)), None));
    assert!(found[2..122].iter().all(Option::is_none));
    assert_eq!(found[122..], [Some(Known::OwnRevoked(gone.id)), Some(Known::Foreign), Some(Known::Own(own.id))]);
    assert!(reader.find_digests(&world.acme.tenant, &[]).await.expect("an answer").is_empty());
}

#[tokio::test]
async fn names_of_live_keys_are_taken() {
    let world = World::new().await;
    world.insert_key(&world.acme, "CI").await;
    let (gone, _) = world.insert_key(&world.acme, "Gone").await;
    world.revoke_key(&world.acme, &gone).await;
    world.insert_key(&world.beta, "Foreign").await;
    let mut names: Vec<_> = ["ci", "gone", "foreign"].iter().map(|it| name(it).key()).collect();
    names.extend((0..120).map(|it| name(&format!("new {it}")).key()));
    let mut reader = world.store.read().await.expect("a reader");
    let taken = reader.find_taken_names(&world.acme.tenant, world.api.id, &names).await.expect("an answer");
    assert_eq!(taken.into_iter().collect::<Vec<_>>(), [name("CI").key()]);
    let other_api = reader.find_taken_names(&world.acme.tenant, world.loader.id, &names).await.expect("an answer");
    assert!(other_api.is_empty());
}
