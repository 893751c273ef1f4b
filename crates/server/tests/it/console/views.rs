//! The view switch of the top bar: what it offers from where, and that it names nothing that its reader may not look at.

use claviger::ops::organizations::{OrganizationPatch, update_organization};
use claviger_core::organization::OrganizationStatus;
use claviger_core::role::BuiltIn;

use super::browser::{Browser, Page, selector};
use crate::app::TestApp;

/// What the menu says, a line for each entry, with a `*` behind the present one; nothing where there is no menu.
fn views(page: &Page) -> Vec<String> {
    let html = page.html();
    let items = selector("#views a.item");
    let line = |it: scraper::ElementRef<'_>| {
        let words = it.text().collect::<Vec<_>>().join(" ");
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        if it.attr("aria-current").is_some() { format!("{words} *") } else { words }
    };
    let lines: Vec<_> = html.select(&items).map(line).collect();
    let buttons = html.select(&selector("[popovertarget=views]")).count();
    assert_eq!(buttons, usize::from(!lines.is_empty()), "a menu has one button, and no menu has none");
    lines
}

#[tokio::test]
async fn the_switch_offers_the_agency_a_few_locations_and_the_present_one() {
    let app = TestApp::new().await;
    let mut admin = Browser::signed_in(&app).await;
    let page = admin.get("/o/root/keys").await.expect(200);
    assert_eq!(views(&page), Vec::<String>::new(), "there is one organization, and nothing to switch to");
    assert_eq!(page.text_of(".brand"), "Root");

    let mut first = None;
    for number in 0..10 {
        let made = app.organization(app.root, &format!("Location {number}")).await;
        first.get_or_insert(made);
    }
    app.organization(first.expect("ten were made"), "Deep").await;
    let few = (0..8).map(|it| format!("Location {it}"));
    let all = |agency: &str, more: Option<&str>| {
        let more = more.map(str::to_owned);
        let lines = [agency.to_owned()].into_iter().chain(more).chain(few.clone());
        lines.chain(["All organizations…".to_owned()]).collect::<Vec<_>>()
    };
    for path in ["/o/root/keys", "/o/root", "/o/root/settings"] {
        let page = admin.get(path).await.expect(200);
        assert_eq!(views(&page), all("Agency view Root *", None), "{path}");
    }
    let page = admin.get("/o/location-9/keys").await.expect(200);
    assert_eq!(views(&page), all("Agency view Root", Some("Location 9 *")), "it is not among the first, and is marked");
    // The agency is the nearest one, with the way up to the topmost.
    let deep = ["Root", "Agency view Location 0", "Deep", "All organizations…"];
    for (slug, here) in [("location-0", 1), ("deep", 2)] {
        let page = admin.get(&format!("/o/{slug}/keys")).await.expect(200);
        let marked = |(at, line): (usize, &&str)| if at == here { format!("{line} *") } else { (*line).to_owned() };
        assert_eq!(views(&page), deep.iter().enumerate().map(marked).collect::<Vec<_>>(), "{slug}");
    }
    let page = admin.get("/o/location-3/keys").await.expect(200);
    assert_eq!(views(&page)[4], "Location 3 *");
    for link in page.links().iter().filter(|it| it.starts_with("/o/") && it.ends_with("/keys")) {
        admin.get(link).await.expect(200);
    }
}

