//! The locations of an agency: found by what people know of them, and shown while they are suspended.

use claviger::ops::keys::NewKey;
use claviger::ops::organizations::{OrganizationPatch, update_organization};
use claviger_core::id::OrganizationId;
use claviger_core::name::{Description, ExternalId};
use claviger_core::organization::OrganizationStatus;
use claviger_core::role::BuiltIn;

use super::browser::{Browser, Page, selector};
use crate::app::{TestApp, new_key};

/// The names of the locations that a page lists, in order.
fn listed(page: &Page) -> Vec<String> {
    let html = page.html();
    html.select(&selector(".locations h3 bdi")).map(|it| it.text().collect()).collect()
}

async fn location(app: &TestApp, parent: OrganizationId, name: &str, external_id: &str) -> OrganizationId {
    let id = app.organization(parent, name).await;
    let external_id = Some(Some(ExternalId::parse(external_id).unwrap()));
    let patch = OrganizationPatch { external_id, ..OrganizationPatch::default() };
    update_organization(&app.app, &app.admin, id, patch, None).await.unwrap();
    id
}

async fn suspend(app: &TestApp, id: OrganizationId) {
    let patch = OrganizationPatch { status: Some(OrganizationStatus::Suspended), ..OrganizationPatch::default() };
    update_organization(&app.app, &app.admin, id, patch, None).await.unwrap();
}

// S1.4
#[tokio::test]
async fn the_search_of_an_agency_finds_locations_by_name_short_name_and_external_id() {
    let app = TestApp::new().await;
    let harbor = location(&app, app.root, "Harbor Street", "CRM-4711").await;
    location(&app, app.root, "Hill Road", "CRM-4712").await;
    app.create_key(&app.admin, harbor, new_key("Till")).await.unwrap();
    let mut admin = Browser::signed_in(&app).await;
    for (search, expected) in [
        ("", vec!["Harbor Street", "Hill Road"]),
        ("harbor", vec!["Harbor Street"]),
        ("hill-r", vec!["Hill Road"]),
        ("crm-4711", vec!["Harbor Street"]),
        ("CRM", vec!["Harbor Street", "Hill Road"]),
        ("nowhere", vec![]),
    ] {
        for path in ["/o/root/keys", "/o/root/integrations/keys"] {
            let page = admin.get(&format!("{path}?q={search}")).await.expect(200);
            assert_eq!(listed(&page), expected, "{path} {search}");
        }
        let page = admin.get(&format!("/o/root/organizations?q={search}")).await.expect(200);
        for name in ["Harbor Street", "Hill Road"] {
            let wanted = expected.contains(&name);
            assert_eq!(
                page.html().select(&selector(".lines")).any(|it| it.text().any(|it| it == name)),
                wanted,
                "{search}"
            );
        }
    }
    assert!(admin.get("/o/root/keys?q=harbor").await.text.contains("Till"), "with its keys");
    // Where the list is narrowed to a state, a role or a user, it is about keys alone.
    let page = admin.get("/o/root/keys?q=harbor&status=active").await.expect(200);
    assert_eq!(listed(&page), Vec::<String>::new());
}

#[tokio::test]
async fn a_suspended_location_is_marked_and_leads_to_where_it_is_resumed() {
    let app = TestApp::new().await;
    let closed = app.organization(app.root, "Closed").await;
    let below = app.organization(closed, "Deep below").await;
    app.organization(app.root, "Open").await;
    app.create_key(&app.admin, below, new_key("Hidden key")).await.unwrap();
    suspend(&app, closed).await;
    let mut admin = Browser::signed_in(&app).await;
    let page = admin.get("/o/root/keys").await.expect(200);
    assert_eq!(listed(&page), ["Closed", "Deep below", "Open"]);
    assert_eq!(page.html().select(&selector(".locations h3 .status.paused")).count(), 2);
    assert!(!page.text.contains("Hidden key"));
    let tree = format!("/o/root/tree/{closed}");
    assert!(page.links().contains(&tree));
    admin.get(&tree).await.expect(200).form("/resume");
    for link in page.links().iter().filter(|it| it.starts_with("/o/")) {
        admin.get(link).await.expect(200);
    }
}

