//! What the nginx configuration does with each answer it can get, shown against a stand-in for Claviger that answers
//! as told and a stand-in for the host API that repeats what reached it. The real ones meet in `scorecards.rs`.

use std::net::SocketAddr;
use std::sync::LazyLock;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use reqwest::header::{CONTENT_TYPE, HeaderMap as ResponseHeaders};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::nginx::Nginx;

/// As many elements as a permission set can name, each as long as it may be.
static LONGEST_ELEMENTS: LazyLock<Vec<String>> = LazyLock::new(|| (0..256).map(|it| format!("{it:0>96}")).collect());

/// Answers as the bearer token says: `200` with headers after it, as in `403;x-claviger-code=revoked`. The value `$name`
/// stands for what the named header of the question holds, and `$` for the longest list of elements.
async fn authz(headers: HeaderMap) -> Response {
    let told = headers.get("authorization").and_then(|it| it.to_str().ok()?.strip_prefix("Bearer "));
    let Some(told) = told else {
        let refusal = [("x-claviger-code", "malformed"), ("x-claviger-status", "401"), ("www-authenticate", "Bearer")];
        return (StatusCode::UNAUTHORIZED, refusal).into_response();
    };
    let mut parts = told.split(';');
    let status = parts.next().unwrap().parse().unwrap();
    let mut response = StatusCode::from_u16(status).unwrap().into_response();
    for (name, value) in parts.map(|it| it.split_once('=').unwrap()) {
        let value = match value.strip_prefix('$') {
            Some("") => HeaderValue::from_str(&LONGEST_ELEMENTS.join(",")).unwrap(),
            Some(asked) => headers.get(asked).cloned().unwrap_or(HeaderValue::from_static("(absent)")),
            None => value.parse().unwrap(),
        };
        response.headers_mut().append(name.parse::<HeaderName>().unwrap(), value);
    }
    response
}

/// Answers 200 with what it was asked.
async fn host(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let names: Vec<&str> = parts.headers.keys().map(HeaderName::as_str).collect();
    let claviger: Vec<(&str, &str)> = parts
        .headers
        .iter()
        .filter(|(name, _)| name.as_str().contains("claviger"))
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    let answer = json!({
        "uri": parts.uri.to_string(), "names": names, "claviger": claviger, "body": String::from_utf8_lossy(&body),
    });
    axum::Json(answer).into_response()
}

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    #[expect(clippy::disallowed_methods, reason = "a stand-in may be cut off when the test ends")]
    tokio::spawn(axum::serve(listener, router).into_future());
    address
}

async fn start() -> Nginx {
    let authz = serve(Router::new().route("/authz", axum::routing::any(authz))).await;
    let host = serve(Router::new().fallback(host)).await;
    Nginx::start(authz, host)
}

async fn ask(nginx: &Nginx, request: &str, told: &str) -> (u16, ResponseHeaders, Value) {
    let response = nginx.request(request).bearer_auth(told).send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    (status, headers, response.json().await.unwrap())
}

#[tokio::test]
async fn refusals_become_the_status_that_claviger_names() {
    let nginx = start().await;
    let cases = [
        ("401", "401", "not_found", "unauthenticated"),
        ("401", "401", "malformed", "unauthenticated"),
        ("401", "401", "expired", "expired"),
        ("401", "401", "revoked", "revoked"),
        ("403", "400", "two_credentials", "two_credentials"),
        ("403", "403", "insufficient_permission", "insufficient_permission"),
        ("403", "404", "insufficient_permission", "not_found"),
        ("403", "429", "rate_limited", "rate_limited"),
        ("403", "503", "stale", "stale"),
    ];
    for (passed, status, code, told) in cases {
        let answer = format!("{passed};x-claviger-status={status};x-claviger-code={code};retry-after=7");
        let (got, headers, problem) = ask(&nginx, "GET /scorecards/A", &answer).await;
        assert_eq!(got.to_string(), status, "{answer}");
        assert_eq!(headers[CONTENT_TYPE], "application/problem+json");
        assert_eq!(headers["retry-after"], "7");
        assert_eq!((&problem["code"], problem["status"].to_string().as_str()), (&json!(told), status), "{answer}");
    }
    let response = nginx.request("GET /scorecards/A").send().await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers().get_all("www-authenticate").iter().collect::<Vec<_>>(), ["Bearer"]);
}

