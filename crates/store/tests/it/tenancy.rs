//! No function that takes a tenant shows or changes what belongs to another one.

mod full;
mod writers;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use claviger_core::access_token::SigningKeyState;
use claviger_core::api::Api;
use claviger_core::ending::Ending;
use claviger_core::id::RoleId;
use claviger_core::key::Key;
use claviger_core::notification::{Notification, NotificationKind, NotificationState};
use claviger_core::role::{BuiltIn, Role};
use claviger_core::sealing::Purpose;
use claviger_core::secret::{Secret, SecretState};
use claviger_core::shared_secret::SharedSecret;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::usage::Span;
use claviger_core::user::User;
use claviger_store::clocks::IdleWalk;
use claviger_store::host_events::revisions::RevisionFilter;
use claviger_store::imports::{Import, Known};
use claviger_store::keys::{Bounds, Breach, KeyFilter, KeySort, KeyStatus};
use claviger_store::log::{Erased, EventFilter};
use claviger_store::organizations::{LeftBehind, OrganizationFilter};
use claviger_store::people::KeysOfMember;
use claviger_store::role_impact::Tie;
use claviger_store::roles::RoleUses;
use claviger_store::users::UserFilter;
use claviger_store::webhooks::WebhookFilter;
use claviger_store::{PageRequest, Reader, StoreResult, Tx};

use self::full::{Full, answer, clock, data_key, import, signing_key};
use self::writers::WRITERS;
use crate::engine::contents;
use crate::world::{World, api, event, id, member, name, notification, now, organization, user};

