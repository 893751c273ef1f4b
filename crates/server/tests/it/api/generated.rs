//! Assurance S1 and S3, for every operation of the document: nobody learns of or changes what is another tenant's, and nobody sets what is not
//! theirs to set. The cases are made from openapi.json, so that a new operation is tried without being named here.

use std::collections::{BTreeMap, BTreeSet};

use claviger::config::Config;
use serde_json::{Value, json};

use super::client::{Answer, Client};
use super::document::guarded;
use super::fixture::Fixture;
use super::rights::body;
use crate::app::{TestApp, config};

/// Identifiers of the right form that nothing has.
const UNKNOWN: [(&str, &str); 10] = [
    ("api_id", "api_01kapxb4q0e8mv5r3g2t9w7yzn"),
    ("organization_id", "org_01kapxb4q0e8mv5r3g2t9w7yzn"),
    ("key_id", "key_01kapxb4q0e8mv5r3g2t9w7yzn"),
    ("user_id", "usr_01kapxb4q0e8mv5r3g2t9w7yzn"),
    ("role_id", "rol_01kapxb4q0e8mv5r3g2t9w7yzn"),
    ("member_id", "mem_01kapxb4q0e8mv5r3g2t9w7yzn"),
    ("import_id", "imp_01kapxb4q0e8mv5r3g2t9w7yzn"),
    ("hook_id", "whk_01kapxb4q0e8mv5r3g2t9w7yzn"),
    ("delivery_id", "dlv_01kapxb4q0e8mv5r3g2t9w7yzn"),
    ("event_id", "evt_01kapxb4q0e8mv5r3g2t9w7yzn"),
];

type Ids = BTreeMap<&'static str, String>;

fn unknown() -> Ids {
    UNKNOWN.iter().map(|(name, id)| (*name, (*id).to_owned())).collect()
}

/// A tenant below the root with one of everything.
struct Tenant {
    ids: Ids,
    /// Its admin.
    client: Client,
}

impl Tenant {
    async fn new(it: &Fixture, name: &str) -> Self {
        let organization = it.create_organization(name).await;
        let at = |path: &str| format!("/api/v1/organizations/{organization}{path}");
        let make = async |path: &str, body: Value| it.admin.post(&at(path), body).await.expect(201);
        let role = json!({"name": "Own", "permissions": ["contacts:read"], "api_access": true});
        let role_id = make("/roles", role).await.text_at("/id");
        let user_id = make("/users", json!({"name": format!("{name}'s user")})).await.text_at("/id");
        let member = json!({"user_id": user_id, "role_id": role_id});
        let member_id = make("/members", member).await.text_at("/id");
        let roles = it.admin.get(&at("/roles?limit=100")).await.json();
        let admin = roles["data"].as_array().unwrap().iter().find(|it| it["built_in"] == "admin").unwrap();
        let key = json!({"name": "Admin's", "role_id": admin["id"], "owner_id": null, "mapped_user_id": null, "reach": "subtree"});
        let key = make("/keys", key).await;
        let source =
            json!({"source_digest": format!("{:0>64}", name.len()), "source_name": "m.csv", "role_id": role_id});
        let import_id = it.admin.post(&at("/imports"), source).await.expect(200).text_at("/id");
        let client = it.admin.with(&key.text_at("/secret/token"));
        let key_id =
            make("/keys", json!({"name": "CI", "role_id": role_id, "owner_id": null})).await.text_at("/key/id");
        let slug = format!("api-{}", name.len());
        let api = json!({"name": "Own", "slug": slug, "key_prefix": format!("own{}", name.len())});
        let api_id = make("/apis", api).await.text_at("/id");
        let hook = json!({"target_url": "https://hooks.example.com/a", "entity": "contact", "operation": "*",
                          "organization_id": organization, "owner": "organization"});
        let hook_id = it.admin.post("/api/v1/hooks", hook).await.expect(201).text_at("/id");
        let path = format!("/api/v1/hooks/{hook_id}/test");
        let delivery_id = it.admin.post(&path, json!({})).await.expect(201).text_at("/id");
        let event_id = it.admin.get(&at("/events?limit=1")).await.expect(200).text_at("/data/0/id");
        let ids = [
            ("event_id", event_id),
            ("hook_id", hook_id),
            ("delivery_id", delivery_id),
            ("api_id", api_id),
            ("organization_id", organization),
            ("key_id", key_id),
            ("user_id", user_id),
            ("role_id", role_id),
            ("member_id", member_id),
            ("import_id", import_id),
        ];
        Self { ids: ids.into_iter().collect(), client }
    }