#[tokio::test]
async fn nothing_passes_when_the_answer_is_none_of_claviger() {
    let nginx = start().await;
    for (answer, status) in [("500", 503), ("404", 503), ("302;location=/", 503), ("403", 403), ("401", 403)] {
        let (got, _, problem) = ask(&nginx, "GET /scorecards/A", answer).await;
        assert_eq!((got, &problem["status"]), (status, &json!(status)), "{answer}");
    }
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let host = serve(Router::new().fallback(host)).await;
    let (status, _, problem) = ask(&Nginx::start(nobody, host), "GET /scorecards/A", "200").await;
    assert_eq!((status, &problem["code"]), (503, &json!("unavailable")));
}

#[tokio::test]
async fn each_request_asks_for_the_permission_of_its_method_and_path() {
    let nginx = start().await;
    let cases = [
        ("GET /scorecards", "scorecards:read"),
        ("HEAD /scorecards", "scorecards:read"),
        ("GET /scorecards?page=2", "scorecards:read"),
        ("GET /scorecards/A", "scorecards/A:read"),
        ("GET /scorecards/%41", "scorecards/A:read"),
        ("GET //scorecards///A", "scorecards/A:read"),
        ("GET /scorecards/./B/%2e%2e/A", "scorecards/A:read"),
        ("PUT /scorecards/B", "scorecards/B:read,scorecards/B:update"),
    ];
    for (request, permission) in cases {
        let response = nginx.request(request).bearer_auth("200;warning=$claviger-permission").send().await.unwrap();
        assert_eq!((response.status().as_u16(), &response.headers()["warning"]), (200, &permission.parse().unwrap()));
        if !request.starts_with("HEAD") {
            let reached: Value = response.json().await.unwrap();
            let path = reached["uri"].as_str().unwrap().split('?').next().unwrap().to_owned();
            let meant = permission.split([':', ',']).next().unwrap();
            assert_eq!(path, format!("/{meant}"), "the host reads the path as the check did: {request}");
        }
    }
    for request in [
        "GET /",
        "DELETE /scorecards/A",
        "GET /scorecards/",
        "GET /scorecards/A/B",
        "PUT /scorecards/A%0ax",
        "GET /scorecards/A%0a",
    ] {
        let (status, _, problem) = ask(&nginx, request, "200").await;
        assert_eq!((status, &problem["code"]), (404, &json!("not_found")), "{request}");
    }
    for request in ["GET /_claviger/authz", "GET /_claviger/../_claviger/authz"] {
        assert_eq!(nginx.request(request).send().await.unwrap().status(), 404, "{request}");
    }
}

#[tokio::test]
async fn a_client_cannot_speak_for_the_gateway() {
    let nginx = start().await;
    let forged = [
        "Claviger-Permission",
        "Claviger-Organization",
        "Claviger-Api",
        "Claviger-Api-Version",
        "Claviger-Ip",
        "Claviger-Authorization",
        "X-Original-URI",
        "X-Claviger-Key",
        "X-Claviger-Organization",
        "X-Claviger-Mapped-User",
        "X-Claviger-Mapped-User-External-Id",
        "X-Claviger-Elements",
        "X-Claviger-Code",
        "X-Claviger-Status",
    ];
    let seen = |name: &str| format!("200;warning=${name}");
    for name in forged {
        for spelling in [name.to_owned(), name.to_uppercase(), name.replace('-', "_")] {
            let request = nginx.request("GET /scorecards").header(&spelling, "forged").header(&spelling, "twice");
            let response = request.bearer_auth(seen(&name.to_lowercase())).send().await.unwrap();
            // The check takes nothing from the names in which it answers, so these may reach it.
            let reached_check = response.headers()["warning"].to_str().unwrap().contains("forged");
            assert!(!reached_check || name.starts_with("X-Claviger"), "{spelling} reached the check");
            let reached = response.text().await.unwrap();
            assert!(!reached.contains("forged"), "{spelling} reached the host: {reached}");
        }
    }
    let organization = nginx.request("GET /scorecards").header("Host", "l1.scorecards.test");
    let response = organization.bearer_auth(seen("claviger-organization")).send().await.unwrap();
    assert_eq!(response.headers()["warning"], "l1");
    let response = nginx.request("GET /scorecards").bearer_auth(seen("claviger-ip")).send().await.unwrap();
    assert_eq!(response.headers()["warning"], "127.0.0.1");
}

