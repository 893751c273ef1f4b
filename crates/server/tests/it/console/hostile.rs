//! Names that try to be more than names, through the whole service and back: assurance S12.

use claviger_core::name::Name;
use claviger_core::role::BuiltIn;

use super::browser::{Browser, Page};
use crate::app::{TestApp, new_key};

/// Every element with the names of its attributes, in order.
fn skeleton(page: &Page) -> Vec<(String, Vec<String>)> {
    let html = page.html();
    html.root_element()
        .descendent_elements()
        .map(|it| (it.value().name().to_owned(), it.value().attrs().map(|(name, _)| name.to_owned()).collect()))
        .collect()
}

/// The pages on which a key's name stands.
async fn pages_of(name: &str) -> Vec<Page> {
    let app = TestApp::new().await;
    let organization = app.organization(app.root, name).await;
    let mut new = new_key(name);
    new.description = name.parse().unwrap();
    let key = app.create_key(&app.admin, organization, new).await.unwrap().info.key.id;
    let mut browser = Browser::signed_in(&app).await;
    let home = format!("/o/{organization}");
    let mut pages = Vec::new();
    for path in ["", "/settings", "/keys", "/keys/new", "/keys?q=like+nothing"] {
        pages.push(browser.get(&format!("{home}{path}")).await.expect(200));
    }
    for path in ["", "/edit", "/rotate", "/delete"] {
        pages.push(browser.get(&format!("{home}/keys/{key}{path}")).await.expect(200));
    }
    let (_, _, member) = app.member(organization, name, BuiltIn::Member).await;
    for path in ["/members".to_owned(), format!("/members/{member}"), format!("/members/{member}/remove")] {
        pages.push(browser.get(&format!("{home}{path}")).await.expect(200));
    }
    let invite = browser.get(&format!("{home}/members/new")).await.expect(200).form("/members").with("name", name);
    pages.push(browser.submit(&invite.clone().with("email", name)).await.expect(422));
    let invited = browser.submit(&invite.with("email", "ann@example.com")).await.expect(200);
    let link = invited.text_of("#link").strip_prefix(&app.url("")).unwrap().to_owned();
    pages.push(invited);
    pages.push(Browser::new(&app).get(&link).await.expect(200));
    let form = pages[3].form("/keys").with("name", name);
    pages.push(browser.submit(&form).await.expect(422));
    let form = pages[3].form("/keys").with("name", &format!("{name}2"));
    pages.push(browser.submit(&form).await.expect(200));
    pages.push(browser.submit(&form).await.expect(200));
    let form = pages[6].form("/edit");
    let answer = browser.submit(&form).await.expect(303);
    pages.push(browser.follow(answer).await.expect(200));
    pages
}

#[tokio::test]
async fn a_hostile_name_changes_no_page_but_its_own_letters() {
    let plain = pages_of("x").await;
    for name in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' autofocus onfocus='alert(1)",
        "</title><svg onload=alert(1)>",
        "{{7*7}}{% if %}",
        "&lt;b&gt;&#60;",
    ] {
        assert!(Name::parse(name).is_ok(), "{name} is a name like any other");
        for (hostile, plain) in pages_of(name).await.iter().zip(&plain) {
            assert_eq!(skeleton(hostile), skeleton(plain), "{name} on {}", hostile.path);
        }
    }
}
