//! Whoever is signed in finds the keys that are theirs or act under their name, whatever a host's own role leaves out, and changes none of them by
//! that.

use claviger::ops::caller::Caller;
use claviger::ops::keys::{KeyFilter, NewKey, get_key, list_keys, put_personal_key};
use claviger::ops::members::{NewMember, create_member};
use claviger::ops::page::PageRequest;
use claviger::ops::roles::{NewRole, RolePatch, create_role, update_role};
use claviger::ops::users::{NewUser, create_user};
use claviger_core::decision::Code;
use claviger_core::id::{KeyId, RoleId, UserId};
use claviger_core::name::Description;
use claviger_core::reject::RejectCode;
use claviger_core::role::BuiltIn;

use super::browser::{Browser, Page, selector};
use crate::app::{TestApp, name, new_key, permissions, refused};

/// Where keys stand that others made for one.
const THERE: &str = "/o/root/profile/security/keys";

/// Somebody whose role here is about one scorecard and about nothing of Claviger's own.
async fn reader_of_a_scorecard(app: &TestApp) -> (UserId, RoleId, Caller) {
    let new = NewUser { name: name("Mina"), email: None, external_id: None, service: false };
    let user_id = create_user(&app.app, &app.admin, app.root, new, None).await.unwrap().fresh().unwrap().id;
    let new = NewRole {
        name: name("Scorecard A"),
        description: Description::default(),
        permissions: permissions(&["scorecards/A:read"]),
        api_access: false,
    };
    let role_id = create_role(&app.app, &app.admin, app.root, new, None).await.unwrap().fresh().unwrap().id;
    let new = NewMember { user_id, role_id, extra_permissions: permissions(&[]) };
    create_member(&app.app, &app.admin, app.root, new, None).await.unwrap();
    let Caller::Session { session_id, .. } = app.admin else { panic!("the admin is at the console") };
    (user_id, role_id, Caller::Session { user_id, session_id, ip: None })
}

async fn key(app: &TestApp, text: &str, owner: UserId, mapped: UserId) -> (KeyId, Caller) {
    let new = NewKey { owner_id: Some(Some(owner)), mapped_user_id: Some(Some(mapped)), ..new_key(text) };
    let made = app.create_key(&app.admin, app.root, new).await.unwrap();
    (made.info.key.id, app.caller(&made.token))
}

// S2.28 S2.29 S2.30
#[tokio::test]
async fn a_role_that_says_nothing_of_keys_finds_those_made_for_its_member_and_changes_none() {
    let app = TestApp::new().await;
    let (mina, _, caller) = reader_of_a_scorecard(&app).await;
    let (made_for, called_with) = key(&app, "Integration", app.admin_id, mina).await;
    let (others, _) = key(&app, "CI deploy", app.admin_id, app.admin_id).await;

    let mut browser = Browser::of_user(&app, mina).await;
    let profile = browser.get("/o/root/profile/security").await.expect(200);
    assert!(profile.links().contains(&"/o/root/profile/security/keys".to_owned()), "by clicks from the profile");
    let list = browser.get("/o/root/profile/security/keys").await.expect(200);
    assert!(list.text.contains("Integration") && !list.text.contains("CI deploy"), "{}", list.text);
    let page = browser.get(&format!("/o/root/keys/{made_for}")).await.expect(200);
    for action in ["/edit", "/delete", "/rotate", "/deactivate"] {
        assert!(!page.text.contains(&format!("{made_for}{action}")), "{action} is offered");
    }
    browser.get(&format!("/o/root/keys/{others}")).await.expect(404);
    browser.get(&format!("/o/root/keys/{made_for}/edit")).await.expect(403);
    browser.get(&format!("/o/root/keys/{made_for}/delete")).await.expect(403);
    let list = browser.get("/o/root/keys").await.expect(200);
    assert!(!list.text.contains("CI deploy") && !list.text.contains("/keys/new"), "{}", list.text);
    let pointed =
        |list: &Page| list.text.contains("Profile › Security › API Keys") && list.links().contains(&THERE.to_owned());
    assert!(pointed(&list), "where those of others stand");
    let (_, mo, _) = app.member(app.root, "mo", BuiltIn::Member).await;
    app.allow_members_keys(app.root, true).await;
    key(&app, "Acts for Mo", app.admin_id, mo).await;
    let list = Browser::of_user(&app, mo).await.get("/o/root/keys").await.expect(200);
    assert!(!list.text.contains("Acts for Mo") && pointed(&list), "also for one who may make keys: {}", list.text);

    let mapped = || KeyFilter { mapped_user_id: Some(mina), ..KeyFilter::default() }.into();
    let found = list_keys(&app.app, &caller, app.root, mapped(), PageRequest::default()).await.unwrap();
    assert_eq!(found.page.items.iter().map(|it| it.key.id).collect::<Vec<_>>(), [made_for]);
    let elsewhere = KeyFilter { mapped_user_id: Some(app.admin_id), ..KeyFilter::default() }.into();
    let found = list_keys(&app.app, &caller, app.root, elsewhere, PageRequest::default()).await.unwrap();
    assert_eq!(found.page.items.len(), 0);
    // The key itself finds out nothing that its mapped user's role does not say.
    const LACKING: RejectCode = RejectCode::Decision(Code::InsufficientPermission);
    let answer = list_keys(&app.app, &called_with, app.root, mapped(), PageRequest::default()).await;
    assert_eq!(refused(answer), LACKING);
    assert_eq!(refused(get_key(&app.app, &called_with, app.root, made_for).await), LACKING);
}

