//! Configure › APIs: versions, OpenAPI documents and guides, as an admin of the root keeps them.

use claviger_core::role::BuiltIn;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;

use super::browser::{Browser, Form, Page};
use crate::app::TestApp;

const OPENAPI: &str = r#"{"openapi": "3.1.0", "info": {"title": "Acme CRM", "version": "2.4"},
    "paths": {"/contacts": {"get": {"summary": "List contacts"}, "post": {"summary": "Add a contact"}}}}"#;
const MIB: usize = 1024 * 1024;

/// The page of the api `default`, by clicks from the settings.
async fn api(browser: &mut Browser<'_>) -> String {
    let settings = browser.get("/o/root/settings").await.expect(200);
    assert!(settings.links().contains(&"/o/root/configure".to_owned()), "{}", settings.text);
    let section = browser.get("/o/root/configure").await.expect(200);
    assert!(section.links().contains(&"/o/root/configure/apis".to_owned()), "{}", section.text);
    let list = browser.get("/o/root/configure/apis").await.expect(200);
    let (at, _) = list.text.match_indices(">default<").next().expect("it came with the installation");
    let links = list.links().into_iter().filter(|it| it.starts_with("/o/root/configure/apis/api_"));
    links.filter_map(|it| Some((list.text.find(&it)?, it))).filter(|it| it.0 < at).max().expect("a link before it").1
}

/// The page of a version that is added.
async fn version(browser: &mut Browser<'_>, name: &str) -> String {
    let api = api(browser).await;
    let form = browser.get(&format!("{api}/versions")).await.expect(200).form("/versions");
    let done = browser.submit(&form.with("name", name)).await.expect(303);
    let page = browser.follow(done).await.expect(200);
    assert_eq!(page.path, format!("{api}/versions/{name}"));
    page.path
}

/// Sends a form as a browser sends one with a file.
async fn upload(browser: &mut Browser<'_>, form: &Form, file: &[u8]) -> Page {
    let mut body = Vec::new();
    for (name, value) in form.fields.iter().filter(|it| it.0 != "file") {
        body.extend(format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").into_bytes());
    }
    let head = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.json\"\r\nContent-Type: application/json\r\n\r\n";
    body.extend(head.as_bytes());
    body.extend(file);
    body.extend(b"\r\n--x--\r\n");
    let request = browser.request(Method::POST, &form.action).header("sec-fetch-site", "same-origin");
    let request = request.header(CONTENT_TYPE, "multipart/form-data; boundary=x").body(body);
    browser.send(&form.action, request).await
}

// S1.13 S1.14
#[tokio::test]
async fn an_admin_documents_a_version_and_takes_it_all_away_again() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let api = api(&mut browser).await;
    let empty = browser.get(&api).await.expect(200);
    assert!(empty.text_of(".empty").contains("your customers read them at /docs beside how to get a key"));

    let form = browser.get(&format!("{api}/rename")).await.expect(200).form("/rename").with("name", "Acme CRM");
    let done = browser.submit(&form).await.expect(303);
    assert_eq!(browser.follow(done).await.text_of("h1"), "Acme CRM");

    let one = version(&mut browser, "1.0").await;
    let form = browser.get(&format!("{one}/openapi")).await.expect(200).form("/openapi");
    let done = upload(&mut browser, &form, OPENAPI.as_bytes()).await.expect(303);
    let page = browser.follow(done).await.expect(200);
    let facts = page.text_of("section dl");
    for fact in ["Acme CRM", "2.4", "Operations", "2"] {
        assert!(facts.contains(fact), "{fact}: {facts}");
    }
    let form = browser.get(&format!("{one}/guides")).await.expect(200).form("/guides");
    let form = form.with("title", "Trigger links").with("markdown", "# Trigger links\r\n\r\nA link starts one.\r\n");
    let done = browser.submit(&form).await.expect(303);
    let page = browser.follow(done).await.expect(200);
    assert!(page.text_of(".banner").contains("Trigger links"), "{}", page.text);
    assert!(page.links().contains(&format!("{one}/guides/trigger-links/edit")), "{}", page.text);

    // Whoever reaches the server reads it under the name that was given.
    let mut anyone = Browser::new(&app);
    let read = anyone.get("/docs/apis/default/1.0/trigger-links").await.expect(200);
    assert!(read.text_of("main").contains("A link starts one."), "{}", read.text);
    assert!(anyone.get("/docs").await.expect(200).text_of("#host").contains("Acme CRM"));
    assert_eq!(
        anyone.get("/docs/apis/default/1.0/trigger-links.md").await.text,
        "# Trigger links\n\nA link starts one.\n"
    );

    let edit = format!("{one}/guides/trigger-links/edit");
    let form = browser.get(&edit).await.expect(200).form("/edit").with("title", "Links").with("position", "3");
    browser.submit(&form).await.expect(303);
    assert!(anyone.get("/docs/apis/default/1.0/trigger-links").await.text_of("h1").contains("Links"));

    let form = browser.get(&format!("{one}/edit")).await.expect(200).form("/edit");
    let form = form.with("status", "deprecated").with("deprecated_at", "2026-05-01").with("sunset_at", "2027-03-01");
    let done = browser.submit(&form).await.expect(303);
    let page = browser.follow(done).await.expect(200);
    assert_eq!(page.text_of(".head .status"), "Deprecated since 1 May 2026, ends 1 Mar 2027");
    let row = browser.get(&api).await.expect(200);
    assert!(row.text_of("tbody").contains("OpenAPI, 1 guide"), "{}", row.text);
    assert!(row.links().contains(&"/docs/apis/default/1.0".to_owned()));

    for (question, told) in [
        (format!("{one}/guides/trigger-links/delete"), "Links"),
        (format!("{one}/openapi/delete"), "OpenAPI document"),
        (format!("{one}/delete"), "API 1.0"),
    ] {
        let form = browser.get(&question).await.expect(200).form("/delete");
        let done = browser.submit(&form).await.expect(303);
        let page = browser.follow(done).await.expect(200);
        assert!(page.text_of(".banner").contains(told), "{question}: {}", page.text);
        assert_eq!(browser.get(&question).await.status, 404, "{question}");
    }
    anyone.get("/docs/apis/default/1.0").await.expect(404);
}

