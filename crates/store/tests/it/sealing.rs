//! Sealed copies go with their secrets, and data keys where policy shows nothing again.

use std::time::Duration;

use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::key::Key;
use claviger_core::policy::OwnPolicy;
use claviger_core::sealing::{MasterKey, Purpose};
use claviger_core::secret::{Secret, SecretState, Token};
use claviger_core::tenant::Tenant;
use claviger_store::sealing::DataKeyRow;
use claviger_store::{ROWS_PURGED_MAX, Store};

use crate::engine::rows;
use crate::world::{World, event, id, name, now, organization, rng, tenant};

fn master() -> MasterKey {
    MasterKey::generate(&mut rng(7))
}

pub(crate) fn new_data_key(organization_id: OrganizationId, purpose: Purpose) -> DataKeyRow {
    let id = id();
    let (_, wrapped) = master().make_data_key(id, organization_id, purpose, &mut rng(id.as_u128() as u64));
    DataKeyRow { id, wrapped }
}

/// Keeps a sealed copy of some token as that of a secret.
pub(crate) async fn seal(world: &World, by: &Tenant, secret: &Secret) -> Token {
    let token = Token::generate(&world.api.prefix, &mut rng(secret.id.as_u128() as u64));
    let mut tx = world.store.begin().await.expect("a transaction");
    let made = new_data_key(by.organization_id(), Purpose::Reveal);
    let row = tx.insert_data_key(by, Purpose::Reveal, &made, now()).await.expect("a data key");
    let key = master().unwrap_key(row.id, by.organization_id(), Purpose::Reveal, &row.wrapped).expect("it opens");
    let sealed = key.seal(secret.id, &token, &mut rng(2));
    tx.insert_sealed_copy(by, secret, row.id, &sealed).await.expect("a copy");
    tx.commit(event(by, secret.key_id)).await.expect("a commit");
    token
}

/// What the copies of a key say once they are opened.
async fn opened(store: &Store, by: &Tenant, key_id: KeyId) -> Vec<String> {
    let copies = store.read().await.expect("a reader").find_sealed_copies(by, key_id).await.expect("copies");
    let open = |it: &claviger_store::sealing::SealedCopy| {
        let key = master().unwrap_key(it.data_key.id, by.organization_id(), Purpose::Reveal, &it.data_key.wrapped);
        key.expect("a key").open(it.secret_id, &it.sealed).expect("it opens").expose().to_owned()
    };
    copies.iter().map(open).collect()
}

/// How many copies and data keys there are.
async fn counts(store: &Store) -> (i64, i64) {
    let count = async |table: &str| rows::<(i64,)>(store, &format!("SELECT count(*) FROM {table}")).await[0].0;
    (count("sealed_copy").await, count("data_key").await)
}

async fn purge(store: &Store, at: claviger_core::time::Timestamp) -> u64 {
    let mut tx = store.begin().await.expect("a transaction");
    let purged = tx.purge_sealed_copies_unchecked(at).await.expect("purged");
    tx.commit_unaudited("what has ended is cleared away").await.expect("a commit");
    purged
}

/// Gives a key another secret; the one before goes to `state`.
async fn rotate(world: &World, by: &Tenant, key: &mut Key, secret: &Secret, state: SecretState) -> Secret {
    let (_, mut new, _) = world.key(&world.acme, "any");
    new.key_id = key.id;
    let before = key.version;
    key.version += 1;
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.update_secret(by, &Secret { state, ..secret.clone() }, now()).await.expect("a change");
    tx.insert_secret(by, &new).await.expect("a secret");
    tx.update_key(by, key, before).await.expect("a change");
    tx.commit(event(by, key.id)).await.expect("a commit");
    new
}

