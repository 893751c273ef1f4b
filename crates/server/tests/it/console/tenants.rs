//! Who sees what: another organization's objects are not there, and what one may not do is not offered.

use claviger::ops::keys::usage::weeks_of;
use claviger::ops::keys::{KeyQuery, list_keys};
use claviger::ops::me::list_reached_below;
use claviger::ops::members::{NewMember, create_member};
use claviger::ops::organizations::{OrganizationPatch, update_organization};
use claviger::ops::page::PageRequest;
use claviger_core::organization::OrganizationStatus;
use claviger_core::permission::PermissionSet;
use claviger_core::role::BuiltIn;

use super::browser::{Browser, selector};
use crate::app::{DAY, TestApp, new_key};

#[tokio::test]
async fn another_organizations_pages_are_those_of_nothing() {
    let app = TestApp::new().await;
    let location = app.organization(app.root, "Location 1").await;
    let other = app.organization(app.root, "Location 2").await;
    let key = app.create_key(&app.admin, other, new_key("Theirs")).await.unwrap().info.key.id;
    let (_, user_id, _) = app.member(location, "Local admin", BuiltIn::Admin).await;
    let mut browser = Browser::of_user(&app, user_id).await;
    let own = browser.open("/settings/api-keys").await.expect(200);
    assert_eq!(own.path, "/o/location-1/keys");

    let unknown = browser.get("/o/nobody/keys").await.expect(404);
    let unknown_key = browser.get("/o/location-1/keys/key_01jdw7r9x3e5tv8b2n4q6s0c1f").await.expect(404);
    let unknown = unknown.refusal();
    assert_eq!(unknown, unknown_key.refusal());
    for path in ["/o/root", "/o/root/keys", "/o/location-2/keys", "/o/location-2/settings"] {
        assert_eq!(browser.get(path).await.expect(404).refusal(), unknown, "{path}");
    }
    for path in ["", "/edit", "/rotate", "/delete"] {
        for organization in ["location-1", "location-2", "root"] {
            let page = browser.get(&format!("/o/{organization}/keys/{key}{path}")).await.expect(404);
            assert_eq!(page.refusal(), unknown, "{organization} {path}");
        }
    }
}

#[tokio::test]
async fn an_admin_of_an_agency_looks_at_its_locations() {
    let app = TestApp::new().await;
    app.organization(app.root, "Location 1").await;
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/o/location-1/keys").await.expect(200);
    assert_eq!(page.text_of(".empty h2"), "No keys yet");
    let form = browser.get("/o/location-1/keys/new").await.form("/keys").with("name", "Till");
    let token = browser.submit(&form).await.expect(200).text_of("#token");
    assert_eq!(app.verify_text(&token, &[]), Ok(()));
    let agency = browser.open("/o/root/keys").await.text;
    let (below, till) = (agency.find("class=\"locations\""), agency.find("Till"));
    assert!(below.is_some() && below < till, "it stands among the locations' keys and not among the agency's");
}

#[tokio::test]
async fn an_agency_without_keys_of_its_own_says_so_above_those_of_its_locations() {
    let app = TestApp::new().await;
    let agency = app.organization(app.root, "Agency").await;
    let location = app.organization(agency, "Harbor Street").await;
    app.organization(agency, "Hill Road").await;
    app.create_key(&app.admin, location, new_key("Till")).await.unwrap();
    let mut admin = Browser::signed_in(&app).await;
    let page = admin.get("/o/agency/keys").await.expect(200);
    assert_eq!(page.text_of(".empty h2"), "Agency has no keys of its own");
    assert_eq!(page.text_of(".locations h2"), "Location 1");
    assert!(page.text_of(".locations").contains("Till"));
    assert!(!page.text.contains("No keys yet"), "there are some, and they stand right below");
    assert!(page.links().contains(&"/o/agency/keys/new".to_owned()), "one is made all the same");
    let (_, user_id, _) = app.member(agency, "Auditor", BuiltIn::Readonly).await;
    let page = Browser::of_user(&app, user_id).await.get("/o/agency/keys").await.expect(200);
    assert_eq!(page.text_of(".empty h2"), "Agency has no keys of its own");
    assert!(!page.links().contains(&"/o/agency/keys/new".to_owned()));
}

