//! Lists of keys as places to come back to: what is done in a row leads to the very list that it was done in.

use claviger::ops::keys::NewKey;
use claviger_core::role::BuiltIn;

use super::browser::{Browser, Form, Page, selector};
use crate::app::{TestApp, new_key};

/// The way from a row to what is done to a key.
fn way(page: &Page, key: &str, action: &str) -> String {
    let wanted = format!("/o/root/keys/{key}{action}?");
    let found = page.links().into_iter().find(|it| it.starts_with(&wanted));
    found.unwrap_or_else(|| panic!("no {wanted} in {:?}", page.links()))
}

async fn leads_back(browser: &mut Browser<'_>, form: Form, list: &str) {
    let answer = browser.submit(&form).await.expect(303);
    assert_eq!(answer.header("location"), list, "{}", form.action);
    browser.follow(answer).await.expect(200);
}

// Rule 9 of the console: a list is its address, whichever tab it stands in.
#[tokio::test]
async fn what_is_done_in_a_row_leads_back_to_the_filter_the_order_and_the_page_that_it_stands_in() {
    let app = TestApp::new().await;
    for at in 10..40 {
        // Of nobody: a user owns 25 keys at most.
        let new = NewKey { owner_id: Some(None), ..new_key(&format!("Till {at}")) };
        app.create_key(&app.admin, app.root, new).await.unwrap();
    }
    let mut browser = Browser::signed_in(&app).await;
    let first = browser.get("/o/root/keys?q=till&sort=name").await.expect(200);
    let html = first.html();
    let next = html.select(&selector("a[rel=next]")).next().and_then(|it| it.attr("href")).unwrap().to_owned();
    drop(html);
    let list = format!("/o/root/keys{next}");
    let page = browser.get(&list).await.expect(200);
    let keys: Vec<String> = {
        let (html, boxes) = (page.html(), selector("input[name=key]"));
        html.select(&boxes).filter_map(|it| it.attr("value").map(str::to_owned)).collect()
    };
    assert_eq!(keys.len(), 5, "the second page");
    // Meanwhile, in another tab.
    let other = "/o/root/keys?q=till&used=never";
    let beside = browser.get(other).await.expect(200);

    let key = &keys[0];
    let own = browser.get(&way(&page, key, "")).await.expect(200);
    assert!(own.links().contains(&list), "View: {:?}", own.links());
    let rotate = browser.get(&way(&page, key, "/rotate")).await.expect(200);
    assert!(rotate.links().contains(&list), "Rotate: {:?}", rotate.links());
    let shown = browser.submit(&rotate.form("/rotate")).await.expect(200);
    assert!(shown.links().contains(&list), "Done: {:?}", shown.links());
    let edit = browser.get(&way(&page, key, "/edit")).await.expect(200);
    let nameless = browser.submit(&edit.form("/edit").with("name", "")).await.expect(422);
    assert!(nameless.links().contains(&list), "Cancel: {:?}", nameless.links());
    leads_back(&mut browser, nameless.form("/edit").with("name", "Till 99"), &list).await;
    leads_back(&mut browser, page.form(&format!("{key}/deactivate")), &list).await;
    // On the key's own page the button leaves its reader there, and the way back to the list stays.
    let own = browser.get(&way(&page, key, "")).await.expect(200);
    let answer = browser.submit(&own.form("/activate")).await.expect(303);
    assert!(answer.header("location").starts_with(&format!("/o/root/keys/{key}?")), "{}", answer.header("location"));
    let own = browser.follow(answer).await.expect(200);
    assert!(own.text_of(".banner").contains("activated") && own.links().contains(&list), "{:?}", own.links());
    let question = browser.get(&way(&page, key, "/delete")).await.expect(200);
    leads_back(&mut browser, question.form("/delete"), &list).await;
    let copy = page.links().into_iter().find(|it| it.contains(&format!("/keys/new?from={}&", keys[1]))).unwrap();
    let copied = browser.get(&copy).await.expect(200).form("/keys").with("name", "Till copy");
    assert!(browser.submit(&copied).await.expect(200).links().contains(&list), "Done");

    let there = beside.key_path();
    let there = there.rsplit_once('/').unwrap().1;
    let edit = browser.get(&way(&beside, there, "/edit")).await.expect(200);
    leads_back(&mut browser, edit.form("/edit").with("description", "Seen"), other).await;

    // Several at once go on with the page, too.
    let back = page.form("/bulk/delete").fields.into_iter().find(|it| it.0 == "back").unwrap().1;
    assert_eq!(format!("/o/root{back}"), list);
}

