//! Whose requests may change anything: assurance S13, for every route of the console that takes a POST.
//!
//! The routes come from the router. The list of them in `posts.txt` is for the browser that walks the console without scripts and has to
//! send each one (e2e/crawl.test.mjs).

use reqwest::Method;
use reqwest::header::{COOKIE, HOST, ORIGIN};

use super::browser::{Browser, Page};
use crate::app::TestApp;
use crate::raw::{Raw, differing};
use crate::routes::posts;

#[tokio::test]
async fn every_route_that_takes_a_post_is_in_the_list_that_the_browser_goes_by() {
    let app = TestApp::new().await;
    let routes: String =
        posts(&claviger::console::router(app.app.clone())).iter().map(|it| format!("{it}\n")).collect();
    assert_eq!(include_str!("posts.txt"), routes, "posts.txt has to be:\n{routes}");
}

/// What a request says of where it comes from.
#[derive(Debug, Clone, Copy)]
enum Origin {
    Unsaid,
    Ours,
    Foreign,
    /// A document without an origin, in a sandbox say.
    Null,
}

use Origin::{Foreign, Null, Ours, Unsaid};

/// Every combination of `Origin` and `Sec-Fetch-Site`: whether it may change something, and whether it still may where `Host` is not the one
/// that `Origin` names.
const COMBINATIONS: [(Origin, Option<&str>, bool, bool); 20] = [
    (Unsaid, None, false, false),
    (Unsaid, Some("same-origin"), true, true),
    (Unsaid, Some("none"), true, true),
    (Unsaid, Some("same-site"), false, false),
    (Unsaid, Some("cross-site"), false, false),
    (Ours, None, true, false),
    (Ours, Some("same-origin"), true, true),
    (Ours, Some("none"), true, true),
    (Ours, Some("same-site"), false, false),
    (Ours, Some("cross-site"), false, false),
    (Foreign, None, false, false),
    // Browsers write Sec-Fetch-Site themselves, and no page can change it; whoever makes this up has no browser of a victim.
    (Foreign, Some("same-origin"), true, true),
    (Foreign, Some("none"), true, true),
    (Foreign, Some("same-site"), false, false),
    (Foreign, Some("cross-site"), false, false),
    (Null, None, false, false),
    (Null, Some("same-origin"), true, true),
    (Null, Some("none"), true, true),
    (Null, Some("same-site"), false, false),
    (Null, Some("cross-site"), false, false),
];

/// Sends an empty form with a session, and answers with whether the console refused it for where it came from.
async fn is_refused(
    app: &TestApp,
    sid: &str,
    path: &str,
    (origin, site): (Origin, Option<&str>),
    other_host: bool,
) -> bool {
    let ours = app.url("");
    let mut request = app.http.request(Method::POST, app.url(path)).header(COOKIE, format!("sid={sid}"));
    request = request.header("content-type", "application/x-www-form-urlencoded");
    if other_host {
        request = request.header(HOST, "localhost:1");
    }
    let origin = match origin {
        Unsaid => None,
        Ours => Some(&*ours),
        Foreign => Some("https://evil.example"),
        Null => Some("null"),
    };
    request = origin.into_iter().fold(request, |request, it| request.header(ORIGIN, it));
    request = site.into_iter().fold(request, |request, it| request.header("sec-fetch-site", it));
    let answer = request.send().await.unwrap();
    let page = Page::read(path, answer).await;
    let is_refused = page.status == 403 && page.text_of("h1") == "This change did not come from one of our pages";
    assert!(is_refused || page.status < 500, "{path}: {}", page.text);
    is_refused
}

#[tokio::test]
async fn no_page_of_another_site_changes_anything_by_any_route_and_our_own_pages_reach_all_of_them() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let sid = browser.cookies["sid"].clone();
    let routes = posts(&claviger::console::router(app.app.clone()));
    assert!(routes.len() > 35, "{routes:?}");
    let paths: Vec<_> = routes.iter().map(|it| filled(it)).collect();
    let mut raw = Raw::of(app.app.store()).await;
    let before = raw.contents().await;
    for may_change in [false, true] {
        for path in &paths {
            for (origin, site, at_ours, elsewhere) in COMBINATIONS {
                for (other_host, allowed) in [(false, at_ours), (true, elsewhere)] {
                    if allowed == may_change {
                        let refused = is_refused(&app, &sid, path, (origin, site), other_host).await;
                        assert_eq!(refused, !allowed, "{path} {origin:?} {site:?} on another host: {other_host}");
                    }
                }
            }
        }
        if !may_change {
            assert_eq!(differing(&before, &raw.contents().await), Vec::<String>::new(), "nothing was changed");
            browser.get("/o/root/keys").await.expect(200);
        }
    }
    // What was let through was let through to the end.
    browser.get("/o/root/keys").await.expect(303);
}

/// The path of a route at the first organization, of things that there are not.
fn filled(route: &str) -> String {
    let parts = route.split('/').map(|part| match part {
        "{organization}" => "root",
        part if part.starts_with('{') => "nothing",
        part => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn a_program_without_a_cookie_needs_no_origin_and_an_empty_one_is_none() {
    let app = TestApp::new().await;
    let wrong = [("email", "nobody@example.com"), ("password", "not the password")];
    let ask = || app.http.post(app.url("/sign-in")).form(&wrong);
    assert_eq!(ask().send().await.unwrap().status(), 422);
    for header in [ORIGIN.as_str(), "sec-fetch-site"] {
        let answer = ask().header(COOKIE, "sid=anything").header(header, "").send().await.unwrap();
        assert_eq!(answer.status(), 403, "{header}");
    }
}
