//! Assurance S8: no secret is written down in clear: not in the files of the service or of PostgreSQL, their write-ahead logs, a dump, the log
//! at its most talkative, the audit, an export of it, or the metrics.
//!
//! What is looked for goes through the service on every road there is, rightly and wrongly. The control is what the service is meant to write: a
//! word that stands in a name, and another in the number of a request, have to be found in every one of these places by the same search.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use claviger_core::id::RoleId;
use claviger_core::secret::Digest;
use data_encoding::{BASE64, BASE64URL, HEXLOWER, HEXUPPER};
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::cluster::Cluster;
use super::{Data, Prepared, Server, prepare, run};
use crate::engine::is_postgres;
use crate::webhooks::receiver::{Manner, Receiver};

/// Of a longer secret pieces are looked for, since a page of a database may end within it. Each has some hundred random bits. They are counted
/// from the end: the first part of a key is public.
const PIECE: usize = 20;
/// What stands in the name of a key: it has to be found wherever names are.
const NAMED: &str = "Zq7CanaryThatIsMeantToBeFound";
/// What is sent as the number of a request: it has to be found in the log.
const NUMBERED: &str = "Zq7CanaryThatNumbersARequest";

/// A secret, and what it is.
struct Secret {
    what: &'static str,
    text: String,
}