/// Asks every finder for what is Acme's, as `by`: its name, and whether it showed any of it.
async fn shown(full: &Full, reader: &mut Reader, by: &Tenant) -> Vec<(&'static str, bool)> {
    let mut shown = Vec::new();
    macro_rules! ask {
        ($name:ident($($argument:expr),*), |$found:ident| $shows:expr) => {
            let $found = reader.$name(by $(, $argument)*).await.expect(stringify!($name));
            shown.push((stringify!($name), $shows));
        };
    }
    let (ann, key_id, acme_id) = (full.world.acme.user.id, full.key.id, full.world.acme.organization.id);
    let (any, first) = (KeyFilter { status: KeyStatus::Any, ..KeyFilter::default() }, PageRequest::first(100));
    let own_key = |it: &Key| it.organization_id == acme_id;
    let external_id = full.user.external_id.clone().expect("an id");
    let children = OrganizationFilter { whole_subtree: true, ..OrganizationFilter::default() };
    let names = [full.key.name.key()];
    let ever_used = Breach::IdleSince(Timestamp::MAX);
    let bounds = Bounds { keys: 100, read: 100 };
    let events = reader.page_events(&full.world.acme.tenant, &EventFilter::default(), &first).await;
    let latest = &events.expect("events").rows[0];
    let told = latest.id;

    ask!(find_organization(), |it| it.is_some_and(|it| it.id == acme_id));
    let found = reader.find_organizations(std::slice::from_ref(by)).await.expect("find_organizations");
    shown.push(("find_organizations", found.iter().any(|it| it.id == acme_id)));
    let found = reader.find_first_users(std::slice::from_ref(by), 100).await.expect("find_first_users");
    shown.push(("find_first_users", found.iter().any(|it| it.0 == ann)));
    ask!(find_organization_below(full.below.id), |it| it.is_some());
    ask!(find_path(), |it| it.iter().any(|it| it.id == acme_id));
    ask!(page_organizations(&children, &first), |it| it.rows.iter().any(|it| it.id == full.below.id));
    ask!(count_organizations(&children), |it| it > 0);
    ask!(has_organizations_below(), |it| it);
    ask!(count_live_keys_of(&[acme_id, full.below.id]), |it| !it.is_empty());
    ask!(find_keys_below("till", 10), |it| it.organizations.iter().any(|it| it.id == full.below.id));
    ask!(find_user(full.user.id), |it| it.is_some());
    ask!(find_user_by_external_id(&external_id), |it| it.is_some());
    ask!(page_users(&UserFilter::default(), &first), |it| it.rows.iter().any(|it| it.id == full.user.id));
    ask!(find_member(full.world.acme.member.id), |it| it.is_some());
    ask!(find_member_of_user(ann), |it| it.is_some());
    ask!(find_standing(ann), |it| it.is_some());
    ask!(find_active_admins(100), |it| it.contains(&ann));
    ask!(find_places_below(ann, 100), |it| it == [full.below.id]);
    ask!(page_members(&first), |it| it.rows.iter().any(|it| it.user.id == ann));
    ask!(page_people(None, &first, now()), |it| it.rows.iter().any(|it| it.row.user.id == ann));
    ask!(find_person(full.world.acme.member.id, now()), |it| it.is_some());
    ask!(count_keys_of_member(&full.world.acme.member), |it| it != KeysOfMember::default());
    ask!(find_role(full.role.id), |it| it.is_some());
    ask!(find_role_by_name(&full.role.name), |it| it.is_some());
    ask!(find_built_in_role(BuiltIn::Member), |it| it.is_some());
    ask!(page_roles(&first), |it| it.rows.iter().any(|it| it.id == full.role.id));
    ask!(count_role_uses(full.role.id), |it| it != RoleUses::default());
    ask!(find_touched_keys(full.role.id, Tie::Role, 100), |it| it.iter().any(|it| it.id == key_id));
    ask!(find_holders(full.role.id, 100), |it| !it.is_empty());
    ask!(find_api(full.api.id), |it| it.is_some());
    ask!(find_api_by_slug(full.api.slug.as_str()), |it| it.is_some());
    ask!(page_apis(&first), |it| it.rows.iter().any(|it| it.id == full.api.id));
    ask!(count_apis(), |it| it > 0);
    let version = &full.document.head.api_version;
    ask!(find_documents(full.api.id), |it| it.len() == 1);
    ask!(find_document(full.api.id, version, None), |it| it.is_some());
    ask!(count_document_bytes(), |it| it > 0);
    ask!(count_ended_sign_ins(full.key.id, 100), |it| it > 0);
    ask!(count_keys_of_api(full.key.api_id, 100), |it| it > 0);
    ask!(find_apis(), |it| it.iter().any(|it| it.id == full.api.id));
    ask!(find_key(key_id), |it| it.is_some());
    ask!(find_keys(&[key_id]), |it| !it.is_empty());
    ask!(find_key_ids(&any, None, 100, now()), |it| !it.0.is_empty());
    ask!(find_breaking_keys(ever_used, bounds), |it| !it.is_empty());
    ask!(count_breaking_keys(ever_used, bounds), |it| it.keys > 0);
    ask!(find_key_row(key_id, now()), |it| it.is_some());
    ask!(find_personal_key(ann), |it| it.is_some());
    ask!(find_sole_keys(full.key.api_id, &[ann], now()), |it| !it.is_empty());
    ask!(find_live_secrets(key_id), |it| !it.is_empty());
    ask!(find_secrets(key_id), |it| !it.is_empty());
    ask!(find_data_key(Purpose::Reveal), |it| it.is_some());
    ask!(find_shared_secrets(), |it| !it.is_empty());
    ask!(find_signing_keys(), |it| !it.is_empty());
    ask!(find_sealed_copies(key_id), |it| !it.is_empty());
    ask!(count_sealed_copies(100), |it| it > 0);
    ask!(find_uses(&[key_id]), |it| !it.is_empty());
    ask!(find_counts(key_id, Span::Hour, &[Span::Hour.start_of(now())]), |it| !it.is_empty());
    ask!(find_passed(&[key_id], Span::Hour, &[Span::Hour.start_of(now())]), |it| !it.is_empty());
    ask!(find_denials(key_id), |it| !it.is_empty());
    ask!(find_version_uses(key_id, &[Span::Day.start_of(now())]), |it| !it.is_empty());
    ask!(page_keys(&any, KeySort::Created, &first, now()), |it| it.rows.iter().any(|it| own_key(&it.key)));
    ask!(count_keys(&any, now()), |it| it.count > 0);
    ask!(page_keys_that(&any, KeySort::Created, &first, now(), &|_| true), |it| it
        .rows
        .iter()
        .any(|it| own_key(&it.key)));
    ask!(count_keys_that(&any, now(), &|_| true), |it| it.count > 0);
    ask!(count_live_keys(), |it| it > 0);
    ask!(count_live_keys_of_owner(ann), |it| it > 0);
    ask!(count_breaking_keys(Breach::Endless, bounds), |it| it.keys > 0);
    ask!(find_breaking_keys(Breach::Endless, bounds), |it| it.iter().any(|it| it.id == key_id));
    ask!(find_left_behind(id()), |it| it == Some(LeftBehind::ApiOfKey));
    ask!(find_import(full.import.id), |it| it.is_some());
    ask!(find_import_by_source(&full.import.source_digest), |it| it.is_some());
    ask!(page_imports(&first), |it| !it.rows.is_empty());
    ask!(find_digests(&[full.secret.digest]), |it| it[0].is_some_and(|it| it != Known::Foreign));
    ask!(find_taken_names(full.key.api_id, &names), |it| !it.is_empty());
    ask!(find_idempotent("abc"), |it| it.is_some());
    ask!(page_events(&EventFilter::default(), &first), |it| !it.rows.is_empty());
    ask!(find_event(told), |it| it.is_some());
    ask!(find_events_about(latest.kind, &[latest.entity]), |it| it.iter().any(|it| it.id == told));
    ask!(find_latest_changes([latest.kind; 2], &[latest.entity]), |it| !it.is_empty());
    ask!(find_chain_head(), |it| it.is_some());
    ask!(find_key_health(key_id, now()), |it| !it.is_empty());
    let told = &full.told;
    let (webhook, topic, delivery) = (told.webhook.id, &told.event_type.topic, told.delivery.id);
    ask!(find_webhook(webhook), |it| it.is_some());
    ask!(page_webhooks(&WebhookFilter::default(), &first), |it| it.rows.iter().any(|it| it.webhook.id == webhook));
    ask!(count_webhooks(None), |it| it > 0);
    ask!(has_active_webhooks(told.webhook.key_id.expect("a key")), |it| it);
    ask!(count_webhooks_of_keys(&[told.webhook.key_id.expect("a key")]), |it| !it.is_empty());
    ask!(
        find_subscribers(
            topic,
            (claviger_core::event::Stream::Host, claviger_core::event::Position { epoch: 9, seq: 1 }),
            None,
            9
        ),
        |it| it.iter().any(|it| it.id == webhook)
    );
    ask!(find_webhook_secrets(webhook), |it| !it.is_empty());
    ask!(find_delivery(webhook, delivery), |it| it.is_some());
    ask!(page_deliveries(webhook, None, &first), |it| it.rows.iter().any(|it| it.id == delivery));
    ask!(find_attempts(delivery), |it| !it.is_empty());
    ask!(find_recent_tries(webhook, Timestamp::MIN), |it| !it.is_empty());
    ask!(find_event_type(topic), |it| it.is_some());
    ask!(find_own_event_type(topic), |it| it.is_some());
    ask!(page_event_types(&first), |it| !it.rows.is_empty());
    ask!(find_due_deliveries(webhook, now(), 9), |it| it.iter().any(|it| it.id == delivery));
    ask!(holds_lease(webhook, told.lease), |it| it);
    ask!(count_event_types(), |it| it > 0);
    ask!(find_host_event(told.host_event.id), |it| it.is_some());
    ask!(find_reported(&told.host_event), |it| it.is_some());
    ask!(has_acted(told.host_event.actor_user_id.expect("whoever did it")), |it| it);
    ask!(latest_host_events(topic, 9), |it| !it.is_empty());
    ask!(find_revision(told.host_event.id), |it| it.is_some());
    ask!(page_revisions(&RevisionFilter::default(), &first), |it| !it.rows.is_empty());
    ask!(find_admins_concerned(), |it| it.contains(&ann));
    ask!(has_live_keys(ann), |it| it);
    ask!(find_idle_walk(), |it| it.is_some());
    ask!(page_keys_made(None, Timestamp::MAX, 100), |it| it.contains(&key_id));
    ask!(page_last_uses((Timestamp::MIN, None), Timestamp::MAX, 100), |it| it.iter().any(|it| it.0 == key_id));
    ask!(find_key_clock(key_id, Ending::Idle), |it| it.is_some());
    ask!(find_organization_counts(full.world.acme.organization.id), |it| it.is_some());
    shown
}