#[tokio::test]
async fn the_switch_names_nothing_that_its_reader_may_not_look_at() {
    let app = TestApp::new().await;
    let agency = app.organization(app.root, "Agency").await;
    let north = app.organization(agency, "North").await;
    app.organization(agency, "South").await;
    let closed = app.organization(agency, "Closed").await;
    let beside = app.organization(app.root, "Beside").await;
    let patch = OrganizationPatch { status: Some(OrganizationStatus::Suspended), ..OrganizationPatch::default() };
    update_organization(&app.app, &app.admin, closed, patch, None).await.unwrap();

    // What is above and beside is not there, and what is suspended is closed.
    let (_, agent, _) = app.member(agency, "Agent", BuiltIn::Admin).await;
    let mut agent = Browser::of_user(&app, agent).await;
    let page = agent.get("/o/north/keys").await.expect(200);
    assert_eq!(views(&page), ["Agency view Agency", "North *", "South", "All organizations…"]);

    // Who is in one place only has nothing to switch to, whatever is above and beside it.
    let (_, local, _) = app.member(north, "Local admin", BuiltIn::Admin).await;
    let mut browser = Browser::of_user(&app, local).await;
    assert_eq!(views(&browser.get("/o/north/keys").await.expect(200)), Vec::<String>::new());
    // Of two that do not lie one above the other there is the other.
    app.add_member(beside, local, app.built_in(beside, BuiltIn::Member).await.id).await;
    let page = browser.get("/o/north/keys").await.expect(200);
    assert_eq!(views(&page), ["North *", "Beside", "All organizations…"]);
    let page = browser.get("/o/beside/keys").await.expect(200);
    assert_eq!(views(&page), ["Beside *", "North", "All organizations…"]);

    // A member of the agency reaches what is below it, and goes there though nothing is listed for programs.
    let (_, member, _) = app.member(agency, "Ann", BuiltIn::Member).await;
    let mut ann = Browser::of_user(&app, member).await;
    let page = ann.get("/o/agency/keys").await.expect(200);
    assert_eq!(views(&page), ["Agency view Agency *", "North", "South", "All organizations…"]);
    let page = ann.get("/o/south/keys").await.expect(200);
    assert_eq!(views(&page), ["Agency view Agency", "North", "South *", "All organizations…"]);
    let page = ann.get("/o/agency/organizations").await.expect(200);
    let links: Vec<_> = page.links().into_iter().filter(|it| it.ends_with("/keys")).collect();
    for slug in ["agency", "north", "south"] {
        assert!(links.contains(&format!("/o/{slug}/keys")), "{links:?}");
    }
    assert!(!page.text.contains("Beside") && !page.text.contains("Closed"), "{}", page.text);
}

#[tokio::test]
async fn the_page_of_organizations_is_searched_within_reach_and_no_further() {
    let app = TestApp::new().await;
    let agency = app.organization(app.root, "Agency").await;
    for number in 0..60 {
        app.organization(agency, &format!("Shop {number:02}")).await;
    }
    let elsewhere = app.organization(app.root, "Shop elsewhere").await;
    let (_, user_id, _) = app.member(agency, "Agent", BuiltIn::Admin).await;
    let mut agent = Browser::of_user(&app, user_id).await;
    let rows = |page: &Page| {
        let html = page.html();
        html.select(&selector(".lines li > a")).map(|it| it.text().collect::<String>()).collect::<Vec<_>>()
    };
    let page = agent.get("/o/agency/organizations").await.expect(200);
    assert_eq!(rows(&page).len(), 50);
    let found = agent.get("/o/agency/organizations?q=shop%2042").await.expect(200);
    assert_eq!(rows(&found), ["Shop 42"]);
    assert_eq!(found.html().select(&selector("input#q[value='shop 42']")).count(), 1, "what was typed stays");

    // A second page goes on with the search, and the way back to its start does too.
    let page = agent.get("/o/agency/organizations?q=shop").await.expect(200);
    let next = page.html().select(&selector("a[rel=next]")).next().and_then(|it| it.attr("href")).unwrap().to_owned();
    let second = agent.get(&format!("/o/agency/organizations{next}")).await.expect(200);
    assert_eq!((rows(&page).len(), rows(&second).len()), (50, 10));
    assert!(second.links().contains(&"/o/agency/organizations?q=shop".to_owned()), "{:?}", second.links());

    for unread in ["%00", ""] {
        assert_eq!(
            rows(&agent.get(&format!("/o/agency/organizations?q={unread}")).await.expect(200)).len(),
            50,
            "{unread}"
        );
    }
    for nothing in ["elsewhere", "root", "%25", "%FF", &"x".repeat(500)] {
        let page = agent.get(&format!("/o/agency/organizations?q={nothing}")).await.expect(200);
        assert_eq!(rows(&page), Vec::<String>::new(), "{nothing}");
        assert_eq!(page.text_of(".empty h2"), "No organization matches", "{nothing}");
    }

    // Where people are members besides, it is found by its name and its short name alike.
    let role_id = app.built_in(elsewhere, BuiltIn::Readonly).await.id;
    app.add_member(elsewhere, user_id, role_id).await;
    for words in ["SHOP%20else", "shop-ELSE"] {
        let page = agent.get(&format!("/o/agency/organizations?q={words}")).await.expect(200);
        assert_eq!(rows(&page), ["Shop elsewhere"], "{words}");
    }
}

#[tokio::test]
async fn two_that_are_called_alike_are_told_apart_by_their_short_names() {
    let app = TestApp::new().await;
    for name in ["Shop", "Shop", "Depot"] {
        app.organization(app.root, name).await;
    }
    let mut admin = Browser::signed_in(&app).await;
    let page = admin.get("/o/root/keys").await.expect(200);
    let mut lines = views(&page);
    lines[2..4].sort();
    assert_eq!(lines, ["Agency view Root *", "Depot", "Shop shop", "Shop shop-2", "All organizations…"]);
}
