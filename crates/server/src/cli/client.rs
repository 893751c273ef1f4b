//! The management API of a running server, as commands call it: with a key, which crosses a network only under TLS.

use std::time::Duration;

use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Failed;

/// Tries of one request before the command stops.
const TRIES: u32 = 5;

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
pub(super) struct Server {
    url: String,
    key: SecretString,
    client: reqwest::Client,
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
        Ok(Self { url, key, client })
    }

    /// Reads what stands at a path.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failed> {
        self.read(self.client.get(format!("{}{path}", self.url))).await.map_err(|tried| tried.failed)
    }

    /// Posts once: for requests that change something each time.
    pub(super) async fn post_once<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Failed> {
        let request = self.client.post(format!("{}{path}", self.url)).json(body);
        self.read(request).await.map_err(|tried| tried.failed)
    }

    /// Posts, again where trying again can help: only for requests that may be sent twice.
    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Failed> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.read(self.client.post(format!("{}{path}", self.url)).json(body)).await {
                Ok(answer) => return Ok(answer),
                Err(tried) if tried.again && tries < TRIES => tokio::time::sleep(Duration::from_secs(1 << tries)).await,
                Err(tried) => return Err(tried.failed),
            }
        }
    }

    async fn read<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, Tried> {
        let sent = request.bearer_auth(self.key.expose_secret()).send().await;
        let answer = sent.map_err(|error| Tried { again: true, failed: Failed::new(explain(&error)) })?;
        let status = answer.status();
        if status.is_success() {
            return answer.json().await.map_err(|error| Tried { again: false, failed: Failed::new(error) });
        }
        let again = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
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

/// Whether a host is this machine: a key must not leave it in clear.
fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback())
}

/// Why a try failed, and whether another could do better.
struct Tried {
    again: bool,
    failed: Failed,
}

/// The whole chain of causes: the outermost says only that a request failed.
pub(super) fn explain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