// S0.5 S0.6
#[tokio::test]
async fn api_access_is_shown_to_every_role_and_switched_on_by_who_may_make_own_keys() {
    let app = TestApp::new().await;
    let (mina, role_id, caller) = reader_of_a_scorecard(&app).await;
    let mut browser = Browser::of_user(&app, mina).await;
    let profile = browser.get("/o/root/profile").await.expect(200);
    assert!(profile.links().contains(&"/o/root/profile/api-access".to_owned()));
    let said = async |browser: &mut Browser<'_>| {
        browser.get("/o/root/profile/api-access").await.expect(200).text_of("main section h2, main form")
    };
    assert_eq!(said(&mut browser).await, "API access is not allowed for your role");
    let home = browser.get("/o/root").await.expect(200).text_of(".steps");
    assert!(home.contains("Scorecard A") && home.contains("is not allowed API access"), "{home}");
    let allow = |texts: &[&str]| RolePatch {
        api_access: Some(true),
        permissions: Some(permissions(texts)),
        ..RolePatch::default()
    };
    update_role(&app.app, &app.admin, app.root, role_id, allow(&["scorecards/A:read"]), None).await.unwrap();
    assert_eq!(said(&mut browser).await, "Your role may have no key of its own");
    let lacking = RejectCode::Decision(Code::InsufficientPermission);
    assert_eq!(refused(put_personal_key(&app.app, &caller, app.root, mina).await), lacking);
    let with_own = ["scorecards/A:read", "claviger/own-keys:create"];
    update_role(&app.app, &app.admin, app.root, role_id, allow(&with_own), None).await.unwrap();
    let form = browser.get("/o/root/profile/api-access").await.form("/profile/api-access");
    browser.submit(&form).await.expect(200);
    let page = browser.get("/o/root/profile/api-access").await.expect(200);
    assert_eq!(page.text_of("main section h2"), "Your API Key");

    // Switched off by an administrator, it says so, and who may change own keys does not undo that. Who switched it off switches it on there.
    let key = page.links().into_iter().find(|it| it.contains("/keys/key_")).expect("a way to the key");
    let mut admin = Browser::signed_in(&app).await;
    let form = admin.get(&key).await.expect(200).form("/deactivate");
    admin.submit(&form).await.expect(303);
    let text = browser.get("/o/root/profile/api-access").await.expect(200).text_of("main .aside");
    assert!(text.contains("inactive") && text.contains("An administrator of"), "{text}");
    let with_own = ["scorecards/A:read", "claviger/own-keys:create", "claviger/own-keys:update"];
    update_role(&app.app, &app.admin, app.root, role_id, allow(&with_own), None).await.unwrap();
    let text = browser.get("/o/root/profile/api-access").await.expect(200).text_of("main .aside");
    assert!(text.contains("An administrator of"), "{text}");
    let page = browser.get(&key).await.expect(200);
    assert!(page.text.contains("Somebody else deactivated it") && !page.text.contains("/activate"), "{}", page.text);
    assert!(!browser.get("/o/root/keys").await.expect(200).text.contains("/activate"), "nor in the list");
    let form = admin.get(&key).await.expect(200).form("/activate");
    browser.submit(&form).await.expect(403);
    admin.submit(&form).await.expect(303);
    let form = browser.get(&key).await.expect(200).form("/deactivate");
    browser.submit(&form).await.expect(303);
    let form = browser.get("/o/root/profile/api-access").await.form("/activate");
    browser.submit(&form).await.expect(303);
    assert!(!browser.get("/o/root/profile/api-access").await.text.contains("Your key is inactive"));
}

// S0.15: whoever holds an active key is listed once, whichever key it is, and nobody else.
#[tokio::test]
async fn api_management_lists_the_holders_of_all_active_keys_with_their_health() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let path = "/o/root/security/api-management";
    app.member(app.root, "Ben", BuiltIn::Readonly).await;
    for name in ["Reports", "Exports"] {
        key(&app, name, app.admin_id, app.admin_id).await;
    }
    let new = NewKey { owner_id: Some(None), mapped_user_id: Some(Some(app.admin_id)), ..new_key("Nobody's") };
    app.create_key(&app.admin, app.root, new).await.unwrap();
    let page = browser.get(path).await.expect(200);
    let html = page.html();
    let holders = html.select(&selector("tbody th")).count();
    assert_eq!(holders, 1, "once, and nobody without a key");
    assert!(page.links().contains(&format!("{path}/{}", app.admin_id)) && !page.text.contains("Nobody's"));
    assert!(
        page.text_of("thead").contains("Health") && page.text_of("td[data-label=Health]").contains("Never expires")
    );
    assert!(page.text_of("td[data-label=Key]").contains("Reports"), "{}", page.text);
    let holder = browser.get(&format!("{path}/{}", app.admin_id)).await.expect(200);
    assert!(holder.text.contains("No personal key") && holder.text.contains("Other active keys"), "{}", holder.text);
}
