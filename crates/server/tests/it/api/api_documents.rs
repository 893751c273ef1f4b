//! What a host says of its own api: OpenAPI documents and guides of its versions.

use claviger_core::limits::{GUIDE_BYTES_MAX, GUIDES_PER_VERSION_MAX, OPENAPI_BYTES_MAX};
use serde_json::{Value, json};

use super::client::Answer;
use super::fixture::Fixture;

/// Makes an api of the root with two versions, and says where it stands.
async fn documented(it: &Fixture) -> String {
    let body = json!({"name": "Contacts API", "slug": "contacts", "key_prefix": "con", "versions": [
        {"slug": "1.0", "status": "deprecated", "deprecated_at": "2026-05-01T00:00:00Z", "sunset_at": "2027-03-01T00:00:00Z"},
        {"slug": "2.0", "status": "current", "label": "Second"},
    ]});
    it.admin.post(&it.at("/apis"), body).await.expect(201).header("location").to_owned()
}

async fn put(it: &Fixture, path: &str, body: &Value) -> Answer {
    it.admin.send(it.admin.request("PUT", path).json(body)).await
}

fn openapi() -> Value {
    json!({"openapi": "3.1.0", "info": {"title": "Contacts"}, "paths": {"/contacts": {"get": {"summary": "List contacts"}}}})
}

fn guide(title: &str) -> Value {
    json!({"title": title, "markdown": format!("# {title}\n\nHow it works.\n")})
}

#[tokio::test]
async fn a_version_has_a_document_and_guides_that_are_put_read_and_taken_away() {
    let it = Fixture::start().await;
    let api = documented(&it).await;
    let (document, forms) = (format!("{api}/versions/1.0/openapi"), format!("{api}/versions/1.0/guides/forms"));
    assert_eq!(it.admin.get(&document).await.refusal(), (404, "not_found".to_owned()));
    let made = put(&it, &document, &openapi()).await.expect(201);
    assert_eq!((made.header("etag"), made.json()["guide"].is_null()), ("\"1\"", true));
    assert_eq!(it.admin.get(&document).await.expect(200).json(), openapi());
    // Doing it twice changes nothing, nor does the mark with which some editors begin a file.
    assert_eq!(put(&it, &document, &openapi()).await.expect(200).header("etag"), "\"1\"");
    let request = it.admin.request("PUT", &document).header("content-type", "application/json");
    let marked = it.admin.send(request.body(format!("\u{FEFF}{}", openapi()))).await.expect(200);
    assert_eq!(marked.header("etag"), "\"1\"");

    put(&it, &forms, &guide("Forms")).await.expect(201);
    let mut first = guide("Workflows");
    first["position"] = json!(1);
    put(&it, &format!("{api}/versions/1.0/guides/workflows"), &first).await.expect(201);
    let changed = put(&it, &forms, &guide("All about forms")).await.expect(200);
    assert_eq!((changed.header("etag"), changed.text_at("/title")), ("\"2\"", "All about forms".to_owned()));
    assert_eq!(changed.json()["position"], 100, "a guide stays where it stands");
    let listed = it.admin.get(&format!("{api}/documents")).await.expect(200).json();
    let listed: Vec<_> = listed["documents"].as_array().unwrap().iter().map(|it| it["title"].clone()).collect();
    assert_eq!(listed, ["OpenAPI", "Workflows", "All about forms"]);

    let outdated = it.admin.send(it.admin.request("DELETE", &forms).header("if-match", "\"1\"")).await;
    assert_eq!(outdated.refusal(), (412, "version_mismatch".to_owned()));
    it.admin.send(it.admin.request("DELETE", &forms)).await.expect(204);
    assert_eq!(it.admin.get(&forms).await.refusal(), (404, "not_found".to_owned()));
    let events = it.admin.get(&it.at("/events?entity_kind=api&limit=3")).await.expect(200).json();
    let events = events["data"].as_array().unwrap();
    let operations: Vec<_> = events.iter().map(|it| it["operation"].as_str().unwrap_or_default()).collect();
    assert_eq!(operations, ["api.document_deleted", "api.document_put", "api.document_put"]);
    assert_eq!((&events[0]["before"]["guide"], &events[1]["after"]["version"]), (&json!("forms"), &json!(2)));
    assert!(events[1]["after"].get("markdown").is_none(), "the log has no text of a guide");
}

