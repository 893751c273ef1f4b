//! Organizations as whoever manages them sees them: who may change which, and what the pages say of it.

use claviger::ops::keys::NewKey;
use claviger::ops::organizations::get_organization;
use claviger_core::id::OrganizationId;
use claviger_core::organization::OrganizationStatus;
use claviger_core::role::BuiltIn;

use super::browser::{Browser, Form, selector};
use crate::app::{TestApp, new_key};

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

#[tokio::test]
async fn an_organization_is_made_and_moved_where_it_was_asked_for_however_many_there_are() {
    let app = TestApp::new().await;
    for number in 0..101 {
        app.organization(app.root, &format!("Location {number:03}")).await;
    }
    let last = app.organization(app.root, "Zebra").await;
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get(&format!("/o/root/tree/new?under={last}")).await.expect(200);
    assert_eq!(page.text_of("#under option[selected]"), "Zebra");
    assert_eq!(page.text_of(".lead"), "Below Zebra, unless you choose another place.");
    let answer = browser.submit(&page.form("/tree").with("name", "Stripe")).await.expect(303);
    let page = browser.follow(answer).await.expect(200);
    assert!(page.text_of(".banner").contains("“Stripe” created below Zebra"), "{}", page.text);
    let made = page.path.rsplit('/').next().unwrap().parse().unwrap();
    let parent = async |id| get_organization(&app.app, &app.admin, id).await.unwrap().organization.parent_id;
    assert_eq!(parent(made).await, Some(last));

    // Of what is not in the list the search finds it, and what was chosen stays so until another is.
    let page = browser.get("/o/root/tree/new").await.expect(200);
    assert_eq!(page.text_of("#under option[selected]"), "Root");
    assert!(!page.text_of("#under").contains("Zebra") && page.html().select(&selector("form input#q")).count() == 1);
    let page = browser.get("/o/root/tree/new?q=zeb").await.expect(200);
    assert_eq!(page.text_of("#under option[selected]"), "Root");
    let way = format!("/o/root/tree/{made}/move");
    let found = browser.get(&format!("{way}?q=100")).await.expect(200);
    assert_eq!(found.text_of("#parent option[selected]"), "Zebra", "where it stands now");
    let target = found
        .html()
        .select(&selector("#parent option"))
        .find_map(|it| (it.text().collect::<String>() == "Location 100").then(|| it.attr("value").unwrap().to_owned()));
    let target = target.expect("the place that was searched for");
    let form = browser.get(&format!("{way}?parent={target}")).await.expect(200).form("/move");
    assert_eq!(form.method, "get", "the choice stands before the button that moves");
    let moved = Form { method: "post".to_owned(), ..form }.with("parent", &target);
    browser.submit(&moved).await.expect(303);
    assert_eq!(parent(made).await.map(|it| it.to_string()), Some(target));

    for under in ["nonsense", "org_01jdw7r9x3e5tv8b2n4q6s0c1f"] {
        browser.get(&format!("/o/root/tree/new?under={under}")).await.expect(404);
    }
}

