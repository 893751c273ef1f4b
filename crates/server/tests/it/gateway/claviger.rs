//! Starts the real program on a fresh data folder, and fills it over its own API.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

/// A running `claviger serve`; killed when dropped.
pub(super) struct Claviger {
    process: Child,
    directory: PathBuf,
    client: reqwest::Client,
    /// Where the console and the management API are.
    pub(super) base: String,
    session: String,
    /// Where gateways ask.
    pub(super) authz: SocketAddr,
    /// The key that the first start printed.
    pub(super) first_key: String,
}

impl Claviger {
    /// A first start, on free ports; its admin has come by the set-up link and is signed in.
    pub(super) async fn start() -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("serve-{}-{number}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_claviger"))
            .args(["serve", "--listen", "127.0.0.1:0", "--authz-listen", "127.0.0.1:0", "--data-dir", "data"])
            .args(["--log", "debug"])
            .current_dir(&directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(directory.join("stderr.log")).unwrap())
            .spawn()
            .unwrap();
        let (mut base, mut authz, mut link, mut first_key) = (None, None, None, None);
        for line in BufReader::new(process.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["Console", url] => base = Some((*url).to_owned()),
                ["Gateways", url] => {
                    authz = Some(url.trim_start_matches("http://").trim_end_matches("/authz").parse().unwrap());
                }
                [url] if url.contains("/setup/") => link = Some((*url).to_owned()),
                ["curl", ..] => {
                    let key = line.split("Bearer ").nth(1).and_then(|it| it.split('\'').next());
                    first_key = key.map(str::to_owned);
                    break;
                }
                _ => {}
            }
        }
        let log = || fs::read_to_string(directory.join("stderr.log")).unwrap();
        let (Some(base), Some(authz), Some(link), Some(first_key)) = (base, authz, link, first_key) else {
            panic!("no greeting: {}", log())
        };
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let client = client.timeout(Duration::from_secs(20)).build().unwrap();
        let mut claviger = Self { process, directory, client, base, session: String::new(), authz, first_key };
        claviger.set_up(link.rsplit_once('/').unwrap().1).await;
        claviger
    }

    async fn set_up(&mut self, token: &str) {
        let form = format!("token={token}&name=Admin&email=admin%40example.com&password=correct+horse+battery+staple");
        let call = self.client.post(format!("{}/setup", self.base)).header("Origin", &self.base);
        let call = call.header("Content-Type", "application/x-www-form-urlencoded").body(form);
        let response = call.send().await.unwrap();
        let cookies = response.headers().get_all("set-cookie").iter().map(|it| it.to_str().unwrap());
        let session = cookies.filter_map(|it| it.split(';').next()).find(|it| it.contains("sid="));
        self.session = session.expect("a session").to_owned();
    }

    /// Calls the management API as the admin: `GET me`. The answer has to be a success.
    pub(super) async fn api(&self, request: &str, body: Value) -> Value {
        let (method, path) = request.split_once(' ').unwrap();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let call = self.client.request(method, format!("{}/api/v1/{path}", self.base));
        let mut call = call.header("Cookie", &self.session).header("Origin", &self.base);
        if !body.is_null() {
            call = call.json(&body);
        }
        let response = call.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{request}: {status} {text}");
        if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() }
    }

    /// Everything the program wrote: its log, and its database as bytes.
    pub(super) fn written(&self) -> Vec<u8> {
        let files = fs::read_dir(self.directory.join("data")).unwrap().map(|it| it.unwrap().path());
        let all = files.chain([self.directory.join("stderr.log")]).filter(|it| it.is_file());
        all.flat_map(|it| fs::read(it).unwrap()).collect()
    }

    /// Kills the program, as a power cut would.
    pub(super) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Claviger {
    fn drop(&mut self) {
        self.kill();
        fs::remove_dir_all(&self.directory).unwrap();
    }
}