#[tokio::test]
async fn a_way_back_that_the_browser_has_forgotten_leads_to_the_whole_list() {
    let app = TestApp::new().await;
    let key = app.create_key(&app.admin, app.root, new_key("Till")).await.unwrap().info.key.id.to_string();
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/o/root/keys?q=till").await.expect(200);
    assert!(browser.cookies.contains_key("lists"));
    browser.cookies.remove("lists");
    let own = browser.get(&way(&page, &key, "")).await.expect(200);
    assert!(own.links().contains(&"/o/root/keys".to_owned()), "{:?}", own.links());

    // The next one at this browser learns nothing of what was searched for.
    let page = browser.get("/o/root/keys?q=till").await.expect(200);
    let sign_out = page.form("/sign-out");
    browser.submit(&sign_out).await.expect(303);
    assert!(!browser.cookies.contains_key("lists"), "{:?}", browser.cookies);
    // The whole list is what its rows lead back to anyway, and so nothing is noted.
    let mut browser = Browser::signed_in(&app).await;
    browser.get("/o/root/keys").await.expect(200);
    assert!(!browser.cookies.contains_key("lists"), "{:?}", browser.cookies);
}

// S1.4, S3.16: what the keys of an agency show, those of its locations show.
#[tokio::test]
async fn tables_of_locations_show_how_keys_were_used_and_sort_by_their_columns() {
    let app = TestApp::new().await;
    let shop = app.organization(app.root, "Shop").await;
    for text in ["Beta", "Alpha", "Gamma"] {
        let made = app.create_key(&app.admin, shop, new_key(text)).await.unwrap();
        if text == "Beta" {
            for _ in 0..3 {
                assert_eq!(app.get("/api/v1/me", made.token.expose()).await.status, 200);
            }
        }
    }
    app.create_key(&app.admin, app.root, new_key("Own")).await.unwrap();
    app.app.uses().flush().await.unwrap();
    let mut admin = Browser::signed_in(&app).await;
    let texts = |page: &Page, css: &str| -> Vec<String> {
        page.html().select(&selector(css)).map(|it| it.text().collect()).collect()
    };
    let page = admin.get("/o/root/keys").await.expect(200);
    assert_eq!(texts(&page, ".locations .spark title"), ["3 requests in 7 days"]);

    let names = ".locations tbody th a";
    let head = |page: &Page| {
        let html = page.html();
        let link = html.select(&selector(".locations thead a")).next().and_then(|it| it.attr("href")).unwrap();
        format!("/o/root/keys{link}")
    };
    let sorted = admin.get(&head(&page)).await.expect(200);
    assert_eq!(texts(&sorted, names), ["Alpha", "Beta", "Gamma"]);
    let says = |page: &Page| {
        let html = page.html();
        let marked = selector("[aria-sort]");
        html.select(&marked).filter_map(|it| it.attr("aria-sort").map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(says(&sorted), ["ascending", "ascending"], "each of the two tables");
    let turned = admin.get(&head(&sorted)).await.expect(200);
    assert_eq!(texts(&turned, names), ["Gamma", "Beta", "Alpha"]);

    // Who may look at the agency's keys and at nobody's of a location is told nothing of their use.
    let (_, ann, _) = app.member(app.root, "Ann", BuiltIn::Readonly).await;
    let role = app.built_in(app.root, BuiltIn::Member).await.id;
    app.add_member(shop, ann, role).await;
    let page = Browser::of_user(&app, ann).await.get("/o/root/keys").await.expect(200);
    assert_eq!(texts(&page, ".locations .spark title"), Vec::<String>::new());
}

// Rule 9: which rows of how many are shown, and the way to the page before as to the one behind, in every list alike.
#[tokio::test]
async fn lists_of_people_roles_and_sessions_say_what_they_show_and_lead_both_ways() {
    let app = TestApp::new().await;
    for at in 10..40 {
        app.member(app.root, &format!("Person {at}"), BuiltIn::Readonly).await;
    }
    let mut admin = Browser::signed_in(&app).await;
    for list in ["/o/root/members", "/o/root/integrations/data-loader"] {
        let first = admin.get(&format!("{list}?q=person")).await.expect(200);
        assert_eq!(first.text_of(".pager p"), "Showing 1–25", "{list}");
        let to = |page: &Page, rel: &str| {
            let html = page.html();
            let link = html.select(&selector(&format!("a[rel={rel}]"))).next().and_then(|it| it.attr("href"));
            link.map(|it| format!("{list}{it}"))
        };
        assert_eq!(to(&first, "prev"), None);
        let second = admin.get(&to(&first, "next").expect("a second page")).await.expect(200);
        assert_eq!(second.text_of(".pager p"), "Showing 26–30 of 30", "{list}");
        assert_eq!(to(&second, "next"), None);
        let back = admin.get(&to(&second, "prev").expect("the way back")).await.expect(200);
        assert_eq!(back.text_of(".pager p"), "Showing 1–25", "{list}");
        assert_eq!(back.text_of("tbody th bdi"), first.text_of("tbody th bdi"));
    }
    // What is there on one page says how many there are, and has no way to another.
    let roles = admin.get("/o/root/roles").await.expect(200);
    assert_eq!(roles.text_of(".pager p"), "3 roles");
    assert_eq!(roles.html().select(&selector(".pager nav")).count(), 0);
    let keys = admin.get("/o/root/keys").await.expect(200);
    assert!(keys.text_of(".pager p").starts_with("1 key · "), "{}", keys.text_of(".pager p"));
    let tree = admin.get("/o/root/tree").await.expect(200);
    assert_eq!(tree.text_of(".pager p"), "1 organization");
    let sessions = admin.get("/o/root/sessions").await.expect(200);
    assert!(sessions.text_of(".pager p").starts_with("2 sessions · "), "{}", sessions.text_of(".pager p"));
}

#[tokio::test]
async fn who_has_keys_already_is_led_from_the_list_and_from_the_settings_to_how_they_are_imported() {
    let app = TestApp::new().await;
    app.organization(app.root, "Empty").await;
    let mut admin = Browser::signed_in(&app).await;
    let how = "/docs/getting-a-key#keys-that-you-have-already".to_owned();
    for path in ["/o/root/keys", "/o/empty/keys"] {
        let page = admin.get(path).await.expect(200);
        assert!(page.links().contains(&how), "{path}: {:?}", page.links());
    }
    let guide = admin.get("/docs/getting-a-key").await.expect(200);
    assert!(guide.text_of("#keys-that-you-have-already").contains("Keys that you have already"));
    let found = admin.get("/o/root/settings?q=import").await.expect(200);
    assert!(found.links().contains(&"/o/root/keys".to_owned()), "{:?}", found.links());
}

// Rule 10: what narrows the list stands there, and each of it goes by itself.
#[tokio::test]
async fn filters_of_the_list_of_keys_are_taken_away_one_by_one() {
    let app = TestApp::new().await;
    let admin_role = app.built_in(app.root, BuiltIn::Admin).await.id;
    let mut admin = Browser::signed_in(&app).await;
    let chips = ".buttons a.button.small > span:first-child";
    let texts = |page: &Page, of: &str| -> Vec<String> {
        page.html().select(&selector(of)).map(|it| it.text().collect()).collect()
    };
    let whole = admin.get("/o/root/keys").await.expect(200);
    assert_eq!(texts(&whole, chips), Vec::<String>::new());
    assert_eq!(whole.text_of(".filter summary"), "Filter and sort");
    let page = admin.get(&format!("/o/root/keys?q=a%26b&status=active&role={admin_role}&sort=name")).await.expect(200);
    assert_eq!(texts(&page, chips), ["Status: Active", "Role: ADMIN"]);
    assert_eq!(page.text_of(".filter summary"), "Filter and sort (2)");
    let hrefs = |page: &Page| -> Vec<String> {
        let html = page.html();
        let links = selector(".buttons a.button.small");
        html.select(&links).filter_map(|it| it.attr("href").map(str::to_owned)).collect()
    };
    let links = hrefs(&page);
    let role = admin_role.to_string().replace('_', "%5F");
    let expected = [format!("?q=a%26b&sort=name&role={role}"), "?q=a%26b&sort=name&status=active".to_owned()];
    assert_eq!(links, expected);
    let rest = admin.get(&format!("/o/root/keys{}", links[0])).await.expect(200);
    assert_eq!(texts(&rest, chips), ["Role: ADMIN"]);
    // The rule that key health led here by is one of them.
    let ruled = admin.get("/o/root/keys?health=no-expiry&status=active").await.expect(200);
    assert_eq!(texts(&ruled, chips), ["Status: Active", "Key health: Never expires"]);
    assert!(hrefs(&ruled).contains(&"?status=active".to_owned()), "{:?}", hrefs(&ruled));
}