#[tokio::test]
async fn a_move_below_another_policy_says_that_keys_may_stop_and_warns_by_its_button() {
    let app = TestApp::new().await;
    let strict = app.organization(app.root, "Strict").await;
    let like = app.organization(app.root, "Like").await;
    let moved = app.organization(app.root, "Moved").await;
    let keeper = app.organization(app.root, "Keeper").await;
    app.set_policy(strict, r#"{"idle_days": 30}"#).await;
    app.set_policy(keeper, r#"{"reveal": "once", "locked": ["reveal"]}"#).await;
    app.set_policy(moved, r#"{"reveal": "owner"}"#).await;
    let mut browser = Browser::signed_in(&app).await;
    for (parent, warns, stops) in [(strict, true, true), (keeper, true, false), (like, false, false)] {
        let page = browser.get(&format!("/o/root/tree/{moved}/move?parent={parent}")).await.expect(200);
        assert_eq!(page.html().select(&selector("form[method=post] button.destroy")).count(), usize::from(warns));
        assert_eq!(page.text.contains("Keys may stop working"), stops, "{}", page.text);
        assert_eq!(page.text.contains("to be shown again is destroyed"), parent == keeper, "{}", page.text);
        assert!(page.text.contains("keys of the organizations that it leaves"), "{}", page.text);
    }
}

#[tokio::test]
async fn a_member_changes_nothing_by_sending_forms_that_are_not_offered() {
    let app = TestApp::new().await;
    let location = app.organization(app.root, "Location 1").await;
    let other = app.organization(app.root, "Location 2").await;
    let theirs = app.create_key(&app.admin, app.root, new_key("Theirs")).await.unwrap();
    let (id, token) = (theirs.info.key.id.to_string(), theirs.token);
    let (_, user_id, _) = app.member(app.root, "Ann", BuiltIn::Member).await;
    let before = get_organization(&app.app, &app.admin, location).await.unwrap().organization;
    let mut ann = Browser::of_user(&app, user_id).await;
    let other = other.to_string();
    for (path, fields) in [
        ("policies/idle_days".to_owned(), vec![("choice", "number"), ("number", "1")]),
        ("tree".to_owned(), vec![("name", "Planted")]),
        (format!("tree/{location}/edit"), vec![("name", "Planted")]),
        (format!("tree/{location}/suspend"), vec![("name", "Location 1")]),
        (format!("tree/{location}/resume"), vec![]),
        (format!("tree/{location}/move"), vec![("parent", other.as_str())]),
        (format!("security/api-management/{}/clear", app.admin_id), vec![]),
        ("keys/bulk/deactivate".to_owned(), vec![("key", id.as_str())]),
        ("keys/bulk/extend".to_owned(), vec![("key", id.as_str()), ("expires", "365")]),
        ("keys/bulk/delete".to_owned(), vec![("key", id.as_str()), ("count", "1")]),
    ] {
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let form = Form { method: "post".to_owned(), action: format!("/o/root/{path}"), fields };
        let answer = ann.submit(&form).await;
        let is_bulk = path.starts_with("keys/bulk/");
        assert!(
            answer.status == 403 || answer.status == 404 || (is_bulk && answer.status < 500),
            "{path}: {}",
            answer.text
        );
        assert_eq!(app.verify(&token, &[]), Ok(()), "{path}");
    }
    assert_eq!(get_organization(&app.app, &app.admin, location).await.unwrap().organization, before);
}

#[tokio::test]
async fn the_review_of_a_move_tells_of_a_lock_though_the_value_stays() {
    let app = TestApp::new().await;
    let strict = app.organization(app.root, "Strict").await;
    let moved = app.organization(app.root, "Moved").await;
    app.set_policy(strict, r#"{"idle_days": 90, "locked": ["idle_days"]}"#).await;
    app.set_policy(moved, r#"{"idle_days": 90}"#).await;
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get(&format!("/o/root/tree/{moved}/move?parent={strict}")).await.expect(200);
    assert_eq!(page.text_of("tbody [data-label=Now]"), "90 days");
    assert_eq!(page.text_of("tbody [data-label=Then]"), "90 days, locked from above");
    let back = browser.get(&format!("/o/root/tree/{moved}/move?parent={}", app.root)).await.expect(200);
    assert!(!back.text.contains("locked from above"));
}

// What is taken is said where what is misspelt is said: at the field, in words and to who hears the page.
#[tokio::test]
async fn a_short_name_or_external_id_that_is_taken_is_told_at_its_field() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let form = browser.get("/o/root/tree/new").await.expect(200).form("/tree").with("name", "Harbour");
    let form = form.with("slug", "harbour").with("external_id", "cust-42");
    browser.submit(&form).await.expect(303);
    let other = app.organization(app.root, "Quay").await;
    for (path, action) in [("/o/root/tree/new".to_owned(), "/tree"), (format!("/o/root/tree/{other}/edit"), "/edit")] {
        for (field, value, words) in
            [("slug", "harbour", "The short name is taken."), ("external_id", "cust-42", "The external id is taken.")]
        {
            let form = browser.get(&path).await.expect(200).form(action).with("name", "Quay").with(field, value);
            let page = browser.submit(&form).await.expect(422);
            assert_eq!(page.text_of(&format!("#{field}-error")), words, "{path}");
            assert_eq!(page.text_of(&format!(".summary a[href='#{field}']")), words, "{path}");
            let invalid = selector(&format!("#{field}[aria-invalid=true]"));
            assert_eq!(page.html().select(&invalid).count(), 1, "{path}: {}", page.text);
        }
    }
}

// The hint promises no call that is not there: `GET /api/v1/organizations/cust-42` finds nothing.
#[tokio::test]
async fn an_external_id_is_said_to_be_taken_where_it_is() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/o/root/tree/new").await.expect(200);
    let hint = page.text_of("#external_id-hint");
    assert!(hint.contains("Checks of keys and tokens take it") && !hint.contains("every call"), "{hint}");
}

#[tokio::test]
async fn keys_below_that_a_policy_would_break_are_led_to_as_those_here() {
    let app = TestApp::new().await;
    let location = app.organization(app.root, "Location 1").await;
    let new = NewKey { expires_at: Some(None), ..new_key("Till") };
    let below = app.create_key(&app.admin, location, new).await.unwrap().info.key.id;
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/o/root/policies/expiry_days_max/review?choice=number&number=90").await.expect(200);
    let way = format!("/o/location-1/keys/{below}");
    assert!(page.links().contains(&way), "{:?}", page.links());
    browser.get(&way).await.expect(200);
    assert!(!page.text.contains("(below)") && !page.text.contains("Among them"), "it is all there is: {}", page.text);
}
