//! What cannot be shown: a page that says why, in the frame of whoever is signed in, with a way out of it.

use reqwest::Method;

use claviger::ops::members::delete_member;
use claviger_core::role::BuiltIn;

use super::browser::{Browser, Page, selector};
use crate::app::{ADMIN_PASSWORD, TestApp};

/// The links that lead out, in their order.
fn ways_out(page: &Page) -> Vec<(String, String)> {
    let html = page.html();
    let links = selector("main a.button");
    let way = |it: scraper::ElementRef<'_>| (it.text().collect(), it.attr("href").unwrap().to_owned());
    html.select(&links).map(way).collect()
}

fn way(label: &str, path: &str) -> (String, String) {
    (label.to_owned(), path.to_owned())
}

/// Whether the page has the top bar of an organization, with all that leads on from it.
#[track_caller]
fn is_framed(page: &Page, organization: &str, slug: &str) {
    assert_eq!(page.text_of(".brand"), organization, "{}", page.path);
    for path in [format!("/o/{slug}"), format!("/o/{slug}/keys"), format!("/o/{slug}/settings")] {
        assert!(page.links().contains(&path), "{}: no link to {path}", page.path);
    }
    page.form("/sign-out");
}

#[tokio::test]
async fn whoever_is_signed_in_meets_every_refusal_in_the_frame_with_the_way_to_the_list_and_home() {
    let app = TestApp::new().await;
    app.organization(app.root, "Harbor").await;
    let (_, ann, _) = app.member(app.root, "Ann", BuiltIn::Member).await;
    let mut admin = Browser::signed_in(&app).await;
    let mut member = Browser::of_user(&app, ann).await;
    let home = || way("Home", "/o/root");
    let keys = || way("Back to API Keys", "/o/root/keys");
    for (status, path, expected) in [
        (404, "/o/root/keys/key_nonsense", vec![keys(), home()]),
        (404, "/o/root/keys/key_nonsense/edit", vec![keys(), home()]),
        (404, "/o/root/members/mem_nonsense", vec![way("Back to Members", "/o/root/members"), home()]),
        (404, "/o/root/nothing", vec![home()]),
        (404, "/nothing", vec![home()]),
        (404, "/o/nobody/keys", vec![home()]),
        (405, "/o/root/sessions/end-others", vec![way("Back to Sessions", "/o/root/sessions"), home()]),
        (409, "/o/root/profile/api-access/off", vec![way("Back to API Access", "/o/root/profile/api-access"), home()]),
        (410, "/setup/never-was-one", vec![home()]),
    ] {
        let page = admin.get(path).await.expect(status);
        is_framed(&page, "Root", "root");
        assert!(page.text.contains("id=\"views\""), "{path}: the view switch");
        assert_eq!(ways_out(&page), expected, "{path}");
        assert_eq!(page.form("/preferences").fields[0].1, path, "its looks are chosen where it stands");
        assert!(page.text_of(".fine").contains(&status.to_string()), "{path}");
    }
    let page = admin.get("/o/harbor/keys/key_nonsense").await.expect(404);
    is_framed(&page, "Harbor", "harbor");
    assert_eq!(ways_out(&page)[0].1, "/o/harbor/keys");
    // What the reader may not see is no way out.
    let page = member.get("/o/root/members").await.expect(403);
    is_framed(&page, "Root", "root");
    assert_eq!(ways_out(&page), [home()]);
}

#[tokio::test]
async fn an_answer_to_a_form_is_framed_too_and_offers_nothing_that_leads_back_to_it() {
    let app = TestApp::new().await;
    let mut admin = Browser::signed_in(&app).await;
    admin.cookies.insert("look".to_owned(), "dark.relative.on".to_owned());
    let no_form = admin.request(Method::POST, "/o/root/keys").header("sec-fetch-site", "same-origin").body("{}");
    let page = admin.send("/o/root/keys", no_form).await.expect(400);
    is_framed(&page, "Root", "root");
    assert_eq!(page.html().select(&selector("html[data-theme=dark][data-times=relative]")).count(), 1);
    assert!(!page.text.contains("action=\"/preferences\""), "{}", page.text);
}

#[tokio::test]
async fn back_behind_a_cleared_key_says_that_there_is_none_any_more() {
    let app = TestApp::new().await;
    let mut admin = Browser::signed_in(&app).await;
    let form = admin.get("/o/root/profile/api-access").await.form("/profile/api-access");
    admin.submit(&form).await.expect(200);
    let question = format!("/o/root/security/api-management/{}/clear", app.admin_id);
    let form = admin.get(&question).await.expect(200).form("/clear");
    admin.submit(&form).await.expect(303);
    for page in [admin.get(&question).await, admin.submit(&form).await] {
        let page = page.expect(404);
        is_framed(&page, "Root", "root");
        assert_eq!(page.text_of("h1"), "There is no key here any more");
        assert_eq!(ways_out(&page)[0], way("Back to API Management", "/o/root/security/api-management"));
    }
}

