//! The management API of a running server, as commands call it: with a key, which crosses a network only under TLS.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Failed;
use crate::ops::receipts::Receipt;

/// Tries of one request before the command stops.
const TRIES: u32 = 5;
/// How long a command waits at most because the server asks it to; who is told to wait longer had better know.
const WAIT_MAX: Duration = Duration::from_secs(120);

#[derive(Debug, Deserialize)]
struct ProblemView {
    code: String,
    detail: Option<String>,
    fix: Option<String>,
    #[serde(default)]
    errors: Vec<FieldView>,
}

#[derive(Debug, Deserialize)]
struct FieldView {
    pointer: String,
    detail: String,
}

/// The server, as a command talks to it.
#[derive(Clone)]
pub(super) struct Server {
    url: String,
    key: SecretString,
    client: reqwest::Client,
    /// Whether it has answered anything. Until then nobody can say that it is away for a moment: more likely it is elsewhere.
    has_answered: Arc<AtomicBool>,
}

impl Server {
    /// The server at an address, called with a key.
    pub(super) fn new(url: &str, key: SecretString) -> Result<Self, Failed> {
        let url = url.trim_end_matches('/').to_owned();
        let address: Option<http::Uri> = url.parse().ok();
        let fix = match address.as_ref().map(|it| (it.scheme_str(), it.host())) {
            Some((Some("https"), Some(_))) => None,
            Some((Some("http"), Some(host))) if is_this_machine(host) => None,
            Some((Some("http"), Some(_))) => Some("the key would cross the network in clear; write https://…"),
            _ => Some("write a URL such as https://keys.example.com or http://127.0.0.1:7400"),
        };
        if let Some(fix) = fix {
            return Err(Failed::new(format!("--url {url}: {fix}")));
        }
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let client = client.timeout(Duration::from_secs(60)).build().map_err(Failed::new)?;
        Ok(Self { url, key, client, has_answered: Arc::default() })
    }

    /// The text at a path; absent where the key may not read it, or nobody answers.
    pub(super) async fn text(&self, path: &str) -> Option<String> {
        let request = self.client.get(format!("{}{path}", self.url)).bearer_auth(self.key.expose_secret());
        request.send().await.ok()?.error_for_status().ok()?.text().await.ok()
    }

    /// Reads what stands at a path, again where trying again can help.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failed> {
        self.persist(|| self.client.get(format!("{}{path}", self.url))).await
    }

    /// Posts once: for requests that change something each time.
    pub(super) async fn post_once<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Failed> {
        let request = self.client.post(format!("{}{path}", self.url)).json(body);
        self.read(request).await.map_err(|tried| tried.failed)
    }

    /// Posts, again where trying again can help: only for requests that may be sent twice.
    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Failed> {
        self.persist(|| self.client.post(format!("{}{path}", self.url)).json(body)).await
    }

    /// Sends a request until it is answered for good, or has been tried often enough.
    async fn persist<T: DeserializeOwned>(&self, request: impl Fn() -> reqwest::RequestBuilder) -> Result<T, Failed> {
        let mut tries = 0;
        loop {
            tries += 1;
            let tried = match self.read(request()).await {
                Ok(answer) => return Ok(answer),
                Err(tried) => tried,
            };
            match tried.again {
                Some(wait) if tries < TRIES => {
                    tokio::time::sleep(wait.unwrap_or(Duration::from_secs(1 << tries))).await
                }
                _ => return Err(tried.failed),
            }
        }
    }

    async fn read<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, Tried> {
        let sent = request.bearer_auth(self.key.expose_secret()).send().await;
        let answer = sent.map_err(|error| {
            let can_help = self.has_answered.load(Ordering::Relaxed) || !error.is_connect();
            Tried { again: can_help.then_some(None), failed: Failed::new(explain(&error)) }
        })?;
        self.has_answered.store(true, Ordering::Relaxed);
        let status = answer.status();
        if status.is_success() {
            let receipt = answer.headers().get(crate::http::RECEIPT).map(|it| serde_json::from_slice(it.as_bytes()));
            if let Some(sentence) = receipt.and_then(Result::ok).as_ref().and_then(Receipt::sentence) {
                super::note(&sentence);
            }
            return answer.json().await.map_err(|error| Tried { again: None, failed: Failed::new(error) });
        }
        let can_help = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
        let again = can_help.then(|| retry_after(answer.headers())).filter(|it| it.is_none_or(|wait| wait <= WAIT_MAX));
        let said = match answer.json::<ProblemView>().await {
            Ok(problem) => {
                let sentence = |it: Option<String>| it.unwrap_or_default();
                let fields = problem.errors.iter().map(|it| format!(" {}: {}.", it.pointer, it.detail));
                let fields = fields.collect::<String>();
                format!("{}: {} {}{fields}", problem.code, sentence(problem.detail), sentence(problem.fix))
            }
            Err(_) => "the answer is none of Claviger's; is the --url right?".to_owned(),
        };
        Err(Tried { again, failed: Failed::new(format!("{status}: {said}")) })
    }
}

/// How long the server asks to wait. Ours says it in seconds, never as a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let secs = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(secs))
}

/// Whether a host is this machine: a key must not leave it in clear.
fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback())
}

/// Why a try failed.
struct Tried {
    /// Whether another could do better, and the time that the server asks to wait until then.
    again: Option<Option<Duration>>,
    failed: Failed,
}

/// The whole chain of causes: the outermost says only that a request failed. Where nothing was reached, also how to say where else it is.
pub(super) fn explain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    if error.is_connect() {
        text.push_str("; does Claviger run there? --url or CLAVIGER_URL says where else");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn a_key_crosses_the_network_under_tls_only() {
        for (url, allowed) in [
            ("http://127.0.0.1:7400", true),
            ("http://localhost:7400", true),
            ("http://[::1]:7400", true),
            ("http://keys.example.com", false),
            ("http://127.0.0.1.example.com", false),
            ("http://192.0.2.1:7400", false),
            ("https://127.0.0.1:7400", true),
            ("https://keys.example.com", true),
            ("ftp://keys.example.com", false),
            ("127.0.0.1:7400", false),
        ] {
            assert_eq!(Server::new(url, SecretString::from("k")).is_ok(), allowed, "{url}");
        }
    }

    /// Answers one request after the other with what it is given, and then no more.
    async fn server(answers: Vec<&'static str>) -> Server {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let answering = async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                drop(stream.read(&mut [0; 4096]).await);
                stream.write_all(answer.as_bytes()).await.expect("it is open");
            }
        };
        #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
        tokio::spawn(answering);
        Server::new(&url, SecretString::from("k")).expect("a server")
    }

    #[tokio::test]
    async fn a_command_waits_as_long_as_it_is_told_and_no_longer_than_people_do() {
        const GOOD: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
        const SOON: &str =
            "HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n";
        const LATE: &str =
            "HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nRetry-After: 9000\r\nContent-Length: 0\r\n\r\n";
        let patient = server(vec![SOON, SOON, GOOD]).await;
        assert!(patient.get::<Value>("/api/v1/me").await.is_ok());
        assert!(server(vec![LATE, GOOD]).await.get::<Value>("/api/v1/me").await.is_err());
        assert!(server(vec![SOON, GOOD]).await.post_once::<Value>("/x", &Value::Null).await.is_err());
    }
}
