//! What holds for every page. What holds for every answer is looked at whenever one is read ([`Page::read`]).

use reqwest::Method;
use reqwest::header::{ETAG, IF_NONE_MATCH};
use std::collections::BTreeSet;

use claviger_core::role::BuiltIn;

use super::browser::{Browser, Page, selector};
use crate::app::TestApp;

fn is_well_formed(page: &Page) {
    let html = page.html();
    assert_eq!(html.errors, Vec::<&str>::new(), "{}", page.path);
    assert_eq!(html.select(&selector("h1")).count(), 1, "{}", page.path);
}

#[tokio::test]
async fn every_page_that_links_reach_is_well_formed_and_carries_the_headers() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    browser.create_key("CI deploy").await;
    app.member(app.root, "Ann", BuiltIn::Readonly).await;
    let mut found = BTreeSet::from(["/".to_owned()]);
    let mut waiting = vec!["/".to_owned()];
    while let Some(path) = waiting.pop() {
        let page = browser.get(&path).await;
        if page.status == 303 {
            let target = page.header("location").to_owned();
            if found.insert(target.clone()) {
                waiting.push(target);
            }
            continue;
        }
        assert_eq!(page.status, 200, "{path}");
        is_well_formed(&page);
        // The API and the documentation are other surfaces with headers of their own, and a file is no page.
        let is_page = |it: &String| !it.starts_with("/docs") && !it.starts_with("/api/") && !it.contains("/keys/csv");
        waiting.extend(page.links().into_iter().filter(is_page).filter(|it| found.insert(it.clone())));
    }
    for part in [
        "/settings",
        "/keys",
        "/keys/new",
        "/edit",
        "/rotate",
        "/delete",
        "/user-management",
        "/members",
        "/members/new",
        "/role",
        "/remove",
        "/sessions",
        "/password",
        "/roles",
        "/roles/new",
        "/audit",
        "/policies",
        "/policies/idle_days",
        "/tree",
        "/tree/new",
        "/health",
        "/keyboard",
        "/profile/api-access",
        "/profile/security/keys",
        "/security/api-management",
        "/advanced-settings/api-management",
        "/user-management/keys",
        "/integrations/keys",
    ] {
        assert!(found.iter().any(|it| it.ends_with(part)), "no link leads to …{part}: {found:?}");
    }
    for path in ["/docs", "/docs/api"] {
        assert!(browser.get(path).await.expect(200).links().contains(&"/".to_owned()), "{path} has a way back");
    }
}

#[tokio::test]
async fn refusals_are_pages_with_a_way_out() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let mut refused = Vec::new();
    for path in [
        "/nothing",
        "/o/root/nothing",
        "/o/nobody/keys",
        "/o/root/keys/key_nonsense",
        "/o/root/keys/new/x",
        "/assets/claviger.css",
    ] {
        refused.push((404, browser.get(path).await));
    }
    refused.push((405, browser.get("/sign-out").await));
    refused.push((410, browser.get("/setup/never-was-one").await));
    refused.push((410, browser.get("/link/never-was-one").await));
    let from_elsewhere = browser.request(Method::POST, "/o/root/keys").header("sec-fetch-site", "cross-site");
    refused.push((403, browser.send("/o/root/keys", from_elsewhere).await));
    let no_form = browser.request(Method::POST, "/o/root/keys").header("sec-fetch-site", "same-origin").body("{}");
    refused.push((400, browser.send("/o/root/keys", no_form).await));
    let huge = vec![("name", "x".repeat(20_000))];
    let huge = browser.request(Method::POST, "/o/root/keys").header("sec-fetch-site", "same-origin").form(&huge);
    refused.push((400, browser.send("/o/root/keys", huge).await));
    let plain = browser.request(Method::GET, "/sign-in").header("host", "keys.acme.example");
    refused.push((403, browser.send("/sign-in", plain).await));
    for (status, page) in refused {
        assert_eq!(page.status, status, "{}: {}", page.path, page.text);
        is_well_formed(&page);
        assert!(page.links().iter().any(|it| it == "/" || it == "/o/root"), "{}", page.path);
    }
}

#[tokio::test]
async fn assets_are_kept_for_ever_under_an_address_that_changes_with_them() {
    let app = TestApp::new().await;
    let mut browser = Browser::new(&app);
    let page = browser.get("/sign-in").await;
    let html = page.html();
    let href = html.select(&selector("link[rel=stylesheet]")).next().unwrap().attr("href").unwrap().to_owned();
    let sheet = browser.get(&href).await.expect(200);
    assert_eq!(sheet.header("content-type"), "text/css; charset=utf-8");
    let again = browser.request(Method::GET, &href).header(IF_NONE_MATCH, sheet.headers[ETAG].clone());
    let again = browser.send(&href, again).await.expect(304);
    assert_eq!(again.text, "");
}

#[tokio::test]
async fn nonsense_in_addresses_and_forms_is_never_a_fault_of_ours() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    for query in [
        "status=%ff",
        "status=deleted&status=active",
        "q=%00%E2%80%AE",
        "role=rol_",
        "role=admin",
        "after=!!!&from=99999999999999999999",
        "after=AAAA",
        "trail=,,,&after=x",
        "from=-1",
        "&&&=",
        "%",
    ] {
        let page = browser.get(&format!("/o/root/keys?{query}")).await;
        assert!(page.status < 500, "{query}: {}", page.status);
        is_well_formed(&page);
    }
    for body in [
        "",
        "name=a%00b",
        "name=%E2%80%AEx",
        "expires=9999999999999999999999",
        "expires=date&expires_on=0000-00-00",
        "role=key_x&mapped_user=%27",
        "=&=&=",
    ] {
        let request = browser.request(Method::POST, "/o/root/keys").header("sec-fetch-site", "same-origin");
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        let page = browser.send("/o/root/keys", request).await;
        assert!((400..500).contains(&page.status), "{body}: {}", page.status);
        is_well_formed(&page);
    }
}