/// The spellings in which some text could stand somewhere. Base64 of a text within a longer one depends on where it begins, so there are three,
/// without the letters at the edges, which depend on what is beside.
fn spellings(text: &str) -> Vec<String> {
    let bytes = text.as_bytes();
    let percent: String = bytes.iter().map(|it| format!("%{it:02X}")).collect();
    let mut all = vec![text.to_owned(), percent, HEXLOWER.encode(bytes), HEXUPPER.encode(bytes)];
    for before in 0..3 {
        let padded = [&vec![b' '; before], bytes].concat();
        let whole = padded.len() / 3 * 3;
        let from = if before == 0 { 0 } else { 4 };
        for encoding in [BASE64, BASE64URL] {
            all.push(encoding.encode(&padded[..whole])[from..].to_owned());
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// Where these stand, by the names of the files, which `grep` reads: nobody says of it that it was written to find nothing.
fn found(secrets: &[Secret], scratch: &Path, places: &[PathBuf]) -> Vec<String> {
    let mut found = Vec::new();
    for secret in secrets {
        let pieces: Vec<_> = secret.text.as_bytes().rchunks(PIECE).filter(|it| it.len() == PIECE).collect();
        assert!(!pieces.is_empty(), "the {} is too short to look for", secret.what);
        let needles: Vec<_> = pieces.iter().flat_map(|it| spellings(std::str::from_utf8(it).unwrap())).collect();
        let list = scratch.join("needles");
        fs::write(&list, needles.join("\n")).unwrap();
        let searched = Command::new("grep")
            .env("LC_ALL", "C")
            .args(["--recursive", "--text", "--fixed-strings", "--files-with-matches", "--file"])
            .arg(&list)
            .args(places)
            .output()
            .unwrap();
        assert!(searched.status.code().is_some_and(|it| it < 2), "{searched:?}");
        let files = String::from_utf8(searched.stdout).unwrap();
        found.extend(files.lines().map(|file| format!("{}: {file}", secret.what)));
    }
    found
}

/// Where a service keeps and writes things, all of it.
struct House {
    data: Data,
    cluster: Option<Cluster>,
    /// For what the test itself writes, which is not searched.
    scratch: super::Folder,
}

impl House {
    async fn build() -> Self {
        let cluster = is_postgres().then(Cluster::start);
        let data = cluster.as_ref().map_or_else(Data::embedded, Data::in_cluster);
        Self { data, cluster, scratch: super::Folder::new() }
    }

    fn log(&self) -> PathBuf {
        self.data.files().join("log")
    }

    /// What `claviger export` and `claviger backup` make of it; the embedded engine has one process at a time.
    fn export(&self) {
        let flags = self.data.flags();
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        let export = self.data.files().join("export.jsonl");
        let exported = run(&[&["export", export.to_str().unwrap()], &flags[..]].concat(), self.data.files());
        assert!(exported.status.success(), "{exported:?}");
        let backup = self.data.files().join("claviger.backup");
        let backed_up = run(&[&["backup", backup.to_str().unwrap()], &flags[..]].concat(), self.data.files());
        assert!(backed_up.status.success(), "{backed_up:?}");
    }

    /// What is looked at or read by machines while it runs: of what the tables have to hold nothing may stand there either.
    fn shown(&self) -> Vec<PathBuf> {
        vec![self.data.files().join("audit.json"), self.data.files().join("metrics.txt"), self.log()]
    }

    /// Every place, by what it is.
    fn places(&self) -> Vec<(&'static str, PathBuf)> {
        let files = self.data.files();
        let mut places = vec![
            ("export", files.join("export.jsonl")),
            ("backup", files.join("claviger.backup")),
            ("audit", files.join("audit.json")),
            ("log", self.log()),
        ];
        match &self.cluster {
            Some(cluster) => {
                places.push(("tables", cluster.data().join("base")));
                places.push(("write-ahead log", cluster.data().join("pg_wal")));
                places.push(("dump", files.join("dump.sql")));
            }
            None => {
                places.push(("tables", files.join("data/claviger.db")));
                places.push(("write-ahead log", files.join("data/claviger.db-wal")));
            }
        }
        places
    }

    fn everything(&self) -> Vec<PathBuf> {
        let cluster = self.cluster.iter().map(|it| it.folder().to_owned());
        [self.data.files().to_owned()].into_iter().chain(cluster).collect()
    }
}

/// What came back.
struct Answer {
    json: Value,
    headers: HeaderMap,
    text: String,
}

/// Somebody who sends things to a running service.
struct Sender {
    http: reqwest::Client,
    base: String,
    gateway: String,
    root: String,
    admin_key: String,
    secrets: Vec<Secret>,
    /// What has to stand in the tables, since deliveries are sent by it, and nowhere that is looked at or logged.
    kept: Vec<Secret>,
}

impl Sender {
    fn to(server: &Server, Prepared { organization, admin_key, .. }: &Prepared) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self {
            http,
            base: server.fact("Console").to_owned(),
            gateway: server.fact("Gateways").to_owned(),
            root: format!("/api/v1/organizations/{organization}"),
            admin_key: admin_key.clone(),
            secrets: vec![Secret { what: "admin's key", text: admin_key.clone() }],
            kept: Vec::new(),
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).header("x-request-id", NUMBERED)
    }

    /// What is answered; never a fault.
    async fn send(&self, request: RequestBuilder) -> Answer {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        assert!(status.as_u16() < 500, "{status}: {text}");
        Answer { json: serde_json::from_str(&text).unwrap_or_default(), headers, text }
    }

    async fn admin(&self, method: Method, path: &str, body: Value) -> Value {
        let path = format!("{}{path}", self.root);
        self.send(self.request(method, &path).bearer_auth(&self.admin_key).json(&body)).await.json
    }

    /// Keeps a secret that an answer holds, to look for it later.
    fn keep(&mut self, what: &'static str, answer: &Value, pointer: &str) -> String {
        let text = answer.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {what} in {answer}"));
        self.secrets.push(Secret { what, text: text.to_owned() });
        text.to_owned()
    }

    /// Makes one of every kind of secret.
    async fn make_all(&mut self, readonly: RoleId) {
        self.admin(Method::PATCH, "/policy", json!({"reveal": "owner_and_admins"})).await;
        let key = self.admin(Method::POST, "/keys", json!({ "name": NAMED })).await;
        let token = self.keep("key", &key, "/secret/token");
        let id = key["key"]["id"].as_str().unwrap().to_owned();
        let rotated = self.admin(Method::POST, &format!("/keys/{id}/rotate"), json!({"overlap_secs": 3600})).await;
        let rotated = self.keep("rotated key", &rotated, "/secret/token");
        let shared = self.admin(Method::POST, "/shared-secret", json!({})).await;
        let shared = self.keep("shared secret", &shared, "/shared_secret");
        let shared_again = self.admin(Method::POST, "/shared-secret/rotate", json!({"overlap_secs": 3600})).await;
        self.keep("rotated shared secret", &shared_again, "/shared_secret");

        let opaque = "imported-Zq7-9f8e7d6c5b4a39281706-of-another-product";
        self.secrets.push(Secret { what: "imported key", text: opaque.to_owned() });
        let digest = HEXLOWER.encode(Digest::of_token(opaque.as_bytes()).as_bytes());
        let source = json!({"source_digest": digest, "source_name": "old.csv", "role_id": readonly});
        let started = self.admin(Method::POST, "/imports", source).await;
        let import = started["id"].as_str().unwrap_or_else(|| panic!("{started}")).to_owned();
        let lines = json!({"lines": [{"line": 1, "sha256": digest}, {"line": 2, "sha256": opaque}], "finished": true});
        self.admin(Method::POST, &format!("/imports/{import}/lines"), lines).await;

        let jwt = self.assertion(&shared, &rotated);
        self.secrets.push(Secret { what: "assertion", text: jwt.clone() });
        let signed =
            self.send(self.request(Method::POST, "/api/v1/auth/token").json(&json!({ "jwt": jwt }))).await.json;
        let access = self.keep("access token", &signed, "/access_token");
        let refresh = self.keep("refresh token", &signed, "/refresh_token");
        self.keep("identity token", &signed, "/id_token");
        self.let_somebody_in(readonly).await;
        let signing = self.subscribe().await;
        for text in [&token, &rotated, opaque, &access, &refresh, &jwt, &shared, &signing] {
            self.send_everywhere(text).await;
        }
        let form = [("refresh_token", refresh.as_str())];
        self.send(self.request(Method::POST, "/api/auth/bearer/refresh").form(&form)).await;
        self.send(self.request(Method::POST, "/oauth/revoke").bearer_auth(&rotated).form(&[("token", &access)])).await;
    }

    /// Subscribes a webhook with a secret in its address, has it sent, and rotates what it is signed with. Answers the signing secret.
    async fn subscribe(&mut self) -> String {
        let receiver = Receiver::new(Manner::with(503, "", "Zq7 is not taken")).await;
        let (password, token) = ("Zq7-a-password-in-an-address", "Zq7-a-token-in-the-query-of-an-address");
        let hook = |target_url: String| json!({"target_url": target_url, "entity": "key", "operation": "*"});
        let post = |path: &str, body: Value| self.request(Method::POST, path).bearer_auth(&self.admin_key).json(&body);
        // User and password are no part of such an address, and are refused.
        let address = receiver.url();
        let with_user = address.replace("http://", &format!("http://{NAMED}:{password}@"));
        let refused = self.send(post("/api/v1/hooks", hook(with_user))).await;
        assert_eq!(refused.json["code"], "invalid_field", "{}", refused.text);
        let made = self.send(post("/api/v1/hooks", hook(format!("{address}/{token}?token={token}")))).await.json;
        let id = made["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        let rotated = self.send(post(&format!("/api/v1/hooks/{id}/rotate-secret"), json!({}))).await.json;
        for path in ["test", "recover"] {
            let body = if path == "recover" { json!({"since": "2026-01-01T00:00:00Z"}) } else { json!({}) };
            self.send(post(&format!("/api/v1/hooks/{id}/{path}"), body)).await;
        }
        // Signed with both, at an address that answers with a fault, which is written down.
        let sent = receiver.wait_for(1).await.remove(0);
        assert!(sent.line.contains(token) && sent.header("webhook-signature").split(' ').count() == 2, "{sent:?}");
        self.send(self.request(Method::GET, &format!("/api/v1/hooks/{id}/deliveries")).bearer_auth(&self.admin_key))
            .await;
        self.send(self.request(Method::GET, &format!("/api/v1/hooks/{id}")).bearer_auth(&self.admin_key)).await;
        self.secrets.push(Secret { what: "password in an address", text: password.to_owned() });
        self.kept.push(Secret { what: "token in an address", text: token.to_owned() });
        self.keep("signing secret", &made, "/signing_secret");
        self.keep("rotated signing secret", &rotated, "/signing_secret")
    }

    fn assertion(&self, shared: &str, key: &str) -> String {
        #[expect(clippy::disallowed_methods, reason = "another process reads the system's clock")]
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let claims = json!({"iat": now, "jti": "once", "appname": NAMED, "appkey": key, "shortname": "root"});
        let key = jsonwebtoken::EncodingKey::from_secret(shared.as_bytes());
        jsonwebtoken::encode(&jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256), &claims, &key).unwrap()
    }

    /// Lets somebody in by a link, who sets a password and signs in with it.
    async fn let_somebody_in(&mut self, role: RoleId) {
        let user = self.admin(Method::POST, "/users", json!({"name": "Ann", "email": "ann@example.com"})).await;
        let user_id = user["id"].as_str().unwrap_or_else(|| panic!("{user}")).to_owned();
        self.admin(Method::POST, "/members", json!({"user_id": user_id, "role_id": role})).await;
        let link = self.admin(Method::POST, &format!("/users/{user_id}/sign-in-link"), json!({})).await;
        let link = link.pointer("/secret/link").and_then(Value::as_str).unwrap_or_else(|| panic!("no link in {link}"));
        let token = link.rsplit('/').next().unwrap().to_owned();
        self.secrets.push(Secret { what: "link", text: token.clone() });
        self.send(self.request(Method::GET, &format!("/link/{token}"))).await;
        let password = "Zq7-a-password-that-stands-nowhere";
        self.secrets.push(Secret { what: "password", text: password.to_owned() });
        let form = [("token", token.as_str()), ("password", password)];
        let page = self.request(Method::POST, "/link").header("sec-fetch-site", "same-origin").form(&form);
        let set = self.send(page).await;
        self.keep_cookies(&set);
        let wrong = format!("{password} ");
        for password in [password, &wrong] {
            let form = [("email", "ann@example.com"), ("password", password)];
            let page = self.request(Method::POST, "/sign-in").header("sec-fetch-site", "same-origin").form(&form);
            let signed_in = self.send(page).await;
            self.keep_cookies(&signed_in);
        }
        assert!(self.secrets.iter().any(|it| it.what == "session"), "nobody is signed in");
    }

    fn keep_cookies(&mut self, answer: &Answer) {
        let cookies = answer.headers.get_all("set-cookie").iter().filter_map(|it| it.to_str().ok());
        let sessions = cookies.filter_map(|it| it.split(';').next()?.strip_prefix("sid="));
        let sessions = sessions.filter(|it| !it.is_empty()).map(|it| Secret { what: "session", text: it.to_owned() });
        self.secrets.extend(sessions);
    }

    /// Sends a secret wherever one can be sent, and where none belongs.
    async fn send_everywhere(&self, text: &str) {
        let me = || self.request(Method::GET, "/api/v1/me");
        let (access, secret) = text.rsplit_once('_').unwrap_or(("", text));
        let encoded = text.replace(' ', "%20");
        let by_admin = |request: RequestBuilder| request.bearer_auth(&self.admin_key);
        let keys = format!("{}/keys", self.root);
        let sent = [
            me().bearer_auth(text),
            me().header("x-api-key", text),
            me().basic_auth(access, Some(secret)),
            me().header("accessKey", access).header("secretKey", secret),
            me().header("cookie", format!("sid={text}")),
            me().header("idempotency-key", text),
            me().header("user-agent", text),
            me().header("claviger-authorization", text),
            self.request(Method::GET, &format!("/api/v1/me?api_key={encoded}")),
            self.request(Method::GET, &format!("/api/v1/keys/{encoded}")),
            by_admin(self.request(Method::GET, &format!("{keys}/{encoded}"))),
            by_admin(self.request(Method::GET, &format!("{keys}?search={encoded}"))),
            by_admin(self.request(Method::GET, &format!("{keys}?cursor={encoded}"))),
            by_admin(self.request(Method::POST, &keys)).body(format!("{{\"name\": \"{text}")),
            by_admin(self.request(Method::POST, &keys)).json(&json!({ "name": text.repeat(10), "role_id": text })),
            by_admin(self.request(Method::POST, "/api/v1/verify")).json(&json!({ "key": text, "explain": true })),
            by_admin(self.request(Method::POST, "/api/v1/verify")).json(&json!({ "key": text })),
            by_admin(self.request(Method::POST, "/oauth/introspect")).form(&[("token", text)]),
            self.request(Method::POST, "/oauth/token").form(&[
                ("grant_type", "client_credentials"),
                ("client_id", access),
                ("client_secret", secret),
            ]),
            self.request(Method::POST, "/api/v1/auth/token").json(&json!({ "jwt": text })),
            self.request(Method::POST, "/api/v1/auth/token").body(text.to_owned()),
            self.request(Method::POST, "/api/auth/bearer/refresh").form(&[("refresh_token", text)]),
            self.request(Method::POST, &format!("/{encoded}")),
            self.http.get(&self.gateway).bearer_auth(text),
            self.http.get(format!("{}?api_key={encoded}", self.gateway)),
            self.http.get(format!("{}/{encoded}", self.gateway)).header("x-original-uri", text),
        ];
        for request in sent {
            self.send(request).await;
        }
    }

    /// Writes down what the service answers about itself and about what happened.
    async fn read_all(&self, files: &Path) {
        let mut audit = String::new();
        let mut cursor = String::new();
        loop {
            let path = format!("{}/events?limit=100{cursor}", self.root);
            let page = self.send(self.request(Method::GET, &path).bearer_auth(&self.admin_key)).await;
            audit.push_str(&page.text);
            match page.json["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        fs::write(files.join("audit.json"), audit).unwrap();
        let metrics = self.send(self.request(Method::GET, "/metrics").bearer_auth(&self.admin_key)).await;
        fs::write(files.join("metrics.txt"), metrics.text).unwrap();
    }
}

fn present(text: &str, house: &House) -> Vec<&'static str> {
    let control = [Secret { what: "control", text: text.to_owned() }];
    let places = house.places().into_iter();
    let holds = |place: &PathBuf| {
        place.exists() && !found(&control, house.scratch.path(), std::slice::from_ref(place)).is_empty()
    };
    places.filter(|(_, place)| holds(place)).map(|it| it.0).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_that_was_used_stands_in_clear_anywhere_and_what_is_written_on_purpose_is_found() {
    let house = House::build().await;
    let prepared = prepare(&house.data).await;
    let mut server = Server::logging(&house.data, &house.log());
    let mut sender = Sender::to(&server, &prepared);
    sender.make_all(prepared.readonly).await;
    sender.read_all(house.data.files()).await;
    if let Some(cluster) = &house.cluster {
        cluster.checkpoint();
        fs::write(house.data.files().join("dump.sql"), cluster.dump()).unwrap();
    }
    let anywhere = |secrets: &[Secret]| found(secrets, house.scratch.path(), &house.everything());
    assert_eq!(anywhere(&sender.secrets), [""; 0], "while it runs");
    assert!(!anywhere(&sender.kept).is_empty(), "the control: deliveries are sent by it");
    assert_eq!(found(&sender.kept, house.scratch.path(), &house.shown()), [""; 0], "while it runs");
    // The embedded engine moves what it has written into its tables later.
    let named: &[_] =
        if is_postgres() { &["audit", "tables", "write-ahead log", "dump"] } else { &["audit", "write-ahead log"] };
    assert_eq!(present(NAMED, &house), named, "the control");
    assert_eq!(present(NUMBERED, &house), ["log"], "the control");

    // What a sudden end leaves lying about, what is taken out of that, and what the next start makes of it.
    server.kill();
    assert_eq!(anywhere(&sender.secrets), [""; 0], "after a sudden end");
    house.export();
    assert_eq!(anywhere(&sender.secrets), [""; 0], "after an export");
    for place in ["export", "tables"] {
        assert!(present(NAMED, &house).contains(&place), "the control: {place}");
    }
    drop(Server::logging(&house.data, &house.log()));
    assert_eq!(anywhere(&sender.secrets), [""; 0], "after the next start");
    assert_eq!(found(&sender.kept, house.scratch.path(), &house.shown()), [""; 0], "after the next start");
}

#[test]
fn a_secret_is_found_in_each_spelling_and_a_part_of_it_too() {
    let scratch = super::Folder::new();
    let place = super::Folder::new();
    let secret = Secret { what: "planted", text: format!("{NAMED}/and+more~of:it") };
    let file = place.path().join("file");
    for spelt in spellings(&secret.text).iter().chain([&secret.text[secret.text.len() - PIECE..].to_owned()]) {
        fs::write(&file, format!("\0\u{fffd} binary{spelt}binary")).unwrap();
        let found = found(std::slice::from_ref(&secret), scratch.path(), &[place.path().to_owned()]);
        assert_eq!(found, [format!("planted: {}", file.display())], "{spelt}");
    }
    fs::write(&file, "nothing of the kind").unwrap();
    assert_eq!(found(&[secret], scratch.path(), &[place.path().to_owned()]), [""; 0]);
}
