//! What a host says of its own api, as everybody reads it at `/docs`.

use serde_json::{Value, json};

use super::{attributes, html, texts};
use crate::api::client::Client;
use crate::api::fixture::Fixture;

const FORMS: &str = "# Forms\n\nA form fills in a contact.\n\n## Embed a form\n\n<script>alert(1)</script>\n\n\
                     See [workflows](workflows.md) and [this](javascript:alert(1)).\n\n```sh\ncurl /forms\n```\n";

/// The installation's own api with two versions, and what is said of the first.
async fn documented(it: &Fixture) -> String {
    let apis = it.admin.get(&it.at("/apis")).await.expect(200).json();
    let api = apis["data"].as_array().unwrap().iter().find(|it| it["slug"] == "default").unwrap();
    let path = it.at(&format!("/apis/{}", api["id"].as_str().unwrap()));
    let versions = json!([
        {"slug": "1.0", "status": "deprecated", "deprecated_at": "2026-05-01T00:00:00Z", "sunset_at": "2027-03-01T00:00:00Z"},
        {"slug": "2.0", "status": "current", "docs_url": "https://docs.acme.example/v2"},
        {"slug": "0.9", "status": "retired"},
    ]);
    it.admin.patch(&path, json!({"name": "Acme API", "versions": versions})).await.expect(200);
    let openapi = json!({"openapi": "3.1.0", "info": {"title": "Acme <b>"}, "paths": {"/contacts/{id}": {"get": {
        "summary": "Show a zebra", "description": "<img src=x onerror=alert(1)>",
        "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}, "description": "Whose."}],
        "responses": {"200": {"description": "The contact."}}}}}});
    for (at, body) in [
        (
            "1.0/guides/workflows",
            json!({"title": "Workflows", "position": 1, "markdown": "# Workflows\n\nAutomate.\n"}),
        ),
        (
            "1.0/guides/trigger-links",
            json!({"title": "Trigger links", "position": 2, "markdown": "## Click\n\nA link.\n"}),
        ),
        ("1.0/guides/forms", json!({"title": "Forms", "position": 3, "markdown": FORMS})),
        ("1.0/openapi", openapi),
    ] {
        put(it, &format!("{path}/versions/{at}"), &body).await;
    }
    path
}

async fn put(it: &Fixture, path: &str, body: &Value) {
    let answer = it.admin.send(it.admin.request("PUT", path).json(body)).await;
    assert!([200, 201].contains(&answer.status), "{path}: {answer:?}");
}

/// Puts other versions there, with which go the documents of those that are left out.
async fn put_versions(it: &Fixture, api: &str, versions: Value) {
    let request = it.admin.request("PATCH", api).header("claviger-confirm-documents", "true");
    it.admin.send(request.json(&json!({"versions": versions}))).await.expect(200);
}

fn anyone(it: &Fixture) -> Client {
    it.admin.without()
}

// S1.13 S1.14
#[tokio::test]
async fn the_hosts_versions_and_guides_stand_beside_ours_under_its_name() {
    let it = Fixture::start().await;
    let anyone = anyone(&it);
    assert_eq!(texts(&html(&anyone.get("/docs").await.expect(200)), "#host"), [""; 0], "nothing is said yet");
    documented(&it).await;
    let index = html(&anyone.get("/docs").await.expect(200));
    assert_eq!(texts(&index, "#host h2"), ["Acme API"]);
    assert_eq!(texts(&index, "#host .card b"), ["API 1.0", "API 2.0"], "one that is no longer there is not shown");
    assert!(texts(&index, "#host .card")[0].contains("deprecated since 1 May 2026, ends 1 Mar 2027"));
    assert_eq!(texts(&index, "nav[aria-label=Guides] h2")[..2], ["Acme API", "First steps"]);

    let version = html(&anyone.get("/docs/apis/default/1.0").await.expect(200));
    assert_eq!(texts(&version, "h1"), ["API 1.0"]);
    assert_eq!(texts(&version, ".card b"), ["Workflows", "Trigger links", "Forms", "Operations", "openapi.json"]);
    for path in attributes(&version, ".card", "href") {
        let answer = anyone.get(&path).await.expect(200);
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'") && !policy.contains("unsafe"), "{path}");
        let page = html(&answer);
        let ids = attributes(&page, "[id]", "id");
        let once: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(once.len(), ids.len(), "{path}: each id stands once");
        assert!(path.ends_with(".json") || texts(&page, "h1").len() == 1, "{path}: one title");
    }
    let overview = html(&anyone.get("/docs/apis/default").await.expect(200));
    assert_eq!(
        (texts(&overview, "h1"), texts(&overview, ".card b")),
        (vec!["Acme API".into()], vec!["API 1.0".into(), "API 2.0".into()])
    );
    let current = html(&anyone.get("/docs/apis/default/2.0").await.expect(200));
    assert_eq!(attributes(&current, ".card", "href"), ["https://docs.acme.example/v2"]);
    for path in ["3.0", "1.0/nothing", "1.0/nothing.md", "2.0/reference", "2.0/openapi.json", "%ff", "1.0/%ff"] {
        anyone.get(&format!("/docs/apis/default/{path}")).await.expect(404);
    }
    anyone.get("/docs/apis/nothing/1.0").await.expect(404);
    anyone.get("/docs/apis/nothing").await.expect(404);
}

