//! Keys and their secrets.

use std::time::Duration;

use claviger_core::api::Api;
use claviger_core::key::{Key, KeyPatch, RevocationReason};
use claviger_core::network::IpAllowList;
use claviger_core::permission::PermissionSet;
use claviger_core::secret::{Secret, SecretState};
use claviger_store::{Error, StoreResult, Unique};

use crate::engine::harm;
use crate::world::{Customer, World, event, id, name, now, rng};

async fn try_insert(world: &World, customer: &Customer, key: &Key, secrets: &[Secret]) -> StoreResult<()> {
    let mut tx = world.store.begin().await?;
    tx.insert_key(&customer.tenant, key, secrets).await?;
    tx.commit(event(&customer.tenant, key.id)).await.map(drop)
}

#[tokio::test]
async fn key_reads_back_as_it_was_written() {
    let world = World::new().await;
    let (mut key, secret, _) = world.key(&world.acme, "CI");
    key.scopes = Some(PermissionSet::parse(&["contacts:read", "scorecards/A:*"]).expect("permissions"));
    key.expires_at = Some(now().saturating_add(Duration::from_secs(60)));
    key.allowed_ips = Some(IpAllowList::parse(&["203.0.113.0/24"]).expect("a list"));
    key.limits = serde_json::from_str(r#"{"rate": "100/10s", "daily_quota": 200000}"#).expect("limits");
    key.stored_in = Some("Vault".parse().expect("a text"));
    key.metadata = serde_json::from_str(r#"{"plan": "gold", "deep": {"è": [1, null]}}"#).expect("an object");
    key.created_by = Some(world.acme.user.id);
    try_insert(&world, &world.acme, &key, &[secret]).await.expect("a key");
    let mut reader = world.store.read().await.expect("a reader");
    assert_eq!(reader.find_key(&world.acme.tenant, key.id).await.expect("an answer"), Some(key));
}

#[tokio::test]
async fn key_with_nothing_but_a_name_reads_back_too() {
    let world = World::new().await;
    let (mut key, secret, _) = world.key(&world.acme, "Bare");
    (key.role_id, key.owner_id, key.mapped_user_id) = (None, None, None);
    try_insert(&world, &world.acme, &key, &[secret]).await.expect("a key");
    let mut reader = world.store.read().await.expect("a reader");
    assert_eq!(reader.find_key(&world.acme.tenant, key.id).await.expect("an answer"), Some(key));
}

#[tokio::test]
async fn name_is_unique_among_live_keys_of_organization_and_api_however_it_is_spelt() {
    let world = World::new().await;
    world.insert_key(&world.acme, "CI Deploy").await;
    let (twin, secret, _) = world.key(&world.acme, "ｃｉ ｄｅｐｌｏｙ");
    let error = try_insert(&world, &world.acme, &twin, &[secret]).await.expect_err("a twin");
    assert!(matches!(error, Error::Taken(Unique::KeyName)), "{error}");
    // Elsewhere the name is free: in another organization, and in another api.
    world.insert_key(&world.beta, "CI Deploy").await;
    let (mut other_api, secret, _) = world.key(&world.acme, "CI Deploy");
    other_api.api_id = world.loader.id;
    try_insert(&world, &world.acme, &other_api, &[secret]).await.expect("a key of another api");
}

#[tokio::test]
async fn revoking_a_key_frees_its_name() {
    let world = World::new().await;
    let (first, _) = world.insert_key(&world.acme, "CI").await;
    world.revoke_key(&world.acme, &first).await;
    let (second, _) = world.insert_key(&world.acme, "CI").await;
    world.revoke_key(&world.acme, &second).await;
    world.insert_key(&world.acme, "CI").await;
}

#[tokio::test]
async fn renaming_a_key_to_a_taken_name_is_refused() {
    let world = World::new().await;
    world.insert_key(&world.acme, "CI").await;
    let (key, _) = world.insert_key(&world.acme, "CD").await;
    let mut renamed = key.clone();
    renamed.update(KeyPatch { name: Some(name("ci")), ..KeyPatch::default() }, now()).expect("a live key");
    let mut tx = world.store.begin().await.expect("a transaction");
    let error = tx.update_key(&world.acme.tenant, &renamed, key.version).await.expect_err("a taken name");
    assert!(matches!(error, Error::Taken(Unique::KeyName)), "{error}");
}

#[tokio::test]
async fn user_has_one_personal_key_in_an_organization_until_it_is_revoked() {
    let world = World::new().await;
    let personal = async |text: &str| {
        let (mut key, secret, _) = world.key(&world.acme, text);
        key.personal = true;
        try_insert(&world, &world.acme, &key, &[secret]).await.map(|()| key)
    };
    let first = personal("Ann").await.expect("a personal key");
    assert!(matches!(personal("Ann again").await, Err(Error::Taken(Unique::PersonalKey))));
    let mut reader = world.store.read().await.expect("a reader");
    let found = reader.find_personal_key(&world.acme.tenant, world.acme.user.id).await.expect("an answer");
    assert_eq!(found, Some(first.clone()));
    assert_eq!(reader.count_live_keys_of_owner(&world.acme.tenant, world.acme.user.id).await.expect("a count"), 0);
    world.revoke_key(&world.acme, &first).await;
    personal("Ann").await.expect("another personal key");
}

// S2.5: of an api whose keys are made so, a user has one, whoever owns it.
#[tokio::test]
async fn user_has_one_sole_key_of_an_api_until_it_is_revoked() {
    let world = World::new().await;
    let (acme, user) = (&world.acme, world.acme.user.id);
    let sole = async |text: &str, api: &Api| {
        let (mut key, secret, _) = world.key(acme, text);
        (key.api_id, key.sole, key.owner_id) = (api.id, api.one_key_per_user, None);
        try_insert(&world, acme, &key, &[secret]).await.map(|()| key)
    };
    let first = sole("Ann", &world.loader).await.expect("a key");
    assert!(matches!(sole("Ann again", &world.loader).await, Err(Error::Taken(Unique::UserKey))));
    for text in ["CI", "CD"] {
        sole(text, &world.api).await.expect("other apis have as many as one wants");
    }
    let mut reader = world.store.read().await.expect("a reader");
    let found = reader.find_sole_keys(&acme.tenant, world.loader.id, &[id(), user], now()).await.expect("an answer");
    assert_eq!(found.iter().map(|it| &it.key).collect::<Vec<_>>(), [&first]);
    assert!(reader.find_sole_keys(&acme.tenant, world.api.id, &[user], now()).await.expect("an answer").is_empty());
    assert!(reader.find_sole_keys(&world.beta.tenant, world.loader.id, &[user], now()).await.expect("one").is_empty());
    world.revoke_key(acme, &first).await;
    sole("Ann", &world.loader).await.expect("another key");
}

#[tokio::test]
async fn secret_exists_once_in_the_installation_even_after_its_key_is_revoked() {
    let world = World::new().await;
    let (key, secret) = world.insert_key(&world.acme, "CI").await;
    world.revoke_key(&world.acme, &key).await;
    for customer in [&world.acme, &world.beta] {
        let (other, mut copy, _) = world.key(customer, "Copy");
        copy.digest = secret.digest;
        let error = try_insert(&world, customer, &other, &[copy]).await.expect_err("a known secret");
        assert!(matches!(error, Error::Taken(Unique::Digest)), "{error}");
    }
}

#[tokio::test]
async fn change_on_an_old_version_is_refused_and_a_revoked_key_is_never_changed() {
    let world = World::new().await;
    let (key, _) = world.insert_key(&world.acme, "CI").await;
    let mut inactive = key.clone();
    inactive.set_active(false, now()).expect("a live key");
    let change = async |to: &Key, expected| {
        let mut tx = world.store.begin().await.expect("a transaction");
        tx.update_key(&world.acme.tenant, to, expected).await?;
        tx.commit(event(&world.acme.tenant, to.id)).await
    };
    change(&inactive, key.version).await.expect("a change");
    assert!(matches!(change(&inactive, key.version).await, Err(Error::VersionMismatch)));
    let (revoked, _) = world.revoke_key(&world.acme, &inactive).await;
    let alive = Key { version: revoked.version + 1, ..key.clone() };
    assert!(change(&alive, revoked.version).await.is_err(), "a revoked key came back");
    let mut reader = world.store.read().await.expect("a reader");
    assert_eq!(reader.find_key(&world.acme.tenant, key.id).await.expect("an answer"), Some(revoked));
}

#[tokio::test]
async fn rotation_writes_the_new_secret_beside_the_retiring_one() {
    let world = World::new().await;
    let (mut key, secret) = world.insert_key(&world.acme, "CI").await;
    let before = key.version;
    let mut secrets = vec![secret];
    let overlap = Duration::from_secs(3600);
    key.rotate(&mut secrets, &world.api, overlap, now(), &mut rng(9)).expect("a live key");
    secrets[1].id = id();
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.update_key(&world.acme.tenant, &key, before).await.expect("a change");
    tx.update_secret(&world.acme.tenant, &secrets[0], now()).await.expect("a change");
    tx.insert_secret(&world.acme.tenant, &secrets[1]).await.expect("a secret");
    tx.commit(event(&world.acme.tenant, key.id)).await.expect("a commit");

    let mut reader = world.store.read().await.expect("a reader");
    let found = reader.find_live_secrets(&world.acme.tenant, key.id).await.expect("secrets");
    let states: Vec<_> = found.iter().map(|it| it.state).collect();
    assert_eq!(states, [SecretState::Retiring { until: now().saturating_add(overlap) }, SecretState::Current]);
    let row = reader.find_key_row(&world.acme.tenant, key.id, now()).await.expect("an answer").expect("a key");
    assert_eq!(row.rotating_until, Some(now().saturating_add(overlap)));
    assert_eq!(row.secret_id, Some(secrets[1].id));
    let later = now().saturating_add(overlap);
    let row = reader.find_key_row(&world.acme.tenant, key.id, later).await.expect("an answer").expect("a key");
    assert_eq!(row.rotating_until, None);
}

#[tokio::test]
async fn dead_secret_never_revives() {
    let world = World::new().await;
    let (mut key, mut secret) = world.insert_key(&world.acme, "CI").await;
    for (state, alive) in [(SecretState::Dead, true), (SecretState::Current, false)] {
        secret.state = state;
        let mut tx = world.store.begin().await.expect("a transaction");
        key.version += 1;
        let updated = tx.update_key(&world.acme.tenant, &key, key.version - 1).await;
        let result = tx.update_secret(&world.acme.tenant, &secret, now()).await;
        assert_eq!(result.is_ok(), alive, "{result:?}");
        updated.expect("a change");
        if alive {
            tx.commit(event(&world.acme.tenant, key.id)).await.expect("a commit");
        }
    }
    let mut reader = world.store.read().await.expect("a reader");
    assert!(reader.find_live_secrets(&world.acme.tenant, key.id).await.expect("secrets").is_empty());
    assert_eq!(reader.find_secrets(&world.acme.tenant, key.id).await.expect("secrets").len(), 1);
}

#[tokio::test]
#[should_panic(expected = "a key counts its version up")]
async fn secret_is_not_written_without_its_key() {
    let world = World::new().await;
    let (key, mut secret) = world.insert_key(&world.acme, "CI").await;
    secret.state = SecretState::Dead;
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.update_secret(&world.acme.tenant, &secret, now()).await.expect("a change");
    drop(tx.commit(event(&world.acme.tenant, key.id)).await);
}

#[tokio::test]
async fn number_of_live_keys_is_kept_right() {
    let world = World::new().await;
    let count = async |customer: &Customer| {
        let mut reader = world.store.read().await.expect("a reader");
        let kept = reader.count_live_keys(&customer.tenant).await.expect("a count");
        let owned = reader.count_live_keys_of_owner(&customer.tenant, customer.user.id).await.expect("a count");
        assert_eq!(kept, owned, "all keys of this test belong to one user");
        kept
    };
    let (first, _) = world.insert_key(&world.acme, "one").await;
    world.insert_key(&world.acme, "two").await;
    world.insert_key(&world.beta, "one").await;
    assert_eq!((count(&world.acme).await, count(&world.beta).await), (2, 1));
    world.revoke_key(&world.acme, &first).await;
    assert_eq!((count(&world.acme).await, count(&world.beta).await), (1, 1));
}

#[tokio::test]
async fn key_of_an_api_or_role_from_another_branch_is_refused() {
    let world = World::new().await;
    let foreign_api = crate::world::api(&world.beta.tenant, "beta-api", "bt");
    let mut foreign_role = world.admin.clone();
    (foreign_role.id, foreign_role.organization_id) = (id(), world.beta.organization.id);
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.insert_api(&world.beta.tenant, &foreign_api).await.expect("an api");
    tx.insert_role(&world.beta.tenant, &foreign_role).await.expect("a role");
    tx.commit(event(&world.beta.tenant, foreign_api.id)).await.expect("a commit");
    let (key, secret, _) = world.key(&world.acme, "CI");
    for wrong in [Key { api_id: foreign_api.id, ..key.clone() }, Key { role_id: Some(foreign_role.id), ..key.clone() }]
    {
        let refused = try_insert(&world, &world.acme, &wrong, std::slice::from_ref(&secret)).await;
        assert!(matches!(refused, Err(Error::Missing)));
    }
    let nobody = Key { mapped_user_id: Some(id()), ..key };
    assert!(matches!(try_insert(&world, &world.acme, &nobody, &[secret]).await, Err(Error::Missing)));
}

#[tokio::test]
async fn key_that_cannot_be_read_is_an_error_of_its_own_and_names_the_row() {
    let world = World::new().await;
    let (key, _) = world.insert_key(&world.acme, "CI").await;
    for column in
        ["scopes = '{'", "standing = 'dormant'", "expires_at = -1", "revoked_at = 1", "name = ''", "metadata = '[]'"]
    {
        let before = column.split(' ').next().expect("a column");
        harm(&world.store, "CREATE TABLE saved AS SELECT * FROM key").await;
        harm(&world.store, &format!("UPDATE key SET {column}")).await;
        let mut reader = world.store.read().await.expect("a reader");
        let error = reader.find_key(&world.acme.tenant, key.id).await.expect_err("a harmed row");
        assert!(
            matches!(&error, Error::Corrupt { table: "key", id, .. } if *id == key.id.to_string()),
            "{column}: {error}"
        );
        harm(&world.store, &format!("UPDATE key SET {before} = (SELECT {before} FROM saved)")).await;
        harm(&world.store, "DROP TABLE saved").await;
    }
}

#[tokio::test]
async fn revocation_keeps_when_and_why() {
    let world = World::new().await;
    let (key, _) = world.insert_key(&world.acme, "CI").await;
    let mut revoked = key.clone();
    revoked.revoke(RevocationReason::KeyCompromise, now()).expect("a live key");
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.update_key(&world.acme.tenant, &revoked, key.version).await.expect("a change");
    tx.commit(event(&world.acme.tenant, key.id)).await.expect("a commit");
    let mut reader = world.store.read().await.expect("a reader");
    let found = reader.find_key(&world.acme.tenant, key.id).await.expect("an answer").expect("a key");
    assert_eq!(found.revocation, revoked.revocation);
}
