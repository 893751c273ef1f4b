//! What the audit and the settings search say, with names and links that lead somewhere.

use claviger::ops::keys::NewKey;
use claviger_core::decision::Reach;
use claviger_core::id::KeyId;
use claviger_core::role::BuiltIn;

use super::browser::{Browser, Page, selector};
use crate::app::{ADMIN_EMAIL, TestApp, new_key};

#[tokio::test]
async fn who_stands_in_a_revision_is_named_however_many_people_there_are() {
    let app = TestApp::new().await;
    for number in 0..101 {
        app.member(app.root, &format!("Ann {number:03}"), BuiltIn::Readonly).await;
    }
    let (_, zoe, _) = app.member(app.root, "Zoe", BuiltIn::Readonly).await;
    let new = NewKey { mapped_user_id: Some(Some(zoe)), ..new_key("CI") };
    let key = app.create_key(&app.admin, app.root, new).await.unwrap().info.key.id;
    let mut browser = Browser::signed_in(&app).await;
    for path in [format!("/o/root/keys/{key}"), format!("/o/root/audit?about={key}")] {
        let page = browser.get(&path).await.expect(200);
        let told = page.text_of("td[data-label^='Before']");
        assert!(told.contains("Zoe"), "{path}: {told}");
        assert!(!told.contains("usr_") && !told.contains("api_"), "{path}: {told}");
        assert!(told.contains("Type"), "{path}: {told}");
    }
}

#[tokio::test]
async fn a_change_by_a_key_from_above_links_to_no_page_that_is_not_there() {
    let app = TestApp::new().await;
    let location = app.organization(app.root, "Location 1").await;
    let role_id = Some(app.built_in(app.root, BuiltIn::Admin).await.id);
    let new = NewKey { role_id, reach: Reach::Subtree, ..new_key("Agency") };
    let agency = app.create_key(&app.admin, app.root, new).await.unwrap();
    let of_agency: KeyId = agency.info.key.id;
    let made = app.create_key(&app.caller(&agency.token), location, new_key("Till")).await.unwrap().info.key.id;
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get(&format!("/o/location-1/audit?about={made}")).await.expect(200);
    assert!(page.text_of("td[data-label=Who] .desc").contains(&format!("via {of_agency}")), "{}", page.text);
    assert!(!page.links().iter().any(|it| it.contains(&of_agency.to_string())), "{:?}", page.links());
    for link in page.links() {
        if link.contains("/keys/key_") {
            browser.get(&link).await.expect(200);
        }
    }
}

fn first_found(page: &Page) -> String {
    let html = page.html();
    let first = html.select(&selector("main nav a")).next();
    first.map_or_else(String::new, |it| it.attr("href").unwrap().to_owned())
}

#[tokio::test]
async fn the_settings_search_finds_what_people_of_other_products_look_for() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    for (words, path) in [
        ("zapier", "/api-management"),
        ("triggers", "/api-management"),
        ("api access", "/profile/api-access"),
        ("team", "/members"),
        ("tokens", "/keys"),
        ("revision history", "/revision-history"),
        ("developer documentation", "/docs"),
        ("theme", "/profile"),
        ("dark", "/profile"),
        ("times", "/profile"),
        ("appearance", "/profile"),
        ("preferences", "/profile"),
    ] {
        let page = browser.get(&format!("/o/root/settings?q={}", words.replace(' ', "+"))).await.expect(200);
        let found = page.links();
        assert!(found.iter().any(|it| it.ends_with(path)), "{words}: {found:?}");
        if path != "/api-management" && path != "/members" {
            assert!(first_found(&page).ends_with(path), "{words}: {}", first_found(&page));
        }
    }
}

#[tokio::test]
async fn the_revision_history_stands_in_the_menu_under_its_name() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let links = browser.get("/o/root/settings").await.expect(200).links();
    for path in ["/o/root/revision-history", "/docs"] {
        assert!(links.iter().any(|it| it == path), "{path}: {links:?}");
    }
    let page = browser.get("/o/root/revision-history").await.expect(200);
    assert_eq!(page.text_of("h1"), "Revision History");
}

// Who guesses a password is seen, and from where; many guesses do not fill the log, and none of them stands in it.
#[tokio::test]
async fn failed_sign_ins_of_an_account_stand_in_the_audit_and_do_not_fill_it() {
    let app = TestApp::new().await;
    let mut admin = Browser::signed_in(&app).await;
    let mut guesser = Browser::new(&app);
    guesser.sign_in("nobody@example.com", "no such guess").await.expect(422);
    let mut guesses = 0;
    while guesser.sign_in(ADMIN_EMAIL, "a wild guess").await.status == 422 {
        guesses += 1;
        assert!(guesses < 100, "somebody holds the guesser back");
    }
    let filtered = "/o/root/audit?what=session.refused";
    let mut page = admin.get(filtered).await.expect(200);
    for _ in 0..100 {
        if page.text.matches("Sign-in failed</a>").count() >= guesses.min(10) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        page = admin.get(filtered).await.expect(200);
    }
    assert_eq!(page.text.matches("Sign-in failed</a>").count(), guesses.min(10));
    assert!(page.text.contains("127.0.0.1"), "{}", page.text);
    assert!(!page.text.contains("a wild guess") && !page.text.contains("no such guess"));
}