#[tokio::test]
async fn what_is_said_of_a_version_goes_with_it() {
    let it = Fixture::start().await;
    let api = documented(&it).await;
    let forms = format!("{api}/versions/1.0/guides/forms");
    put(&it, &forms, &guide("Forms")).await.expect(201);
    let other = json!({"versions": [{"slug": "2.0", "status": "current"}]});
    // Whoever wrote a list without it may have meant to change another: what is kept nowhere else goes when that is said.
    let patch = async |header: Option<&str>| {
        let request = it.admin.request("PATCH", &api).json(&other);
        let request = match header {
            Some(value) => request.header("claviger-confirm-documents", value),
            None => request,
        };
        it.admin.send(request).await
    };
    for header in [None, Some("false")] {
        let refused = patch(header).await;
        assert_eq!(refused.refusal(), (409, "state_conflict".to_owned()));
        assert!(refused.text_at("/detail").contains("leaves out `1.0`, of which one guide"), "{refused:?}");
        assert!(refused.text_at("/fix").contains("Claviger-Confirm-Documents: true"), "{refused:?}");
        it.admin.get(&forms).await.expect(200);
    }
    assert_eq!(patch(Some("yes")).await.pointers(), ["Claviger-Confirm-Documents"]);
    patch(Some("true")).await.expect(200);
    assert_eq!(it.admin.get(&forms).await.refusal(), (404, "not_found".to_owned()));
    assert_eq!(put(&it, &forms, &guide("Forms")).await.refusal(), (404, "not_found".to_owned()));
    let again = json!({"versions": [{"slug": "1.0", "status": "current"}, {"slug": "2.0", "status": "current"}]});
    it.admin.patch(&api, again).await.expect(200);
    assert_eq!(it.admin.get(&forms).await.refusal(), (404, "not_found".to_owned()), "it does not come back");
}