#[tokio::test]
async fn copy_ends_with_its_secret() {
    let world = World::new().await;
    let acme = world.acme.tenant.clone();
    let (mut key, first) = world.insert_key(&world.acme, "CI").await;
    let one = seal(&world, &acme, &first).await;
    assert_eq!(opened(&world.store, &acme, key.id).await, [one.expose()]);

    let until = now().saturating_add(Duration::from_secs(60));
    let second = rotate(&world, &acme, &mut key, &first, SecretState::Retiring { until }).await;
    let two = seal(&world, &acme, &second).await;
    assert_eq!(purge(&world.store, now()).await, 0, "the old one is still good");
    assert_eq!(opened(&world.store, &acme, key.id).await, [one.expose(), two.expose()]);
    assert_eq!(purge(&world.store, until).await, 1);
    assert_eq!(opened(&world.store, &acme, key.id).await, [two.expose()]);

    let third = rotate(&world, &acme, &mut key, &second, SecretState::Dead).await;
    assert_eq!(opened(&world.store, &acme, key.id).await, [""; 0], "a dead secret has no copy");
    let three = seal(&world, &acme, &third).await;
    let (other, of_other) = world.insert_key(&world.acme, "Other").await;
    let kept = seal(&world, &acme, &of_other).await;
    assert_eq!(opened(&world.store, &acme, key.id).await, [three.expose()]);
    world.revoke_key(&world.acme, &key).await;
    assert_eq!(opened(&world.store, &acme, key.id).await, [""; 0], "nor has a revoked key");
    assert_eq!(opened(&world.store, &acme, other.id).await, [kept.expose()]);
    assert_eq!(counts(&world.store).await, (1, 1));
}

#[tokio::test]
async fn copies_of_who_leaves_go_with_the_personal_keys() {
    let world = World::new().await;
    let acme = world.acme.tenant.clone();
    let (mut personal, secret, _) = world.key(&world.acme, "Ann");
    (personal.personal, personal.name) = (true, name("Ann"));
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.insert_key(&acme, &personal, std::slice::from_ref(&secret)).await.expect("a key");
    tx.commit(event(&acme, personal.id)).await.expect("a commit");
    let (other, of_other) = world.insert_key(&world.acme, "Other").await;
    seal(&world, &acme, &secret).await;
    let kept = seal(&world, &acme, &of_other).await;

    let mut tx = world.store.begin().await.expect("a transaction");
    tx.delete_member(&acme, world.acme.member.id, 1).await.expect("a membership");
    tx.release_keys(&acme, world.acme.user.id, None, now()).await.expect("released");
    tx.commit(event(&acme, world.acme.member.id)).await.expect("a commit");
    assert_eq!(opened(&world.store, &acme, personal.id).await, [""; 0]);
    assert_eq!(opened(&world.store, &acme, other.id).await, [kept.expose()], "it lost its owner and is good");
}

#[tokio::test]
async fn organization_has_one_data_key_for_a_purpose_whoever_makes_it() {
    let world = World::new().await;
    let acme = world.acme.tenant.clone();
    let mut ids = Vec::new();
    for purpose in [Purpose::Reveal, Purpose::Reveal, Purpose::SharedSecret] {
        let mut tx = world.store.begin().await.expect("a transaction");
        let row = new_data_key(acme.organization_id(), purpose);
        ids.push(tx.insert_data_key(&acme, purpose, &row, now()).await.expect("a data key").id);
        tx.commit_unaudited("a data key opens nothing yet").await.expect("a commit");
    }
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
}

fn own(text: &str) -> OwnPolicy {
    serde_json::from_str(text).expect("a policy")
}

