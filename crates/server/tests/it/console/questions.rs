//! What can be done to keys is offered to whoever can do it, and asked about only then.

use claviger::ops::keys::{NewKey, Toggled, put_personal_key};
use claviger_core::id::KeyId;
use claviger_core::role::BuiltIn;

use super::browser::Browser;
use crate::app::{ADMIN_EMAIL, ADMIN_PASSWORD, DAY, TestApp, new_key};

#[tokio::test]
async fn a_question_about_several_keys_leaves_out_what_is_gone_and_leads_back_to_the_same_list() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let first = app.create_key(&app.admin, app.root, new_key("First")).await.unwrap().info.key.id;
    let list = browser.get("/o/root/user-management/keys?q=first&sort=name").await.expect(200);
    let back = list.form("/bulk/delete").fields.into_iter().find(|it| it.0 == "back").unwrap().1;
    let unknown = KeyId::from_u128(7);
    let query = format!("key={first}&key={unknown}&back={}", back.replace('?', "%3F").replace('&', "%26"));
    for change in ["extend", "delete"] {
        let page = browser.get(&format!("/o/root/keys/bulk/{change}?{query}")).await.expect(200);
        assert!(page.text.contains("1 of the selected keys is gone"), "{}", page.text);
    }
    let page = browser.get(&format!("/o/root/keys/bulk/delete?{query}")).await;
    let answer = browser.submit(&page.form("/bulk/delete").with("count", "1")).await.expect(303);
    assert_eq!(answer.header("location"), "/o/root/user-management/keys?q=first&sort=name");
    browser.get(&format!("/o/root/keys/bulk/delete?key={unknown}")).await.expect(409);
}

#[tokio::test]
async fn who_may_only_look_at_a_key_is_refused_the_questions_about_it() {
    let app = TestApp::new().await;
    let (_, user_id, _) = app.member(app.root, "Reader", BuiltIn::Readonly).await;
    let id = app.create_key(&app.admin, app.root, new_key("CI")).await.unwrap().info.key.id;
    let mut browser = Browser::of_user(&app, user_id).await;
    browser.get(&format!("/o/root/keys/{id}")).await.expect(200);
    for page in ["edit", "rotate", "delete"] {
        browser.get(&format!("/o/root/keys/{id}/{page}")).await.expect(403);
    }
    for page in ["extend", "delete"] {
        browser.get(&format!("/o/root/keys/bulk/{page}?key={id}")).await.expect(403);
    }
}

#[tokio::test]
async fn rotating_is_offered_only_where_it_can_be_done() {
    let app = TestApp::new().await;
    let (member, user_id, _) = app.member(app.root, "Ann", BuiltIn::Admin).await;
    let personal = match put_personal_key(&app.app, &member, app.root, user_id).await.unwrap() {
        Toggled::Made(created) => created.info.key.id,
        Toggled::There(info) => info.key.id,
    };
    let expires_at = Some(Some(app.now().saturating_add(DAY)));
    let new = NewKey { expires_at, ..new_key("Ended") };
    let ended = app.create_key(&app.admin, app.root, new).await.unwrap().info.key.id;
    let usual = app.create_key(&app.admin, app.root, new_key("CI")).await.unwrap().info.key.id;
    app.clock.advance(DAY);
    let mut browser = Browser::new(&app);
    browser.sign_in(ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(303);
    let links = browser.get("/o/root/keys").await.expect(200).links();
    let rotated = |id: KeyId| links.contains(&format!("/o/root/keys/{id}/rotate"));
    assert_eq!([usual, ended, personal].map(rotated), [true, false, false]);
    for id in [ended, personal] {
        let path = format!("/o/root/keys/{id}/rotate");
        assert!(!browser.get(&format!("/o/root/keys/{id}")).await.links().contains(&path));
        browser.get(&path).await.expect(409);
    }
}