#[tokio::test]
async fn finder_shows_everything_to_its_tenant_and_nothing_to_another() {
    let full = Full::new().await;
    let mut reader = full.world.store.read().await.expect("a reader");
    for (name, is_shown) in shown(&full, &mut reader, &full.world.acme.tenant).await {
        assert!(is_shown, "{name} does not show what it has to: the test would not notice a leak");
    }
    for (name, is_shown) in shown(&full, &mut reader, &full.world.beta.tenant).await {
        assert!(!is_shown, "{name} shows another tenant's rows");
    }
}

/// A user whom nobody made a member is found where it is managed, and nowhere else.
#[tokio::test]
async fn user_without_a_membership_is_found_where_it_is_managed() {
    let full = Full::new().await;
    let mut reader = full.world.store.read().await.expect("a reader");
    for (tenant, expected) in
        [(&full.world.acme.tenant, true), (&full.world.beta.tenant, false), (&full.world.root, false)]
    {
        let found = reader.find_user(tenant, full.user.id).await.expect("an answer");
        assert_eq!(found.is_some(), expected);
    }
}

/// Lets `by` do to Acme's rows what Acme could do.
async fn write(writer: &str, full: &Full, tx: &mut Tx, by: &Tenant) -> StoreResult<()> {
    let (acme_id, ann) = (full.world.acme.organization.id, full.world.acme.user.id);
    let (new_key, new_secret, _) = full.world.key(&full.world.acme, "New");
    let further = Secret { key_id: full.key.id, state: SecretState::Dead, ..new_secret.clone() };
    let mut membership = full.world.acme.member.clone();
    let mut role = full.role.clone();
    match writer {
        // Of which no key is: it is made by the way.
        "delete_api" => {
            let spare = api(&full.world.acme.tenant, "spare-api", "spare");
            tx.insert_api(&full.world.acme.tenant, &spare).await?;
            tx.delete_api(by, spare.id, 1, now()).await
        }
        "delete_document" => tx.delete_document(by, &full.document.head).await,
        "delete_documents" => {
            let deleted = tx.delete_documents(by, full.api.id, &full.document.head.api_version).await?;
            assert_eq!(deleted, 1, "it is Acme's");
            Ok(())
        }
        "put_document" => tx.put_document(by, &full.document).await,
        "delete_member" => tx.delete_member(by, membership.id, 1).await,
        "delete_role" => {
            role.id = full.world.acme_spare_role(tx).await;
            tx.delete_role(by, role.id, 1).await
        }
        "insert_api" => tx.insert_api(by, &api(&full.world.acme.tenant, "new-api", "nw")).await,
        "delete_sealed_copies" => {
            tx.delete_sealed_copies(by, full.key.id).await?;
            let left = tx.find_sealed_copies(&full.world.acme.tenant, full.key.id).await?;
            assert!(left.is_empty(), "they are Acme's");
            Ok(())
        }
        "destroy_unrevealed" => {
            assert_eq!(tx.destroy_unrevealed(by, now()).await?, 1, "it is Acme's");
            Ok(())
        }
        "insert_sealed_copy" => tx.insert_sealed_copy(by, &full.child_secret, full.data_key.id, &vec![2]).await,
        // These are about a row of the caller's own, wherever that is.
        "delete_shared_secret" => tx.delete_shared_secret(by, &full.shared_secret, now()).await,
        "update_shared_secret" => tx.update_shared_secret(by, &full.shared_secret, now()).await,
        "insert_shared_secret" => {
            let state = SecretState::Retiring { until: Timestamp::MAX };
            let other = SharedSecret { id: id(), state, ..full.shared_secret.clone() };
            tx.insert_shared_secret(by, &other, full.data_key.id, &vec![2]).await
        }
        "destroy_shared_secret_key" => {
            let acme = &full.world.acme.tenant;
            tx.insert_data_key(acme, Purpose::SharedSecret, &data_key(), now()).await?;
            tx.destroy_shared_secret_key(by, now()).await?;
            assert!(tx.find_data_key(acme, Purpose::SharedSecret).await?.is_none(), "it is Acme's");
            Ok(())
        }
        "delete_signing_key" => tx.delete_signing_key(by, full.signing_key.id).await,
        "update_signing_key" => tx.update_signing_key(by, &full.signing_key).await,
        "insert_signing_key" => {
            tx.insert_signing_key(by, &signing_key(SigningKeyState::Next), full.data_key.id, &vec![2]).await
        }
        "erase_event" => {
            let told =
                tx.page_events(&full.world.acme.tenant, &EventFilter::default(), &PageRequest::first(100)).await?;
            let told = told.rows.iter().find(|it| it.after.is_some()).expect("an event that tells something");
            assert_eq!(tx.erase_event(by, told.id).await?, Some(Erased::Now), "it is Acme's");
            Ok(())
        }
        "erase_host_event" => {
            let erased = tx.erase_host_event(by, full.told.host_event.id).await?;
            assert_eq!(erased, Some(Erased::Now), "it is Acme's");
            Ok(())
        }
        "use_assertion" => tx.use_assertion(by, [1; 32], now()).await.map(drop),
        "end_sign_in" => tx.end_sign_in(by, id(), full.key.id, now()).await.map(drop),
        "insert_data_key" => tx.insert_data_key(by, Purpose::SharedSecret, &data_key(), now()).await.map(drop),
        "hold_idempotency_key" => tx.hold_idempotency_key(by, "abd").await,
        "insert_idempotent" => tx.insert_idempotent(by, "abd", &answer()).await,
        "insert_import" => {
            let mut new = import(acme_id, full.api.id, role.id);
            new.source_digest = [8; 32];
            tx.insert_import(by, &new).await
        }
        "insert_key" => tx.insert_key(by, &new_key, &[new_secret]).await,
        "insert_keys" => tx.insert_keys(by, &[(new_key, new_secret)]).await,
        "insert_member" => tx.insert_member(by, &member(acme_id, full.user.id, full.world.admin.id)).await,
        "insert_organization" => tx.insert_organization(by, &organization(Some(acme_id), "new")).await,
        "insert_role" => {
            (role.id, role.name) = (id(), name("New"));
            tx.insert_role(by, &role).await
        }
        "insert_secret" => tx.insert_secret(by, &further).await,
        "insert_user" => tx.insert_user(by, &user(acme_id, "new")).await,
        "insert_notification" => tx.insert_notification(by, &notification(&full.key, ann), id(), None).await,
        "withdraw_notifications" => {
            let kinds = [NotificationKind::KeyIdle, NotificationKind::KeyIdleAgain];
            tx.withdraw_notifications(by, full.key.id, kinds).await?;
            let page = tx.page_notifications_unchecked(ann, true, &PageRequest::first(1)).await?;
            assert!(page.rows.is_empty(), "it is Acme's");
            Ok(())
        }
        "withdraw_notifications_until" => {
            let it = Notification { deadline: Some(now()), ..notification(&full.key, ann) };
            tx.insert_notification(&full.world.acme.tenant, &it, id(), None).await?;
            tx.withdraw_notifications_until(by, full.key.id, NotificationKind::KeyIdle, Timestamp::MAX).await?;
            let found = tx.find_notification_unchecked(ann, it.id).await?;
            let state = found.map(|it| it.notification.state);
            assert_eq!(state, Some(NotificationState::Withdrawn), "it is Acme's");
            Ok(())
        }
        "delete_key_clock" => tx.delete_key_clock(by, full.key.id, Ending::Idle).await,
        "look_again_at_clocks" => {
            tx.look_again_at_clocks(by, Timestamp::MIN).await?;
            let clock = tx.find_key_clock(&full.world.acme.tenant, full.key.id, Ending::Idle).await?;
            assert_eq!(clock.map(|it| it.due_at), Some(Timestamp::MIN), "it is Acme's");
            Ok(())
        }
        "put_key_clock" => tx.put_key_clock(by, &clock(&full.key)).await,
        "put_idle_walk" => tx.put_idle_walk(by, &IdleWalk::begin(30)).await,
        "release_keys" => {
            tx.delete_member(&full.world.acme.tenant, membership.id, 1).await?;
            let released = tx.release_keys(by, full.world.acme.user.id, None, now()).await?;
            assert_eq!((released.revoked, released.disowned), (1, 1), "both are Acme's");
            Ok(())
        }
        "update_api" => tx.update_api(by, &Api { version: 2, ..full.api.clone() }, 1).await,
        "update_import" => tx.update_import(by, &Import { accepted: 1, ..full.import.clone() }).await,
        "update_key" => tx.update_key(by, &Key { version: 2, ..full.child.clone() }, 1).await,
        "update_member" => {
            membership.version = 2;
            tx.update_member(by, &membership, 1).await
        }
        "update_organization" => {
            let changed = claviger_core::organization::Organization { version: 2, ..full.below.clone() };
            tx.update_organization(by, &changed, 1).await
        }
        "update_role" => {
            role.version = 2;
            tx.update_role(by, &role, 1).await
        }
        "update_secret" => {
            let changed = Secret { state: SecretState::Dead, ..full.secret.clone() };
            tx.update_secret(by, &changed, now()).await
        }
        "update_user" => tx.update_user(by, &User { version: 2, ..full.user.clone() }, 1).await,
        other => full.told.write(other, tx, by, full.data_key.id).await,
    }
}

