//! What is offered to be done with a key is what the operation does, and what is not offered is what it would refuse.

use claviger::ops::caller::Caller;
use claviger::ops::error::OpResult;
use claviger::ops::keys::{Copy, NewKey, Overlap, duplicate_key, revoke_key, rotate_key, set_key_active, update_key};
use claviger::ops::roles::{RolePatch, update_role};
use claviger_core::decision::Code;
use claviger_core::id::{KeyId, UserId};
use claviger_core::key::{KeyPatch, Origin, RevocationReason};
use claviger_core::reject::RejectCode;
use claviger_core::role::BuiltIn;

use super::browser::{Browser, Page, selector};
use crate::app::{TestApp, new_key, permissions};

const ACTIONS: [&str; 5] = ["edit", "rotate", "duplicate", "deactivate", "delete"];

/// Which of the actions a page offers for a key.
fn offered(page: &Page, id: KeyId) -> Vec<&'static str> {
    let html = page.html();
    let path = format!("/o/root/keys/{id}");
    let is_there = |action: &&&str| {
        let css = match **action {
            "duplicate" => format!("main a[href^='/o/root/keys/new?from={id}']"),
            // A narrowed list says where it leads back to.
            "deactivate" => format!("main form[action^='{path}/deactivate']"),
            action => format!("main a[href^='{path}/{action}']"),
        };
        html.select(&selector(&css)).next().is_some()
    };
    ACTIONS.iter().filter(is_there).copied().collect()
}

fn is_allowed<T>(result: OpResult<T>) -> bool {
    const WANTING: [RejectCode; 4] = [
        RejectCode::Decision(Code::InsufficientPermission),
        RejectCode::Decision(Code::ApiAccessDenied),
        RejectCode::GrantExceedsOwn,
        RejectCode::NotFound,
    ];
    match result.map_err(claviger::ops::error::Error::into_reject) {
        Ok(_) => true,
        Err(reject) if WANTING.contains(&reject.code) => false,
        Err(reject) => panic!("not refused for want of rights: {reject:?}"),
    }
}

/// Which of the actions the operations do.
async fn done(app: &TestApp, caller: &Caller, id: KeyId) -> Vec<&'static str> {
    let (it, at) = (&app.app, app.root);
    let patch = KeyPatch { description: Some("Changed".parse().unwrap()), ..KeyPatch::default() };
    let done = [
        is_allowed(update_key(it, caller, at, id, patch, None).await),
        is_allowed(rotate_key(it, caller, at, id, Overlap::Policy, None).await),
        is_allowed(duplicate_key(it, caller, at, id, Copy::default(), Origin::Form, None).await),
        is_allowed(set_key_active(it, caller, at, id, false, None, None).await),
        is_allowed(revoke_key(it, caller, at, id, RevocationReason::Unspecified, None).await),
    ];
    ACTIONS.into_iter().zip(done).filter(|it| it.1).map(|it| it.0).collect()
}

async fn switch_api_access(app: &TestApp, allowed: bool) {
    let patch = RolePatch { api_access: Some(allowed), ..RolePatch::default() };
    let role = app.built_in(app.root, BuiltIn::Member).await.id;
    update_role(&app.app, &app.admin, app.root, role, patch, None).await.unwrap();
}

async fn key_of(app: &TestApp, text: &str, owner: UserId, mapped: UserId) -> KeyId {
    let role_id = Some(app.built_in(app.root, BuiltIn::Readonly).await.id);
    let (owner_id, mapped_user_id) = (Some(Some(owner)), Some(Some(mapped)));
    let new = NewKey { owner_id, mapped_user_id, role_id, ..new_key(text) };
    app.create_key(&app.admin, app.root, new).await.unwrap().info.key.id
}

