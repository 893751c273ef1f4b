//! A key that is active itself and refused for what it hangs on is called blocked, and why, wherever its state is shown.

use claviger::ops::keys::{NewKey, get_key, list_keys};
use claviger::ops::page::PageRequest;
use claviger::ops::users::{UserPatch, update_user};
use claviger_core::decision::Code;
use claviger_core::role::BuiltIn;
use claviger_core::user::UserStatus;

use serde_json::{Value, json};

use super::browser::{Browser, Page, selector};
use crate::app::{TestApp, new_key, permissions};

const NO_ACCESS: &str = "Blocked: its owner has no API access";
const NO_USER: &str = "Blocked: its mapped user is disabled or gone";

/// Whether a page has a status, whose reason stands in an element of its own.
fn says(html: &str, status: &str) -> bool {
    html.replace("<span class=\"why\">", "").contains(status)
}

// Whoever may change nothing is told whom to ask, and offered no way that ends in a refusal.
#[tokio::test]
async fn advice_about_a_key_is_given_to_who_may_follow_it() {
    let app = TestApp::new().await;
    let (_, reader, _) = app.member(app.root, "Rita", BuiltIn::Readonly).await;
    let id = app.create_key(&app.admin, app.root, new_key("Integration")).await.unwrap().info.key.id;
    let path = format!("/o/root/keys/{id}");
    let (mut admin, mut rita) = (Browser::signed_in(&app).await, Browser::of_user(&app, reader).await);
    let asked = "Ask whoever looks after keys here: give it an end.";
    let (own, theirs) = (admin.get(&path).await.expect(200), rita.get(&path).await.expect(200));
    assert!(own.text.contains("Give it an end.") && !own.text.contains("Ask whoever looks"), "{}", own.text);
    assert!(theirs.text.contains(asked) && !theirs.text.contains("Give it an end."), "{}", theirs.text);
    assert!(!theirs.links().contains(&format!("{path}/edit")));
    let (own, theirs) = (admin.get("/o/root/health").await.expect(200), rita.get("/o/root/health").await.expect(200));
    assert!(own.text.contains("Give it an end."), "{}", own.text);
    assert!(theirs.text.contains("Never expires") && !theirs.text.contains("Give it an end."), "{}", theirs.text);
}

// S0.5: back to not allowed, existing keys of non-admins are refused; and people read why.
#[tokio::test]
async fn a_key_whose_owner_or_mapped_user_stops_it_is_called_blocked_everywhere() {
    let app = TestApp::new().await;
    let (ann, ann_id, _) = app.member(app.root, "Ann", BuiltIn::Member).await;
    app.allow_members_keys(app.root, true).await;
    let mut own = Browser::of_user(&app, ann_id).await;
    let form = own.get("/o/root/profile/api-access").await.form("/profile/api-access");
    own.submit(&form).await.expect(200);
    let new = NewKey { owner_id: Some(None), mapped_user_id: Some(Some(ann_id)), ..new_key("Integration") };
    let mapped = app.create_key(&app.admin, app.root, new).await.unwrap();
    assert_eq!(mapped.info.blocked, None);
    let personal = list_keys(&app.app, &ann, app.root, Default::default(), PageRequest::default()).await.unwrap();
    let personal = personal.page.items[0].key.id;
    let reader = NewKey { scopes: Some(permissions(&["claviger/keys:read"])), ..new_key("Reader") };
    let reader = app.create_key(&app.admin, app.root, reader).await.unwrap().token;
    let mut admin = Browser::signed_in(&app).await;

    let blocked = async |id| get_key(&app.app, &app.admin, app.root, id).await.unwrap().blocked;
    assert_eq!((blocked(personal).await, blocked(mapped.info.key.id).await), (None, None));
    assert!(!admin.get("/o/root/keys").await.text.contains("Blocked:"));

    app.allow_members_keys(app.root, false).await;
    assert_eq!(blocked(personal).await, Some(Code::ApiAccessDenied));
    assert_eq!(blocked(mapped.info.key.id).await, None, "nobody owns it, and its requests are accepted");
    assert_eq!(app.verify(&mapped.token, &[]), Ok(()));
    for path in [
        "/o/root/keys".to_owned(),
        format!("/o/root/keys/{personal}"),
        "/o/root/keys/csv".to_owned(),
        "/o/root/security/api-management".to_owned(),
        format!("/o/root/security/api-management/{ann_id}"),
    ] {
        let page = admin.get(&path).await.expect(200);
        assert!(says(&page.text, NO_ACCESS), "{path}: {}", page.text);
    }
    assert!(says(&own.get("/o/root/profile/api-access").await.text, NO_ACCESS));
    let path = format!("/api/v1/organizations/{}/keys/{personal}", app.root);
    let answer = app.get(&path, reader.expose()).await;
    assert_eq!(
        (answer.body["state"].as_str(), answer.body["blocked"].as_str()),
        (Some("active"), Some("api_access_denied"))
    );

    let disabled = UserPatch { status: Some(UserStatus::Disabled), ..UserPatch::default() };
    update_user(&app.app, &app.admin, app.root, ann_id, disabled, None).await.unwrap();
    assert_eq!(blocked(mapped.info.key.id).await, Some(Code::UserInactive));
    assert_eq!(app.verify(&mapped.token, &[]), Err("user_inactive"));
    assert!(says(&admin.get(&format!("/o/root/keys/{}", mapped.info.key.id)).await.text, NO_USER));
    let enabled = UserPatch { status: Some(UserStatus::Active), ..UserPatch::default() };
    update_user(&app.app, &app.admin, app.root, ann_id, enabled, None).await.unwrap();
    app.allow_members_keys(app.root, true).await;
    assert_eq!((blocked(personal).await, blocked(mapped.info.key.id).await), (None, None));
    // What is switched off says that, whoever else would refuse it.
    app.allow_members_keys(app.root, false).await;
    let form = admin.get(&format!("/o/root/keys/{personal}")).await.form("/deactivate");
    admin.submit(&form).await.expect(303);
    assert_eq!(blocked(personal).await, None);
    assert!(admin.get(&format!("/o/root/keys/{personal}")).await.text.contains("Inactive"));
}