#[tokio::test]
async fn who_reaches_several_organizations_can_switch_and_nobody_else_is_offered_it() {
    let app = TestApp::new().await;
    let mut admin = Browser::signed_in(&app).await;
    let switch = |page: &super::browser::Page| page.links().iter().any(|it| it.ends_with("/organizations"));
    assert!(!switch(&admin.get("/o/root/keys").await), "there is nothing to switch to");
    let agency = app.organization(app.root, "Agency").await;
    let location = app.organization(agency, "Location 1").await;
    let other = app.organization(app.root, "Location 2").await;
    assert!(switch(&admin.get("/o/root/keys").await));
    let targets = |page: &super::browser::Page| {
        let links = page.links().into_iter().filter(|it| it.starts_with("/o/") && it.matches('/').count() == 3);
        links.filter(|it| it.ends_with("/keys")).collect::<std::collections::BTreeSet<_>>()
    };
    let all = ["/o/agency/keys", "/o/location-1/keys", "/o/location-2/keys", "/o/root/keys"];
    // From below, too: the way up again.
    for from in ["root", "location-1"] {
        let page = admin.get(&format!("/o/{from}/organizations")).await.expect(200);
        assert_eq!(targets(&page).into_iter().collect::<Vec<_>>(), all, "from {from}");
        assert_eq!(page.text_of(".lines [aria-current=true]").to_lowercase().replace(' ', "-"), from);
    }

    for garbage in ["x", "%00", "../..", "%FF"] {
        let page = admin.get(&format!("/o/root/organizations?after={garbage}")).await;
        assert!([200, 400].contains(&page.status), "{garbage}: {}", page.status);
    }

    let (_, agent, _) = app.member(agency, "Agent", BuiltIn::Admin).await;
    let mut browser = Browser::of_user(&app, agent).await;
    let page = browser.get("/o/location-1/organizations").await.expect(200);
    assert_eq!(targets(&page).into_iter().collect::<Vec<_>>(), all[..2], "nothing above, nothing beside");

    let (_, local, _) = app.member(location, "Local admin", BuiltIn::Admin).await;
    let mut browser = Browser::of_user(&app, local).await;
    assert!(!switch(&browser.get("/o/location-1/keys").await));
    assert!(!browser.get("/o/location-1/organizations").await.expect(200).text.contains("Location 2"));
    // A member of two that do not lie one above the other.
    let role_id = app.built_in(other, BuiltIn::Member).await.id;
    let new = NewMember { user_id: local, role_id, extra_permissions: PermissionSet::nothing() };
    create_member(&app.app, &app.admin, other, new, None).await.unwrap();
    let page = browser.get("/o/location-1/organizations").await.expect(200);
    assert_eq!(targets(&page).into_iter().collect::<Vec<_>>(), all[1..3]);
    let page = browser.get("/o/location-2/organizations").await.expect(200);
    assert_eq!(targets(&page).into_iter().collect::<Vec<_>>(), all[1..3], "a member may not list, and still goes back");
}

#[tokio::test]
async fn pages_of_what_somebody_reaches_are_full_and_say_nothing_of_what_is_closed() {
    let app = TestApp::new().await;
    for text in ["Anchor", "Cedar", "Dock"] {
        app.organization(app.root, text).await;
    }
    let closed = app.organization(app.root, "Birch").await;
    for text in ["Birch 1", "Birch 2", "Birch 3"] {
        app.organization(closed, text).await;
    }
    let suspended = OrganizationPatch { status: Some(OrganizationStatus::Suspended), ..OrganizationPatch::default() };
    update_organization(&app.app, &app.admin, closed, suspended, None).await.unwrap();
    let (member, _, _) = app.member(app.root, "Mia", BuiltIn::Member).await;
    for (limit, expected) in
        [(1, vec![vec!["Anchor"], vec!["Cedar"], vec!["Dock"]]), (2, vec![vec!["Anchor", "Cedar"], vec!["Dock"]])]
    {
        let (mut pages, mut after) = (Vec::new(), None);
        loop {
            let request = PageRequest { after, limit };
            let page = list_reached_below(&app.app, &member, app.root, None, request).await.unwrap();
            pages.push(page.items.iter().map(|it| it.name.to_string()).collect::<Vec<_>>());
            let Some(next) = page.next else { break };
            let place = format!("{:?}", claviger_store::Cursor::parse(&next.0).unwrap());
            assert!(!place.contains("birch"), "{place}");
            after = Some(next);
        }
        assert_eq!(pages, expected);
    }
}

#[tokio::test]
async fn who_may_only_read_is_offered_no_change() {
    let app = TestApp::new().await;
    let key = app.create_key(&app.admin, app.root, new_key("CI deploy")).await.unwrap().info.key.id;
    let (_, user_id, _) = app.member(app.root, "Auditor", BuiltIn::Readonly).await;
    let mut browser = Browser::of_user(&app, user_id).await;
    for path in ["/o/root/keys".to_owned(), format!("/o/root/keys/{key}"), "/o/root".to_owned()] {
        let page = browser.get(&path).await.expect(200);
        assert!(page.text.contains("CI deploy") || path == "/o/root", "{path}");
        for link in page.links() {
            let own = link.ends_with("/profile/edit");
            let changes =
                !own && ["/new", "/edit", "/rotate", "/delete", "activate"].iter().any(|it| link.ends_with(it));
            assert!(!changes, "{path} offers {link}");
        }
        assert!(!page.text.contains("/deactivate\""), "{path}");
    }
    browser.get("/o/root/keys/new").await.expect(403);
    let form = Browser::signed_in(&app).await.get(&format!("/o/root/keys/{key}/delete")).await.form("/delete");
    browser.submit(&form).await.expect(403);
    assert!(browser.get("/o/root/keys").await.text.contains("CI deploy"));
}

