//! Users, members and roles: who may change whom, and what becomes of the keys of those who leave.

use std::time::Duration;

use claviger::ops::keys::{KeyFilter, KeyQuery, get_key, list_keys};
use claviger::ops::leaving::finish_leaving;
use claviger::ops::members::{MemberPatch, NewMember, create_member, delete_member, list_members, update_member};
use claviger::ops::page::PageRequest;
use claviger::ops::roles::{NewRole, RolePatch, create_role, delete_role, get_role, list_roles, update_role};
use claviger::ops::users::{NewUser, UserPatch, create_user, put_user, update_user};
use claviger_core::event::{Event, EventKind};
use claviger_core::id::{KeyId, OrganizationId, UserId};
use claviger_core::key::{KeyDraft, KeyState, Origin};
use claviger_core::limits::ROWS_PER_EVENT_MAX;
use claviger_core::name::{Description, Email, ExternalId};
use claviger_core::permission::PermissionSet;
use claviger_core::reject::RejectCode;
use claviger_core::role::{BuiltIn, Role};
use claviger_core::secret::Token;
use claviger_core::tenant::Tenant;
use claviger_core::user::UserStatus;
use claviger_store::PageRequest as StorePage;
use claviger_store::log::EventFilter;

use crate::app::{TestApp, name, new_key, permissions, refused};

fn person(text: &str) -> NewUser {
    NewUser { name: name(text), email: None, external_id: None, service: false }
}

async fn role(test: &TestApp, text: &str, texts: &[&str]) -> Role {
    let new = NewRole {
        name: name(text),
        description: Description::default(),
        permissions: permissions(texts),
        api_access: true,
    };
    create_role(&test.app, &test.admin, test.root, new, None).await.unwrap().fresh().unwrap()
}

#[tokio::test]
async fn who_leaves_loses_keys_and_those_mapped_to_them_are_denied() {
    let test = TestApp::new().await;
    let acme = test.organization(test.root, "Acme").await;
    let below = test.organization(acme, "Below").await;
    let (ann, ann_id, member_id) = test.member(acme, "Ann", BuiltIn::Admin).await;
    let here = test.create_key(&ann, acme, new_key("Here")).await.unwrap();
    let there = test.create_key(&ann, below, new_key("Below")).await.unwrap();
    let mut mapped = new_key("Mapped");
    mapped.mapped_user_id = Some(Some(ann_id));
    let mapped = test.create_key(&test.admin, acme, mapped).await.unwrap();
    assert_eq!(test.verify(&mapped.token, &[]), Ok(()));

    delete_member(&test.app, &test.admin, acme, member_id).await.unwrap();
    for (at, key) in [(acme, &here), (below, &there), (acme, &mapped)] {
        let info = get_key(&test.app, &test.admin, at, key.info.key.id).await.unwrap();
        let owner = if std::ptr::eq(key, &mapped) { Some(test.admin_id) } else { None };
        assert_eq!((info.key.owner_id, info.state), (owner, KeyState::Active), "{}", info.key.name);
        assert_eq!(test.verify(&key.token, &[]), Err("user_inactive"), "{}", info.key.name);
    }
    assert_eq!(refused(get_key(&test.app, &ann, acme, here.info.key.id).await), RejectCode::NotFound);
}

#[tokio::test]
async fn keys_stay_with_a_user_whom_another_membership_keeps() {
    let test = TestApp::new().await;
    let acme = test.organization(test.root, "Acme").await;
    let (ann, ann_id, _) = test.member(acme, "Ann", BuiltIn::Admin).await;
    let below = test.organization(acme, "Below").await;
    let role_id = test.built_in(below, BuiltIn::Admin).await.id;
    let new = NewMember { user_id: ann_id, role_id, extra_permissions: PermissionSet::nothing() };
    let nearer = create_member(&test.app, &test.admin, below, new, None).await.unwrap().fresh().unwrap();
    let key = test.create_key(&ann, below, new_key("Below")).await.unwrap();
    delete_member(&test.app, &test.admin, below, nearer.member.id).await.unwrap();
    let info = get_key(&test.app, &test.admin, below, key.info.key.id).await.unwrap();
    assert_eq!(info.key.owner_id, Some(ann_id), "the membership above reaches there");
    assert_eq!(test.verify(&key.token, &["contacts:update"]), Ok(()));
}