// What else is left of theirs is looked at there too.
#[tokio::test]
async fn who_holds_no_key_has_a_page_that_says_so() {
    let app = TestApp::new().await;
    let (_, user_id, _) = app.member(app.root, "Mia Keller", claviger_core::role::BuiltIn::Member).await;
    let mut admin = Browser::signed_in(&app).await;
    for door in ["security", "advanced-settings"] {
        let list = format!("/o/root/{door}/api-management");
        let page = admin.get(&format!("{list}/{user_id}")).await.expect(200);
        assert_eq!((page.text_of("h1"), page.text_of(".empty h2")), ("Mia Keller".into(), "No personal key".into()));
        assert!(page.links().contains(&list) && !page.text.contains("Clear API Key"));
        admin.get(&format!("{list}/usr_01kapxb4q0e8mv5r3g2t9w7yzn")).await.expect(404);
    }
}

#[tokio::test]
async fn whoever_is_signed_out_or_a_member_nowhere_is_led_to_the_sign_in_and_back() {
    let app = TestApp::new().await;
    let mut browser = Browser::new(&app);
    browser.cookies.insert("look".to_owned(), "dark.absolute.on".to_owned());
    let page = browser.get("/nothing?a=1").await.expect(404);
    assert_eq!(page.html().select(&selector("header, nav")).count(), 0);
    assert_eq!(page.html().select(&selector("html[data-theme=dark]")).count(), 1);
    assert_eq!(ways_out(&page), [way("Sign in", "/sign-in?next=%2Fnothing%3Fa%3D1")]);
    let form = browser.get(&ways_out(&page)[0].1).await.form("/sign-in");
    let form = form.with("email", crate::app::ADMIN_EMAIL).with("password", ADMIN_PASSWORD);
    assert_eq!(browser.submit(&form).await.expect(303).header("location"), "/nothing?a=1");
    // A link that is over is no place to come back to.
    let page = Browser::new(&app).get("/setup/never-was-one").await.expect(410);
    assert_eq!(ways_out(&page), [way("Sign in", "/sign-in")]);

    let (_, ann, member) = app.member(app.root, "Ann", BuiltIn::Member).await;
    delete_member(&app.app, &app.admin, app.root, member).await.unwrap();
    let page = Browser::of_user(&app, ann).await.get("/").await.expect(403);
    assert_eq!(ways_out(&page)[0].0, "Sign in");
    assert_eq!(page.html().select(&selector("header")).count(), 0);
}

#[tokio::test]
async fn a_member_who_was_removed_has_left_a_page_that_says_when_and_by_whom() {
    let app = TestApp::new().await;
    let (_, _, member) = app.member(app.root, "Ann", BuiltIn::Member).await;
    let (_, other, _) = app.member(app.root, "Ben", BuiltIn::Member).await;
    let mut admin = Browser::signed_in(&app).await;
    let path = format!("/o/root/members/{member}");
    assert_eq!(admin.get(&path).await.expect(200).text_of("h1"), "Ann");
    let form = admin.get(&format!("{path}/remove")).await.form("/remove");
    admin.submit(&form).await.expect(303);
    let audit = admin.get("/o/root/audit").await.expect(200);
    assert!(audit.links().contains(&path), "the audit leads there");
    let page = admin.get(&path).await.expect(410);
    is_framed(&page, "Root", "root");
    assert_eq!(page.text_of("h1"), "Ann was removed");
    let said = page.text_of(".lead");
    assert!(said.contains("2027-01-01 00:00:00 UTC") && said.contains("Maria Keller"), "{said}");
    let history = page.links().into_iter().find(|it| it.contains("/audit?about=")).expect("the way to what happened");
    assert!(admin.get(&history).await.expect(200).text.contains("Member removed"));
    // To who may not look at what happened there is nothing, as for one who never was.
    let auditor = app.built_in(app.root, BuiltIn::Member).await.id;
    let allow = claviger_core::permission::PermissionSet::parse(&["claviger/members:read"]).unwrap();
    let patch = claviger::ops::roles::RolePatch { permissions: Some(allow), ..Default::default() };
    claviger::ops::roles::update_role(&app.app, &app.admin, app.root, auditor, patch, None).await.unwrap();
    Browser::of_user(&app, other).await.get(&path).await.expect(404);
}

