//! The whole of it on loopback: a client, the real nginx, the real Claviger, and the example host behind them.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::RequestBuilder;
use scorecards::{Destination, Reporter};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::claviger::Claviger;
use super::nginx::Nginx;

/// Client-facing nginx with everything behind it.
pub(super) struct Stack {
    pub(super) nginx: Nginx,
    claviger: Claviger,
    /// The organization that the first start made.
    pub(super) root: String,
}

/// A key as its maker got it.
pub(super) struct Made {
    id: String,
    pub(super) token: String,
    access: String,
    secret: String,
}

impl Stack {
    pub(super) async fn start() -> Self {
        let claviger = Claviger::start().await;
        let me = claviger.api("GET me", Value::Null).await;
        let root = me["organization"]["id"].as_str().unwrap().to_owned();
        let reporting = json!({"name": "Scorecards", "reach": "subtree"});
        let key = claviger.api(&format!("POST organizations/{root}/keys"), reporting).await;
        let key = key["secret"]["token"].as_str().unwrap().to_owned();
        let host = host(Destination { base_url: claviger.base.clone(), key }).await;
        let nginx = Nginx::start(claviger.authz, host);
        Self { nginx, claviger, root }
    }

    /// Where the management API is.
    pub(super) fn base(&self) -> &str {
        &self.claviger.base
    }

    async fn create(&self, path: &str, body: Value) -> Value {
        self.claviger.api(&format!("POST organizations/{}/{path}", self.root), body).await
    }

    /// User M, a member who has nothing but these permissions; the ids of M and of the membership.
    pub(super) async fn member_m(&self, permissions: &[&str]) -> (String, String) {
        let role = self.create("roles", json!({"name": "guest", "permissions": [], "api_access": true})).await;
        let user = self.create("users", json!({"name": "M", "external_id": "m@host", "service": true})).await;
        let body = json!({"user_id": user["id"], "role_id": role["id"], "extra_permissions": permissions});
        let member = self.create("members", body).await;
        (user["id"].as_str().unwrap().to_owned(), member["id"].as_str().unwrap().to_owned())
    }

    pub(super) async fn key(&self, organization: &str, body: Value) -> Made {
        let created = self.claviger.api(&format!("POST organizations/{organization}/keys"), body).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Made {
            id: text(&created["key"]["id"]),
            token: text(&created["secret"]["token"]),
            access: text(&created["secret"]["access_key"]),
            secret: text(&created["secret"]["secret_key"]),
        }
    }

    fn ask(&self, request: &str, key: &Made) -> RequestBuilder {
        self.nginx.request(request).header("accessKey", &key.access).header("secretKey", &key.secret)
    }
}