#[tokio::test]
async fn writer_changes_rows_of_its_tenant_and_of_no_other() {
    let full = Arc::new(Full::new().await);
    let before = contents(&full.world.store).await;
    for writer in WRITERS {
        // Acme can: without that the refusals below would say nothing. It is rolled back.
        let mut tx = full.world.store.begin().await.expect("a transaction");
        let own = write(writer, &full, &mut tx, &full.world.acme.tenant).await;
        assert!(own.is_ok(), "{writer}: {own:?}");
        drop(tx);
        if [
            "hold_idempotency_key",
            "insert_data_key",
            "insert_idempotent",
            "use_assertion",
            "end_sign_in",
            "put_idle_walk",
        ]
        .contains(&writer)
        {
            continue;
        }
        // Beta cannot: it is refused, or stopped by an assertion where a caller has mixed up two tenants.
        let attempt = Arc::clone(&full);
        let local = tokio::task::LocalSet::new();
        let foreign = local.run_until(async move {
            let attempt = tokio::task::spawn_local(async move {
                let mut tx = attempt.world.store.begin().await.expect("a transaction");
                let result = write(writer, &attempt, &mut tx, &attempt.world.beta.tenant).await;
                if result.is_ok() {
                    tx.commit(event(&attempt.world.beta.tenant, attempt.key.id)).await.expect("a commit");
                }
                result
            });
            attempt.await
        });
        let foreign = foreign.await;
        assert!(!matches!(foreign, Ok(Ok(()))), "{writer} changes another tenant's rows");
        assert_eq!(contents(&full.world.store).await, before, "{writer}");
    }
}