#[tokio::test]
async fn an_address_that_people_shorten_or_close_with_a_stroke_leads_to_its_page() {
    let it = Fixture::start().await;
    documented(&it).await;
    let anyone = anyone(&it);
    for (path, leads) in [
        ("/docs/apis", "/docs#host"),
        ("/docs/apis/", "/docs/apis"),
        ("/docs/api/", "/docs/api"),
        ("/docs/rotating/", "/docs/rotating"),
        ("/docs/apis/default/", "/docs/apis/default"),
        ("/docs/apis/default/1.0/", "/docs/apis/default/1.0"),
    ] {
        let answer = anyone.get(path).await;
        assert!((301..=308).contains(&answer.status), "{path}: {answer:?}");
        assert_eq!(answer.header("location"), leads, "{path}");
    }
    anyone.get("/docs//").await.expect(404);
}

#[tokio::test]
async fn the_page_of_a_version_says_what_is_to_come_as_what_is_to_come() {
    let it = Fixture::start().await;
    let api = documented(&it).await;
    let versions = json!([{"slug": "1.0", "status": "deprecated", "deprecated_at": "2099-05-01T00:00:00Z"}]);
    it.admin.patch(&api, json!({"versions": versions})).await.expect(200);
    let page = html(&anyone(&it).get("/docs/apis/default/1.0").await.expect(200));
    assert!(texts(&page, ".lead")[0].ends_with("deprecated from 1 May 2099"), "{:?}", texts(&page, ".lead"));
    assert_eq!(texts(&page, ".complaint"), [""; 0], "until then it may be called");
}

#[tokio::test]
async fn nothing_leads_to_the_page_of_a_retired_version() {
    let it = Fixture::start().await;
    let api = documented(&it).await;
    let anyone = anyone(&it);
    let leads = async |path: &str| {
        let page = html(&anyone.get(path).await.expect(200));
        attributes(&page, "a", "href").into_iter().filter(|it| it.starts_with("/docs/apis/default/1.0")).count()
    };
    let pages = ["/docs", "/docs/rotating", "/docs/search?q=zebra", "/docs/search?q=automate"];
    for path in pages {
        assert!(0 < leads(path).await, "{path}: while it is there, something does");
    }
    let versions = json!([{"slug": "1.0", "status": "retired"}, {"slug": "2.0", "status": "current"}]);
    it.admin.patch(&api, json!({"versions": versions})).await.expect(200);
    put(&it, &format!("{api}/versions/2.0/guides/tags"), &json!({"title": "Tags", "markdown": "A tag."})).await;
    // The first page that is read after a change finds it; a guide of ours waits for nothing.
    let list = anyone.get("/docs/llms.txt").await.expect(200).text;
    assert!(list.contains("/docs/apis/default/2.0/tags.md") && !list.contains("/docs/apis/default/1.0"), "{list}");
    for path in pages.into_iter().chain(["/docs/apis/default/2.0"]) {
        assert_eq!(leads(path).await, 0, "{path}");
    }
    for path in ["1.0", "1.0/forms", "1.0/forms.md", "1.0/reference", "1.0/openapi.json"] {
        let gone = anyone.get(&format!("/docs/apis/default/{path}")).await.expect(410);
        assert_eq!(attributes(&html(&gone), "main p a", "href"), ["/docs/apis/default/2.0"], "{path}");
    }
}