#[tokio::test]
async fn a_version_is_deleted_only_as_the_question_showed_it() {
    let app = TestApp::new().await;
    let (mut first, mut second) = (Browser::signed_in(&app).await, Browser::signed_in(&app).await);
    let one = version(&mut first, "1.0").await;
    let form = first.get(&format!("{one}/delete")).await.expect(200).form("/delete");
    let meanwhile = second.get(&format!("{one}/edit")).await.expect(200).form("/edit");
    second.submit(&meanwhile.with("label", "Contacts")).await.expect(303);
    let again = first.submit(&form).await.expect(422);
    assert!(again.text_of("#summary").contains("Somebody else changed"), "{}", again.text);
    assert!(again.text_of("h1").contains("Contacts"), "{}", again.text_of("h1"));
    // A guide that came meanwhile would be kept nowhere.
    let form = again.form("/delete");
    let guide = second.get(&format!("{one}/guides")).await.expect(200).form("/guides");
    second.submit(&guide.with("title", "Links").with("markdown", "Read me.")).await.expect(303);
    let again = first.submit(&form).await.expect(422);
    assert!(again.text_of("#summary").contains("Nothing was deleted"), "{}", again.text);
    assert!(again.text.contains("1 guide"), "{}", again.text);
    first.submit(&again.form("/delete").with("version", "")).await.expect(400);
    first.get(&one).await.expect(200);
    first.submit(&again.form("/delete")).await.expect(303);
    first.get(&one).await.expect(404);
}

