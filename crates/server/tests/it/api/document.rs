//! The document and what answers are the same thing: every path and method of one is in the other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::fixture::Fixture;
use crate::routes::paths;

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// The document's operations by path, as upper-case methods.
pub(crate) fn documented() -> BTreeMap<String, BTreeMap<String, Value>> {
    let document: Value = serde_json::from_str(&claviger::api::document_text()).unwrap();
    let of = |item: &Value| {
        let methods = item.as_object().unwrap().iter();
        methods.map(|(method, operation)| (method.to_uppercase(), operation.clone())).collect()
    };
    document["paths"].as_object().unwrap().iter().map(|(path, item)| (path.clone(), of(item))).collect()
}

/// Where nobody is authenticated before: what authenticates stands in the body, or nothing has to.
const OPEN: [&str; 6] = [
    "/.well-known/oauth-authorization-server",
    "/api/auth/bearer/refresh",
    "/api/v1/auth/token",
    "/oauth/jwks.json",
    "/oauth/revoke",
    "/oauth/token",
];

/// The operations that need a credential beside what they are sent.
pub(crate) fn guarded() -> BTreeMap<String, BTreeMap<String, Value>> {
    let (open, guarded): (BTreeMap<_, _>, BTreeMap<_, _>) =
        documented().into_iter().partition(|(path, _)| OPEN.contains(&path.as_str()));
    let says_so = |operation: &Value| {
        operation["security"].as_array().is_some_and(|it| it.contains(&Value::Object(Default::default())))
    };
    assert!(open.values().flat_map(BTreeMap::values).all(says_so), "the document says it of these");
    assert!(!guarded.values().flat_map(BTreeMap::values).any(says_so), "and of no others");
    assert_eq!(open.len(), OPEN.len());
    guarded
}

/// Paths that are no operations: where nothing stands, and the document itself with the page that shows it.
const OTHERS: [&str; 14] = [
    "/authz",
    "/authz/{*path}",
    "/api",
    "/api/",
    "/api/{*path}",
    "/oauth/{*path}",
    "/openapi.json",
    "/docs/api",
    "/docs/api/",
    "/docs/api/{*path}",
    "/docs/api/favicon.svg",
    "/docs/api/init.js",
    "/docs/api/scalar.js",
    // In GitHub's form, which GitHub documents.
    "/api/v1/leaks/github",
];

#[tokio::test]
async fn every_route_is_documented_and_every_document_is_routed() {
    let it = Fixture::start().await;
    let routed = paths(&claviger::api::router(it.app.app.clone()));
    let documented: BTreeSet<_> = documented().into_keys().chain(OTHERS.map(str::to_owned)).collect();
    assert_eq!(routed, documented);
}

// The control: a route that nobody documented is seen.
#[test]
fn a_route_without_a_document_is_noticed() {
    let router: axum::Router = axum::Router::new().route("/api/v1/secret/{id}", axum::routing::get(async || "x"));
    assert_eq!(paths(&router), BTreeSet::from(["/api/v1/secret/{id}".to_owned()]));
}

#[tokio::test]
async fn a_path_knows_the_documented_methods_and_no_others() {
    let it = Fixture::start().await;
    for (path, operations) in documented() {
        let path = path.split('/').map(|it| if it.starts_with('{') { "x" } else { it }).collect::<Vec<_>>().join("/");
        let mut known: BTreeSet<_> = operations.into_keys().collect();
        if known.contains("GET") {
            known.insert("HEAD".to_owned());
        }
        for method in METHODS {
            let answer = it.admin.send(it.admin.request(method, &path)).await;
            if known.contains(method) {
                assert_ne!(answer.status, 405, "{method} {path}");
                continue;
            }
            assert_eq!(answer.status, 405, "{method} {path}");
            let allowed: BTreeSet<_> = answer.header("allow").split(',').map(str::to_owned).collect();
            assert_eq!(allowed, known, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_committed_document_is_the_one_that_is_served() {
    let it = Fixture::start().await;
    let served = it.admin.without().get("/openapi.json").await.expect(200);
    assert_eq!(served.header("content-type"), "application/json");
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi.json");
    let committed = std::fs::read_to_string(committed).unwrap();
    assert!(
        served.text == committed.trim_end(),
        "openapi.json is not what the handlers say: run `cargo xtask openapi`"
    );
}

#[tokio::test]
async fn the_reference_comes_whole_from_this_server() {
    let it = Fixture::start().await;
    let anyone = it.admin.without();
    let page = anyone.get("/docs/api").await.expect(200);
    let policy = page.header("content-security-policy").to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(!policy.contains("http") && !page.text.contains("http"), "nothing comes from another host");
    let sources: Vec<_> =
        page.text.split("src=\"").skip(1).map(|it| it.split('"').next().unwrap().to_owned()).collect();
    assert_eq!(sources, ["/docs/api/scalar.js", "/docs/api/init.js"]);
    for source in sources {
        let script = anyone.get(&source).await.expect(200);
        assert_eq!(script.header("content-type"), "text/javascript");
        assert!(!script.text.is_empty());
    }
    assert!(page.text.contains("<link rel=\"icon\" href=\"/docs/api/favicon.svg\""));
    assert_eq!(anyone.get("/docs/api/favicon.svg").await.expect(200).header("content-type"), "image/svg+xml");
    let compressed = anyone.get_with("/docs/api/scalar.js", &[("accept-encoding", "br, gzip")]).await;
    assert_eq!(compressed.header("content-encoding"), "gzip");
}
