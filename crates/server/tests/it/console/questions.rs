//! What can be done to keys is offered to whoever can do it, and asked about only then.

use std::collections::BTreeSet;

use claviger::ops::api_documents::{DocumentPlace, NewDocument, put_document};
use claviger::ops::apis::{ApiPatch, NewApi, create_api, list_apis, update_api};
use claviger::ops::keys::{KeyInfo, NewKey, Toggled, get_key, put_personal_key};
use claviger::ops::members::{MemberPatch, update_member};
use claviger::ops::page::PageRequest;
use claviger::ops::roles::{NewRole, create_role};
use claviger_core::api::KeyLocations;
use claviger_core::id::KeyId;
use claviger_core::key::Metadata;
use claviger_core::permission::PermissionSet;
use claviger_core::role::BuiltIn;
use claviger_verifier::credential::Presented;
use claviger_verifier::verify::{About, Ask};

use super::browser::{Browser, selector};
use crate::app::{ADMIN_EMAIL, ADMIN_PASSWORD, DAY, TestApp, name, new_key};

#[tokio::test]
async fn a_question_about_several_keys_leaves_out_what_is_gone_and_leads_back_to_the_same_list() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let first = app.create_key(&app.admin, app.root, new_key("First")).await.unwrap().info.key.id;
    let list = browser.get("/o/root/user-management/keys?q=first&sort=name").await.expect(200);
    let back = list.form("/bulk/delete").fields.into_iter().find(|it| it.0 == "back").unwrap().1;
    let unknown = KeyId::from_u128(7);
    let query = format!("key={first}&key={unknown}&back={}", back.replace('?', "%3F").replace('&', "%26"));
    for change in ["activate", "deactivate", "extend", "delete"] {
        let page = browser.get(&format!("/o/root/keys/bulk/{change}?{query}")).await.expect(200);
        assert!(page.text.contains("1 of the selected keys was deleted meanwhile"), "{}", page.text);
    }
    let page = browser.get(&format!("/o/root/keys/bulk/delete?{query}")).await;
    let answer = browser.submit(&page.form("/bulk/delete").with("count", "1")).await.expect(303);
    assert_eq!(answer.header("location"), "/o/root/user-management/keys?q=first&sort=name");
    let gone = browser.get(&format!("/o/root/keys/bulk/delete?key={unknown}")).await.expect(303);
    let list = browser.follow(gone).await.expect(200);
    assert!(list.text_of("main [role=status]").contains("The keys that you ticked were deleted meanwhile"));
}

#[tokio::test]
async fn who_may_only_look_at_a_key_is_refused_the_questions_about_it() {
    let app = TestApp::new().await;
    let (_, user_id, _) = app.member(app.root, "Reader", BuiltIn::Readonly).await;
    let id = app.create_key(&app.admin, app.root, new_key("CI")).await.unwrap().info.key.id;
    let mut browser = Browser::of_user(&app, user_id).await;
    browser.get(&format!("/o/root/keys/{id}")).await.expect(200);
    for page in ["edit", "rotate", "delete"] {
        browser.get(&format!("/o/root/keys/{id}/{page}")).await.expect(403);
    }
    for page in ["activate", "deactivate", "extend", "delete"] {
        browser.get(&format!("/o/root/keys/bulk/{page}?key={id}")).await.expect(403);
    }
}