#[tokio::test]
async fn what_is_wrong_is_said_beside_the_field_and_nothing_that_was_typed_is_lost() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let one = version(&mut browser, "1.0").await;
    let api = one.split("/versions/").next().unwrap().to_owned();

    let blank = browser.get(&format!("{one}/openapi")).await.expect(200).form("/openapi");
    for (pasted, told) in [
        ("{\"openapi\": \"3.1.0\",\n\t\"paths\": <&>}", "line 2"),
        ("{\"swagger\": \"2.0\", \"paths\": {}}", "has to be a version that begins with"),
        ("{\"openapi\": \"3.1.0\", \"paths\": {\"/a\": {\"get\": \"x\"}}}", "`/paths/~1a/get` has to be an object"),
    ] {
        let refused = browser.submit(&blank.clone().with("openapi", pasted)).await.expect(422);
        assert!(refused.text_of("#openapi-error").contains(told), "{}", refused.text);
        let kept = refused.form("/openapi").fields.into_iter().find(|it| it.0 == "openapi").unwrap().1;
        assert_eq!(kept.trim(), pasted);
    }
    let refused = browser.submit(&blank).await.expect(422);
    assert!(refused.text_of("#file-error").contains("Choose a file"), "{}", refused.text);
    for file in [b"openapi: 3.1.0".as_slice(), b"\xFF\xFE"] {
        let refused = upload(&mut browser, &blank, file).await.expect(422);
        assert!(!refused.text_of("#file-error").is_empty(), "{}", refused.text);
    }

    let blank = browser.get(&format!("{one}/guides")).await.expect(200).form("/guides").with("markdown", "Typed text");
    for (field, typed, complaint) in [
        ("title", "", "#title-error"),
        ("title", "鍵", "#slug-error"),
        ("slug", "Not An Address", "#slug-error"),
        ("slug", "reference", "#slug-error"),
        ("position", "first", "#position-error"),
        ("markdown", " ", "#markdown-error"),
    ] {
        let form = if field == "title" { blank.clone() } else { blank.clone().with("title", "Forms") };
        let refused = browser.submit(&form.with(field, typed)).await.expect(422);
        assert!(!refused.text_of(complaint).is_empty(), "{field}: {}", refused.text);
        assert!(field == "markdown" || refused.text_of("#markdown").contains("Typed text"), "{field}");
    }
    let large = "x".repeat(257 * 1024);
    let refused = upload(&mut browser, &blank.clone().with("title", "Forms"), large.as_bytes()).await.expect(422);
    assert!(refused.text_of("#file-error").contains("262144"), "{}", refused.text_of("#summary"));
    browser.submit(&blank.clone().with("title", "Forms")).await.expect(303);
    let refused = browser.submit(&blank.with("title", "Forms!")).await.expect(422);
    assert!(refused.text_of("#slug-error").contains("has this short name already"), "{}", refused.text);

    let same = browser.get(&format!("{one}/guides")).await.expect(200).form("/guides").with("markdown", "Text");
    let refused = browser.submit(&same.with("title", "forms").with("slug", "more-forms")).await.expect(422);
    assert!(refused.text_of("#title-error").contains("that of the guide `forms`"), "{}", refused.text);

    let blank = browser.get(&format!("{api}/versions")).await.expect(200).form("/versions");
    let refused = browser.submit(&blank.clone().with("name", "2.0").with("label", "API 1.0")).await.expect(422);
    assert!(refused.text_of("#label-error").contains("that of the version `1.0`"), "{}", refused.text);
    for (field, typed) in [
        ("name", "a b"),
        ("name", "1.0"),
        ("status", "best"),
        ("docs_url", "javascript:alert(1)"),
        ("sunset_at", "2027-03-01"),
        ("label", "\u{202E}"),
    ] {
        let refused = browser.submit(&blank.clone().with("name", "2.0").with(field, typed)).await.expect(422);
        assert!(!refused.text_of(&format!("#{field}-error")).is_empty(), "{field}: {}", refused.text);
    }
    let left = blank.with("name", "2.0").with("status", "deprecated").with("deprecated_at", "2027-03-01");
    let refused = browser.submit(&left.clone().with("sunset_at", "2027-02-01")).await.expect(422);
    assert!(
        refused.text_of("#sunset_at-error").contains("before the day from which the version is deprecated"),
        "{}",
        refused.text
    );
    let refused = browser.submit(&left.with("sunset_at", "soon")).await.expect(422);
    assert!(refused.text_of("#sunset_at-error").contains("2027-03-01"), "{}", refused.text);
}

#[tokio::test]
async fn a_file_that_is_too_large_is_answered_by_a_page_with_a_way_out() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let one = version(&mut browser, "1.0").await;
    let form = browser.get(&format!("{one}/openapi")).await.expect(200).form("/openapi");
    let refused = upload(&mut browser, &form, &vec![b'x'; 2 * MIB + 1]).await.expect(422);
    assert!(refused.text_of("#file-error").contains("more than 2097152 bytes"), "{}", refused.text);
    let refused = upload(&mut browser, &form, &vec![b' '; 5 * MIB]).await.expect(413);
    assert!(refused.text_of("main").contains("2 MiB"), "{}", refused.text);
    assert!(refused.links().contains(&"/o/root/configure/apis".to_owned()), "{}", refused.text);

    // Nobody is asked for five megabytes who is not signed in: the way on is the sign-in, and from there the form.
    let mut stranger = Browser::new(&app);
    let led = upload(&mut stranger, &form, &vec![b' '; MIB]).await.expect(303);
    assert!(led.header("location").starts_with("/sign-in?next="), "{}", led.header("location"));
    // A short one goes along.
    let kept = upload(&mut stranger, &form.clone().with("openapi", "{}"), b"").await.expect(401);
    assert!(kept.text.contains("name=\"kept\""), "{}", kept.text);
}