#[tokio::test]
async fn a_disabled_user_is_denied_at_once_and_good_again_afterwards() {
    let test = TestApp::new().await;
    let (_, id, _) = test.member(test.root, "Sam", BuiltIn::Readonly).await;
    let mut mapped = new_key("Sam's");
    mapped.mapped_user_id = Some(Some(id));
    let key = test.create_key(&test.admin, test.root, mapped).await.unwrap();
    let set = async |status| {
        let patch = UserPatch { status: Some(status), ..UserPatch::default() };
        update_user(&test.app, &test.admin, test.root, id, patch, None).await.unwrap()
    };
    set(UserStatus::Disabled).await;
    assert_eq!(test.verify(&key.token, &[]), Err("user_inactive"));
    set(UserStatus::Active).await;
    assert_eq!(test.verify(&key.token, &[]), Ok(()));
}

#[tokio::test]
async fn the_last_admin_stays() {
    let test = TestApp::new().await;
    let members = list_members(&test.app, &test.admin, test.root, PageRequest::default()).await.unwrap();
    let own = members.items[0].member.id;
    let readonly = test.built_in(test.root, BuiltIn::Readonly).await.id;
    let demote = || MemberPatch { role_id: Some(readonly), ..MemberPatch::default() };
    let disable = || UserPatch { status: Some(UserStatus::Disabled), ..UserPatch::default() };
    assert_eq!(refused(delete_member(&test.app, &test.admin, test.root, own).await), RejectCode::StateConflict);
    let demoted = update_member(&test.app, &test.admin, test.root, own, demote(), None).await;
    assert_eq!(refused(demoted), RejectCode::StateConflict);
    let disabled = update_user(&test.app, &test.admin, test.root, test.admin_id, disable(), None).await;
    assert_eq!(refused(disabled), RejectCode::StateConflict);

    // Without an address nobody can sign in.
    let nameless = UserPatch { email: Some(None), ..UserPatch::default() };
    let nameless = update_user(&test.app, &test.admin, test.root, test.admin_id, nameless, None).await;
    assert_eq!(refused(nameless), RejectCode::StateConflict);

    // A disabled admin does not count; an active one does.
    let (_, second, _) = test.member(test.root, "Second", BuiltIn::Admin).await;
    update_user(&test.app, &test.admin, test.root, second, disable(), None).await.unwrap();
    assert_eq!(refused(delete_member(&test.app, &test.admin, test.root, own).await), RejectCode::StateConflict);
    let (third, ..) = test.member(test.root, "Third", BuiltIn::Admin).await;
    delete_member(&test.app, &third, test.root, own).await.unwrap();
}

// A role is what its permissions say, and whoever manages members gives away no more than they hold.
#[tokio::test]
async fn nobody_gives_or_takes_more_than_they_hold() {
    let test = TestApp::new().await;
    let manager =
        role(&test, "Manager", &["claviger/members:*", "claviger/users:*", "claviger/roles:*", "*:read"]).await;
    let new = create_user(&test.app, &test.admin, test.root, person("Mia"), None).await.unwrap().fresh().unwrap();
    let new = NewMember { user_id: new.id, role_id: manager.id, extra_permissions: PermissionSet::nothing() };
    let mia_id = new.user_id;
    create_member(&test.app, &test.admin, test.root, new, None).await.unwrap();
    let claviger::ops::caller::Caller::Session { session_id, .. } = test.admin else { panic!("a session") };
    let mia = claviger::ops::caller::Caller::Session { user_id: mia_id, session_id, ip: None };

    let other = create_user(&test.app, &mia, test.root, person("Other"), None).await.unwrap().fresh().unwrap();
    let admin_role = test.built_in(test.root, BuiltIn::Admin).await.id;
    let join =
        |role_id, extra: &[&str]| NewMember { user_id: other.id, role_id, extra_permissions: permissions(extra) };
    let exceeds = RejectCode::GrantExceedsOwn;
    assert_eq!(refused(create_member(&test.app, &mia, test.root, join(admin_role, &[]), None).await), exceeds);
    let readonly = test.built_in(test.root, BuiltIn::Readonly).await.id;
    let extra = join(readonly, &["contacts:update"]);
    assert_eq!(refused(create_member(&test.app, &mia, test.root, extra, None).await), exceeds);
    create_member(&test.app, &mia, test.root, join(readonly, &["deals:read"]), None).await.unwrap();

    // Nor can she remove, demote, switch off or take over the admin, or widen a role.
    let members = list_members(&test.app, &mia, test.root, PageRequest::default()).await.unwrap();
    let admin = members.items.iter().find(|it| it.user.id == test.admin_id).unwrap().member.id;
    assert_eq!(refused(delete_member(&test.app, &mia, test.root, admin).await), exceeds);
    let demote = MemberPatch { role_id: Some(readonly), ..MemberPatch::default() };
    assert_eq!(refused(update_member(&test.app, &mia, test.root, admin, demote, None).await), exceeds);
    for patch in [
        UserPatch { status: Some(UserStatus::Disabled), ..UserPatch::default() },
        UserPatch { email: Some(Email::parse("mia@example.com").ok()), ..UserPatch::default() },
    ] {
        assert_eq!(refused(update_user(&test.app, &mia, test.root, test.admin_id, patch, None).await), exceeds);
    }
    let widen = RolePatch { permissions: Some(permissions(&["*:*"])), ..RolePatch::default() };
    assert_eq!(refused(update_role(&test.app, &mia, test.root, manager.id, widen, None).await), exceeds);
}