#[tokio::test]
async fn what_cannot_be_shown_is_refused_with_what_is_wrong() {
    let it = Fixture::start().await;
    let api = documented(&it).await;
    let document = format!("{api}/versions/2.0/openapi");
    for (body, words) in [
        ("openapi: 3.1.0".to_owned(), "turn YAML into JSON"),
        (r#"{"swagger": "2.0", "paths": {}}"#.to_owned(), "no OpenAPI document"),
        (r#"{"openapi": "3.1.0"}"#.to_owned(), "`paths`"),
        (r#"{"openapi": "3.1.0", "paths": {"/a""#.to_owned(), "breaks off at line 1"),
        (format!(r#"{{"openapi": "3.1.0", "x": {}"#, "[".repeat(5000)), "nested too deep"),
    ] {
        let request = it.admin.request("PUT", &document).header("content-type", "application/json").body(body.clone());
        let answer = it.admin.send(request).await;
        assert_eq!(answer.refusal(), (400, "invalid_field".to_owned()), "{body}");
        assert!(answer.text.contains(words), "{body}: {answer:?}");
        assert_eq!(answer.text.contains("YAML"), !body.starts_with('{'), "{body}: {answer:?}");
    }
    for kind in ["application/yaml", "text/yaml; charset=utf-8", "application/openapi+yaml"] {
        let request = it.admin.request("PUT", &document).header("content-type", kind).body("openapi: 3.1.0");
        let answer = it.admin.send(request).await;
        assert_eq!(answer.refusal(), (415, "unsupported_media_type".to_owned()), "{kind}");
        assert!(answer.text.contains("turn YAML into JSON first, for example by yq"), "{kind}: {answer:?}");
    }
    // What a page would pass over without a word.
    for (paths, pointer) in [
        (json!({"/a": 5}), "/paths/~1a"),
        (json!({"contacts": {"get": {}}}), "/paths/contacts"),
        (json!({"/a": {"get": "List"}}), "/paths/~1a/get"),
        (json!({"/a": {"get": {"parameters": "x"}}}), "/paths/~1a/get/parameters"),
    ] {
        let refused = put(&it, &document, &json!({"openapi": "3.1.0", "paths": paths})).await;
        assert_eq!((refused.status, refused.pointers()), (400, vec![pointer.to_owned()]));
    }
    let long = format!(r#"{{"openapi": "3.1.0", "paths": {{}}, "x": "{}"}}"#, "x".repeat(OPENAPI_BYTES_MAX));
    let request = it.admin.request("PUT", &document).header("content-type", "application/json").body(long);
    assert_eq!(it.admin.send(request).await.refusal(), (413, "body_too_large".to_owned()));
    let yaml = it.admin.request("PUT", &document).header("content-type", "application/yaml").body("openapi: 3.1.0");
    assert_eq!(it.admin.send(yaml).await.refusal(), (415, "unsupported_media_type".to_owned()));

    let at = |slug: &str| format!("{api}/versions/2.0/guides/{slug}");
    for (slug, body, pointer) in [
        ("forms", json!({"title": " ", "markdown": "x"}), "/title"),
        ("forms", json!({"title": "Forms", "markdown": " \n"}), "/markdown"),
        ("forms", json!({"title": "Forms", "markdown": "a\u{0}b"}), "/markdown"),
        ("forms", json!({"title": "Forms", "markdown": "x".repeat(GUIDE_BYTES_MAX + 1)}), "/markdown"),
        ("reference", guide("Reference"), "guide"),
    ] {
        let refused = put(&it, &at(slug), &body).await;
        assert_eq!((refused.status, refused.pointers()), (400, vec![pointer.to_owned()]), "{slug}");
    }
    for slug in ["Forms", "a%2Fb", "..%2F", "forms.md", "A%20B", "Trigger-Links"] {
        let refused = put(&it, &at(slug), &guide("Forms")).await;
        assert_eq!((refused.status, refused.pointers()), (400, vec!["guide".to_owned()]), "{slug}");
        assert!(refused.text_at("/fix").contains("such as `trigger-links`, without `.md`"), "{refused:?}");
        // Nothing can stand there, which is all that who reads has to know.
        assert_eq!(it.admin.get(&at(slug)).await.refusal(), (404, "not_found".to_owned()), "{slug}");
    }
    for number in 0..GUIDES_PER_VERSION_MAX {
        put(&it, &at(&format!("guide-{number}")), &guide(&format!("Guide {number}"))).await.expect(201);
    }
    let equal = put(&it, &at("guide-1"), &guide("guide 0")).await;
    assert_eq!((equal.status, equal.pointers()), (400, vec!["/title".to_owned()]));
    assert!(equal.text.contains("the guide `guide-0`"), "{equal:?}");
    let refused = put(&it, &at("one-more"), &guide("Guide")).await;
    assert_eq!(refused.refusal(), (409, "limit_reached".to_owned()));
    put(&it, &at("guide-0"), &guide("Changed")).await.expect(200);
}

// Everybody reads it under the installation's address, where no organization below speaks for it.
#[tokio::test]
async fn only_apis_of_the_root_are_documented_here() {
    let it = Fixture::start().await;
    let agency = it.create_organization("Agency").await;
    let body =
        json!({"name": "Own", "slug": "own", "key_prefix": "own", "versions": [{"slug": "1.0", "status": "current"}]});
    let api = it.admin.post(&format!("/api/v1/organizations/{agency}/apis"), body).await.expect(201);
    let refused = put(&it, &format!("{}/versions/1.0/guides/forms", api.header("location")), &guide("Forms")).await;
    assert_eq!(refused.refusal(), (409, "state_conflict".to_owned()));
    assert!(refused.text.contains("docs_url"), "{refused:?}");

    // An agency reads what serves it, and does not change it.
    let contacts = documented(&it).await;
    let id = contacts.rsplit('/').next().unwrap();
    put(&it, &format!("{contacts}/versions/1.0/openapi"), &openapi()).await.expect(201);
    let from_below = format!("/api/v1/organizations/{agency}/apis/{id}/versions/1.0/openapi");
    it.admin.get(&from_below).await.expect(200);
    assert_eq!(put(&it, &from_below, &openapi()).await.refusal(), (409, "state_conflict".to_owned()));
}

#[tokio::test]
async fn a_version_says_when_it_ends_and_only_one_that_is_to_be_left_does() {
    let it = Fixture::start().await;
    let api = documented(&it).await;
    let shown = it.admin.get(&api).await.expect(200).json();
    assert_eq!(shown["versions"][0]["sunset_at"], "2027-03-01T00:00:00Z");
    assert_eq!((&shown["versions"][1]["label"], shown["versions"][1].get("sunset_at")), (&json!("Second"), None));
    // Verifiers know it, and tell it to who may pass and to nobody else.
    let token = it
        .admin
        .post(&it.at("/keys"), json!({"name": "CI", "api": "contacts"}))
        .await
        .expect(201)
        .text_at("/secret/token");
    let ask = async |key: &str, version: &str| {
        it.verify(json!({"key": key, "api": "contacts", "api_version": version})).await
    };
    let told = ask(&token, "1.0").await;
    let expected =
        json!({"deprecated_at": "2026-05-01T00:00:00Z", "sunset_at": "2027-03-01T00:00:00Z", "docs_url": null});
    assert_eq!((&told["allowed"], &told["deprecation"]), (&json!(true), &expected));
    assert!(ask(&token, "2.0").await.get("deprecation").is_none());
    assert!(ask("nobody's", "1.0").await.get("deprecation").is_none());
    for (version, pointer) in [
        (json!({"slug": "1", "status": "current", "sunset_at": "2027-03-01T00:00:00Z"}), "/versions/0/sunset_at"),
        (
            json!({"slug": "1", "status": "preview", "deprecated_at": "2027-03-01T00:00:00Z"}),
            "/versions/0/deprecated_at",
        ),
        (json!({"slug": "1", "status": "deprecated", "sunset_at": "soon"}), "/versions/0/sunset_at"),
        (json!({"slug": "1", "status": "deprecated", "label": " "}), "/versions/0/label"),
        (
            json!({"slug": "1", "status": "deprecated", "deprecated_at": "2027-03-02T00:00:00Z", "sunset_at": "2027-03-01T00:00:00Z"}),
            "/versions/0/sunset_at",
        ),
    ] {
        let refused = it.admin.patch(&api, json!({"versions": [version]})).await;
        assert_eq!((refused.status, refused.pointers()), (400, vec![pointer.to_owned()]));
    }
}
