//! Keys: what they begin with, what bounds them, and that a change holds at once.

use std::time::Duration;

use claviger::ops::keys::{Overlap, get_key, revoke_key, rotate_key, set_key_active, update_key};
use claviger::ops::members::{MemberPatch, NewMember, create_member, update_member};
use claviger::ops::roles::{NewRole, create_role};
use claviger::ops::users::{NewUser, create_user};
use claviger_core::decision::Reach;
use claviger_core::key::{KeyPatch, KeyState, RevocationReason};
use claviger_core::name::{Description, Slug};
use claviger_core::network::IpAllowList;
use claviger_core::permission::PermissionSet;
use claviger_core::reject::RejectCode;
use claviger_core::role::BuiltIn;

use crate::app::{DAY, TestApp, name, new_key, permissions, refused};

// S2.11: owner and mapped user are the creator.
#[tokio::test]
async fn a_created_key_is_its_makers_and_verifies_at_once() {
    let test = TestApp::new().await;
    let created = test.create_key(&test.admin, test.root, new_key("CI deploy")).await.unwrap();
    assert_eq!(test.verify(&created.token, &["contacts:read"]), Ok(()));
    let key = &created.info.key;
    assert_eq!(
        (key.owner_id, key.mapped_user_id, key.created_by),
        (Some(test.admin_id), Some(test.admin_id), Some(test.admin_id))
    );
    assert_eq!((key.role_id, key.scopes.clone(), key.expires_at, key.reach), (None, None, None, Reach::Organization));
    assert_eq!(created.info.owner_name.as_ref().map(|it| it.as_str()), Some("Maria Keller"));
    assert_eq!(created.info.access_hint.as_deref(), Some(created.token.access_id().hint().as_str()));
    let again = get_key(&test.app, &test.admin, test.root, key.id).await.unwrap();
    assert_eq!((again.key, again.state), (key.clone(), KeyState::Active));
}

// S4.12 S2.31 S1.17: what is switched off or revoked is refused with the next request, and a revoked key stays revoked.
#[tokio::test]
async fn switching_and_revoking_hold_at_once() {
    let test = TestApp::new().await;
    let created = test.create_key(&test.admin, test.root, new_key("CI")).await.unwrap();
    let (id, token) = (created.info.key.id, created.token);
    let switch = async |active| {
        let answer = set_key_active(&test.app, &test.admin, test.root, id, active, None, None).await;
        answer.map(|it| it.fresh().unwrap())
    };
    let off = switch(false).await.unwrap();
    assert_eq!(test.verify(&token, &[]), Err("inactive"));
    let twice = switch(false).await.unwrap();
    assert_eq!(twice.key.version, off.key.version, "a second time changes nothing");
    switch(true).await.unwrap();
    assert_eq!(test.verify(&token, &[]), Ok(()));
    let revoke =
        async || revoke_key(&test.app, &test.admin, test.root, id, RevocationReason::KeyCompromise, None).await;
    assert_eq!(revoke().await.unwrap().fresh().unwrap().state, KeyState::Revoked);
    assert_eq!(test.verify(&token, &[]), Err("revoked"));
    revoke().await.expect("revoking twice is no error");
    assert_eq!(refused(switch(true).await), RejectCode::StateConflict);
}

// A name is taken while a live key has it, in every spelling of it.
#[tokio::test]
async fn a_name_is_free_again_once_its_key_is_revoked() {
    let test = TestApp::new().await;
    let first = test.create_key(&test.admin, test.root, new_key("CI deploy")).await.unwrap();
    assert_eq!(refused(test.create_key(&test.admin, test.root, new_key("ci DEPLOY")).await), RejectCode::NameTaken);
    let mut loader = new_key("CI deploy");
    loader.api = Slug::parse("data-loader").ok();
    test.create_key(&test.admin, test.root, loader).await.expect("another api has names of its own");
    revoke_key(&test.app, &test.admin, test.root, first.info.key.id, RevocationReason::Unspecified, None)
        .await
        .unwrap();
    test.create_key(&test.admin, test.root, new_key("CI deploy")).await.expect("the name is free");
}