/// The example host, listening; it reports what is changed.
async fn host(destination: Destination) -> SocketAddr {
    let reporter = Reporter::start(destination).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    #[expect(clippy::disallowed_methods, reason = "the host may be cut off when the test ends")]
    tokio::spawn(axum::serve(listener, scorecards::router(Some(reporter))).into_future());
    address
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

fn ids(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect()
}

// S2.12, S2.13; scenario A2 on the wire
#[tokio::test]
async fn a_key_sees_the_scorecards_that_its_mapped_user_may_see() {
    let stack = Stack::start().await;
    let (m, membership) = stack.member_m(&["scorecards/A:read", "scorecards/A:update"]).await;
    let key = stack.key(&stack.root, json!({"name": "Integration", "mapped_user_id": m})).await;

    let (code, card) = answer(stack.ask("GET /scorecards/A", &key)).await;
    assert_eq!((code, &card["id"]), (200, &json!("A")));
    assert_eq!(status(stack.ask("HEAD /scorecards/A", &key)).await, 200);
    assert_eq!(status(stack.ask("GET /scorecards/B", &key)).await, 404);
    let (code, list) = answer(stack.ask("GET /scorecards", &key)).await;
    assert_eq!((code, ids(&list)), (200, vec!["A"]));

    // Each half alone, and the halves swapped.
    let get = || stack.nginx.request("GET /scorecards/A");
    assert_eq!(status(get().header("accessKey", &key.access)).await, 401);
    assert_eq!(status(get().header("secretKey", &key.secret)).await, 401);
    assert_eq!(status(get().header("accessKey", &key.secret).header("secretKey", &key.access)).await, 401);

    // A change bears M's name, whatever the client says of itself.
    let change = |path: &str| {
        let request = stack.ask(path, &key).header("X-Claviger-Mapped-User-External-Id", "admin");
        request.header("X-Claviger-Elements", "*").json(&json!({"score": 7}))
    };
    let (code, card) = answer(change("PUT /scorecards/A")).await;
    assert_eq!((code, &card["updated_by"], &card["score"]), (200, &json!("m@host"), &json!(7)));
    assert_eq!(status(change("PUT /scorecards/B")).await, 404);

    let member = format!("organizations/{}/members/{membership}", stack.root);
    let rights = json!({"extra_permissions": ["scorecards/A:read", "scorecards/B:read"]});
    stack.claviger.api(&format!("PATCH {member}"), rights).await;
    assert_eq!(status(stack.ask("GET /scorecards/B", &key)).await, 200, "without touching the key");
    let (_, list) = answer(stack.ask("GET /scorecards", &key)).await;
    assert_eq!(ids(&list), ["A", "B"]);
    assert_eq!(status(change("PUT /scorecards/A")).await, 403, "the right to change it is gone");

    stack.claviger.api(&format!("PATCH {member}"), json!({"extra_permissions": ["contacts:read"]})).await;
    for missing in ["GET /scorecards", "GET /scorecards/A", "GET /scorecards/B"] {
        let (code, problem) = answer(stack.ask(missing, &key)).await;
        assert_eq!((code, &problem["code"]), (403, &json!("insufficient_permission")), "{missing}");
    }
}

// S2.16, A2.2: what a key changes in the host's product stands in the revision history under the name of whom the key acts for.
#[tokio::test]
async fn a_change_stands_in_the_revision_history_under_the_mapped_users_name() {
    let stack = Stack::start().await;
    let (m, _) = stack.member_m(&["scorecards/A:read", "scorecards/A:update"]).await;
    let key = stack.key(&stack.root, json!({"name": "Integration", "mapped_user_id": m})).await;
    let change = |path: &str, score: u8| status(stack.ask(path, &key).json(&json!({"score": score})));
    assert_eq!([change("PUT /scorecards/A", 7).await, change("PUT /scorecards/B", 7).await], [200, 404]);
    assert_eq!(change("PUT /scorecards/A", 8).await, 200);
    let path = format!("GET organizations/{}/revisions", stack.root);
    let mut revisions = Vec::new();
    while revisions.len() < 2 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        revisions = stack.claviger.api(&path, Value::Null).await["data"].as_array().unwrap().clone();
    }
    let told: Vec<_> = revisions
        .iter()
        .map(|it| {
            let names = [
                &it["actor"]["user_name"],
                &it["actor"]["key_name"],
                &it["entity"],
                &it["operation"],
                &it["entity_id"],
            ];
            (
                names.map(|it| it.as_str().unwrap_or_default()),
                it["before"]["score"].clone(),
                it["after"]["score"].clone(),
            )
        })
        .collect();
    let names = ["M", "Integration", "scorecard", "update", "A"];
    assert_eq!(told, [(names, json!(7), json!(8)), (names, json!(82), json!(7))], "newest first: {revisions:#?}");
}

// As gateways/nginx/README.md says it to whoever tries it first.
#[tokio::test]
async fn the_first_key_opens_the_route_for_reading_alone() {
    let stack = Stack::start().await;
    let ask = |request: &str| stack.nginx.request(request).bearer_auth(&stack.claviger.first_key);
    assert_eq!(status(stack.nginx.request("GET /scorecards")).await, 401);
    for request in ["GET /scorecards", "GET /v1/scorecards"] {
        let (code, list) = answer(ask(request)).await;
        assert_eq!((code, ids(&list)), (200, vec!["A", "B", "C"]), "{request}");
    }
    assert_eq!(status(ask("PUT /scorecards/A").json(&json!({"score": 83}))).await, 403);
}

/// What one may not see and what does not exist have the same answer, byte by byte, headers included.
#[tokio::test]
async fn a_hidden_scorecard_looks_like_one_that_does_not_exist() {
    let stack = Stack::start().await;
    let (m, _) = stack.member_m(&["scorecards/A:read"]).await;
    let narrow = stack.key(&stack.root, json!({"name": "narrow", "mapped_user_id": m})).await;
    let wide = stack.key(&stack.root, json!({"name": "wide"})).await;
    let mut answers = Vec::new();
    for (path, key) in [("B", &narrow), ("Z", &narrow), ("Z", &wide)] {
        let response = stack.ask(&format!("GET /scorecards/{path}"), key).send().await.unwrap();
        assert_eq!(response.status(), 404);
        let mut names: Vec<_> = response.headers().keys().map(ToString::to_string).collect();
        names.sort();
        let kind = response.headers()["content-type"].clone();
        answers.push((names, kind, response.bytes().await.unwrap()));
    }
    assert_eq!(answers[0], answers[1]);
    // The host's own 404 differs in headers that it adds or does not add, and in nothing else.
    assert_eq!((&answers[0].1, &answers[0].2), (&answers[2].1, &answers[2].2));
}