    /// Everything of it that the API shows, without when it was last used.
    async fn contents(&self, it: &Fixture) -> Vec<Value> {
        let mut contents = Vec::new();
        let lists = [
            "",
            "/keys?limit=100",
            "/users",
            "/roles?limit=100",
            "/members",
            "/organizations",
            "/apis",
            "/policy",
            "/event-types",
        ];
        for list in lists.into_iter().chain(["/events?limit=100"]) {
            let mut page = it
                .admin
                .get(&format!("/api/v1/organizations/{}{list}", self.ids["organization_id"]))
                .await
                .expect(200)
                .json();
            for row in page["data"].as_array_mut().into_iter().flatten() {
                row.as_object_mut().unwrap().remove("last_use");
            }
            contents.push(page);
        }
        contents
    }
}

/// The ids that a path names, but for those which a host chooses.
fn parameters(template: &str) -> Vec<&'static str> {
    UNKNOWN.iter().map(|(name, _)| *name).filter(|it| template.contains(&format!("{{{it}}}"))).collect()
}

fn filled(template: &str, ids: &Ids) -> String {
    let path = ids.iter().fold(template.to_owned(), |path, (name, id)| path.replace(&format!("{{{name}}}"), id));
    path.replace("{external_id}", "nobodys")
        .replace("{slug}", "nobodys")
        .replace("{event_type}", "key.created")
        .replace("{api_version}", "1.0")
        .replace("{guide}", "nobodys")
}

async fn call(client: &Client, method: &str, path: &str, body: Option<&Value>) -> Answer {
    let request = client.request(method, path);
    client
        .send(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
}

/// How old the memory is that was asked says nothing of whose things are in it.
fn forget_age(json: &mut Value) {
    match json {
        Value::Object(fields) => {
            fields.retain(|name, _| name != "stale_ms" && name != "as_of");
            fields.values_mut().for_each(forget_age);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_age),
        _ => {}
    }
}

/// An answer without what differs from request to request, and without the ids that were asked for.
fn shape(answer: &Answer, asked: &Ids) -> String {
    let mut text = answer.text.replace(answer.header("x-request-id"), "…");
    if let Ok(mut json) = serde_json::from_str(&text)
        && text.contains("stale_ms")
    {
        forget_age(&mut json);
        text = json.to_string();
    }
    for id in asked.values() {
        text = text.replace(id.as_str(), "…");
    }
    format!("{} {} {text}", answer.status, answer.header("content-type"))
}

/// What is told of another's things and not of things that are not there, over all operations.
async fn told_apart(mine: &Client, own: &Ids, foreign: &Ids) -> Vec<String> {
    let (mut found, mut tried) = (Vec::new(), 0);
    for (template, operations) in guarded() {
        let parameters = parameters(&template);
        for (method, operation) in operations {
            let id = operation["operationId"].as_str().unwrap();
            let base = body(id);
            let mut cases = Vec::new();
            // Each single id of the path, and all together.
            for one in parameters.iter().map(|it| vec![*it]).chain((parameters.len() > 1).then(|| parameters.clone())) {
                let with = |others: &Ids| {
                    let mut ids = own.clone();
                    ids.extend(one.iter().map(|it| (*it, others[it].clone())));
                    filled(&template, &ids)
                };
                cases.push((with(foreign), base.clone(), with(&unknown()), base.clone()));
            }
            // Each id that a query or a body may name.
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap();
                if let (Some(kind), true) = (kind_of(name), parameter["in"] == "query") {
                    let path = filled(&template, own);
                    let with = |ids: &Ids| format!("{path}?{name}={}", ids[kind]);
                    cases.push((with(foreign), base.clone(), with(&unknown()), base.clone()));
                }
            }
            for (place, kind) in body_ids(&operation) {
                let with = |ids: &Ids| {
                    let mut body = base.clone().unwrap_or_else(|| json!({}));
                    let id = if place.last().is_some_and(|it| it.ends_with('s')) {
                        json!([ids[kind]])
                    } else {
                        json!(ids[kind])
                    };
                    // What stands beside it in an inner object would be another way of saying the same.
                    body[&place[0]] = place[1..].iter().rev().fold(id, |inner, name| json!({name: inner}));
                    Some(body)
                };
                let path = filled(&template, own);
                cases.push((path.clone(), with(foreign), path, with(&unknown())));
            }
            for (path, body, other_path, other_body) in cases {
                let one = call(mine, &method, &path, body.as_ref()).await;
                let other = call(mine, &method, &other_path, other_body.as_ref()).await;
                tried += 1;
                if shape(&one, foreign) != shape(&other, &unknown()) {
                    found.push(format!("{id} at {path} with {body:?}: {one:?} and not {other:?}"));
                }
            }
        }
    }
    assert!(60 < tried, "only {tried} cases");
    found
}

