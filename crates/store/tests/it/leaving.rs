//! The keys of a user who leaves: released in sets that one event stands for, and nothing of what another membership keeps.

use claviger_core::decision::KeyStanding;
use claviger_core::event::{Entity, EntityKind, Position};
use claviger_core::feed::Change;
use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::key::{Key, RevocationReason};
use claviger_core::limits::ROWS_PER_EVENT_MAX;
use claviger_core::secret::Secret;
use claviger_core::tenant::Tenant;
use claviger_store::feed::Followed;
use claviger_store::leaving::Released;

use crate::world::{World, event, id, member, name, now, organization, tenant};

/// Keys of Acme's Ann in some organization, named one after the other, and her personal one.
async fn insert_keys(world: &World, at: OrganizationId, count: usize) -> Vec<KeyId> {
    let make = |number: usize| {
        let (mut key, secret, _) = world.key(&world.acme, &format!("Key {number}"));
        key.organization_id = at;
        (key, secret)
    };
    let mut keys: Vec<(Key, Secret)> = (0..count).map(make).collect();
    let mut personal = make(count);
    (personal.0.personal, personal.0.name) = (true, name("Ann"));
    keys.push(personal);
    for chunk in keys.chunks(ROWS_PER_EVENT_MAX) {
        let mut tx = world.store.begin().await.expect("a transaction");
        tx.insert_keys(&tenant(at), chunk).await.expect("keys");
        tx.commit(event(&tenant(at), chunk[0].0.id)).await.expect("a commit");
    }
    keys.iter().map(|(it, _)| it.id).collect()
}

/// How a key stands, and whether it has an owner.
async fn state(world: &World, at: OrganizationId, key_id: KeyId) -> (KeyStanding, bool) {
    let key = world.store.read().await.expect("a reader").find_key(&tenant(at), key_id).await.expect("a row");
    let key = key.expect("a key");
    let reason = key.revocation.map(|it| it.reason);
    assert_eq!(reason.is_some(), key.standing == KeyStanding::Revoked);
    assert!(reason.is_none_or(|it| it == RevocationReason::AffiliationChanged));
    (key.standing, key.owner_id.is_some())
}

async fn live(world: &World, at: OrganizationId) -> i64 {
    world.store.read().await.expect("a reader").count_live_keys(&tenant(at)).await.expect("a count")
}

#[tokio::test]
async fn all_keys_of_who_leaves_are_released_in_sets_of_a_thousand() {
    let world = World::new().await;
    let (acme, ann) = (world.acme.organization.id, world.acme.user.id);
    let below = organization(Some(acme), "below");
    let kept = organization(Some(acme), "kept");
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.insert_organization(&world.acme.tenant, &below).await.expect("an organization");
    tx.insert_organization(&world.acme.tenant, &kept).await.expect("an organization");
    tx.insert_member(&tenant(kept.id), &member(kept.id, ann, world.readonly.id)).await.expect("a membership");
    tx.commit(event(&world.root, below.id)).await.expect("a commit");
    let beta = world.beta.organization.id;
    let mut of_ann = Vec::new();
    for (at, count) in [(acme, 1200), (below.id, 1100), (kept.id, 3), (beta, 3)] {
        of_ann.push((at, insert_keys(&world, at, count).await));
    }
    let (others, _) = world.insert_key(&world.beta, "Beta's own").await;

    let mut tx = world.store.begin().await.expect("a transaction");
    tx.delete_member(&world.acme.tenant, world.acme.member.id, 1).await.expect("a membership");
    let first = tx.release_keys(&world.acme.tenant, ann, None, now()).await.expect("released");
    let mut at = tx.commit(event(&world.acme.tenant, world.acme.member.id)).await.expect("a commit");
    assert_eq!(first, Released { revoked: 2, disowned: 998, has_more: true });
    let mut released = touched_keys(&world, Position { seq: at.seq - 1, ..at }).await;
    assert_eq!(released.len(), ROWS_PER_EVENT_MAX, "the event stands for all of them");
    for (rest, has_more) in [(1000, true), (302, false)] {
        let mut tx = world.store.begin().await.expect("a transaction");
        let leaving = tx.find_leaving_unchecked().await.expect("a row").expect("somebody is leaving");
        assert_eq!((leaving.organization_id, leaving.user_id), (acme, ann));
        let place = Tenant::system(leaving.organization_id, "test");
        let next = tx.release_keys(&place, ann, leaving.released_until, now()).await.expect("released");
        assert_eq!(next, Released { revoked: 0, disowned: rest, has_more });
        let before = at;
        at = tx.commit(event(&place, ann)).await.expect("a commit");
        released.extend(touched_keys(&world, before).await);
    }
    let mut tx = world.store.begin().await.expect("a transaction");
    assert_eq!(tx.find_leaving_unchecked().await.expect("an answer"), None);
    drop(tx);

    let mut expected: Vec<_> = of_ann[..2].iter().flat_map(|(_, keys)| keys).map(|it| Entity::from(*it)).collect();
    expected.sort();
    released.sort();
    assert_eq!(released, expected, "each is told once");
    for (at, keys) in &of_ann {
        let is_released = *at == acme || *at == below.id;
        let (personal, keys) = keys.split_last().expect("keys");
        let standing = if is_released { KeyStanding::Revoked } else { KeyStanding::Active };
        assert_eq!(state(&world, *at, *personal).await, (standing, true));
        for key_id in keys.iter().step_by(97) {
            assert_eq!(state(&world, *at, *key_id).await, (KeyStanding::Active, !is_released));
        }
    }
    assert_eq!((live(&world, acme).await, live(&world, below.id).await), (1200, 1100));
    assert_eq!((live(&world, kept.id).await, live(&world, beta).await), (4, 5));
    assert_eq!(state(&world, beta, others.id).await, (KeyStanding::Active, true));
}