// Within the question $uri is not the client's path, so what goes by the path has to be known before it.
#[tokio::test]
async fn the_version_of_a_path_is_asked_for_and_ends_at_the_gateway() {
    let nginx = start().await;
    let cases = [
        ("GET /v1/scorecards", "1.0", "/scorecards"),
        ("GET /v1/scorecards/A", "1.0", "/scorecards/A"),
        ("GET //v1/x/../scorecards?page=2", "1.0", "/scorecards?page=2"),
        ("GET /v1/../scorecards", "(absent)", "/scorecards"),
        ("GET /scorecards", "(absent)", "/scorecards"),
        ("GET /scorecards?a=/v1/", "(absent)", "/scorecards?a=/v1/"),
    ];
    for (request, version, path) in cases {
        let (status, headers, reached) = ask(&nginx, request, "200;warning=$claviger-api-version").await;
        assert_eq!((status, headers["warning"].to_str().unwrap()), (200, version), "{request}");
        assert_eq!(reached["uri"], path, "{request}");
    }
    for request in ["GET /v1/", "GET /v1/contacts", "GET /v2/scorecards"] {
        let (status, _, problem) = ask(&nginx, request, "200").await;
        assert_eq!((status, &problem["code"]), (404, &json!("not_found")), "{request}");
    }
}

#[tokio::test]
async fn a_location_that_looks_at_nothing_before_its_guard_asks_for_the_same() {
    let authz = serve(Router::new().route("/authz", axum::routing::any(authz))).await;
    let host = serve(Router::new().fallback(host)).await;
    let nginx = Nginx::start_with(authz, host, ("if ($claviger_permission = \"\")", "if ($host = \"\")"));
    for (request, permission) in [
        ("GET /scorecards/A", "scorecards/A:read"),
        ("GET /v1/scorecards/A", "scorecards/A:read"),
        ("GET /contacts", "(absent)"),
    ] {
        let (_, headers, _) = ask(&nginx, request, "200;warning=$claviger-permission").await;
        assert_eq!(headers["warning"], permission, "{request}");
    }
}

// Without `volatile` nginx keeps what a map said first, and the second location would be asked about with the path and the query of the first.
#[tokio::test]
async fn a_guarded_location_that_leads_to_another_is_asked_about_with_its_own_path() {
    let authz = serve(Router::new().route("/authz", axum::routing::any(authz))).await;
    let host = serve(Router::new().fallback(host)).await;
    let piece = "include claviger-server.conf;";
    let leading = format!(
        "{piece} location = /scorecards/mine {{ include claviger-guard.conf; try_files /_ /v1/scorecards/A?own=2; }}"
    );
    let nginx = Nginx::start_with(authz, host, (piece, &leading));
    let told = "200;warning=$claviger-permission;link=$claviger-api-version";
    let (status, headers, reached) = ask(&nginx, "GET /scorecards/mine?own=1", told).await;
    let told = ["warning", "link"].map(|it| headers[it].to_str().unwrap());
    assert_eq!((status, told), (200, ["scorecards/A:read", "1.0"]));
    assert_eq!(reached["uri"], "/scorecards/A?own=2");
}