#[tokio::test]
async fn of_two_who_change_the_same_the_second_is_told() {
    let app = TestApp::new().await;
    let (mut first, mut second) = (Browser::signed_in(&app).await, Browser::signed_in(&app).await);
    let one = version(&mut first, "1.0").await;
    let api = one.split("/versions/").next().unwrap().to_owned();
    let new = first.get(&format!("{one}/guides")).await.form("/guides").with("title", "Forms").with("markdown", "One");
    first.submit(&new).await.expect(303);
    let document = first.get(&format!("{one}/openapi")).await.form("/openapi").with("openapi", OPENAPI);
    first.submit(&document).await.expect(303);
    for (path, field, theirs, mine) in [
        (format!("{one}/guides/forms/edit"), "title", "Theirs", "Mine"),
        (format!("{one}/edit"), "label", "Theirs", "Mine"),
        (format!("{api}/rename"), "name", "Theirs", "Mine"),
        (format!("{one}/openapi"), "openapi", "{\"openapi\": \"3.0.0\", \"paths\": {}}", OPENAPI),
    ] {
        let end = format!("/{}", path.rsplit('/').next().unwrap());
        let late = second.get(&path).await.expect(200).form(&end).with(field, mine);
        let early = first.get(&path).await.expect(200).form(&end).with(field, theirs);
        first.submit(&early).await.expect(303);
        let told = second.submit(&late).await.expect(422);
        assert!(told.text_of("#summary").contains("changed after you opened this form"), "{path}: {}", told.text);
        // One's own takes the place of what was shown as the other's.
        second.submit(&told.form(&end)).await.expect(303);
    }
    let again = second.submit(&document).await.expect(422);
    assert!(
        again.text_of("#summary").contains("changed after you opened this form"),
        "there was none when it was opened"
    );
}

#[tokio::test]
async fn only_who_may_change_the_apis_of_the_root_is_led_there() {
    let app = TestApp::new().await;
    let location = app.organization(app.root, "Location 1").await;
    let (_, local, _) = app.member(location, "Local admin", BuiltIn::Admin).await;
    let (_, member, _) = app.member(app.root, "Member", BuiltIn::Member).await;
    let (_, auditor, _) = app.member(app.root, "Auditor", BuiltIn::Readonly).await;
    let mut admin = Browser::signed_in(&app).await;
    let one = version(&mut admin, "1.0").await;
    let api = one.split("/versions/").next().unwrap().to_owned();
    let rename = admin.get(&format!("{api}/rename")).await.form("/rename").with("name", "Taken over");
    let openapi = admin.get(&format!("{one}/openapi")).await.form("/openapi").with("openapi", OPENAPI);
    let pages = ["/o/root/configure/apis", &api, &one, &format!("{one}/openapi"), &format!("{one}/delete")];

    for user_id in [member, auditor] {
        let mut browser = Browser::of_user(&app, user_id).await;
        assert!(!browser.get("/o/root/settings").await.expect(200).text.contains("/configure"));
        browser.get("/o/root/configure").await.expect(403);
        for path in pages {
            browser.get(path).await.expect(403);
        }
        browser.submit(&rename).await.expect(403);
        browser.submit(&openapi).await.expect(403);
    }
    let mut browser = Browser::of_user(&app, local).await;
    assert!(!browser.get("/o/location-1/settings").await.expect(200).text.contains("/configure"));
    for path in pages {
        browser.get(path).await.expect(404);
        browser.get(&path.replace("/o/root", "/o/location-1")).await.expect(404);
    }
    browser.submit(&rename).await.expect(404);
    // Who may change them at the root does it there: below it there is no such page.
    admin.get(&one.replace("/o/root", "/o/location-1")).await.expect(404);
    for path in ["/api_01jdw7r9x3e5tv8b2n4q6s0c1f", "/x"] {
        admin.get(&format!("/o/root/configure/apis{path}")).await.expect(404);
    }
    for path in ["versions/3.0", "versions/1.0/guides/none/edit", "versions/1.0/guides/A%20b/edit"] {
        admin.get(&format!("{api}/{path}")).await.expect(404);
    }
    assert!(!admin.get(&api).await.expect(200).text.contains("Taken over"));
}

#[tokio::test]
async fn a_version_is_retired_when_it_has_ended_and_the_form_says_so_beside_the_field() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let one = version(&mut browser, "1.0").await;
    let form = browser.get(&format!("{one}/edit")).await.expect(200).form("/edit").with("status", "retired");
    let refused = browser.submit(&form.clone().with("sunset_at", "2099-03-01")).await.expect(422);
    assert!(refused.text_of("#status-error").contains("there until 1 Mar 2099"), "{}", refused.text);
    assert!(refused.text_of("#status-hint").contains("off /docs at once"), "{}", refused.text);
    let done = browser.submit(&form.with("sunset_at", "2026-06-01")).await.expect(303);
    let page = browser.follow(done).await.expect(200);
    assert_eq!(page.text_of(".head .status"), "Retired, ended 1 Jun 2026");
}