#[tokio::test]
async fn personal_keys_come_first_however_many_there_are() {
    let world = World::new().await;
    let (acme, ann) = (world.acme.organization.id, world.acme.user.id);
    let oldest = insert_keys(&world, acme, 5).await[0];
    let places: Vec<_> = (0..ROWS_PER_EVENT_MAX).map(|it| organization(Some(acme), &format!("place-{it}"))).collect();
    let mut tx = world.store.begin().await.expect("a transaction");
    for place in &places {
        tx.insert_organization(&world.acme.tenant, place).await.expect("an organization");
        let (mut key, mut secret, _) = world.key(&world.acme, "Ann");
        (key.organization_id, key.personal, key.id) = (place.id, true, id());
        secret.key_id = key.id;
        tx.insert_key(&tenant(place.id), &key, &[secret]).await.expect("a key");
    }
    tx.delete_member(&world.acme.tenant, world.acme.member.id, 1).await.expect("a membership");
    tx.commit(event(&world.acme.tenant, acme)).await.expect("a commit");
    let mut from = None;
    for expected in [(1000, 0, true), (1, 5, false)] {
        let mut tx = world.store.begin().await.expect("a transaction");
        let it = tx.release_keys(&world.acme.tenant, ann, from, now()).await.expect("released");
        assert_eq!((it.revoked, it.disowned, it.has_more), expected);
        if it.has_more {
            assert_eq!(
                tx.find_key(&world.acme.tenant, oldest).await.expect("a row").expect("a key").owner_id,
                Some(ann)
            );
            from = tx.find_leaving_unchecked().await.expect("a row").expect("somebody").released_until;
        }
        tx.commit(event(&world.acme.tenant, ann)).await.expect("a commit");
    }
    for place in places {
        assert_eq!(live(&world, place.id).await, 0);
    }
}

/// The keys that a follower is told behind a position.
async fn touched_keys(world: &World, from: Position) -> Vec<Entity> {
    let mut reader = world.store.read().await.expect("a reader");
    let Followed::Frame(frame) = reader.changes(from, 1, now()).await.expect("an answer") else { panic!("a frame") };
    let entity = |it: Change| match it {
        Change::Put(record) => record.entity(),
        Change::Gone(entity) | Change::Unreadable(entity) => entity,
    };
    frame.changes.into_iter().map(entity).filter(|it| it.kind == EntityKind::Key).collect()
}