#[tokio::test]
async fn the_last_login_is_the_latest_use_on_record() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let token = browser.create_key("automation_ro").await.text_of("#token");
    let list = browser.get("/o/root/keys?q=automation").await;
    assert_eq!(list.text_of("td[data-label='Last Login']"), "Never"); // S3.11
    app.get("/api/v1/me", &token).await;
    app.app.uses().flush().await.unwrap();
    let list = browser.get("/o/root/keys?q=automation").await;
    assert_eq!(list.text_of("td[data-label='Last Login'] time"), "2027-01-01 00:00:00"); // S3.12
}

// S3.16
#[tokio::test]
async fn a_row_shows_what_passed_with_its_key_in_a_week_and_nothing_where_nothing_did() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    browser.create_key("Quiet").await;
    let token = browser.create_key("Busy").await.text_of("#token");
    for day in 0..3 {
        if day > 0 {
            app.clock.advance(DAY);
        }
        for _ in 0..=day {
            app.get("/api/v1/me", &token).await;
        }
        app.app.uses().flush().await.unwrap();
    }
    let sparks = |page: &super::browser::Page| {
        let html = page.html();
        let titles = selector("tr .spark title");
        html.select(&titles).map(|it| it.text().collect::<String>()).collect::<Vec<_>>()
    };
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/o/root/keys").await.expect(200);
    assert_eq!(sparks(&page), ["6 requests in 7 days"], "of two keys one was used");
    assert!(page.text.contains("d=\"M20 10h4v6h-4zM25 5h4v11h-4z\""), "one, two and three: {}", page.text);
    // Hours become days, and what is older than the week is left out.
    app.clock.advance(DAY * 5);
    while app.app.store().fold_counts(app.now()).await.unwrap() {}
    let mut browser = Browser::signed_in(&app).await;
    assert_eq!(sparks(&browser.get("/o/root/keys").await.expect(200)), ["5 requests in 7 days"]);
    app.clock.advance(DAY * 2);
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/o/root/keys?q=busy").await.expect(200);
    assert_eq!(sparks(&page), Vec::<String>::new());
    assert!(page.text_of("td[data-label='Last Login']").starts_with("2027-01-03"), "the last use stays");

    // Asked for directly, neither somebody else's key tells of its use nor one that is looked for in another organization.
    let other = app.organization(app.root, "Other").await;
    let (ann, _, _) = app.member(app.root, "Ann", BuiltIn::Member).await;
    app.get("/api/v1/me", &token).await;
    app.app.uses().flush().await.unwrap();
    let query = KeyQuery::default();
    let page = PageRequest { after: None, limit: 5 };
    let keys = list_keys(&app.app, &app.admin, app.root, query, page).await.unwrap().page.items;
    for (caller, organization, told) in [(&app.admin, app.root, 1), (&ann, app.root, 0), (&app.admin, other, 0)] {
        assert_eq!(weeks_of(&app.app, caller, organization, &keys).await.unwrap().len(), told);
    }
}

#[tokio::test]
async fn what_is_only_for_administrators_is_neither_offered_to_others_nor_shown() {
    let app = TestApp::new().await;
    let location = app.organization(app.root, "Location 1").await;
    let other = app.organization(app.root, "Location 2").await;
    let (_, member, _) = app.member(location, "Ann", BuiltIn::Member).await;
    let mut ann = Browser::of_user(&app, member).await;
    let offered = ann.get("/o/location-1/settings").await.expect(200).links();
    for page in ["audit", "policies", "tree"] {
        let path = format!("/o/location-1/{page}");
        assert!(!offered.contains(&path), "{path}");
        ann.get(&path).await.expect(403);
    }
    let found = ann.get("/o/location-1/settings?q=history").await.expect(200);
    assert_eq!(found.text_of(".empty h2"), "Nothing is called “history” here");
    let (_, admin, _) = app.member(location, "Local admin", BuiltIn::Admin).await;
    let mut admin = Browser::of_user(&app, admin).await;
    let unknown = admin.get("/o/nobody/keys").await.expect(404);
    for id in [app.root, other] {
        for path in ["", "/edit", "/suspend", "/move"] {
            let page = admin.get(&format!("/o/location-1/tree/{id}{path}")).await.expect(404);
            assert_eq!(page.refusal(), unknown.refusal(), "{id}{path}");
        }
    }
    let own = admin.get(&format!("/o/location-1/tree/{location}")).await.expect(200);
    assert_eq!(own.text_of("h1"), "Location 1");
    let event = Browser::signed_in(&app).await.get("/o/root/audit").await.expect(200);
    let event = event.links().into_iter().find(|it| it.contains("/audit/evt_")).expect("an event of the root");
    let id = event.rsplit('/').next().expect("its id");
    admin.get(&format!("/o/location-1/audit/{id}")).await.expect(404);
}

#[tokio::test]
async fn policies_of_the_topmost_organization_speak_of_none_above() {
    let app = TestApp::new().await;
    app.organization(app.root, "Below").await;
    let mut admin = Browser::signed_in(&app).await;
    let top = admin.get("/o/root/policies").await.expect(200).text_of(".lead");
    assert!(!top.contains("organization above") && top.contains("by default"), "{top}");
    assert!(
        admin.get("/o/below/policies").await.expect(200).text_of(".lead").contains("as the organization above has it")
    );
}