// A version ends on its day and not before: until then what gateways tell its callers and what they read here is the same.
#[tokio::test]
async fn a_version_is_retired_on_its_day_and_its_page_leads_on_from_then() {
    let it = Fixture::start().await;
    let api = documented(&it).await;
    let anyone = anyone(&it);
    let left = html(&anyone.get("/docs/apis/default/1.0").await.expect(200));
    assert_eq!(attributes(&left, ".complaint a", "href"), ["/docs/apis/default/2.0"], "what to call instead is a link");
    assert_eq!(texts(&left, ".complaint a"), ["API 2.0"]);

    let retire = async |end: &str| {
        let one =
            json!({"slug": "1.0", "status": "retired", "deprecated_at": "2026-05-01T00:00:00Z", "sunset_at": end});
        it.admin.patch(&api, json!({"versions": [one, {"slug": "2.0", "status": "current"}]})).await
    };
    let early = retire("2099-03-01T00:00:00Z").await;
    assert_eq!((early.status, early.pointers()), (400, vec!["/versions/0/status".to_owned()]));
    assert!(early.text.contains("there until 1 Mar 2099") && early.text_at("/fix").contains("sunset_at"), "{early:?}");
    anyone.get("/docs/apis/default/1.0/forms").await.expect(200);

    retire("2026-06-01T00:00:00Z").await.expect(200);
    let gone = html(&anyone.get("/docs/apis/default/1.0").await.expect(410));
    assert_eq!(texts(&gone, "h1"), ["API 1.0 is no longer there"]);
    assert!(texts(&gone, ".lead")[0].ends_with("retired on 1 Jun 2026"), "{:?}", texts(&gone, ".lead"));
    assert!(texts(&gone, "main")[0].contains("Use API 2.0."), "{:?}", texts(&gone, "main"));
    for path in ["1.0/forms", "1.0/forms.md", "1.0/openapi.json", "1.0/whatever"] {
        anyone.get(&format!("/docs/apis/default/{path}")).await.expect(410);
    }
    anyone.get("/docs/apis/nothing/1.0").await.expect(404);
}

#[tokio::test]
async fn what_goes_with_a_version_is_named_by_the_event_that_it_went_with() {
    let it = Fixture::start().await;
    let api = documented(&it).await;
    it.admin.patch(&api, json!({"name": "Acme"})).await.expect(200);
    put_versions(&it, &api, json!([{"slug": "2.0", "status": "current"}])).await;
    let events = it.admin.get(&it.at("/events?entity_kind=api&limit=2")).await.expect(200).json();
    let [went, renamed] = [0, 1].map(|at| &events["data"][at]["before"]["documents"]);
    let guides: Vec<_> = went.as_array().unwrap().iter().map(|it| (&it["api_version"], &it["guide"])).collect();
    let (version, guide) = (json!("1.0"), ["workflows", "trigger-links", "forms"].map(|it| json!(it)));
    // The OpenAPI document is no guide, and stands before them.
    let all = [&Value::Null, &guide[0], &guide[1], &guide[2]].map(|it| (&version, it));
    assert_eq!(guides, all);
    assert_eq!(renamed, &Value::Null, "of a change by which nothing went none is named");
    assert!(events["data"][0]["after"].get("documents").is_none());
}

#[tokio::test]
async fn a_text_of_the_hosts_runs_nothing() {
    let it = Fixture::start().await;
    documented(&it).await;
    let anyone = anyone(&it);
    let page = html(&anyone.get("/docs/apis/default/1.0/forms").await.expect(200));
    assert_eq!(texts(&page, ".prose script, .prose img"), [""; 0]);
    assert!(texts(&page, ".prose")[0].contains("<script>alert(1)</script>"), "markup is shown as the text that it is");
    let links = attributes(&page, ".prose p a", "href");
    assert_eq!(links, ["/docs/apis/default/1.0/workflows"], "one that leads nowhere is plain text");
    assert!(texts(&page, ".prose")[0].contains("See workflows and this."));
    let reference = html(&anyone.get("/docs/apis/default/1.0/reference").await.expect(200));
    assert_eq!(texts(&reference, "main img, main .prose script"), [""; 0]);
    assert_eq!(texts(&reference, ".prose h2"), ["Show a zebra"]);
    assert_eq!(texts(&reference, ".prose tbody th"), ["id (required)"]);
    assert_eq!(texts(&reference, ".prose li"), ["200 The contact."]);
    assert!(texts(&reference, ".prose")[0].contains("<img src=x onerror=alert(1)>"), "and so is it in a document");
}

