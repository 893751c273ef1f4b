//! Everything the console can change, by plain forms; and nothing of it from anywhere else.

use reqwest::Method;

use super::browser::{Browser, selector};
use crate::app::{ADMIN_EMAIL, ADMIN_PASSWORD, DAY, TestApp, new_key};

#[tokio::test]
async fn a_key_lives_its_whole_life_by_plain_forms() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let created = browser.create_key("CI deploy").await;
    let (first, access) = (created.text_of("#token"), created.text_of("#access"));
    assert_eq!(app.verify_text(&first, &[]), Ok(()));
    let key_path = created.key_path();

    let form = browser.get(&format!("{key_path}/edit")).await.form("/edit").with("description", "Deploys from main");
    let answer = browser.submit(&form).await.expect(303);
    let page = browser.follow(answer).await.expect(200);
    assert!(page.text_of(".banner").contains("saved. Its secret is unchanged."));
    assert!(
        browser.get(&key_path).await.html().select(&super::browser::selector(".banner")).next().is_none(),
        "said once"
    );
    assert_eq!(app.verify_text(&first, &[]), Ok(()));

    let form = browser.get(&key_path).await.form("/deactivate");
    let answer = browser.submit(&form).await.expect(303);
    assert_eq!(app.verify_text(&first, &[]), Err("inactive"));
    let page = browser.follow(answer).await;
    assert_eq!(page.text_of(".facts .status"), "Inactive");
    let form = page.form("/activate");
    browser.submit(&form).await.expect(303);
    assert_eq!(app.verify_text(&first, &[]), Ok(()));

    let form = browser.get(&format!("{key_path}/rotate")).await.form("/rotate").with("overlap", "3600");
    let rotated = browser.submit(&form).await.expect(200);
    let second = rotated.text_of("#token");
    assert_ne!(rotated.text_of("#access"), access);
    assert_eq!((app.verify_text(&first, &[]), app.verify_text(&second, &[])), (Ok(()), Ok(())));
    assert!(browser.open("/settings/api-keys").await.text.contains("Rotating until"));
    app.clock.advance(std::time::Duration::from_secs(3600));
    assert_eq!((app.verify_text(&first, &[]), app.verify_text(&second, &[])), (Err("expired"), Ok(())));

    let form = browser.get(&format!("{key_path}/delete")).await.form("/delete");
    let answer = browser.submit(&form).await.expect(303);
    let page = browser.follow(answer).await.expect(200);
    assert!(page.text_of(".banner").contains("deleted. Requests with it are refused from now on."));
    assert_eq!(app.verify_text(&second, &[]), Err("revoked"));
    assert!(!browser.open("/settings/api-keys").await.text.contains("CI deploy"));
    let gone = browser.get(&key_path).await.expect(200);
    assert_eq!(gone.text_of(".facts .status"), "Deleted");
    browser.get(&format!("{key_path}/delete")).await.expect(409);
}

#[tokio::test]
async fn a_rotation_offers_what_policy_lets_it_and_presets_policys_own() {
    let app = TestApp::new().await;
    let below = app.organization(app.root, "Location 1").await;
    let key = app.create_key(&app.admin, below, new_key("CI deploy")).await.unwrap().info.key.id;
    let mut browser = Browser::signed_in(&app).await;
    let path = format!("/o/location-1/keys/{key}/rotate");
    let mut offered = async || {
        let page = browser.get(&path).await.expect(200);
        let html = page.html();
        let choices: Vec<_> = html.select(&selector("[name=overlap]")).map(|it| it.value()).collect();
        let preset = choices.iter().filter(|it| it.attr("checked").is_some());
        let value = |it: &&scraper::node::Element| it.attr("value").unwrap().to_owned();
        (choices.iter().map(value).collect::<Vec<_>>().join(" "), preset.map(value).collect::<String>())
    };
    assert_eq!(offered().await, ("0 3600 86400 604800 2592000".into(), "604800".into()));
    app.set_policy(app.root, r#"{"rotation_overlap_hours": 36}"#).await;
    assert_eq!(offered().await, ("0 3600 86400 129600 604800 2592000".into(), "129600".into()));
    app.set_policy(app.root, r#"{"rotation_overlap_hours": 36, "locked": ["rotation_overlap_hours"]}"#).await;
    assert_eq!(offered().await, ("0 3600 86400 129600".into(), "129600".into()), "a lock from above bounds it");
    let form = browser.get(&path).await.form("/rotate").with("overlap", "604800");
    let page = browser.submit(&form).await.expect(422);
    assert!(page.text_of("#summary li").contains("at most 36 hours"), "{}", page.text);
}

#[tokio::test]
async fn a_key_says_when_it_expires_and_that_it_has() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let form = browser.get("/o/root/keys/new").await.form("/keys").with("name", "Contractor").with("expires", "30");
    let created = browser.submit(&form).await.expect(200);
    let (token, key_path) = (created.text_of("#token"), created.key_path());
    for (days, status) in
        [(0, "Active"), (1, "Active, expires in 29 d"), (23, "Expires in 6 d"), (5, "Expires in 1 d"), (1, "Expired")]
    {
        app.clock.advance(DAY * days);
        browser.sign_in(ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(303);
        assert_eq!(browser.get(&key_path).await.text_of(".facts .status"), status);
    }
    assert_eq!(app.verify_text(&token, &[]), Err("expired"));
    let form = browser.get(&format!("{key_path}/edit")).await.form("/edit").with("expires", "90");
    browser.submit(&form).await.expect(303);
    assert_eq!(app.verify_text(&token, &[]), Ok(()));
}

#[tokio::test]
async fn no_change_is_made_unless_the_browser_says_that_it_comes_from_our_pages() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let created = browser.create_key("Guarded").await;
    let token = created.text_of("#token");
    let key_path = created.key_path();
    let own = app.url("");
    let neighbour = "http://127.0.0.1:1";
    let refused: [&[(&str, &str)]; 11] = [
        &[],
        &[("origin", "https://evil.example")],
        &[("origin", neighbour)],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
        &[("sec-fetch-site", "cross-site"), ("origin", &own)],
        &[("sec-fetch-site", "nonsense")],
        &[("sec-fetch-site", "same-origin"), ("host", "evil.example")],
        &[("origin", "http://evil.example"), ("host", "evil.example")],
    ];
    let routes = [
        "/sign-out".to_owned(),
        "/preferences".to_owned(),
        "/sign-in".to_owned(),
        "/setup".to_owned(),
        "/o/root/keys".to_owned(),
        format!("{key_path}/edit"),
        format!("{key_path}/rotate"),
        format!("{key_path}/deactivate"),
        format!("{key_path}/activate"),
        format!("{key_path}/delete"),
    ];
    for route in &routes {
        for headers in refused {
            let mut request = browser.request(Method::POST, route).form(&[("name", "Planted"), ("overlap", "0")]);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let page = browser.send(route, request).await;
            assert_eq!(page.status, 403, "{route} {headers:?}: {}", page.text);
        }
    }
    assert_eq!(app.verify_text(&token, &[]), Ok(()), "neither rotated nor switched off nor deleted");
    let list = browser.open("/settings/api-keys").await.expect(200);
    assert!(list.text.contains("Guarded") && !list.text.contains("Planted"), "still signed in, and nothing was made");

    for headers in [[("sec-fetch-site", "same-origin")], [("sec-fetch-site", "none")], [("origin", own.as_str())]] {
        let mut request = browser.request(Method::POST, "/preferences").form(&[("theme", "dark")]);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        browser.send("/preferences", request).await.expect(303);
    }
}