/// What a path of the API lists: the names of all pages, and the total that the first one tells.
async fn listed(app: &TestApp, token: &str, query: &str) -> (Vec<String>, Value) {
    let (mut names, mut cursor, mut total) = (Vec::new(), String::new(), Value::Null);
    loop {
        let path = format!("/api/v1/organizations/{}/keys?limit=2&sort=name&{query}{cursor}", app.root);
        let page = app.get(&path, token).await;
        assert_eq!(page.status, 200, "{:?}", page.body);
        let keys = page.body["data"].as_array().unwrap();
        assert!(keys.len() <= 2);
        names.extend(keys.iter().map(|it| it["name"].as_str().unwrap().to_owned()));
        if total.is_null() {
            total = json!([page.body["total"], page.body["total_is_exact"]]);
        }
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (names, total),
        }
    }
}

// Who looks for what works is not shown what does not: the list knows of blocked keys what no row says.
#[tokio::test]
async fn blocked_keys_are_listed_by_themselves_and_not_among_the_active_ones() {
    let app = TestApp::new().await;
    let (_, ann_id, _) = app.member(app.root, "Ann", BuiltIn::Member).await;
    app.allow_members_keys(app.root, true).await;
    for (name, mapped) in
        [("a", true), ("b", false), ("c", true), ("d", true), ("e", false), ("f", true), ("off", true)]
    {
        let mapped_user_id = Some(Some(if mapped { ann_id } else { app.admin_id }));
        let new = NewKey { owner_id: Some(None), mapped_user_id, ..new_key(name) };
        app.create_key(&app.admin, app.root, new).await.unwrap();
    }
    let reader = NewKey { scopes: Some(permissions(&["claviger/keys:read"])), ..new_key("reader") };
    let reader = app.create_key(&app.admin, app.root, reader).await.unwrap().token;
    let mut browser = Browser::signed_in(&app).await;
    let off = browser.get("/o/root/keys?q=off").await.expect(200).links();
    let off = off.iter().find(|it| it.contains("/keys/key_")).unwrap().clone();
    let form = browser.get(&off).await.form("/deactivate");
    browser.submit(&form).await.expect(303);
    assert!(browser.get("/o/root/keys?status=blocked").await.text.contains("No key matches"));
    let well = browser.get("/o/root/health").await.expect(200);
    assert!(!well.text.contains("status=blocked"));

    let disabled = UserPatch { status: Some(UserStatus::Disabled), ..UserPatch::default() };
    update_user(&app.app, &app.admin, app.root, ann_id, disabled, None).await.unwrap();
    let names = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let token = reader.expose();
    assert_eq!(listed(&app, token, "blocked=true").await, (names(&["a", "c", "d", "f"]), json!([4, true])));
    let works = names(&["b", "e", "First key", "reader"]);
    for query in ["blocked=false", "blocked=false&state=active"] {
        assert_eq!(listed(&app, token, query).await, (works.clone(), json!([4, true])), "{query}");
    }
    assert_eq!(listed(&app, token, "state=active").await.0.len(), 8, "a state is what the key says of itself");
    let path = format!("/api/v1/organizations/{}/keys?blocked=true&state=inactive", app.root);
    assert_eq!(app.get(&path, token).await.status, 400);

    let rows = |page: &Page| {
        page.html().select(&selector("tbody th a")).map(|it| it.text().collect::<String>()).collect::<Vec<_>>()
    };
    let active = browser.get("/o/root/keys?status=active&sort=name").await.expect(200);
    assert_eq!(rows(&active), works);
    assert!(!says(&active.text, NO_USER));
    let blocked = browser.get("/o/root/keys?status=blocked&sort=name").await.expect(200);
    assert_eq!(rows(&blocked), names(&["a", "c", "d", "f"]));
    assert_eq!(blocked.text_of(".pager p").split(" · ").next(), Some("4 keys"), "the total is that of the filter");
    let csv = browser.get("/o/root/keys/csv?status=blocked").await.expect(200).text;
    assert_eq!(csv.matches(NO_USER).count(), 4);

    // Key health counts them, leads to them, and says of each what to do.
    let health = browser.get("/o/root/health").await.expect(200);
    assert!(health.links().contains(&"/o/root/keys?status=blocked".to_owned()));
    let key = blocked.links().into_iter().find(|it| it.contains("/keys/key_")).unwrap();
    let page = browser.get(&key).await.expect(200);
    assert!(page.text.contains("Enable its mapped user, or map it to somebody who is here."));
}