#[tokio::test]
async fn changes_of_policies_are_found_by_themselves_with_who_made_them() {
    let app = TestApp::new().await;
    let mut admin = Browser::signed_in(&app).await;
    let form = admin.get("/o/root/policies/idle_days/review?choice=number&number=90").await.expect(200);
    admin.submit(&form.form("/idle_days")).await.expect(303);
    let page = admin.get("/o/root/audit?what=organization.policy_updated").await.expect(200);
    assert_eq!(page.html().select(&selector("tbody tr")).count(), 1);
    let event = page.html().select(&selector("tbody th a")).next().unwrap().attr("href").unwrap().to_owned();
    let event = admin.get(&event).await.expect(200);
    assert_eq!(event.text_of("h1"), "Policy changed");
    assert!(event.text_of(".facts").contains(ADMIN_EMAIL), "the address tells people of one name apart");
}

#[tokio::test]
async fn the_audit_of_an_agency_says_where_that_of_its_locations_is_and_a_locations_does_not() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let alone = browser.get("/o/root/audit").await.expect(200);
    assert!(!alone.text.contains("in its own audit"), "there is no location");
    app.organization(app.root, "Harbour").await;
    let page = browser.get("/o/root/audit").await.expect(200);
    assert!(page.text.contains("in its own audit") && page.links().contains(&"/o/harbour/audit".to_owned()));
    let location = browser.get("/o/harbour/audit").await.expect(200);
    assert!(!location.text.contains("in its own audit"), "{}", location.text);
}

#[tokio::test]
async fn a_card_says_what_its_reader_finds_behind_it() {
    let app = TestApp::new().await;
    let (_, user_id, _) = app.member(app.root, "Mia", BuiltIn::Member).await;
    let card = "nav.index a[href$='/user-management']";
    let page = Browser::of_user(&app, user_id).await.get("/o/root/settings").await.expect(200);
    let said = page.text_of(card);
    assert!(said.contains("Keys for integrations") && !said.contains("Who is a member"), "{said}");
    let page = Browser::signed_in(&app).await.get("/o/root/settings").await.expect(200);
    assert!(page.text_of(card).contains("Who is a member"), "{}", page.text_of(card));
}

// As in the list of keys: which rows are shown, on and back, and how many there are once the end is seen.
#[tokio::test]
async fn a_list_of_events_is_walked_on_and_back() {
    let app = TestApp::new().await;
    for number in 0..30 {
        app.member(app.root, &format!("Ann {number:03}"), BuiltIn::Readonly).await;
    }
    let mut browser = Browser::signed_in(&app).await;
    let way = |page: &Page, rel: &str| {
        let html = page.html();
        let link = html.select(&selector(&format!(".pager a[rel={rel}]"))).next();
        link.and_then(|it| it.attr("href")).map(|it| format!("/o/root/audit{it}"))
    };
    let first = browser.get("/o/root/audit").await.expect(200);
    assert!(first.text_of(".pager").starts_with("Showing 1–25"), "{}", first.text_of(".pager"));
    assert_eq!(way(&first, "prev"), None);
    let second = browser.get(&way(&first, "next").expect("there are more")).await.expect(200);
    assert!(second.text_of(".pager").starts_with("Showing 26–"), "{}", second.text_of(".pager"));
    let back = browser.get(&way(&second, "prev").expect("the way back")).await.expect(200);
    assert!(back.text_of(".pager").starts_with("Showing 1–25"), "{}", back.text_of(".pager"));
    let all = browser.get("/o/root/audit?rows=100").await.expect(200);
    assert!(all.text_of(".pager").ends_with(" events"), "the end is seen: {}", all.text_of(".pager"));
}

#[tokio::test]
async fn the_row_of_a_new_key_says_until_when_and_how_far_it_is_good_and_leads_to_all_of_it() {
    let app = TestApp::new().await;
    let expires_at = Some(Some("2027-02-20T00:00:00Z".parse().unwrap()));
    let role_id = Some(app.built_in(app.root, BuiltIn::Admin).await.id);
    let new = NewKey { role_id, expires_at, reach: Reach::Subtree, ..new_key("Agency") };
    let key = app.create_key(&app.admin, app.root, new).await.unwrap().info.key.id;
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get(&format!("/o/root/audit?about={key}")).await.expect(200);
    let told = page.text_of("td[data-label^='Before']");
    for words in ["end of 19 Feb 2027 (UTC)", "this organization and all below", "all of it"] {
        assert!(told.contains(words), "{words}: {told}");
    }
}

#[tokio::test]
async fn a_members_page_leads_to_the_history_of_the_membership() {
    let app = TestApp::new().await;
    let (_, _, member_id) = app.member(app.root, "Ann", BuiltIn::Member).await;
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get(&format!("/o/root/members/{member_id}")).await.expect(200);
    let way = format!("/o/root/audit?about={member_id}");
    assert!(page.links().contains(&way), "{:?}", page.links());
    assert!(browser.get(&way).await.expect(200).text.contains("Member added"));
}

#[tokio::test]
async fn days_that_are_turned_round_are_said_to_be() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let told = "From is a later day than To";
    for list in ["/o/root/audit", "/o/root/revision-history"] {
        let turned = browser.get(&format!("{list}?from=2026-11-02&until=2026-11-01")).await.expect(200);
        assert!(turned.text_of("[role=status]").contains(told), "{list}: {}", turned.text_of("main"));
        let one_day = browser.get(&format!("{list}?from=2026-11-01&until=2026-11-01")).await.expect(200);
        assert!(!one_day.text.contains(told), "{list}");
    }
}