/// Of what kind of thing a field holds the id.
fn kind_of(name: &str) -> Option<&'static str> {
    let name = name.trim_end_matches('s');
    let kinds = UNKNOWN.iter().map(|(kind, _)| *kind);
    let owner = ["owner_id", "actor_user_id"].contains(&name).then_some("user_id");
    owner
        .or_else(|| kinds.filter(|kind| name == *kind || name.ends_with(&format!("_{kind}"))).max_by_key(|it| it.len()))
}

/// Where in an operation's body ids may stand, the names of the fields from the outermost on, and of what kind of thing.
fn body_ids(operation: &Value) -> Vec<(Vec<String>, &'static str)> {
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let mut places = Vec::new();
    for field in fields_of(schema) {
        let inner = fields_of(&field_of(schema, &field));
        places.extend(inner.into_iter().map(|it| vec![field.clone(), it]));
        places.push(vec![field]);
    }
    let kind = |place: &Vec<String>| match place.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [things, "ids"] => kind_of(&format!("{}_id", things.trim_end_matches('s'))),
        [.., "organization"] => Some("organization_id"),
        [.., field] if field.ends_with("_id") || field.ends_with("_ids") => kind_of(field),
        _ => None,
    };
    places.into_iter().filter_map(|place| kind(&place).map(|kind| (place, kind))).collect()
}

/// The schema of a field, or of the items of its list.
fn field_of(schema: &Value, field: &str) -> Value {
    let document: Value = serde_json::from_str(&claviger::api::document_text()).unwrap();
    let resolved = match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    };
    resolved["properties"][field].clone()
}

/// The names of the fields of a schema of the document.
fn fields_of(schema: &Value) -> BTreeSet<String> {
    let document: Value = serde_json::from_str(&claviger::api::document_text()).unwrap();
    fn walk(document: &Value, schema: &Value, names: &mut BTreeSet<String>) {
        if let Some(reference) = schema["$ref"].as_str() {
            return walk(document, document.pointer(reference.trim_start_matches('#')).unwrap(), names);
        }
        for combined in ["oneOf", "anyOf", "allOf"] {
            schema[combined].as_array().into_iter().flatten().for_each(|it| walk(document, it, names));
        }
        names.extend(schema["properties"].as_object().into_iter().flat_map(|it| it.keys().cloned()));
    }
    let mut names = BTreeSet::new();
    walk(&document, schema, &mut names);
    names
}

// S1: whatever names another tenant's thing, anywhere in a request, is answered as if the thing were not there, and changes nothing of it.
#[tokio::test]
async fn another_tenants_things_are_as_if_they_were_not_there() {
    let it = Fixture::start().await;
    let (mine, theirs) = (Tenant::new(&it, "Mine").await, Tenant::new(&it, "Theirs, not mine").await);
    let before = theirs.contents(&it).await;
    let found = told_apart(&mine.client, &mine.ids, &theirs.ids).await;
    assert!(found.is_empty(), "{} are told apart, such as {:#?}", found.len(), &found[..found.len().min(3)]);
    assert_eq!(theirs.contents(&it).await, before);
}