#[tokio::test]
async fn data_keys_are_destroyed_where_policy_shows_a_secret_once_and_stay_elsewhere() {
    let world = World::new().await;
    let acme = world.acme.organization.id;
    let below = organization(Some(acme), "below");
    let mut wider = organization(Some(acme), "wider");
    wider.policy = own(r#"{"reveal": "owner_and_admins"}"#);
    let mut tx = world.store.begin().await.expect("a transaction");
    for it in [&below, &wider] {
        tx.insert_organization(&world.acme.tenant, it).await.expect("an organization");
    }
    tx.commit(event(&world.root, below.id)).await.expect("a commit");
    let mut keys = Vec::new();
    for at in [acme, below.id, wider.id] {
        let (mut key, secret, _) = world.key(&world.acme, "CI");
        key.organization_id = at;
        let mut tx = world.store.begin().await.expect("a transaction");
        tx.insert_key(&tenant(at), &key, std::slice::from_ref(&secret)).await.expect("a key");
        let shared = new_data_key(at, Purpose::SharedSecret);
        tx.insert_data_key(&tenant(at), Purpose::SharedSecret, &shared, now()).await.expect("a data key");
        tx.commit(event(&tenant(at), key.id)).await.expect("a commit");
        seal(&world, &tenant(at), &secret).await;
        keys.push((at, key.id));
    }
    let (beta, of_beta) = world.insert_key(&world.beta, "CI").await;
    seal(&world, &world.beta.tenant, &of_beta).await;
    keys.push((world.beta.organization.id, beta.id));

    let shown = async || {
        let mut shown = Vec::new();
        for (at, key_id) in &keys {
            shown.push(opened(&world.store, &tenant(*at), *key_id).await.len());
        }
        shown
    };
    // What Acme sets, how many that destroys, and what is left at Acme, below, below with a policy of its own, and at Beta.
    let mut organization = world.acme.organization.clone();
    for (policy, destroyed, left) in [
        (r#"{"reveal": "owner"}"#, 0, [1, 1, 1, 1]),
        ("{}", 2, [0, 0, 1, 1]),
        (r#"{"reveal": "owner"}"#, 0, [0, 0, 1, 1]),
        (r#"{"reveal": "once", "locked": ["reveal"]}"#, 1, [0, 0, 0, 1]),
        ("{}", 0, [0, 0, 0, 1]),
    ] {
        let before = organization.version;
        (organization.policy, organization.version) = (own(policy), before + 1);
        let mut tx = world.store.begin_structural().await.expect("a transaction");
        tx.update_organization(&world.acme.tenant, &organization, before).await.expect("a change");
        let found = tx.destroy_unrevealed(&world.acme.tenant, now()).await.expect("destroyed");
        tx.commit(event(&world.acme.tenant, acme)).await.expect("a commit");
        assert_eq!((found, shown().await), (destroyed, left.to_vec()), "{policy}");
    }
    // Three keys for shared secrets, three that were destroyed, and Beta's.
    assert_eq!(counts(&world.store).await, (4, 3 + 3 + 1));
    assert_eq!(purge(&world.store, now()).await, 3);
    assert_eq!(counts(&world.store).await, (1, 3 + 1), "what nobody opens is cleared away, and then its key");
    assert_eq!(purge(&world.store, now()).await, 0);
    // Afterwards there can be another one.
    let row = new_data_key(acme, Purpose::Reveal);
    let mut tx = world.store.begin().await.expect("a transaction");
    let made = tx.insert_data_key(&world.acme.tenant, Purpose::Reveal, &row, now()).await.expect("a data key");
    assert_eq!(made, row);
}

#[tokio::test]
async fn many_copies_are_cleared_away_so_many_at_a_time() {
    let world = World::new().await;
    let acme = world.acme.tenant.clone();
    let count = usize::try_from(ROWS_PURGED_MAX).expect("a number") + 100;
    let keys: Vec<_> = (0..count).map(|it| world.key(&world.acme, &format!("key {it}"))).collect();
    let keys: Vec<_> = keys.into_iter().map(|(key, secret, _)| (key, secret)).collect();
    let row = new_data_key(acme.organization_id(), Purpose::Reveal);
    for keys in keys.chunks(1000) {
        let mut tx = world.store.begin().await.expect("a transaction");
        tx.insert_data_key(&acme, Purpose::Reveal, &row, now()).await.expect("a data key");
        tx.insert_keys(&acme, keys).await.expect("keys");
        for (_, secret) in keys {
            tx.insert_sealed_copy(&acme, secret, row.id, &vec![1; 90]).await.expect("a copy");
        }
        tx.commit(event(&acme, keys[0].0.id)).await.expect("a commit");
    }
    let mut tx = world.store.begin_structural().await.expect("a transaction");
    assert_eq!(tx.destroy_unrevealed(&world.root, now()).await.expect("destroyed"), 1);
    tx.commit(event(&acme, keys[0].0.id)).await.expect("a commit");
    assert!(opened(&world.store, &acme, keys[0].0.id).await.is_empty(), "at once, however many there are");
    assert_eq!([purge(&world.store, now()).await, purge(&world.store, now()).await], [1000, 100]);
    assert_eq!(counts(&world.store).await, (0, 0));
}

#[tokio::test]
async fn copy_cannot_be_put_under_another_organizations_data_key() {
    let world = World::new().await;
    let (_, secret) = world.insert_key(&world.acme, "CI").await;
    let beta = new_data_key(world.beta.organization.id, Purpose::Reveal);
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.insert_data_key(&world.beta.tenant, Purpose::Reveal, &beta, now()).await.expect("a data key");
    let refused = tx.insert_sealed_copy(&world.acme.tenant, &secret, beta.id, &vec![1]).await;
    assert!(refused.is_err());
}

// Everything is wrapped anew but what was destroyed; and whoever was quicker is not overwritten.
#[tokio::test]
async fn data_keys_are_wrapped_anew_a_page_at_a_time_and_destroyed_ones_stay_destroyed() {
    let world = World::new().await;
    let (acme, beta) = (&world.acme.tenant, &world.beta.tenant);
    let new = MasterKey::generate(&mut rng(8));
    let mut tx = world.store.begin().await.expect("a transaction");
    let mut rows = Vec::new();
    for (by, purpose) in [(acme, Purpose::Reveal), (acme, Purpose::SharedSecret), (beta, Purpose::Reveal)] {
        let row = new_data_key(by.organization_id(), purpose);
        rows.push(tx.insert_data_key(by, purpose, &row, now()).await.expect("a data key"));
    }
    tx.commit_unaudited("the fixture's").await.expect("a commit");
    let left = async || {
        let mut reader = world.store.read().await.expect("a reader");
        reader.count_wrapped_by_others_unchecked(new.id()).await.expect("a count")
    };
    assert_eq!(left().await, 3);

    let mut tx = world.store.begin_structural().await.expect("a transaction");
    let page = tx.page_wrapped_by_others_unchecked(new.id(), 2).await.expect("a page");
    assert_eq!(page.len(), 2);
    for it in &page {
        let key = master().unwrap_key(it.row.id, it.organization_id, it.purpose, &it.row.wrapped).expect("it opens");
        tx.rewrap_data_key_unchecked(&it.row, &new.wrap(&key, &mut rng(9))).await.expect("wrapped anew");
    }
    // The third is destroyed before it is its turn.
    let last = tx.page_wrapped_by_others_unchecked(new.id(), 2).await.expect("a page").remove(0);
    tx.destroy_unrevealed(&Tenant::system(world.root_organization.id, "test"), now()).await.expect("destroyed");
    let key = master().unwrap_key(last.row.id, last.organization_id, last.purpose, &last.row.wrapped).expect("a key");
    tx.rewrap_data_key_unchecked(&last.row, &new.wrap(&key, &mut rng(9))).await.expect("nothing to wrap");
    tx.commit_unaudited("the fixture's").await.expect("a commit");
    assert_eq!(left().await, 0);

    let mut reader = world.store.read().await.expect("a reader");
    let shared = reader.find_data_key(acme, Purpose::SharedSecret).await.expect("a look-up").expect("a data key");
    let opened = new.unwrap_key(shared.id, acme.organization_id(), Purpose::SharedSecret, &shared.wrapped);
    assert_eq!(opened.expect("it opens by the new one").id(), rows[1].id);
    for by in [acme, beta] {
        let revealing = reader.find_data_key(by, Purpose::Reveal).await.expect("a look-up");
        assert!(revealing.is_none(), "policy shows nothing again, and what was destroyed does not come back");
    }
}