#[tokio::test]
async fn rotating_is_offered_only_where_it_can_be_done() {
    let app = TestApp::new().await;
    let (member, user_id, _) = app.member(app.root, "Ann", BuiltIn::Admin).await;
    let personal = match put_personal_key(&app.app, &member, app.root, user_id).await.unwrap() {
        Toggled::Made(created) => created.info.key.id,
        Toggled::There(info) => info.key.id,
    };
    let expires_at = Some(Some(app.now().saturating_add(DAY)));
    let new = NewKey { expires_at, ..new_key("Ended") };
    let ended = app.create_key(&app.admin, app.root, new).await.unwrap().info.key.id;
    let usual = app.create_key(&app.admin, app.root, new_key("CI")).await.unwrap().info.key.id;
    app.clock.advance(DAY);
    let mut browser = Browser::new(&app);
    browser.sign_in(ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(303);
    let links = browser.get("/o/root/keys").await.expect(200).links();
    let rotated = |id: KeyId| links.contains(&format!("/o/root/keys/{id}/rotate"));
    assert_eq!([usual, ended, personal].map(rotated), [true, false, false]);
    for id in [ended, personal] {
        let path = format!("/o/root/keys/{id}/rotate");
        assert!(!browser.get(&format!("/o/root/keys/{id}")).await.links().contains(&path));
        browser.get(&path).await.expect(409);
    }
}

/// Duplicates a key by the form as it comes, and answers with the copy.
async fn duplicate(app: &TestApp, browser: &mut Browser<'_>, of: KeyId) -> KeyInfo {
    let form = browser.get(&format!("/o/root/keys/new?from={of}")).await.expect(200).form("/keys");
    let mut page = browser.submit(&form).await.expect(200);
    // One that may do everything is asked about first.
    if page.text_of("h1").ends_with("with full rights?") {
        page = browser.submit(&page.form("/keys").with("confirmed", "yes")).await.expect(200);
    }
    let id = page.key_path().rsplit_once('/').unwrap().1.parse().unwrap();
    get_key(&app.app, &app.admin, app.root, id).await.unwrap()
}

#[track_caller]
fn assert_is_a_copy(copy: &KeyInfo, of: &KeyInfo) {
    let settings = |it: &KeyInfo| (it.key.role_id, it.key.mapped_user_id, it.key.owner_id, it.api.clone());
    assert_eq!(settings(copy), settings(of));
    assert_ne!(copy.key.id, of.key.id);
}

#[tokio::test]
async fn a_copy_by_a_member_who_cannot_list_roles_has_the_role_of_the_key() {
    let app = TestApp::new().await;
    let (_, user_id, _) = app.member(app.root, "Member", BuiltIn::Member).await;
    app.allow_members_keys(app.root, true).await;
    let role_id = Some(app.built_in(app.root, BuiltIn::Readonly).await.id);
    let own = Some(Some(user_id));
    let new = NewKey { role_id, owner_id: own, mapped_user_id: own, ..new_key("Own") };
    let of = app.create_key(&app.admin, app.root, new).await.unwrap().info;
    let mut browser = Browser::of_user(&app, user_id).await;
    assert_is_a_copy(&duplicate(&app, &mut browser, of.key.id).await, &of);
    let mut form = browser.get("/o/root/keys/new").await.form("/keys").with("name", "Without a role");
    form.fields.retain(|(name, _)| name != "role");
    let page = browser.submit(&form).await.expect(422);
    assert!(page.text_of("#role-error").contains("Choose a role"));
}

#[tokio::test]
async fn a_copy_belongs_to_whom_the_key_does_acts_for_the_same_and_is_of_the_same_type() {
    let app = TestApp::new().await;
    let role_id = Some(app.built_in(app.root, BuiltIn::Admin).await.id);
    let (prefix, slug) = ("pt".parse().unwrap(), "partners".parse().unwrap());
    let api = NewApi {
        slug,
        prefix,
        name: name("Partners"),
        key_locations: KeyLocations::default(),
        versions: Vec::new(),
        one_key_per_user: false,
        expiry_days_default: None,
    };
    let api = Some(create_api(&app.app, &app.admin, app.root, api, None).await.unwrap().fresh().unwrap().slug);
    let expires_at = Some(Some(app.now().saturating_add(DAY * 30)));
    let new = NewKey { role_id, owner_id: Some(None), mapped_user_id: Some(None), api, expires_at, ..new_key("CI") };
    let of = app.create_key(&app.admin, app.root, new).await.unwrap().info;
    let mut browser = Browser::signed_in(&app).await;
    let copy = duplicate(&app, &mut browser, of.key.id).await;
    assert_is_a_copy(&copy, &of);
    let (ends, end) = (copy.key.expires_at.unwrap(), of.key.expires_at.unwrap());
    assert!(ends >= end && ends.since(end) < DAY, "{ends} {end}");
}

// A1.5
#[tokio::test]
async fn a_lost_key_leads_to_its_replacement_and_from_there_back_to_it() {
    let app = TestApp::new().await;
    let metadata: Metadata = serde_json::from_str(r#"{"team": "growth"}"#).unwrap();
    let new = NewKey { metadata: metadata.clone(), ..new_key("Website") };
    let old = app.create_key(&app.admin, app.root, new).await.unwrap();
    let mut browser = Browser::signed_in(&app).await;
    let path = format!("/o/root/keys/{}", old.info.key.id);
    let ways = browser.get(&path).await.expect(200).links();
    let way = ways.iter().find(|it| it.starts_with("/o/root/keys/new?from=")).expect("the way to a replacement");
    let page = browser.get(way).await.expect(200);
    assert!(page.text_of(".lead").contains("all that “Website” is set to"), "{}", page.text);
    assert!(page.text_of("form code").contains("growth"), "what comes along is shown");
    let form = page.form("/keys");
    let made = browser.submit(&form).await.expect(200);
    let token = made.text_of("#token");
    let again = browser.submit(&form).await.expect(200);
    for page in [&made, &again] {
        assert_eq!(page.form("/deactivate").action, format!("{path}/deactivate"));
        assert!(page.text_of("form[action$='/deactivate']").contains("Deactivate the old key “Website”"));
    }
    assert_eq!((app.verify(&old.token, &[]), app.verify_text(&token, &[])), (Ok(()), Ok(())), "both work until then");
    // Where a reload leads, and View key: what is left to do is not lost with the secret.
    let stays = made.links().into_iter().find(|it| it.contains("?replaces=")).expect("the way to the new key");
    assert!(made.text.contains(&format!("data-here=\"{stays}\"")), "{}", made.text);
    let offers = format!("action=\"{path}/deactivate\"");
    assert!(browser.get(&stays).await.expect(200).text.contains(&offers));
    let found = browser.get("/o/root/keys?q=Website%20replacement").await.expect(200).key_path();
    let id = found.rsplit_once('/').unwrap().1.parse().unwrap();
    assert_eq!(get_key(&app.app, &app.admin, app.root, id).await.unwrap().key.metadata, metadata);

    let answer = browser.submit(&made.form("/deactivate")).await.expect(303);
    assert_eq!(browser.follow(answer).await.path, path, "the old key's page says what was done");
    assert_eq!((app.verify(&old.token, &[]), app.verify_text(&token, &[])), (Err("inactive"), Ok(())));
    assert!(!browser.get(&stays).await.expect(200).text.contains(&offers));
    let again = browser.submit(&form).await.expect(200);
    assert!(!again.text.contains("/deactivate"), "there is nothing left to do");

    // A copy beside the key replaces nothing, and takes the metadata along as well.
    let copy = duplicate(&app, &mut browser, old.info.key.id).await;
    assert_eq!((copy.key.name.as_str(), &copy.key.metadata), ("Website copy", &metadata));
}

// A0.10
#[tokio::test]
async fn a_key_leads_to_where_its_api_is_documented() {
    let app = TestApp::new().await;
    let (_, user_id, _) = app.member(app.root, "Ann", BuiltIn::Member).await;
    let new = NewKey { mapped_user_id: Some(Some(user_id)), ..new_key("Reports") };
    let path = format!("/o/root/keys/{}", app.create_key(&app.admin, app.root, new).await.unwrap().info.key.id);
    let mut ann = Browser::of_user(&app, user_id).await;
    let link = |page: &super::browser::Page| {
        let html = page.html();
        let wanted = selector("main a[href='/docs'], main a[href^='/docs/apis'], main a[rel=external]");
        html.select(&wanted).map(|it| it.attr("href").unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    // Two places of her settings, the key itself, and the help, which stands in the menu of the profile on every page.
    for path in ["/o/root/profile", "/o/root/profile/api-access", path.as_str()] {
        let page = ann.get(path).await.expect(200);
        assert_eq!(link(&page), BTreeSet::from(["/docs".to_owned()]), "{path}");
        assert_eq!(page.text_of("#profile a[href='/docs']"), "API Developer Guide", "{path}");
    }
    let apis = list_apis(&app.app, &app.admin, app.root, PageRequest::default()).await.unwrap().items;
    let id = apis.iter().find(|it| it.slug.as_str() == "default").unwrap().id;
    for (versions, expected) in [
        (r#"[{"slug": "1", "status": "current"}]"#, "/docs"),
        (r#"[{"slug": "0", "status": "retired", "docs_url": "https://docs.acme.example/0"}]"#, "/docs"),
        (
            r#"[{"slug": "1", "status": "deprecated", "docs_url": "https://docs.acme.example/1"}]"#,
            "https://docs.acme.example/1",
        ),
        (
            r#"[{"slug": "1", "status": "deprecated", "docs_url": "https://docs.acme.example/1"},
                {"slug": "3", "status": "preview", "docs_url": "https://docs.acme.example/3"},
                {"slug": "2", "status": "current", "docs_url": "https://docs.acme.example/2"}]"#,
            "https://docs.acme.example/2",
        ),
    ] {
        let patch = ApiPatch { versions: Some(serde_json::from_str(versions).unwrap()), ..ApiPatch::default() };
        update_api(&app.app, &app.admin, app.root, id, patch, None).await.unwrap();
        for path in [path.as_str(), "/o/root/profile/api-access"] {
            assert_eq!(link(&ann.get(path).await.expect(200)), BTreeSet::from([expected.to_owned()]), "{path}");
        }
    }
    // What is documented here is led to here.
    let versions = serde_json::from_str(r#"[{"slug": "1", "status": "current"}]"#).unwrap();
    let patch = ApiPatch { versions: Some(versions), ..ApiPatch::default() };
    update_api(&app.app, &app.admin, app.root, id, patch, None).await.unwrap();
    let place = DocumentPlace { organization_id: app.root, api_id: id, api_version: "1".parse().unwrap(), guide: None };
    let openapi = NewDocument::Openapi(r#"{"openapi": "3.1.0", "paths": {}}"#.to_owned());
    put_document(&app.app, &app.admin, place, openapi).await.unwrap();
    let here = BTreeSet::from(["/docs/apis/default/1".to_owned()]);
    assert_eq!(link(&ann.get(&path).await.expect(200)), here);
}

#[tokio::test]
async fn a_key_says_which_versions_of_its_api_it_calls_and_when_those_end() {
    let app = TestApp::new().await;
    let created = app.create_key(&app.admin, app.root, new_key("Reports")).await.unwrap();
    let path = format!("/o/root/keys/{}", created.info.key.id);
    let mut browser = Browser::signed_in(&app).await;
    assert!(!browser.get(&path).await.expect(200).text.contains("Versions called"), "its api has none");
    let apis = list_apis(&app.app, &app.admin, app.root, PageRequest::default()).await.unwrap().items;
    let id = apis.iter().find(|it| it.slug.as_str() == "default").unwrap().id;
    let versions = r#"[{"slug": "1.0", "status": "deprecated", "sunset_at": "2031-03-01T00:00:00Z",
        "docs_url": "https://docs.acme.example/1"}, {"slug": "2.0", "status": "current", "label": "Second"}]"#;
    let patch = ApiPatch { versions: Some(serde_json::from_str(versions).unwrap()), ..ApiPatch::default() };
    update_api(&app.app, &app.admin, app.root, id, patch, None).await.unwrap();
    let page = browser.get(&path).await.expect(200);
    let empty = page.text_of("#usage");
    assert!(empty.contains("No request in the last 30 days said which version it calls"), "{empty}");
    assert!(empty.contains("Claviger-Api-Version"), "{empty}");

    for version in ["1.0", "1.0", "3.0"] {
        let presented = Presented::token(created.token.expose().as_bytes()).unwrap();
        let ask = Ask { organization: About::Own, api: None, permissions: &[], ip: None };
        app.app.replica().verify(&presented, &ask, app.now()).record_use_of_version(
            Some(version),
            app.now(),
            None,
            None,
        );
    }
    app.app.uses().flush().await.unwrap();
    let page = browser.get(&path).await.expect(200);
    let html = page.html();
    let wanted = selector("#usage .lines li");
    let lines: Vec<_> = html.select(&wanted).map(|it| it.text().collect::<String>()).collect();
    let today = app.now().to_date_text();
    let line = format!("API 1.02 requests in 30 days, the last on {today} · deprecated, ends 1 Mar 2031");
    assert_eq!(lines, [line], "what was not called is left out");
    let link = html.select(&selector("#usage .lines a")).next().unwrap().attr("href").map(str::to_owned);
    assert_eq!(link.as_deref(), Some("https://docs.acme.example/1"));
}

#[tokio::test]
async fn a_page_past_the_end_does_not_say_that_there_are_no_keys() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    for number in 0..25 {
        app.create_key(&app.admin, app.root, NewKey { owner_id: Some(None), ..new_key(&format!("Key {number}")) })
            .await
            .unwrap();
    }
    let list = browser.get("/o/root/keys").await.expect(200);
    let html = list.html();
    let next = html.select(&selector("a[rel=next]")).next().unwrap().attr("href").unwrap().to_owned();
    let last = browser.get(&format!("/o/root/keys{next}")).await.expect(200).key_path();
    let form = browser.get(&format!("{last}/delete")).await.form("/delete");
    browser.submit(&form).await.expect(303);
    let page = browser.get(&format!("/o/root/keys{next}")).await.expect(200);
    assert!(!page.text.contains("No keys yet"), "there are some");
    assert!(page.text.contains("No further key"), "{}", page.text);
}

#[tokio::test]
async fn asking_for_the_first_request_leaves_a_notice_to_the_page_it_is_meant_for() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let path = browser.create_key("CI").await.key_path();
    let form = browser.get(&path).await.form("/deactivate");
    browser.submit(&form).await.expect(303);
    browser.get(&format!("{path}/first-request")).await.expect(200);
    assert!(browser.get(&path).await.text_of(".banner").contains("CI"));
}

#[tokio::test]
async fn a_whole_token_that_is_searched_for_is_found_by_its_access_key_and_leaves_the_address() {
    let app = TestApp::new().await;
    let made = app.create_key(&app.admin, app.root, new_key("Leaked")).await.unwrap();
    let mut browser = Browser::signed_in(&app).await;
    let answer = browser.get(&format!("/o/root/keys?q={}&rows=50", made.token.expose())).await.expect(303);
    let location = answer.header("location").to_owned();
    assert!(!location.contains(made.token.expose_secret_part()), "{location}");
    let page = browser.get(&location).await.expect(200);
    assert!(page.text.contains("Leaked") && !page.text.contains(made.token.expose_secret_part()));
}

// A0.1
#[tokio::test]
async fn who_may_make_no_keys_is_led_to_no_form_for_them_and_whose_role_knows_of_none_has_a_home() {
    let app = TestApp::new().await;
    let (_, user_id, member_id) = app.member(app.root, "Mia", BuiltIn::Member).await;
    let mut browser = Browser::of_user(&app, user_id).await;
    for (allowed, status) in [(false, 403), (true, 200)] {
        app.allow_members_keys(app.root, allowed).await;
        for page in ["/o/root", "/o/root/keys"] {
            let page = browser.get(page).await.expect(200);
            assert_eq!(page.text.contains("/o/root/keys/new"), allowed);
        }
        browser.get("/o/root/keys/new").await.expect(status);
    }
    let analyst = NewRole {
        name: "Analyst".parse().unwrap(),
        description: "".parse().unwrap(),
        permissions: PermissionSet::parse(&["scorecards/A:read"]).unwrap(),
        api_access: true,
    };
    let analyst = create_role(&app.app, &app.admin, app.root, analyst, None).await.unwrap().fresh().unwrap();
    let patch = MemberPatch { role_id: Some(analyst.id), ..MemberPatch::default() };
    update_member(&app.app, &app.admin, app.root, member_id, patch, None).await.unwrap();
    browser.get("/o/root/keys").await.expect(200);
    let home = browser.get("/o/root").await.expect(200);
    assert!(home.text.contains("/sign-out") && !home.text.contains("/o/root/keys/new"));
}