/// Headers in which a tenant, a person or another request might be named to a service that believes them.
const BELIEVED_ELSEWHERE: [&str; 10] = [
    "claviger-organization",
    "x-organization-id",
    "x-tenant-id",
    "x-account-id",
    "x-user-id",
    "x-forwarded-user",
    "x-key-id",
    "x-original-url",
    "x-rewrite-url",
    "x-http-method-override",
];

/// An organization has one shared secret, whatever is named beside it, and the installation its signing keys: each of these changes what the next
/// is answered.
fn is_never_twice_the_same(operation: &Value) -> bool {
    let id = operation["operationId"].as_str().unwrap();
    id == "rotate_signing_keys" || id.ends_with("_shared_secret") && id != "reveal_shared_secret"
}

/// What is answered otherwise with a header that names another's thing, over all operations, on things that are not there.
async fn told_apart_by_headers(mine: &Client, own: &Ids, foreign: &Ids) -> Vec<String> {
    let mut found = Vec::new();
    let nothing = Ids::from_iter(unknown().into_iter().chain([("organization_id", own["organization_id"].clone())]));
    for (template, operations) in guarded() {
        for (method, operation) in operations.into_iter().filter(|(_, it)| !is_never_twice_the_same(it)) {
            let (path, id) = (filled(&template, &nothing), operation["operationId"].as_str().unwrap());
            let documented = operation["parameters"].as_array().into_iter().flatten();
            let documented = documented.filter(|it| it["in"] == "header").map(|it| it["name"].as_str().unwrap());
            let ask = async |header: Option<(&str, &str)>| {
                let mut request = mine.request(&method, &path);
                if let Some((name, value)) = header {
                    request = request.header(name, value);
                }
                if let Some(body) = body(id) {
                    request = request.json(&body);
                }
                shape(&mine.send(request).await, foreign)
            };
            let without = ask(None).await;
            for name in BELIEVED_ELSEWHERE.into_iter().chain(documented) {
                let kind = if name.contains("user") {
                    "user_id"
                } else if name.contains("key") {
                    "key_id"
                } else {
                    "organization_id"
                };
                let value = if name.ends_with("url") {
                    format!("/api/v1/organizations/{}", foreign["organization_id"])
                } else if name.ends_with("override") {
                    "DELETE".to_owned()
                } else {
                    foreign[kind].clone()
                };
                let with = ask(Some((name, &value))).await;
                // A version that is none is refused for what it is, whosever it looks like; so is what is neither yes nor no.
                if with != without
                    && !["If-Match", "If-None-Match", "Claviger-Confirm-Lockout", "Claviger-Confirm-Documents"]
                        .contains(&name)
                {
                    found.push(format!("{id} with {name}: {value}: {with} and not {without}"));
                }
            }
        }
    }
    found
}

// S1, in headers: nobody is somebody else, or elsewhere, by saying so; and an Idempotency-Key is its caller's own.
#[tokio::test]
async fn a_header_names_nobody_elses_things() {
    let it = Fixture::start().await;
    let (mine, theirs) = (Tenant::new(&it, "Mine").await, Tenant::new(&it, "Theirs, not mine").await);
    let before = theirs.contents(&it).await;
    let found = told_apart_by_headers(&mine.client, &mine.ids, &theirs.ids).await;
    assert!(found.is_empty(), "{} are told apart, such as {:#?}", found.len(), &found[..found.len().min(3)]);
    assert_eq!(theirs.contents(&it).await, before);

    let body = json!({"name": "Same", "permissions": ["contacts:read"]});
    let mut made = BTreeSet::new();
    for tenant in [&theirs, &mine] {
        let path = format!("/api/v1/organizations/{}/roles", tenant.ids["organization_id"]);
        let request = tenant.client.request("POST", &path).header("idempotency-key", "same").json(&body);
        let answer = tenant.client.send(request).await.expect(201);
        assert_eq!(answer.header("idempotency-replayed"), "");
        made.insert(answer.text_at("/id"));
    }
    assert_eq!(made.len(), 2);
}