// RFC 9745, RFC 8594
#[tokio::test]
async fn a_client_is_told_that_the_version_it_calls_is_to_be_left() {
    let nginx = start().await;
    let told = "200;deprecation=@1777593600;sunset=soon;link=<https://docs.acme.example/v1>";
    let response = nginx.request("GET /scorecards").bearer_auth(told).send().await.unwrap();
    let header = |name: &str| response.headers().get(name).map(|it| it.to_str().unwrap());
    let expected = [Some("@1777593600"), Some("soon"), Some("<https://docs.acme.example/v1>")];
    assert_eq!(["deprecation", "sunset", "link"].map(header), expected);
    let silent = nginx.request("GET /scorecards").bearer_auth("200").send().await.unwrap();
    for name in ["deprecation", "sunset", "link"] {
        assert!(!silent.headers().contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn the_host_gets_the_caller_and_never_the_key() {
    let nginx = start().await;
    let answer = "200;x-claviger-key=key_1;x-claviger-organization=org_1;x-claviger-mapped-user=usr_1;\
                  x-claviger-mapped-user-external-id=m;x-claviger-elements=A,B";
    let request = nginx.request("PUT /scorecards/A?page=2&api_key=s3cret&size=9").bearer_auth(answer);
    let request = request.header("X-Api-Key", "s3cret").header("accessKey", "s3cret").header("SECRETKEY", "s3cret");
    let reached: Value = request.body("the body").send().await.unwrap().json().await.unwrap();
    assert_eq!(reached["uri"], "/scorecards/A?page=2&size=9");
    assert_eq!(reached["body"], "the body");
    let expected = json!([
        ["x-claviger-key", "key_1"],
        ["x-claviger-organization", "org_1"],
        ["x-claviger-mapped-user", "usr_1"],
        ["x-claviger-mapped-user-external-id", "m"],
        ["x-claviger-elements", "A,B"],
    ]);
    assert_eq!(reached["claviger"], expected);
    for name in ["authorization", "x-api-key", "accesskey", "secretkey"] {
        assert!(!reached["names"].as_array().unwrap().contains(&json!(name)), "{name}");
    }
}

#[tokio::test]
async fn the_longest_list_of_elements_reaches_the_host() {
    let nginx = start().await;
    let (status, _, reached) = ask(&nginx, "GET /scorecards", "200;x-claviger-elements=$").await;
    assert_eq!((status, &reached["claviger"][0][1]), (200, &json!(LONGEST_ELEMENTS.join(","))));
}

// S9
#[tokio::test]
async fn a_key_in_the_query_string_is_written_nowhere_and_not_passed_on() {
    let nginx = start().await;
    let cases = [
        ("api_key=s3cret", ""),
        ("api_key=s3cret&page=2", "?page=2"),
        ("page=2&api_key=s3cret", "?page=2"),
        ("page=2&api_key=s3cret&size=9", "?page=2&size=9"),
        ("my_api_key=kept&page=2", "?my_api_key=kept&page=2"),
        ("api_key=s3cret&api_key=s3cret", ""),
        ("page=2&api_key=s3cret&api_key=s3cret&api_key=s3cret", ""),
        ("page=2&api%5fkey=s3cret", ""),
        ("page=2&%41PI_%4bey=s3cret", ""),
        ("filter%5Bname%5D=x", "?filter%5Bname%5D=x"),
    ];
    for (query, left) in cases {
        let (status, headers, reached) =
            ask(&nginx, &format!("GET /scorecards?{query}"), "200;warning=$x-original-uri").await;
        assert_eq!((status, reached["uri"].as_str().unwrap()), (200, format!("/scorecards{left}").as_str()));
        assert_eq!(headers["warning"], format!("/scorecards?{query}"), "the check reads the key where it stands");
    }
    for told in ["500", "302;location=/", "401", "403;x-claviger-status=503"] {
        let request = nginx.request("GET /scorecards/A?api_key=s3cret").header("Referer", "http://x/?api_key=s3cret");
        request.bearer_auth(told).send().await.unwrap();
    }
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cut_off = Nginx::start(nobody, nobody);
    ask(&cut_off, "GET /scorecards?api_key=s3cret", "200").await;
    let written = nginx.logs() + &cut_off.logs();
    assert!(written.matches("\"path\":\"/scorecards").count() > cases.len(), "the access log is written: {written}");
    assert!(!written.contains("s3cret"), "{written}");
}

#[test]
fn the_readme_says_in_which_file_each_port_stands() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../gateways/nginx");
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let rows = readme.lines().filter_map(|it| it.strip_prefix("| ")?.split_once(" | "));
    let ports: Vec<_> = rows.filter(|(port, _)| port.len() == 4 && port.parse::<u16>().is_ok()).collect();
    assert!(ports.len() == 4, "{ports:?}");
    let mut found = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if !name.ends_with(".conf") {
            continue;
        }
        for piece in std::fs::read_to_string(&path).unwrap().split("127.0.0.1:").skip(1) {
            let row = ports.iter().find(|(port, _)| piece.starts_with(port));
            assert!(row.is_some_and(|(_, said)| said.contains(&format!("`{name}`"))), "{name}: {piece:.20}");
            found += 1;
        }
    }
    assert!(found >= 3, "{found}");
}