// S1.2, S2.11, S2.24, S2.25: an outside tool gets at the host's own service, which knows nothing of keys, through a gateway that asks for them.
#[tokio::test]
async fn one_key_opens_in_every_presentation_and_only_one_is_taken() {
    let stack = Stack::start().await;
    let made = stack.claviger.api(&format!("POST organizations/{}/keys", stack.root), json!({"name": "CI"})).await;
    let me = stack.claviger.api("GET me", Value::Null).await;
    assert_eq!(made["key"]["mapped_user"]["id"], me["user"]["id"], "preset to the creator");
    let text = |name: &str| made["secret"][name].as_str().unwrap();
    let (token, access, secret) = (text("token"), text("access_key"), text("secret_key"));
    let get = |query: &str| stack.nginx.request(&format!("GET /scorecards/A{query}"));

    assert_eq!(status(get("").bearer_auth(token)).await, 200);
    assert_eq!(status(get("").header("X-API-KEY", token)).await, 200);
    assert_eq!(status(get("").basic_auth(access, Some(secret))).await, 200);
    assert_eq!(status(get("").basic_auth(token, Some(""))).await, 200);
    assert_eq!(status(get("").header("accesskey", access).header("SECRETKEY", secret)).await, 200);
    let in_url = get(&format!("?api_key={token}")).send().await.unwrap();
    assert_eq!(in_url.status(), 200);
    assert!(in_url.headers()["warning"].to_str().unwrap().starts_with("299 "), "{in_url:?}");

    let other = stack.key(&stack.root, json!({"name": "another"})).await;
    let (code, problem) = answer(get("").bearer_auth(token).header("X-Api-Key", &other.token)).await;
    assert_eq!((code, &problem["code"]), (400, &json!("two_credentials")));
    assert_eq!(status(get("").header("Authorization", format!("Bearer {token}")).bearer_auth(&other.token)).await, 400);
    assert_eq!(status(get("").bearer_auth(token).header("X-Api-Key", token)).await, 200, "twice the same is one");

    let written = String::from_utf8_lossy(&stack.claviger.written()).into_owned() + &stack.nginx.logs();
    assert!(
        written.contains("\"path\":\"/scorecards/A\"") && written.contains(other.id.as_str()),
        "the logs are there"
    );
    for secret in [token, secret, other.secret.as_str()] {
        assert!(!written.contains(secret), "a secret was written down");
    }
}

#[tokio::test]
async fn a_bad_key_learns_nothing_and_a_known_one_learns_why() {
    let mut stack = Stack::start().await;
    let key = stack.key(&stack.root, json!({"name": "CI"})).await;
    let get = |token: &str| stack.nginx.request("GET /scorecards/A").bearer_auth(token);
    let mut bodies = Vec::new();
    let mut mistyped = key.token.clone();
    mistyped.replace_range(10..11, if &mistyped[10..11] == "x" { "y" } else { "x" });
    for bad in ["", "x", mistyped.as_str(), "ck_000000000000000000000000000000000000000000000000000000"] {
        let response = get(bad).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["www-authenticate"]),
            (401, &"Bearer".parse().unwrap())
        );
        bodies.push(response.text().await.unwrap());
    }
    let response = stack.nginx.request("GET /scorecards/A").send().await.unwrap();
    assert_eq!(response.status(), 401);
    bodies.push(response.text().await.unwrap());
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");

    let path = format!("POST organizations/{}/keys/{}", stack.root, key.id);
    stack.claviger.api(&format!("{path}/deactivate"), Value::Null).await;
    let (code, problem) = answer(get(&key.token)).await;
    assert_eq!((code, &problem["code"]), (401, &json!("inactive")));
    stack.claviger.api(&format!("{path}/activate"), Value::Null).await;
    assert_eq!(status(get(&key.token)).await, 200);
    stack.claviger.api(&format!("{path}/revoke"), json!({})).await;
    let (code, problem) = answer(get(&key.token)).await;
    assert_eq!((code, &problem["code"]), (401, &json!("revoked")));

    stack.claviger.kill();
    let (code, problem) = answer(get(&key.token)).await;
    assert_eq!((code, &problem["code"]), (503, &json!("unavailable")), "nothing passes unchecked");
}

