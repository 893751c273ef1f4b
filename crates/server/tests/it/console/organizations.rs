//! Organizations as whoever manages them sees them: who may change which, and what the pages say of it.

use claviger::ops::organizations::get_organization;
use claviger_core::id::OrganizationId;
use claviger_core::organization::OrganizationStatus;
use claviger_core::role::BuiltIn;

use super::browser::Browser;
use crate::app::TestApp;

async fn status(app: &TestApp, id: OrganizationId) -> OrganizationStatus {
    get_organization(&app.app, &app.admin, id).await.unwrap().organization.status
}

#[tokio::test]
async fn nobody_suspends_the_organization_they_stand_in_without_a_way_back() {
    let app = TestApp::new().await;
    let location = app.organization(app.root, "Location 1").await;
    let (_, user_id, _) = app.member(location, "Local admin", BuiltIn::Admin).await;
    let mut local = Browser::of_user(&app, user_id).await;
    let path = format!("/o/location-1/tree/{location}");
    let page = local.get(&path).await.expect(200);
    let offered = page.links();
    assert!(offered.contains(&format!("{path}/edit")), "{offered:?}");
    assert!(!offered.contains(&format!("{path}/suspend")), "{offered:?}");
    assert!(page.text_of(".aside").contains("from above"), "{}", page.text);
    for way in ["suspend", "move"] {
        let refused = local.get(&format!("{path}/{way}")).await.expect(403);
        assert_eq!(refused.text_of("h1"), "This is done from above");
    }

    let mut above = Browser::signed_in(&app).await;
    let form = above.get(&format!("{path}/suspend")).await.expect(200).form("/suspend").with("name", "Location 1");
    let refused = local.submit(&form).await.expect(403);
    assert!(refused.text_of(".lead").contains("organization above"), "{}", refused.text);
    assert_eq!(status(&app, location).await, OrganizationStatus::Active);

    // Who manages the one above may, from wherever they stand, and is led to where it is resumed.
    let answer = above.submit(&form).await.expect(303);
    assert_eq!(status(&app, location).await, OrganizationStatus::Suspended);
    let page = above.follow(answer).await.expect(200);
    assert_eq!(page.path, format!("/o/root/tree/{location}"));
    above.submit(&page.form("/resume")).await.expect(303);
    assert_eq!(status(&app, location).await, OrganizationStatus::Active);
}

#[tokio::test]
async fn who_administers_only_what_is_below_does_not_suspend_it_from_the_organization_above() {
    let app = TestApp::new().await;
    let agency = app.organization(app.root, "Agency").await;
    let location = app.organization(agency, "Location 1").await;
    let (_, user_id, _) = app.member(location, "Local admin", BuiltIn::Admin).await;
    let role_id = app.built_in(agency, BuiltIn::Readonly).await.id;
    app.add_member(agency, user_id, role_id).await;
    let mut local = Browser::of_user(&app, user_id).await;
    let page = local.get(&format!("/o/agency/tree/{location}")).await.expect(200);
    assert!(!page.links().iter().any(|it| it.ends_with("/suspend") || it.ends_with("/move")), "{:?}", page.links());
    local.get(&format!("/o/agency/tree/{location}/suspend")).await.expect(403);
}

#[tokio::test]
async fn pages_that_change_are_shown_to_who_may_change() {
    let app = TestApp::new().await;
    let location = app.organization(app.root, "Location 1").await;
    let (_, _, member_id) = app.member(app.root, "Ann", BuiltIn::Member).await;
    let (_, user_id, _) = app.member(app.root, "Auditor", BuiltIn::Readonly).await;
    let mut auditor = Browser::of_user(&app, user_id).await;
    let mut admin = Browser::signed_in(&app).await;
    for path in [
        format!("tree/{location}/edit"),
        format!("tree/{location}/suspend"),
        format!("tree/{location}/move"),
        format!("members/{member_id}/edit"),
        format!("members/{member_id}/role"),
        format!("members/{member_id}/remove"),
        "policies/idle_days".to_owned(),
        "policies/idle_days/review".to_owned(),
    ] {
        let refused = auditor.get(&format!("/o/root/{path}")).await;
        assert_eq!(refused.status, 403, "{path}: {}", refused.text);
        assert!(refused.text_of(".lead").contains("administrator"), "{path}: {}", refused.text);
        let shown = admin.get(&format!("/o/root/{path}")).await;
        assert!([200, 422].contains(&shown.status), "{path}: {}", shown.text);
    }
    admin.get(&format!("/o/root/tree/{}/move", app.root)).await.expect(409);
}