// What a developer needs who calls it for the first time.
#[tokio::test]
async fn the_page_of_operations_says_where_to_call_what_each_takes_and_what_it_answers() {
    let it = Fixture::start().await;
    let api = documented(&it).await;
    let schema = json!({"$ref": "#/components/schemas/Contact"});
    let openapi = json!({"openapi": "3.1.0", "info": {"title": "Acme", "description": "Contacts of **Acme**, see [forms](forms.md)."},
        "servers": [{"url": "https://api.acme.example/v1", "description": "For everybody"}],
        "paths": {"/contacts": {"post": {"summary": "Add a contact", "description": "# When\n\nUse `upsert` where it [may](javascript:alert(1)) be there.",
            "parameters": [{"name": "notify", "in": "query", "schema": {"type": "boolean"}, "description": "Whether to *tell* them."}],
            "requestBody": {"required": true, "content": {"application/json": {"schema": schema}}},
            "responses": {"201": {"description": "ok", "content": {"application/json": {"schema": {"type": "array", "items": schema}}}}}}}},
        "components": {"schemas": {"Contact": {"type": "object", "required": ["email"], "properties": {
            "email": {"type": "string", "format": "email", "description": "Where to *write*."},
            "owner": {"type": "object", "properties": {"name": {"type": "string"}}}}}}}});
    put(&it, &format!("{api}/versions/1.0/openapi"), &openapi).await;
    let page = html(&anyone(&it).get("/docs/apis/default/1.0/reference").await.expect(200));
    assert_eq!(texts(&page, ".servers li"), ["https://api.acme.example/v1 For everybody"]);
    assert_eq!(attributes(&page, "main a[href$=forms]", "href"), ["/docs/apis/default/1.0/forms"]);
    assert_eq!(texts(&page, ".prose b, .prose em, .prose strong"), ["Acme", "When", "tell", "write", "write"]);
    let rows = texts(&page, ".prose tbody th");
    assert_eq!(
        rows,
        ["notify", "email (required)", "owner", "owner.name", "[].email (required)", "[].owner", "[].owner.name"]
    );
    let cells = texts(&page, ".prose tbody td");
    assert_eq!(cells[..5], ["query", "boolean", "Whether to tell them.", "string (email)", "Where to write."]);
    let text = texts(&page, ".prose").concat();
    assert!(text.contains("Takes a body (required): application/json, object"), "{text}");
    assert!(text.contains("Answers 201 with application/json, array of object"), "{text}");
    assert!(attributes(&page, "main a", "href").iter().all(|it| !it.contains("javascript")), "{text}");
}

#[tokio::test]
async fn what_the_host_says_is_found_read_by_programs_and_gone_when_it_is_taken_away() {
    let it = Fixture::start().await;
    let api = documented(&it).await;
    let anyone = anyone(&it);
    let markdown = anyone.get("/docs/apis/default/1.0/forms.md").await.expect(200);
    assert_eq!((markdown.header("content-type"), markdown.text.as_str()), ("text/markdown; charset=utf-8", FORMS));
    let document = anyone.get("/docs/apis/default/1.0/openapi.json").await.expect(200);
    assert_eq!(
        (document.header("content-type"), document.json()["openapi"].as_str()),
        ("application/json", Some("3.1.0"))
    );
    let list = anyone.get("/docs/llms.txt").await.expect(200).text;
    assert!(list.contains("/docs/apis/default/1.0/forms.md)") && list.contains("## Acme API: API 1.0"), "{list}");

    let found = async |words: &str| {
        let page = html(&anyone.get(&format!("/docs/search?q={words}")).await.expect(200));
        attributes(&page, ".found a", "href")
    };
    assert_eq!(found("acme").await[0], "/docs/apis/default", "the page of the api before all that names it");
    assert!(found("embed+form").await.contains(&"/docs/apis/default/1.0/forms#embed-a-form".to_owned()));
    assert!(found("zebra").await.contains(&"/docs/apis/default/1.0/reference#get-contacts-id".to_owned()));
    put(&it, &format!("{api}/versions/1.0/guides/forms"), &json!({"title": "Forms", "markdown": "A giraffe."})).await;
    assert_eq!(found("giraffe").await, ["/docs/apis/default/1.0/forms"], "what has changed is found at once");
    assert!(found("embed+form").await.iter().all(|it| !it.starts_with("/docs/apis")));
    put_versions(&it, &api, json!([])).await;
    anyone.get("/docs/apis/default/1.0/forms").await.expect(404);
    assert_eq!(found("giraffe").await, [""; 0]);
}
