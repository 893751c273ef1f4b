//! The installation, passwords, sessions, one-time links, and answers that are kept.

use std::time::Duration;

use claviger_core::secret::Digest;
use claviger_core::tenant::Tenant;
use claviger_store::idempotency::IdempotentAnswer;
use claviger_store::installation::Installation;
use claviger_store::links::{Link, LinkPurpose};
use claviger_store::sessions::Session;
use claviger_store::{Error, StoreResult, Tx, Unique};

use crate::engine::throwaway;
use crate::world::{Customer, World, id, now};

async fn change<T>(world: &World, f: impl AsyncFnOnce(&mut Tx) -> StoreResult<T>) -> StoreResult<T> {
    let mut tx = world.store.begin().await.expect("a transaction");
    let done = f(&mut tx).await?;
    tx.commit_unaudited("a test").await.expect("a commit");
    Ok(done)
}

fn session(customer: &Customer) -> Session {
    Session {
        id: id(),
        user_id: customer.user.id,
        created_at: now(),
        last_seen_at: now(),
        expires_at: now().saturating_add(Duration::from_secs(3600)),
        user_agent: Some("Firefox".into()),
        ip: Some("2001:db8::1".parse().expect("an address")),
    }
}

#[tokio::test]
async fn service_is_set_up_once_and_claimed_once() {
    let store = throwaway().await;
    assert_eq!(store.read().await.expect("a reader").find_installation_unchecked().await.expect("an answer"), None);
    let world = World::in_store(store).await;
    let it = Installation { root_organization_id: world.root.organization_id(), created_at: now(), claimed_at: None };
    change(&world, async |tx| tx.insert_installation_unchecked(&it).await).await.expect("an installation");
    assert!(matches!(
        change(&world, async |tx| tx.insert_installation_unchecked(&it).await).await,
        Err(Error::Taken(_))
    ));
    let later = now().saturating_add(Duration::from_secs(1));
    change(&world, async |tx| tx.claim_installation_unchecked(later).await).await.expect("a claim");
    assert!(matches!(
        change(&world, async |tx| tx.claim_installation_unchecked(later).await).await,
        Err(Error::Missing)
    ));
    let found = world.store.read().await.expect("a reader").find_installation_unchecked().await.expect("an answer");
    assert_eq!(found, Some(Installation { claimed_at: Some(later), ..it }));
}

#[tokio::test]
async fn password_takes_the_place_of_the_earlier_one() {
    let world = World::new().await;
    for phc in ["first", "second"] {
        change(&world, async |tx| tx.put_password_unchecked(world.acme.user.id, phc, now()).await)
            .await
            .expect("a password");
    }
    let mut reader = world.store.read().await.expect("a reader");
    let mut of = async |customer: &Customer| reader.find_password_unchecked(customer.user.id).await.expect("an answer");
    assert_eq!((of(&world.acme).await.as_deref(), of(&world.beta).await), (Some("second"), None));
    assert!(matches!(
        change(&world, async |tx| tx.put_password_unchecked(id(), "x", now()).await).await,
        Err(Error::Missing)
    ));
}

#[tokio::test]
async fn session_is_found_by_its_token_until_it_ends() {
    let world = World::new().await;
    let (it, token) = (session(&world.acme), Digest::of_token(b"token"));
    change(&world, async |tx| tx.insert_session_unchecked(&it, &token).await).await.expect("a session");
    let find = async |token: &Digest, at| {
        let mut reader = world.store.read().await.expect("a reader");
        reader.find_session_unchecked(token, at).await.expect("an answer")
    };
    assert_eq!(find(&token, now()).await, Some(it.clone()));
    assert_eq!(find(&Digest::of_token(b"other"), now()).await, None);
    assert_eq!(find(&token, it.expires_at).await, None, "it ends on the instant");
    let later = now().saturating_add(Duration::from_secs(60));
    change(&world, async |tx| tx.touch_session_unchecked(it.id, later).await).await.expect("a note");
    change(&world, async |tx| tx.touch_session_unchecked(it.id, now()).await).await.expect("a note");
    assert_eq!(find(&token, now()).await.map(|it| it.last_seen_at), Some(later), "it was not seen less lately");
    change(&world, async |tx| tx.delete_session_unchecked(it.id).await).await.expect("an end");
    assert_eq!(find(&token, now()).await, None);
}