// S1.19; scenario A1 on the wire
#[tokio::test]
async fn an_agency_key_reaches_every_location_and_a_location_key_only_its_own() {
    let stack = Stack::start().await;
    let l1 = stack.create("organizations", json!({"name": "L1", "slug": "l1"})).await["id"].clone();
    stack.create("organizations", json!({"name": "L2", "slug": "l2"})).await;
    let agency = stack.key(&stack.root, json!({"name": "agency", "reach": "subtree"})).await;
    let location = stack.key(l1.as_str().unwrap(), json!({"name": "Marketing Automation"})).await;
    let at = |slug: &str, key: &Made| {
        stack
            .nginx
            .request("GET /scorecards/A")
            .bearer_auth(&key.token)
            .header("Host", format!("{slug}.scorecards.test"))
    };
    assert_eq!(status(at("l1", &agency)).await, 200);
    assert_eq!(status(at("l2", &agency)).await, 200);
    assert_eq!(status(at("l1", &location)).await, 200);
    for foreign in ["l2", "nobody"] {
        let (code, problem) = answer(at(foreign, &location)).await;
        assert_eq!((code, &problem["code"]), (403, &json!("out_of_reach")), "{foreign}");
    }
    // Each location has scorecards of its own.
    let change = stack.nginx.request("PUT /scorecards/A").bearer_auth(&agency.token);
    let change = change.header("Host", "l1.scorecards.test").json(&json!({"score": 1}));
    assert_eq!(status(change).await, 200);
    let (_, in_l1) = answer(at("l1", &location)).await;
    let (_, in_l2) = answer(at("l2", &agency)).await;
    assert_eq!((&in_l1["score"], &in_l2["score"]), (&json!(1), &json!(82)));
}

// A1.6 behind the real nginx: what is left stands in the host's answers, and one too many gets 429 with the time to wait.
#[tokio::test]
async fn nginx_tells_clients_what_is_left_and_when_to_come_back() {
    let stack = Stack::start().await;
    let limits = json!({"rate": "2/1h", "daily_quota": 100});
    let key = stack.key(&stack.root, json!({"name": "Integration", "limits": limits})).await;
    for left in ["\"key\";r=1;t=1800, \"day\";r=99;t=", "\"key\";r=0;t=3600, \"day\";r=98;t="] {
        let response = stack.ask("GET /scorecards/A", &key).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["ratelimit-policy"], "\"key\";q=2;w=3600, \"day\";q=100;w=86400");
        let told = response.headers()["ratelimit"].to_str().unwrap();
        // The clock goes on between the two.
        assert!(told.starts_with(left) || left.contains("3600") && told.starts_with("\"key\";r=0;t=3"), "{told}");
    }
    let refused = stack.ask("GET /scorecards/A", &key).send().await.unwrap();
    assert_eq!(refused.status(), 429);
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1700..=1800).contains(&wait), "{wait}");
    assert!(refused.headers()["ratelimit"].to_str().unwrap().starts_with("\"key\";r=0;t=1"));
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], "rate_limited");
}

// RFC 9745, RFC 8594: a version that the path names is told about to clients and counted, and none is where the path names none.
#[tokio::test]
async fn clients_of_a_path_whose_version_ends_are_told_when_and_are_counted() {
    let stack = Stack::start().await;
    let versions = json!({"versions": [
        {"slug": "1.0", "status": "deprecated", "deprecated_at": "2026-05-01T00:00:00Z", "sunset_at": "2027-03-01T00:00:00Z"},
        {"slug": "2.0", "status": "current"},
    ]});
    let apis = stack.claviger.api(&format!("GET organizations/{}/apis", stack.root), Value::Null).await;
    let default = apis["data"].as_array().unwrap().iter().find(|it| it["slug"] == "default").unwrap();
    let path = format!("PATCH organizations/{}/apis/{}", stack.root, default["id"].as_str().unwrap());
    stack.claviger.api(&path, versions).await;
    let key = stack.key(&stack.root, json!({"name": "Caller"})).await;
    let end = "Mon, 01 Mar 2027 00:00:00 GMT";
    for (request, told) in [
        ("GET /v1/scorecards", [Some("@1777593600"), Some(end)]),
        ("GET /v1/scorecards/A", [Some("@1777593600"), Some(end)]),
        ("GET /scorecards/A", [None, None]),
    ] {
        let response = stack.ask(request, &key).send().await.unwrap();
        assert_eq!(response.status(), 200, "{request}");
        let header = |name: &str| response.headers().get(name).map(|it| it.to_str().unwrap().to_owned());
        assert_eq!(["deprecation", "sunset"].map(header), told.map(|it| it.map(str::to_owned)), "{request}");
    }
    let path = format!("GET organizations/{}/keys/{}/usage", stack.root, key.id);
    let mut counted = Vec::new();
    // Uses are written down a little later, and perhaps not all of them at once.
    for _ in 0..300 {
        let usage = stack.claviger.api(&path, Value::Null).await;
        let versions = usage["versions"].as_array().unwrap().iter();
        counted = versions.map(|it| (it["version"].as_str().unwrap().to_owned(), it["requests"].as_u64())).collect();
        if counted.first().is_some_and(|it| it.1 == Some(2)) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(counted, [("1.0".to_owned(), Some(2)), ("2.0".to_owned(), Some(0))]);
}