#[tokio::test]
async fn a_deleted_key_is_offered_no_form() {
    let app = TestApp::new().await;
    let mut admin = Browser::signed_in(&app).await;
    let path = admin.create_key("CI").await.key_path();
    let edit = admin.get(&format!("{path}/edit")).await.expect(200).form("/edit");
    let form = admin.get(&format!("{path}/delete")).await.form("/delete");
    admin.submit(&form).await.expect(303);
    for page in [
        admin.get(&format!("{path}/edit")).await,
        admin.get(&format!("{path}/delete")).await,
        admin.submit(&edit.with("name", "Another")).await,
    ] {
        let page = page.expect(409);
        assert_eq!(page.text_of("h1"), "This key is deleted");
        assert_eq!(ways_out(&page)[0], way("View key", &path));
    }
    admin.get(&path).await.expect(200);
}

#[tokio::test]
async fn a_suspended_organization_says_since_when_and_who_resumes_it_and_leads_there_whoever_may() {
    let app = TestApp::new().await;
    let agency = app.organization(app.root, "Agency").await;
    let harbor = app.organization(agency, "Harbor").await;
    let (_, local, _) = app.member(harbor, "Local", BuiltIn::Admin).await;
    let (_, reader, _) = app.member(agency, "Reader", BuiltIn::Readonly).await;
    let mut admin = Browser::signed_in(&app).await;
    let mut local = Browser::of_user(&app, local).await;
    let mut reader = Browser::of_user(&app, reader).await;
    let suspend = async |admin: &mut Browser<'_>, below: &str, id| {
        let form = admin.get(&format!("/o/{below}/tree/{id}/suspend")).await.expect(200).form("/suspend");
        let name = if id == harbor { "Harbor" } else { "Agency" };
        let form = form.with("name", name);
        admin.submit(&form).await.expect(303);
    };
    suspend(&mut admin, "agency", harbor).await;

    // Who may resume it is led there, and it is done there.
    let page = admin.get("/o/harbor/keys").await.expect(403);
    is_framed(&page, "Root", "root");
    assert_eq!(page.text_of("h1"), "This organization is suspended");
    let said = page.text_of("main .lead");
    assert!(said.starts_with("Harbor is suspended, since 20"), "{said}");
    assert!(said.contains(", by "), "{said}");
    let resumed = way("To where it is resumed", &format!("/o/agency/tree/{harbor}"));
    assert_eq!(ways_out(&page).first(), Some(&resumed));
    let resume = admin.get(&resumed.1).await.expect(200).form("/resume");
    admin.submit(&resume).await.expect(303);
    admin.get("/o/harbor/keys").await.expect(200);

    // Who may not is told who can. Whoever stands only in it is told the same outside of any frame, from wherever they come in.
    suspend(&mut admin, "agency", harbor).await;
    let page = reader.get("/o/harbor/keys").await.expect(403);
    assert!(page.text_of("main").contains("An administrator of Agency can resume it."), "{}", page.text_of("main"));
    assert_eq!(ways_out(&page), [way("Home", "/o/agency")]);
    for path in ["/o/harbor/keys", "/"] {
        let page = local.open(path).await.expect(403);
        let said = page.text_of("main");
        assert!(said.contains("Harbor is suspended, since 20"), "{path}: {said}");
        assert!(said.contains("An administrator of the organization above it can resume it."), "{path}: {said}");
        assert!(!said.contains(", by ") && !said.contains("Agency"), "{path}: {said}");
        assert_eq!(ways_out(&page), [way("Sign in as somebody else", "/sign-in")], "{path}");
    }

    // What is closed from above says which one it is that closes it.
    suspend(&mut admin, "root", agency).await;
    let page = admin.get("/o/harbor/keys").await.expect(403);
    let said = page.text_of("main .lead");
    assert!(said.starts_with("Harbor is suspended together with Agency, which it stands below, since 20"), "{said}");
    assert_eq!(ways_out(&page).first(), Some(&way("To where it is resumed", &format!("/o/root/tree/{agency}"))));
    let page = local.get("/o/harbor/keys").await.expect(403);
    assert!(page.text_of("main").contains("together with an organization above it"));
}

#[tokio::test]
async fn an_address_that_is_no_text_is_answered_by_the_page_of_what_is_not_there() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    for path in ["/o/root/keys/%00%ff", "/o/root/keys/%ff/edit", "/o/%ff/keys", "/o/root/audit/%c3%28"] {
        let page = browser.get(path).await.expect(404);
        assert_eq!(page.text_of("h1"), "There is nothing here", "{path}");
        assert!(page.links().contains(&"/o/root".to_owned()), "{path}: {:?}", page.links());
    }
    browser.get("/o/root/keys/%C3%BC").await.expect(404);
}