#[tokio::test]
async fn suspended_locations_take_no_room_in_the_view_switch() {
    let app = TestApp::new().await;
    for number in 0..9 {
        let id = app.organization(app.root, &format!("A{number}")).await;
        suspend(&app, id).await;
    }
    app.organization(app.root, "Zoo").await;
    let mut admin = Browser::signed_in(&app).await;
    let page = admin.get("/o/root/keys").await.expect(200);
    let html = page.html();
    let items = selector("#views a.item > bdi");
    let offered = html.select(&items).map(|it| it.text().collect::<String>());
    assert_eq!(offered.collect::<Vec<_>>(), ["Zoo"]);
    assert_ne!(
        admin.get("/o/root/organizations").await.text_of("h1"),
        admin.get("/o/root/tree").await.text_of("h1"),
        "two pages, two names"
    );
}

// S1.4
#[tokio::test]
async fn the_search_of_an_agency_finds_the_keys_of_its_locations_by_name_description_and_access_id() {
    let app = TestApp::new().await;
    let harbor = app.organization(app.root, "Harbor Street").await;
    let hill = app.organization(app.root, "Hill Road").await;
    let deep = app.organization(hill, "Deep below").await;
    let closed = app.organization(app.root, "Closed").await;
    let till = app.create_key(&app.admin, harbor, new_key("Till")).await.unwrap().info;
    app.create_key(&app.admin, harbor, new_key("Kitchen")).await.unwrap();
    let described = NewKey { description: Description::parse("Prints TILL receipts").unwrap(), ..new_key("Printer") };
    app.create_key(&app.admin, deep, described).await.unwrap();
    app.create_key(&app.admin, hill, new_key("Old till")).await.unwrap();
    app.create_key(&app.admin, closed, new_key("Closed till")).await.unwrap();
    suspend(&app, closed).await;
    let mut admin = Browser::signed_in(&app).await;
    let access_key = till.access_key.clone().unwrap();
    let hint = till.access_hint.clone().unwrap();
    let below = |page: &Page| -> Vec<String> {
        page.html().select(&selector(".locations li bdi")).map(|it| it.text().collect()).collect()
    };
    for (search, locations, keys) in [
        ("till", vec!["Deep below", "Harbor Street", "Hill Road"], vec!["Printer", "Till", "Old till"]),
        ("receipts", vec!["Deep below"], vec!["Printer"]),
        (&access_key, vec!["Harbor Street"], vec!["Till"]),
        (&hint, vec!["Harbor Street"], vec!["Till"]),
        // A location that is called so shows its keys, and one that is suspended that it is.
        ("harbor", vec!["Harbor Street"], vec!["Kitchen", "Till"]),
        ("closed", vec!["Closed"], vec![]),
        ("nowhere", vec![], vec![]),
    ] {
        let page = admin.get(&format!("/o/root/keys?q={search}")).await.expect(200);
        assert_eq!(listed(&page), locations, "{search}");
        assert_eq!(below(&page), keys, "{search}");
    }
    // The heading counts what was found, and leads to just these.
    let page = admin.get("/o/root/keys?q=till").await;
    assert_eq!(page.text_of(".locations h2"), "Location 3");
    let found = page.links().into_iter().find(|it| it == "/o/hill-road/keys?q=till").expect("a link to what was found");
    assert!(admin.get(&found).await.expect(200).text.contains("Old till"));

    // Who is kept out of a location by a nearer membership finds none of its keys.
    let (_, ann, _) = app.member(app.root, "Ann", BuiltIn::Admin).await;
    let role = app.built_in(app.root, BuiltIn::Member).await.id;
    app.add_member(harbor, ann, role).await;
    let mut ann = Browser::of_user(&app, ann).await;
    let page = ann.get("/o/root/keys?q=till").await.expect(200);
    assert_eq!(listed(&page), ["Deep below", "Hill Road"]);
}