#[tokio::test]
async fn a_row_and_a_page_offer_what_the_operations_would_not_refuse() {
    let app = TestApp::new().await;
    let (ann, ann_id, _) = app.member(app.root, "Ann", BuiltIn::Member).await;
    let (auditor, auditor_id, _) = app.member(app.root, "Auditor", BuiltIn::Readonly).await;
    let admin_id = app.admin_id;
    let everything = ACTIONS.to_vec();
    let ours = ["deactivate", "delete"].to_vec();
    let without_access = ["edit", "deactivate", "delete"].to_vec();
    let none = Vec::new;
    for (who, caller, user_id, rounds) in [
        (
            "Ann",
            &ann,
            ann_id,
            vec![(true, [everything.clone(), ours.clone(), none()]), (false, [without_access, ours, none()])],
        ),
        ("the auditor", &auditor, auditor_id, vec![(true, [none(), none(), none()])]),
        ("the admin", &app.admin, admin_id, vec![(true, [everything.clone(), everything.clone(), everything])]),
    ] {
        let mut browser = Browser::of_user(&app, user_id).await;
        for (with_access, expected) in rounds {
            let keys = [(ann_id, ann_id), (ann_id, admin_id), (admin_id, ann_id)];
            for (at, ((owner, mapped), expected)) in keys.into_iter().zip(expected).enumerate() {
                let what = format!("{who}, access {with_access}, key {at}");
                switch_api_access(&app, true).await;
                let id = key_of(&app, &what, owner, mapped).await;
                switch_api_access(&app, with_access).await;
                let page = browser.get(&format!("/o/root/keys/{id}")).await.expect(200);
                let offers = offered(&page, id);
                // Keys that others made for somebody are found by asking for them.
                let filter = if owner == user_id { String::new() } else { format!("?user={mapped}") };
                let list = browser.get(&format!("/o/root/keys{filter}")).await.expect(200);
                assert_eq!(offered(&list, id), offers, "{what}: the row");
                let boxes = list.html().select(&selector(&format!("input[name=key][value='{id}']"))).count();
                let chosen = offers.contains(&"deactivate") || offers.contains(&"delete");
                assert_eq!(boxes, usize::from(chosen), "{what}: the box");
                assert_eq!(offers, expected, "{what}: the page");
                assert_eq!(done(&app, caller, id).await, offers, "{what}: the operations");
            }
        }
    }
}

#[tokio::test]
async fn who_may_change_and_not_delete_is_offered_the_one_and_not_the_other() {
    let app = TestApp::new().await;
    let (_, user_id, _) = app.member(app.root, "Deputy", BuiltIn::Readonly).await;
    let role = app.built_in(app.root, BuiltIn::Readonly).await.id;
    let patch =
        RolePatch { permissions: Some(permissions(&["*:read", "claviger/keys:update"])), ..RolePatch::default() };
    update_role(&app.app, &app.admin, app.root, role, patch, None).await.unwrap();
    let id = key_of(&app, "CI", app.admin_id, app.admin_id).await;
    let mut browser = Browser::of_user(&app, user_id).await;
    let list = browser.get("/o/root/keys").await.expect(200);
    assert_eq!(offered(&list, id), ["edit", "rotate", "deactivate"]);
    let bulk =
        list.html().select(&selector("#bulk button")).map(|it| it.text().collect::<String>()).collect::<Vec<_>>();
    assert_eq!(bulk, ["Deactivate…", "Extend…"]);
}

// The invitation, the first page, the list, the role and the settings speak of the same role.
#[tokio::test]
async fn pages_agree_on_what_a_role_without_api_access_may_do_about_keys() {
    let app = TestApp::new().await;
    app.create_key(&app.admin, app.root, new_key("Not theirs")).await.unwrap();
    let (_, mia, _) = app.member(app.root, "Mia Keller", BuiltIn::Member).await;
    let role = app.built_in(app.root, BuiltIn::Member).await.id;
    let mut admin = Browser::signed_in(&app).await;
    let mut member = Browser::of_user(&app, mia).await;
    let invite = admin.get("/o/root/members/new").await.expect(200);
    assert!(invite.text_of("#role").contains("not yet allowed for this role"), "{}", invite.text_of("#role"));
    assert!(invite.links().contains(&"/o/root/roles".to_owned()));
    let page = admin.get(&format!("/o/root/roles/{role}")).await.expect(200);
    assert!(page.text_of("main").contains("Own keys take API access too"), "{}", page.text_of("main"));
    let list = member.get("/o/root/keys").await.expect(200);
    assert_eq!(list.text_of(".empty h2"), "No keys that you may see");
    assert!(list.text_of(".empty").contains("not allowed API access"), "{}", list.text_of(".empty"));
    assert!(!member.get("/o/root/settings").await.expect(200).text.contains("Create, watch, rotate and revoke"));
    assert!(admin.get("/o/root/settings").await.expect(200).text.contains("Create, watch, rotate and revoke"));

    app.allow_members_keys(app.root, true).await;
    let invite = admin.get("/o/root/members/new").await.expect(200);
    assert!(!invite.text_of("#role").contains("not yet allowed"));
    assert!(member.get("/o/root/settings").await.expect(200).text.contains("Create, watch, rotate and revoke"));
    let page = admin.get(&format!("/o/root/roles/{role}")).await.expect(200);
    assert!(!page.text_of("main").contains("Own keys take API access too"));
}
