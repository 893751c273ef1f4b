//! Sessions: begun by a password, bound to the host, ended on the server. Assurance S13; where a change may come from is in origins.rs, and that
//! a confirmation by password renews the session in confirm.rs.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Method;

use super::browser::{Browser, STRICT, selector};
use crate::app::{ADMIN_EMAIL, ADMIN_PASSWORD, DAY, TestApp};

/// Whether a cookie still opens a page.
async fn opens(browser: &mut Browser<'_>, token: &str) -> bool {
    browser.cookies.insert("sid".to_owned(), token.to_owned());
    browser.get("/o/root/keys").await.status == 200
}

#[tokio::test]
async fn a_session_changes_with_every_sign_in_and_the_one_before_is_dead() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let first = browser.cookies["sid"].clone();
    assert!(first.len() >= 43, "256 random bits");
    browser.sign_in(ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(303);
    let second = browser.cookies["sid"].clone();
    assert_ne!(first, second);
    assert!(!opens(&mut browser, &first).await);
    assert!(opens(&mut browser, &second).await);
}

#[tokio::test]
async fn signing_out_ends_the_session_on_the_server() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let token = browser.cookies["sid"].clone();
    let form = browser.open("/").await.form("/sign-out");
    let page = browser.submit(&form).await.expect(303);
    assert_eq!(page.header("location"), "/sign-in?signed_out");
    assert!(!browser.cookies.contains_key("sid"));
    assert!(!opens(&mut browser, &token).await);
}

#[tokio::test]
async fn a_session_ends_when_it_idles_and_in_any_case_after_its_life() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let token = browser.cookies["sid"].clone();
    for _ in 0..13 {
        app.clock.advance(DAY - Duration::from_secs(60));
        assert!(opens(&mut browser, &token).await, "used every day");
        // The last use is noted behind the answer.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    app.clock.advance(DAY);
    assert!(!opens(&mut browser, &token).await, "fourteen days are its life");

    let mut browser = Browser::signed_in(&app).await;
    let token = browser.cookies["sid"].clone();
    app.clock.advance(DAY);
    assert!(!opens(&mut browser, &token).await, "a day without use");
}

#[tokio::test]
async fn a_planted_cookie_begins_no_session() {
    let app = TestApp::new().await;
    let mut browser = Browser::new(&app);
    browser.cookies.insert("sid".to_owned(), "planted".to_owned());
    let page = browser.sign_in(ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(303);
    assert_eq!(page.header("location"), "/");
    assert_ne!(browser.cookies["sid"], "planted");
}

#[tokio::test]
async fn whichever_way_somebody_comes_in_the_session_before_is_dead_and_a_planted_one_is_not_taken() {
    let app = TestApp::new().await;
    let mut admin = Browser::signed_in(&app).await;
    for planted in [false, true] {
        let email = format!("ann{}@example.com", u8::from(planted));
        let form = admin.get("/o/root/members/new").await.form("/members").with("name", "Ann").with("email", &email);
        let invited = admin.submit(&form).await.expect(200).text_of("#link");
        let mut browser = Browser::signed_in(&app).await;
        if planted {
            browser.cookies.insert("sid".to_owned(), "planted".to_owned());
        }
        let before = browser.cookies["sid"].clone();
        let form = browser.get(invited.strip_prefix(&app.url("")).unwrap()).await.expect(200).form("/link");
        browser.submit(&form.with("password", "a wholly new one")).await.expect(303);
        let token = browser.cookies["sid"].clone();
        assert_ne!(token, before);
        assert!(!opens(&mut browser, &before).await, "before the link: planted {planted}");
        assert!(opens(&mut browser, &token).await);

        // The same at the door.
        if planted {
            browser.cookies.insert("sid".to_owned(), "planted again".to_owned());
        }
        let before = browser.cookies["sid"].clone();
        browser.sign_in(&email, "a wholly new one").await.expect(303);
        let token = browser.cookies["sid"].clone();
        assert_ne!(token, before);
        assert!(!opens(&mut browser, &before).await, "before signing in: planted {planted}");
        assert!(opens(&mut browser, &token).await);
    }
}

#[tokio::test]
async fn behind_tls_every_cookie_is_bound_to_the_host_and_dies_under_its_own_name() {
    let app = TestApp::new().await;
    let mut browser = Browser::new(&app);
    let mut names = std::collections::BTreeSet::new();
    let forms: [(&str, &[(&str, &str)]); 4] = [
        ("/sign-in", &[("email", ADMIN_EMAIL), ("password", ADMIN_PASSWORD)]),
        ("/preferences", &[("theme", "dark")]),
        ("/o/root/sessions/end-others", &[]),
        ("/sign-out", &[]),
    ];
    for (path, fields) in forms {
        let request = browser.request(Method::POST, path).form(fields).header("host", "keys.acme.example");
        let request = request.header("x-forwarded-proto", "https").header("origin", "https://keys.acme.example");
        // Prefix and attributes of each are looked at whenever an answer is read.
        let page = browser.send(path, request).await.expect(303);
        let set = page.headers.get_all("set-cookie").iter().map(|it| it.to_str().unwrap());
        names.extend(set.map(|it| it.split('=').next().unwrap().to_owned()));
        if path == "/sign-out" {
            assert!(!browser.cookies.contains_key("__Host-sid"), "{:?}", browser.cookies);
        }
    }
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["__Host-lists", "__Host-look", "__Host-notice", "__Host-sid"]);
}