// S0.2: nobody takes API access from admins, and so no switch is ever off for them.
#[tokio::test]
async fn built_in_roles_keep_what_makes_them_so() {
    let test = TestApp::new().await;
    let (admin, member) =
        (test.built_in(test.root, BuiltIn::Admin).await, test.built_in(test.root, BuiltIn::Member).await);
    let update = async |id, patch| update_role(&test.app, &test.admin, test.root, id, patch, None).await;
    let fewer = || RolePatch { permissions: Some(permissions(&["*:read"])), ..RolePatch::default() };
    assert_eq!(refused(update(admin.id, fewer()).await), RejectCode::StateConflict);
    let off = RolePatch { api_access: Some(false), ..RolePatch::default() };
    assert_eq!(refused(update(admin.id, off).await), RejectCode::StateConflict);
    let renamed = RolePatch { name: Some(name("Staff")), ..RolePatch::default() };
    assert_eq!(refused(update(member.id, renamed).await), RejectCode::StateConflict);
    update(member.id, fewer()).await.expect("what members may is the organization's own affair");
    assert_eq!(refused(delete_role(&test.app, &test.admin, test.root, member.id).await), RejectCode::StateConflict);
}

#[tokio::test]
async fn a_role_in_use_stays_and_one_of_above_is_changed_there() {
    let test = TestApp::new().await;
    let analyst = role(&test, "Analyst", &["reports:read"]).await;
    let acme = test.organization(test.root, "Acme").await;
    let names = async |at| {
        let roles = list_roles(&test.app, &test.admin, at, PageRequest::default()).await.unwrap();
        roles.items.into_iter().map(|it| it.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(acme).await, ["admin", "Analyst", "member", "readonly"]);
    let patch = RolePatch { name: Some(name("Mine")), ..RolePatch::default() };
    assert_eq!(
        refused(update_role(&test.app, &test.admin, acme, analyst.id, patch, None).await),
        RejectCode::StateConflict
    );
    let mut new = new_key("Reports");
    new.role_id = Some(analyst.id);
    test.create_key(&test.admin, acme, new).await.unwrap();
    assert_eq!(get_role(&test.app, &test.admin, test.root, analyst.id).await.unwrap().key_count, 1);
    assert_eq!(refused(delete_role(&test.app, &test.admin, test.root, analyst.id).await), RejectCode::StateConflict);
    let unused = role(&test, "Unused", &["reports:read"]).await;
    delete_role(&test.app, &test.admin, test.root, unused.id).await.unwrap();
    assert_eq!(refused(get_role(&test.app, &test.admin, test.root, unused.id).await), RejectCode::NotFound);
}

#[tokio::test]
async fn a_host_keeps_users_in_step_by_its_own_identifiers() {
    let test = TestApp::new().await;
    let external_id = ExternalId::parse("u-7").unwrap();
    let put = async |new| put_user(&test.app, &test.admin, test.root, external_id.clone(), new).await;
    let (made, was_made) = put(person("Sam")).await.unwrap();
    let (same, again) = put(person("Sam")).await.unwrap();
    let (renamed, _) = put(person("Sam Ortiz")).await.unwrap();
    assert_eq!((was_made, again, same.version, renamed.version, made.id), (true, false, 1, 2, renamed.id));
    let service = NewUser { service: true, email: Email::parse("bot@example.com").ok(), ..person("Bot") };
    assert_eq!(refused(put(service).await), RejectCode::InvalidField);
}

/// Keys that Ann owns and the admin's rights stand behind, so that only Ann's leaving denies them.
pub(super) async fn thousands_of_keys(test: &TestApp, at: OrganizationId, ann_id: UserId) -> Vec<(KeyId, Token)> {
    let tenant = Tenant::system(at, "test");
    let mut tx = test.app.store().begin().await.unwrap();
    let api = tx.find_api_by_slug(&tenant, "default").await.unwrap().unwrap();
    let mut made = Vec::new();
    for chunk in 0..3 {
        let mut keys = Vec::new();
        for number in 0..ROWS_PER_EVENT_MAX {
            let mut draft = KeyDraft::named(name(&format!("Key {chunk} {number}")), Origin::Api);
            (draft.owner_id, draft.mapped_user_id) = (Some(ann_id), Some(test.admin_id));
            let (key, secret, token) = draft.mint(at, &api, test.now(), &mut *test.app.rng()).unwrap();
            made.push((key.id, token));
            keys.push((key, secret));
        }
        tx.insert_keys(&tenant, &keys).await.unwrap();
        let position = tx.commit(Event::new(&tenant, EventKind::KeysImported, keys[0].0.id, test.now())).await.unwrap();
        test.app.follower().applied(position).await.unwrap();
        tx = test.app.store().begin().await.unwrap();
    }
    made
}

/// Goes on with what is left of all who left, and waits until verifiers know what the service's own job has done of it.
async fn finish(test: &TestApp) {
    finish_leaving(&test.app).await.unwrap();
    let head = test.app.store().begin().await.unwrap().settled_head().await.unwrap();
    test.app.follower().applied(head).await.unwrap();
}

#[tokio::test]
async fn nobody_waits_for_the_keys_of_leavers_when_nobody_is_leaving() {
    let test = TestApp::new().await;
    let writing = test.app.store().begin().await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), finish_leaving(&test.app)).await.expect("no wait").unwrap();
    drop(writing);
}