// S2.19 S2.21: name, expiry and mapped user change without the secret.
#[tokio::test]
async fn an_update_changes_what_it_names_and_not_the_secret() {
    let test = TestApp::new().await;
    let (_, other, _) = test.member(test.root, "Sam Ortiz", BuiltIn::Readonly).await;
    let created = test.create_key(&test.admin, test.root, new_key("CI")).await.unwrap();
    let id = created.info.key.id;
    let patch = KeyPatch {
        name: Some(name("CI 2")),
        expires_at: Some(Some(test.now().saturating_add(DAY))),
        mapped_user_id: Some(Some(other)),
        ..KeyPatch::default()
    };
    let updated = update_key(&test.app, &test.admin, test.root, id, patch, Some(1)).await.unwrap();
    assert_eq!((updated.key.name.as_str(), updated.key.version), ("CI 2", 2));
    assert_eq!(updated.mapped_user_name.as_ref().map(|it| it.as_str()), Some("Sam Ortiz"));
    assert_eq!(test.verify(&created.token, &["contacts:read"]), Ok(()));
    assert_eq!(
        test.verify(&created.token, &["contacts:update"]),
        Err("insufficient_permission"),
        "the rights are Sam's now"
    );
    let stale = update_key(&test.app, &test.admin, test.root, id, KeyPatch::default(), Some(1)).await;
    assert_eq!(refused(stale), RejectCode::VersionMismatch);
    // S2.10: past its expiry it is refused, and a later date makes it good again.
    test.clock.advance(DAY);
    assert_eq!(test.verify(&created.token, &[]), Err("expired"));
    let patch = KeyPatch { expires_at: Some(None), ..KeyPatch::default() };
    update_key(&test.app, &test.admin, test.root, id, patch, None).await.unwrap();
    assert_eq!(test.verify(&created.token, &[]), Ok(()));
}