#[tokio::test]
async fn behind_tls_the_cookie_is_bound_to_the_host() {
    let app = TestApp::new().await;
    let mut browser = Browser::new(&app);
    let request =
        browser.request(Method::POST, "/sign-in").form(&[("email", ADMIN_EMAIL), ("password", ADMIN_PASSWORD)]);
    let request = request
        .header("host", "keys.acme.example")
        .header("x-forwarded-proto", "https")
        .header("origin", "https://keys.acme.example");
    let page = browser.send("/sign-in", request).await.expect(303);
    let cookie = page.header("set-cookie");
    assert!(
        cookie.starts_with("__Host-sid=") && cookie.contains("; HttpOnly; SameSite=Lax; Secure; Path=/"),
        "{cookie}"
    );
    assert_eq!(page.header("strict-transport-security"), STRICT);
}

// Assurance S12: not only beside a cookie, and never where the browser would keep it of a server without TLS.
#[tokio::test]
async fn every_answer_over_tls_asks_the_browser_to_stay_with_it_and_no_other_does() {
    let app = TestApp::new().await;
    let mut browser = Browser::new(&app);
    let page = browser.get("/sign-in").await;
    let style = page.html().select(&selector("link[rel=stylesheet]")).next().unwrap().attr("href").unwrap().to_owned();
    let mut statuses = BTreeSet::new();
    for (method, path) in [
        (Method::GET, "/sign-in"),
        (Method::GET, "/"),
        (Method::GET, "/o/root/keys"),
        (Method::GET, "/nothing"),
        (Method::GET, "/link/never-was-one"),
        (Method::GET, "/sign-out"),
        (Method::HEAD, "/sign-in"),
        (Method::GET, &style),
        (Method::GET, "/assets/none.css"),
        (Method::POST, "/sign-in"),
        (Method::POST, "/o/root/keys"),
    ] {
        for (scheme, expected) in [("https", STRICT), ("http", "")] {
            let request = browser
                .request(method.clone(), path)
                .header("host", if scheme == "https" { "keys.acme.example" } else { "localhost" })
                .header("x-forwarded-proto", scheme)
                .header("sec-fetch-site", if path == "/o/root/keys" { "cross-site" } else { "same-origin" });
            let page = browser.send(path, request).await;
            assert_eq!(page.header("strict-transport-security"), expected, "{method} {path} {}", page.status);
            statuses.insert(page.status);
        }
    }
    assert!([200, 303, 400, 403, 404, 405, 410].iter().all(|it| statuses.contains(it)), "{statuses:?}");
}

#[tokio::test]
async fn signing_in_leads_on_to_where_one_wanted_to_go_on_this_server_only() {
    let app = TestApp::new().await;
    let mut browser = Browser::new(&app);
    let page = browser.get("/o/root/keys?status=active").await.expect(303);
    assert_eq!(page.header("location"), "/sign-in?next=%2Fo%2Froot%2Fkeys%3Fstatus%3Dactive");
    let form = browser.follow(page).await.form("/sign-in").with("email", ADMIN_EMAIL).with("password", ADMIN_PASSWORD);
    assert_eq!(browser.submit(&form).await.expect(303).header("location"), "/o/root/keys?status=active");
    for next in ["https://evil.example", "//evil.example", "/\\evil.example"] {
        let page = browser.submit(&form.clone().with("next", next)).await.expect(303);
        assert_eq!(page.header("location"), "/", "{next}");
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_answered_alike_and_tries_run_out() {
    let app = TestApp::new().await;
    let mut browser = Browser::new(&app);
    let wrong = browser.sign_in(ADMIN_EMAIL, "not the password").await.expect(422);
    let unknown = browser.sign_in("nobody@example.com", "not the password").await.expect(422);
    assert_eq!(wrong.text.replace(ADMIN_EMAIL, ""), unknown.text.replace("nobody@example.com", ""));
    assert_eq!(wrong.text_of("#summary li"), "E-mail or password is wrong.");
    let mut tries = 2;
    while browser.sign_in("nobody@example.com", "not the password").await.status == 422 {
        tries += 1;
        assert!(tries < 30, "tries never run out");
    }
    let page = browser.sign_in("nobody@example.com", "not the password").await.expect(429);
    let wait = page.header("retry-after").to_owned();
    assert!((1..=90).contains(&wait.parse::<u64>().unwrap()), "{wait}");
    assert_eq!(page.text_of("#summary li"), format!("Too many tries. Wait {wait} seconds, then try again."));
    app.clock.advance(Duration::from_secs(3600));
    browser.sign_in(ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(303);
}

#[tokio::test]
async fn a_session_that_has_ended_is_said_to_have_and_leads_back() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    app.clock.advance(DAY);
    let answer = browser.get("/o/root/keys?status=active").await.expect(303);
    let page = browser.follow(answer).await.expect(200);
    assert!(page.text_of(".aside").contains("Your session has ended"), "{}", page.text);
    let form = page.form("/sign-in").with("email", ADMIN_EMAIL).with("password", ADMIN_PASSWORD);
    assert_eq!(browser.submit(&form).await.expect(303).header("location"), "/o/root/keys?status=active");
    // Who never was signed in has no session that could have ended.
    let mut other = Browser::new(&app);
    assert!(!other.open("/o/root/keys").await.text.contains("session has ended"));
}
