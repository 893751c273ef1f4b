//! A key that is active itself and refused for what it hangs on is called blocked, and why, wherever its state is shown.

use claviger::ops::keys::{NewKey, get_key, list_keys};
use claviger::ops::page::PageRequest;
use claviger::ops::users::{UserPatch, update_user};
use claviger_core::decision::Code;
use claviger_core::role::BuiltIn;
use claviger_core::user::UserStatus;

use super::browser::Browser;
use crate::app::{TestApp, new_key, permissions};

const NO_ACCESS: &str = "Blocked: its owner has no API access";
const NO_USER: &str = "Blocked: its mapped user is disabled or gone";

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
    assert!(!admin.get("/o/root/keys").await.text.contains("Blocked"));

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
        assert!(page.text.contains(NO_ACCESS), "{path}: {}", page.text);
    }
    assert!(own.get("/o/root/profile/api-access").await.text.contains(NO_ACCESS));
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
    assert!(admin.get(&format!("/o/root/keys/{}", mapped.info.key.id)).await.text.contains(NO_USER));
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
