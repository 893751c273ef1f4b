//! Access tokens at several processes, and over the end of one: they die with their key everywhere, and an assertion is good once.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Data, Prepared, Server, prepare};
use crate::engine::is_postgres;

/// How long another process may take a token for good whose key is not any more.
const DENIED_WITHIN: Duration = Duration::from_secs(1);
/// How long is waited for what is only a condition of the test.
const PATIENCE: Duration = Duration::from_secs(10);

/// Somebody who signs in to the root at one process.
struct Client {
    http: reqwest::Client,
    base: String,
    gateway: String,
}

impl Client {
    fn of(server: &Server) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        Self { http, base: server.fact("Console").to_owned(), gateway: server.fact("Gateways").to_owned() }
    }

    async fn post(&self, bearer: &str, path: &str, body: Value) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.base)).json(&body);
        let request = if bearer.is_empty() { request } else { request.bearer_auth(bearer) };
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    async fn form(&self, bearer: &str, path: &str, fields: &[(&str, &str)]) -> u16 {
        let request = self.http.post(format!("{}{path}", self.base)).form(fields);
        let request = if bearer.is_empty() { request } else { request.bearer_auth(bearer) };
        request.send().await.unwrap().status().as_u16()
    }

    async fn sign_in(&self, jwt: &str) -> (u16, Value) {
        self.post("", "/api/v1/auth/token", json!({ "jwt": jwt })).await
    }

    /// What the API and the gateway's listener say of a token.
    async fn asks(&self, token: &str) -> (u16, u16) {
        let me = self.http.get(format!("{}/api/v1/me", self.base)).bearer_auth(token).send().await.unwrap();
        let gateway = self.http.get(&self.gateway).header("claviger-permission", "contacts:read").bearer_auth(token);
        let gateway = gateway.send().await.unwrap();
        (me.status().as_u16(), gateway.status().as_u16())
    }

    /// Asks until it is answered like this, and says how long that took.
    async fn until(&self, token: &str, expected: (u16, u16)) -> Duration {
        let started = Instant::now();
        loop {
            let answered = self.asks(token).await;
            if answered == expected {
                return started.elapsed();
            }
            assert!(started.elapsed() < PATIENCE, "{answered:?} and never {expected:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// A key of the root, with the shared secret that signs for it.
struct Signing {
    shared_secret: String,
    key_id: String,
    token: String,
}

impl Signing {
    async fn set_up(at: &Client, Prepared { organization, admin_key, readonly }: &Prepared) -> Self {
        let root = format!("/api/v1/organizations/{organization}");
        let text = |it: &Value, pointer: &str| it.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        let (status, made) = at.post(admin_key, &format!("{root}/shared-secret"), json!({})).await;
        assert_eq!(status, 201, "{made}");
        let shared_secret = text(&made, "/shared_secret");
        let (status, made) =
            at.post(admin_key, &format!("{root}/keys"), json!({"name": "ci", "role_id": readonly})).await;
        assert_eq!(status, 201, "{made}");
        Self { shared_secret, key_id: text(&made, "/key/id"), token: text(&made, "/secret/token") }
    }

    fn assertion(&self, jti: &str) -> String {
        #[expect(clippy::disallowed_methods, reason = "another process reads the system's clock")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let claims = json!({"iat": now, "jti": jti, "appname": "ci", "appkey": self.token, "shortname": "root"});
        let key = EncodingKey::from_secret(self.shared_secret.as_bytes());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap()
    }

    async fn signed_in(&self, at: &Client, jti: &str) -> (String, String) {
        let (status, said) = at.sign_in(&self.assertion(jti)).await;
        assert_eq!(status, 200, "{said}");
        let text = |name: &str| said[name].as_str().unwrap().to_owned();
        (text("access_token"), text("refresh_token"))
    }
}

/// Two processes on one database, with a client of each. They end with it.
struct Pair {
    here: Client,
    there: Client,
    signing: Signing,
    prepared: Prepared,
    _servers: (Server, Server),
    _data: Data,
}

impl Pair {
    /// None where each process has a database of its own.
    async fn start() -> Option<Self> {
        if !is_postgres() {
            return None;
        }
        let data = Data::new().await;
        let prepared = prepare(&data).await;
        let servers = (Server::on(&data), Server::on(&data));
        let (here, there) = (Client::of(&servers.0), Client::of(&servers.1));
        let signing = Signing::set_up(&here, &prepared).await;
        Some(Self { here, there, signing, prepared, _servers: servers, _data: data })
    }
}

// A3.4, at two processes.
#[tokio::test]
async fn a_token_dies_with_its_key_and_with_its_sign_in_at_another_process_within_a_second() {
    let Some(pair) = Pair::start().await else { return };
    let Pair { here, there, signing, prepared, .. } = &pair;

    let (first, _) = signing.signed_in(here, "1").await;
    let (second, refresh) = signing.signed_in(here, "2").await;
    // So that the other process has proven the signatures before, and only the log can tell it of what follows.
    for token in [&first, &second] {
        there.until(token, (200, 200)).await;
    }

    assert_eq!(here.form(&signing.token, "/oauth/revoke", &[("token", &first)]).await, 200);
    let took = there.until(&first, (401, 401)).await;
    assert!(took < DENIED_WITHIN, "{took:?}");
    assert_eq!(there.asks(&second).await, (200, 200), "only that sign-in was ended");

    let path = format!("/api/v1/organizations/{}/keys/{}/revoke", prepared.organization, signing.key_id);
    let (status, answer) = here.post(&prepared.admin_key, &path, json!({})).await;
    assert_eq!(status, 200, "{answer}");
    let took = there.until(&second, (401, 401)).await;
    assert!(took < DENIED_WITHIN, "{took:?}");
    let fields = [("refresh_token", refresh.as_str())];
    for at in [here, there] {
        assert_eq!(at.form("", "/api/auth/bearer/refresh", &fields).await, 400);
        assert_eq!(at.sign_in(&signing.assertion("3")).await.0, 401);
    }
}

// A3.5, at two processes.
#[tokio::test]
async fn of_many_who_send_one_assertion_to_two_processes_at_once_one_signs_in() {
    let Some(pair) = Pair::start().await else { return };
    let Pair { here, there, signing, .. } = &pair;
    let (token, _) = signing.signed_in(here, "first").await;
    there.until(&token, (200, 200)).await;
    for round in 0..5 {
        let jwt = signing.assertion(&format!("race {round}"));
        let sent: [_; 8] = std::array::from_fn(|number| [here, there][number % 2].sign_in(&jwt));
        let [a, b, c, d, e, f, g, h] = sent;
        let answers = tokio::join!(a, b, c, d, e, f, g, h);
        let answers = [answers.0, answers.1, answers.2, answers.3, answers.4, answers.5, answers.6, answers.7];
        let mut statuses: Vec<_> = answers.iter().map(|it| it.0).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 401, 401, 401, 401, 401, 401, 401], "{answers:?}");
    }
}

#[tokio::test]
async fn an_assertion_that_was_used_is_refused_after_a_sudden_end_and_its_token_stays_good() {
    let data = Data::new().await;
    let prepared = prepare(&data).await;
    let mut server = Server::on(&data);
    let before = Client::of(&server);
    let signing = Signing::set_up(&before, &prepared).await;
    let (jwt, (other, _)) = (signing.assertion("1"), signing.signed_in(&before, "2").await);
    let (status, said) = before.sign_in(&jwt).await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(before.form(&signing.token, "/oauth/revoke", &[("token", &other)]).await, 200);
    server.kill();
    let mut server = Server::on(&data);
    let after = Client::of(&server);
    let (status, refused) = after.sign_in(&jwt).await;
    assert_eq!((status, &refused["code"]), (401, &json!("assertion_refused")), "{refused}");
    assert_eq!(after.asks(said["access_token"].as_str().unwrap()).await, (200, 200));
    assert_eq!(after.asks(&other).await, (401, 401), "what was taken back stays so");

    rotate_at_once(&after, &prepared).await;
    let token = said["access_token"].as_str().unwrap();
    assert_eq!(after.asks(token).await, (401, 401), "its shared secret has ended");
    server.kill();
    let server = Server::on(&data);
    assert_eq!(Client::of(&server).asks(token).await, (401, 401), "and stays so");
}

/// Puts another shared secret in the place of the root's.
async fn rotate_at_once(at: &Client, prepared: &Prepared) {
    let path = format!("/api/v1/organizations/{}/shared-secret/rotate", prepared.organization);
    let (status, answer) = at.post(&prepared.admin_key, &path, json!({"overlap_secs": 0})).await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test]
async fn a_token_dies_with_its_shared_secret_at_another_process_within_a_second() {
    let Some(pair) = Pair::start().await else { return };
    let Pair { here, there, signing, prepared, .. } = &pair;
    let (token, refresh) = signing.signed_in(here, "1").await;
    there.until(&token, (200, 200)).await;
    rotate_at_once(here, prepared).await;
    let took = there.until(&token, (401, 401)).await;
    assert!(took < DENIED_WITHIN, "{took:?}");
    assert_eq!(there.form("", "/api/auth/bearer/refresh", &[("refresh_token", &refresh)]).await, 400);
}