// S0.10: by policy the old secret stays good for a week, "now" ends it at once.
#[tokio::test]
async fn a_rotation_replaces_the_secret_when_it_says() {
    let test = TestApp::new().await;
    let created = test.create_key(&test.admin, test.root, new_key("CI")).await.unwrap();
    let id = created.info.key.id;
    let rotate = async |overlap| {
        rotate_key(&test.app, &test.admin, test.root, id, overlap, None).await.map(|it| it.fresh().unwrap())
    };
    let second = rotate(Overlap::Policy).await.unwrap();
    assert_eq!(second.info.rotating_until, Some(test.now().saturating_add(7 * DAY)));
    assert_eq!(second.info.secrets.len(), 2);
    assert_eq!((test.verify(&created.token, &[]), test.verify(&second.token, &[])), (Ok(()), Ok(())));
    test.clock.advance(7 * DAY);
    assert_eq!((test.verify(&created.token, &[]), test.verify(&second.token, &[])), (Err("expired"), Ok(())));
    let third = rotate(Overlap::For(Duration::ZERO)).await.unwrap();
    assert_eq!((test.verify(&second.token, &[]), test.verify(&third.token, &[])), (Err("revoked"), Ok(())));
    assert_eq!(refused(rotate(Overlap::For(31 * DAY)).await), RejectCode::PolicyDenied);
    test.set_policy(test.root, r#"{"rotation_overlap_hours": 1, "locked": ["rotation_overlap_hours"]}"#).await;
    assert_eq!(refused(rotate(Overlap::For(2 * Duration::from_secs(3600))).await), RejectCode::PolicyDenied);
    rotate(Overlap::For(Duration::from_secs(3600))).await.unwrap();
}

#[tokio::test]
async fn nobody_grants_more_than_they_hold() {
    let test = TestApp::new().await;
    // A key that may create keys, and read contacts, and nothing else.
    let mut narrow = new_key("Narrow");
    narrow.scopes = Some(permissions(&["claviger/keys:create", "claviger/keys:update", "contacts:read"]));
    let narrow = test.create_key(&test.admin, test.root, narrow).await.unwrap();
    let caller = test.caller(&narrow.token);
    assert_eq!(refused(test.create_key(&caller, test.root, new_key("Everything")).await), RejectCode::GrantExceedsOwn);
    let scoped = |text: &str, scopes: &[&str]| {
        let mut new = new_key(text);
        new.scopes = Some(permissions(scopes));
        new
    };
    let wider = scoped("Wider", &["contacts:read", "deals:read"]);
    assert_eq!(refused(test.create_key(&caller, test.root, wider).await), RejectCode::GrantExceedsOwn);
    let within = test.create_key(&caller, test.root, scoped("Within", &["contacts:read"])).await.unwrap();
    assert_eq!(test.verify(&within.token, &["contacts:read"]), Ok(()));

    // Nor by widening afterwards, nor by taking the secret of a stronger key in a rotation.
    let id = within.info.key.id;
    let widen = KeyPatch { scopes: Some(None), ..KeyPatch::default() };
    assert_eq!(refused(update_key(&test.app, &caller, test.root, id, widen, None).await), RejectCode::GrantExceedsOwn);
    let strong = test.create_key(&test.admin, test.root, new_key("Strong")).await.unwrap().info.key.id;
    let taken = rotate_key(&test.app, &caller, test.root, strong, Overlap::Policy, None).await;
    assert_eq!(refused(taken), RejectCode::GrantExceedsOwn);

    // Nor further down the tree: a key of one organization makes and changes none that reaches below it.
    let mut below = scoped("Below", &["contacts:read"]);
    below.reach = Reach::Subtree;
    assert_eq!(refused(test.create_key(&caller, test.root, below.clone()).await), RejectCode::GrantExceedsOwn);
    let reach = |reach| KeyPatch { reach: Some(reach), ..KeyPatch::default() };
    let further = update_key(&test.app, &caller, test.root, id, reach(Reach::Subtree), None).await;
    assert_eq!(refused(further), RejectCode::GrantExceedsOwn);
    test.create_key(&test.admin, test.root, below).await.expect("a session reaches below");

    // Nor by a key that belongs to nobody, or carries nobody's rights.
    let mut ownerless = scoped("Ownerless", &["contacts:read"]);
    ownerless.owner_id = Some(None);
    assert_eq!(refused(test.create_key(&caller, test.root, ownerless).await), RejectCode::PolicyDenied);
}

#[tokio::test]
async fn nobody_loosens_a_key_that_holds_more_than_they_do() {
    let test = TestApp::new().await;
    let list = |text: &str| Some(Some(IpAllowList::parse(&[text]).unwrap()));
    let until = |days: u32| Some(Some(test.now().saturating_add(days * DAY)));
    let mut strong = new_key("Strong");
    (strong.allowed_ips, strong.expires_at) = (list("203.0.113.0/24").flatten(), until(10));
    let strong = test.create_key(&test.admin, test.root, strong).await.unwrap().info.key.id;
    let mut narrow = new_key("Narrow");
    narrow.scopes = Some(permissions(&["claviger/keys:update"]));
    let narrow = test.create_key(&test.admin, test.root, narrow).await.unwrap();
    let caller = test.caller(&narrow.token);
    let loosened = [
        KeyPatch { allowed_ips: Some(None), ..KeyPatch::default() },
        KeyPatch { allowed_ips: list("203.0.112.0/23"), ..KeyPatch::default() },
        KeyPatch { expires_at: Some(None), ..KeyPatch::default() },
        KeyPatch { expires_at: until(11), ..KeyPatch::default() },
    ];
    for patch in loosened {
        let refusal = update_key(&test.app, &caller, test.root, strong, patch.clone(), None).await;
        assert_eq!(refused(refusal), RejectCode::GrantExceedsOwn, "{patch:?}");
    }
    let tightened = KeyPatch { allowed_ips: list("203.0.113.7"), expires_at: until(9), ..KeyPatch::default() };
    update_key(&test.app, &caller, test.root, strong, tightened, None).await.expect("tighter is fine");
    let switch = async |caller, active| set_key_active(&test.app, caller, test.root, strong, active, None, None).await;
    switch(&caller, false).await.expect("off is fine");
    assert_eq!(refused(switch(&caller, true).await), RejectCode::GrantExceedsOwn);
    switch(&test.admin, true).await.unwrap();
    let loosened = KeyPatch { allowed_ips: Some(None), expires_at: Some(None), ..KeyPatch::default() };
    update_key(&test.app, &test.admin, test.root, strong, loosened, None).await.unwrap();
}

#[tokio::test]
async fn a_grantor_who_loses_rights_takes_them_from_the_keys() {
    let test = TestApp::new().await;
    let (grantor, _, member_id) = test.member(test.root, "Ann Admin", BuiltIn::Admin).await;
    let created = test.create_key(&grantor, test.root, new_key("Ann's")).await.unwrap();
    assert_eq!(test.verify(&created.token, &["contacts:update"]), Ok(()));
    let role_id = Some(test.built_in(test.root, BuiltIn::Readonly).await.id);
    let patch = MemberPatch { role_id, ..MemberPatch::default() };
    update_member(&test.app, &test.admin, test.root, member_id, patch, None).await.unwrap();
    assert_eq!(test.verify(&created.token, &["contacts:update"]), Err("api_access_denied"));
    assert!(refused(test.create_key(&grantor, test.root, new_key("More")).await).http_status() == 403);
}

#[tokio::test]
async fn members_give_keys_their_own_role_or_readonly() {
    let test = TestApp::new().await;
    let role = async |text: &str, texts: &[&str]| {
        let new = NewRole {
            name: name(text),
            description: Description::default(),
            permissions: permissions(texts),
            api_access: true,
        };
        create_role(&test.app, &test.admin, test.root, new, None).await.unwrap().fresh().unwrap()
    };
    let editor = role("Editor", &["*:read", "contacts:update", "claviger/keys:create"]).await;
    let reader = role("Reader", &["contacts:read"]).await;
    let new = NewUser { name: name("Eve"), email: None, external_id: None, service: false };
    let user = create_user(&test.app, &test.admin, test.root, new, None).await.unwrap().fresh().unwrap();
    let new = NewMember { user_id: user.id, role_id: editor.id, extra_permissions: PermissionSet::nothing() };
    create_member(&test.app, &test.admin, test.root, new, None).await.unwrap();
    let claviger::ops::caller::Caller::Session { session_id, .. } = test.admin else { panic!("a session") };
    let eve = claviger::ops::caller::Caller::Session { user_id: user.id, session_id, ip: None };
    let with_role = |text: &str, role_id| {
        let mut new = new_key(text);
        new.role_id = Some(role_id);
        new
    };
    test.create_key(&eve, test.root, with_role("Own", editor.id)).await.unwrap();
    let readonly = test.built_in(test.root, BuiltIn::Readonly).await.id;
    test.create_key(&eve, test.root, with_role("Readonly", readonly)).await.unwrap();
    let refusal = refused(test.create_key(&eve, test.root, with_role("Other", reader.id)).await);
    assert_eq!(refusal, RejectCode::PolicyDenied);
}

#[tokio::test]
async fn policy_bounds_expiry_number_and_mapping() {
    let test = TestApp::new().await;
    test.set_policy(test.root, r#"{"expiry_days_max": 30, "max_keys_per_user": 2}"#).await;
    let until = |text: &str, days: u32| {
        let mut new = new_key(text);
        new.expires_at = Some(Some(test.now().saturating_add(days * DAY)));
        new
    };
    assert_eq!(refused(test.create_key(&test.admin, test.root, new_key("For ever")).await), RejectCode::PolicyDenied);
    assert_eq!(refused(test.create_key(&test.admin, test.root, until("Long", 31)).await), RejectCode::PolicyDenied);
    let kept = test.create_key(&test.admin, test.root, until("Month", 30)).await.unwrap();
    let longer = KeyPatch { expires_at: Some(None), ..KeyPatch::default() };
    let refusal = update_key(&test.app, &test.admin, test.root, kept.info.key.id, longer, None).await;
    assert_eq!(refused(refusal), RejectCode::PolicyDenied);
    // The first key of the installation counts as the admin's too.
    assert_eq!(refused(test.create_key(&test.admin, test.root, until("Third", 1)).await), RejectCode::LimitReached);
    revoke_key(&test.app, &test.admin, test.root, kept.info.key.id, RevocationReason::Superseded, None).await.unwrap();
    test.create_key(&test.admin, test.root, until("Third", 1)).await.expect("a revoked key does not count");
}

#[tokio::test]
async fn a_key_is_mapped_only_to_active_members_and_given_only_visible_roles() {
    let test = TestApp::new().await;
    let (acme, globex) = (test.organization(test.root, "Acme").await, test.organization(test.root, "Globex").await);
    let (_, stranger, _) = test.member(globex, "Stranger", BuiltIn::Member).await;
    let mut mapped = new_key("Mapped");
    mapped.mapped_user_id = Some(Some(stranger));
    assert_eq!(refused(test.create_key(&test.admin, acme, mapped).await), RejectCode::InvalidField);
    let mut with_role = new_key("With role");
    with_role.role_id = Some(test.built_in(globex, BuiltIn::Readonly).await.id);
    assert_eq!(refused(test.create_key(&test.admin, acme, with_role).await), RejectCode::InvalidField);
    let mut unknown_api = new_key("Unknown api");
    unknown_api.api = Slug::parse("nothing").ok();
    assert_eq!(refused(test.create_key(&test.admin, acme, unknown_api).await), RejectCode::InvalidField);
}

// A data-loader key lives a year unless something else is said.
#[tokio::test]
async fn keys_for_bulk_loading_end_after_a_year_by_default() {
    let test = TestApp::new().await;
    let mut new = new_key("Loader");
    new.api = Slug::parse("data-loader").ok();
    let created = test.create_key(&test.admin, test.root, new).await.unwrap();
    assert_eq!(created.info.key.expires_at, Some(test.now().saturating_add(365 * DAY)));
    assert!(created.token.expose().starts_with("cdl_"));
}