// The control: a service that believes a header is found out.
#[tokio::test]
async fn a_service_that_believes_a_header_is_found_out() {
    let it = Fixture::start().await;
    let (mine, theirs) = (Tenant::new(&it, "Mine").await, Tenant::new(&it, "Theirs, not mine").await);
    let believing = axum::Router::new().fallback(async |headers: axum::http::HeaderMap| {
        let told = headers.get("x-tenant-id").map_or("yours", |_| "another's");
        axum::Json(json!({"of": told}))
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(&format!("http://{}", listener.local_addr().unwrap()), None).of_a_double();
    it.app.app.spawn(async move { axum::serve(listener, believing).await });
    let found = told_apart_by_headers(&client, &mine.ids, &theirs.ids).await;
    assert!(40 < found.len() && found.iter().all(|it| it.contains("x-tenant-id")), "{found:#?}");
}

// The control: somebody who may see both finds them told apart everywhere.
#[tokio::test]
async fn a_caller_that_is_let_into_another_tenant_is_found_out() {
    let it = Fixture::start().await;
    let (mine, theirs) = (Tenant::new(&it, "Mine").await, Tenant::new(&it, "Theirs, not mine").await);
    let found = told_apart(&it.admin, &mine.ids, &theirs.ids).await;
    assert!(10 < found.len(), "{found:#?}");
}

/// Fields that no caller sets anywhere: columns that are the server's own, or that would answer for somebody else.
const THE_SERVERS: [&str; 14] = [
    "id",
    "organization_id",
    "created_by",
    "created_at",
    "updated_at",
    "version",
    "digest",
    "hash",
    "origin",
    "personal",
    "state",
    "standing",
    "actor",
    "secret",
];

// S3: each body that an operation takes, with each field added that some answer or table has and the body has not.
#[tokio::test]
async fn what_is_not_the_callers_to_set_is_refused_by_name() {
    // More cases than anybody may ask for in a minute.
    let app = TestApp::with_config(Config { api_rate: None, ..config() }).await;
    let it = Fixture::around(app).await;
    let mine = Tenant::new(&it, "Mine").await;
    let mut shown = BTreeSet::from(THE_SERVERS.map(str::to_owned));
    for operation in guarded().into_values().flat_map(BTreeMap::into_values) {
        for response in operation["responses"].as_object().unwrap().values() {
            shown.extend(fields_of(&response["content"]["application/json"]["schema"]));
        }
    }
    let (mut tried, mut taken) = (0, Vec::new());
    for (template, operations) in guarded() {
        for (method, operation) in operations {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let id = operation["operationId"].as_str().unwrap();
            // That body is a document of the host's, kept as it is, and sets nothing.
            if schema.is_null() || id == "put_api_openapi" {
                continue;
            }
            let known = fields_of(schema);
            for field in shown.difference(&known) {
                let mut body = body(id).unwrap_or_else(|| json!({}));
                body[field] = json!("x");
                let answer = call(&mine.client, &method, &filled(&template, &mine.ids), Some(&body)).await;
                tried += 1;
                if answer.status != 400 || answer.code() != "invalid_body" || answer.pointers() != [format!("/{field}")]
                {
                    taken.push(format!("{id} takes {field}: {} {}", answer.status, answer.text));
                }
            }
        }
    }
    assert!(500 < tried, "only {tried} cases");
    assert!(taken.is_empty(), "{taken:#?}");
}

// The control: a field that the body does know is not refused like one that it does not.
#[tokio::test]
async fn a_field_that_is_taken_is_noticed() {
    let it = Fixture::start().await;
    let answer = it.admin.post(&it.at("/keys"), json!({"name": "CI", "description": "x"})).await;
    assert_eq!(answer.status, 201);
    let known = fields_of(&json!({"$ref": "#/components/schemas/NewKeyBody"}));
    assert!(known.contains("owner_id") && !known.contains("origin"), "{known:?}");
}