#[tokio::test]
async fn every_function_that_takes_a_tenant_is_tried_here() {
    let full = Full::new().await;
    let mut reader = full.world.store.read().await.expect("a reader");
    let tried = shown(&full, &mut reader, &full.world.acme.tenant).await.into_iter().map(|(name, _)| name);
    // Neither shows nor changes a row.
    let holds = ["hold_idempotency_key"];
    let tried: BTreeSet<String> = tried.chain(WRITERS).chain(holds).map(str::to_owned).collect();
    let mut taking = BTreeSet::new();
    read_functions(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut taking);
    assert!(50 < taking.len(), "{taking:?}");
    assert_eq!(tried, taking);
}

/// The names of the public functions with a parameter `tenant`, in all files below a folder.
fn read_functions(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read_functions(&path, names);
            continue;
        }
        let source = fs::read_to_string(&path).expect("a source file");
        for function in source.split("pub async fn ").skip(1) {
            let (name, rest) = function.split_once('(').expect("parameters");
            let parameters = rest.split_once("->").map_or(rest, |(parameters, _)| parameters);
            if parameters.contains("tenant: &Tenant") || parameters.contains("tenants: &[Tenant]") {
                names.insert(name.to_owned());
            }
        }
    }
}

impl World {
    /// A role of Acme's that nobody has, in a transaction that is not committed.
    async fn acme_spare_role(&self, tx: &mut Tx) -> RoleId {
        let mut spare = Role::built_in(id(), self.acme.organization.id, BuiltIn::Readonly, now());
        spare.name = name("Spare");
        tx.insert_role(&self.acme.tenant, &spare).await.expect("a role");
        spare.id
    }
}