#[tokio::test]
async fn thousands_of_keys_of_who_leaves_are_denied_at_once_and_ownerless_soon() {
    let test = TestApp::new().await;
    let acme = test.organization(test.root, "Acme").await;
    let (_, ann_id, member_id) = test.member(acme, "Ann", BuiltIn::Admin).await;
    let keys = thousands_of_keys(&test, acme, ann_id).await;
    assert_eq!(test.verify(&keys[2999].1, &["contacts:read"]), Ok(()));
    delete_member(&test.app, &test.admin, acme, member_id).await.unwrap();
    let mine = || KeyQuery::from(KeyFilter { owner_id: Some(ann_id), ..KeyFilter::default() });
    let of_ann =
        async || list_keys(&test.app, &test.admin, acme, mine(), PageRequest::default()).await.unwrap().total.count;
    let mut tries = 0;
    while 0 < of_ann().await {
        assert!(tries < 3000, "keys are left with who left");
        tries += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Nobody's keys are judged by nobody's access, and good again.
    finish(&test).await;
    for (_, token) in [&keys[0], &keys[1500], &keys[2999]] {
        assert_eq!(test.verify(token, &["contacts:read"]), Ok(()));
    }
    let filter = EventFilter { entity: Some(ann_id.into()), ..EventFilter::default() };
    let mut reader = test.app.store().read().await.unwrap();
    let events = reader.page_events(&Tenant::system(acme, "test"), &filter, &StorePage::first(10)).await.unwrap();
    let released: Vec<_> = events.rows.iter().filter(|it| it.kind == EventKind::KeysReleased).collect();
    assert_eq!(released.len(), 2, "the first thousand stand with the end of the membership");
    assert!(released.iter().all(|it| it.job.as_deref() == Some("leaving")));
}

#[tokio::test]
async fn what_a_crash_leaves_with_who_left_is_denied_and_released_afterwards() {
    let test = TestApp::new().await;
    let acme = test.organization(test.root, "Acme").await;
    let (_, ann_id, member_id) = test.member(acme, "Ann", BuiltIn::Admin).await;
    let keys = thousands_of_keys(&test, acme, ann_id).await;
    let tenant = Tenant::system(acme, "test");
    let mut tx = test.app.store().begin().await.unwrap();
    tx.delete_member(&tenant, member_id, 1).await.unwrap();
    let position = tx.commit(Event::new(&tenant, EventKind::MemberDeleted, member_id, test.now())).await.unwrap();
    test.app.follower().applied(position).await.unwrap();
    let is_denied = |(_, token): &(KeyId, Token)| test.verify(token, &[]) == Err("api_access_denied");
    assert!(keys.iter().all(is_denied), "the end of the membership alone denies them");
    // As a process leaves it that is killed right after the first commit.
    let mut tx = test.app.store().begin().await.unwrap();
    assert!(tx.release_keys(&tenant, ann_id, None, test.now()).await.unwrap().has_more);
    tx.commit(Event::new(&tenant, EventKind::KeysReleased, ann_id, test.now())).await.unwrap();
    finish(&test).await;
    assert!(keys.iter().all(|(_, token)| test.verify(token, &[]) == Ok(())));
}