#[tokio::test]
async fn sessions_of_a_user_end_together_but_for_the_one_that_asks() {
    let world = World::new().await;
    let mut sessions = Vec::new();
    for number in 0..3_u8 {
        let it = session(if number < 2 { &world.acme } else { &world.beta });
        change(&world, async |tx| tx.insert_session_unchecked(&it, &Digest::of_token(&[number])).await)
            .await
            .expect("a session");
        sessions.push(it);
    }
    let of = async |customer: &Customer| {
        let mut reader = world.store.read().await.expect("a reader");
        reader.find_sessions_of_user_unchecked(customer.user.id, now()).await.expect("sessions")
    };
    assert_eq!(of(&world.acme).await, [sessions[1].clone(), sessions[0].clone()]);
    let (ann, kept) = (world.acme.user.id, Some(sessions[0].id));
    let ended = change(&world, async |tx| tx.delete_sessions_of_user_unchecked(ann, kept).await).await;
    assert_eq!(ended.expect("a count"), 1);
    assert_eq!(of(&world.acme).await, [sessions[0].clone()]);
    assert_eq!(
        change(&world, async |tx| tx.delete_sessions_of_user_unchecked(ann, None).await).await.expect("a count"),
        1
    );
    assert_eq!(of(&world.beta).await, [sessions[2].clone()]);
    let end = sessions[2].expires_at;
    assert_eq!(change(&world, async |tx| tx.purge_sessions_unchecked(now()).await).await.expect("a count"), 0);
    assert_eq!(change(&world, async |tx| tx.purge_sessions_unchecked(end).await).await.expect("a count"), 1);
}

#[tokio::test]
async fn link_is_used_once_and_in_time() {
    let world = World::new().await;
    let later = now().saturating_add(Duration::from_secs(60));
    let mut links = Vec::new();
    for (number, purpose) in
        [LinkPurpose::Setup, LinkPurpose::Invitation, LinkPurpose::PasswordReset].into_iter().enumerate()
    {
        let user_id = world.acme.user.id;
        let it = Link { id: id(), purpose, user_id, created_at: now(), expires_at: later, used_at: None };
        let token = Digest::of_token(&[number as u8]);
        change(&world, async |tx| tx.insert_link_unchecked(&it, &token).await).await.expect("a link");
        let found = world.store.read().await.expect("a reader").find_link_unchecked(&token).await.expect("an answer");
        assert_eq!(found.as_ref(), Some(&it));
        links.push(it);
    }
    let use_up = async |it: &Link, at| change(&world, async |tx| tx.use_link_unchecked(it.id, at).await).await;
    use_up(&links[0], now()).await.expect("a use");
    assert!(matches!(use_up(&links[0], now()).await, Err(Error::Missing)), "it was used");
    assert!(matches!(use_up(&links[1], later).await, Err(Error::Missing)), "it is too late");
    let found = world.store.read().await.expect("a reader").find_link_unchecked(&Digest::of_token(&[0])).await;
    assert_eq!(found.expect("an answer").and_then(|it| it.used_at), Some(now()));
    assert_eq!(change(&world, async |tx| tx.purge_links_unchecked(now()).await).await.expect("a count"), 1);
    assert_eq!(change(&world, async |tx| tx.purge_links_unchecked(later).await).await.expect("a count"), 2);
}

#[tokio::test]
async fn answer_is_kept_for_its_caller_and_for_nobody_else() {
    let world = World::new().await;
    let answer =
        IdempotentAnswer { fingerprint: [7; 32], status: 201, response: r#"{"id":"key_1"}"#.into(), created_at: now() };
    let acme = &world.acme.tenant;
    let keep =
        async |tenant: &Tenant| change(&world, async |tx| tx.insert_idempotent(tenant, "abc", &answer).await).await;
    keep(acme).await.expect("an answer");
    assert!(matches!(keep(acme).await, Err(Error::Taken(Unique::IdempotencyKey))));
    let find = async |tenant: &Tenant, key: &str| {
        let mut reader = world.store.read().await.expect("a reader");
        reader.find_idempotent(tenant, key).await.expect("an answer")
    };
    assert_eq!(find(acme, "abc").await, Some(answer.clone()));
    assert_eq!(find(acme, "abd").await, None);
    assert_eq!(find(&world.beta.tenant, "abc").await, None);
    let other_job = Tenant::system(acme.organization_id(), "another job");
    assert_eq!(find(&other_job, "abc").await, None, "another caller of the same organization");
    keep(&other_job).await.expect("an answer of its own");
    let purge = async |at| change(&world, async |tx| tx.purge_idempotent_unchecked(at).await).await.expect("a count");
    assert_eq!(purge(now()).await, 0);
    assert_eq!(purge(now().saturating_add(Duration::from_secs(1))).await, 2);
}
