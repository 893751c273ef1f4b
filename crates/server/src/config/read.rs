//! How each value is read: from its text, or what should be written instead.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use claviger_core::network::IpAllowList;
use claviger_core::node::NodeName;
use claviger_core::rate::Rate;
use claviger_core::webhook::target::TargetUrl;
use http::Uri;
use http::uri::Scheme;

use lettre::message::Mailbox;
use lettre::{AsyncSmtpTransport, Tokio1Executor};

use super::{DatabaseUrl, LogFormat, SmtpUrl};

pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
}

pub(super) fn read_address(text: &str) -> Result<SocketAddr, String> {
    let expected = || "write an IP address and a port, such as 127.0.0.1:7400 or [::1]:7400".to_owned();
    let text = text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    text.parse().map_err(|_| expected())
}

pub(super) fn read_workers(text: &str) -> Result<NonZeroUsize, String> {
    let expected = "write a number from 1 to 256";
    text.parse().ok().filter(|it: &NonZeroUsize| it.get() <= 256).ok_or_else(|| expected.to_owned())
}

pub(super) fn read_database(text: &str) -> Result<DatabaseUrl, String> {
    let is_url = ["postgres://", "postgresql://"].iter().any(|it| text.starts_with(it) && it.len() < text.len());
    let expected = "write postgres://user:password@host:port/database";
    is_url.then(|| DatabaseUrl(text.to_owned())).ok_or_else(|| expected.to_owned())
}

pub(super) fn read_smtp(text: &str) -> Result<SmtpUrl, String> {
    let expected = "write smtps://user:password@host, or smtp://user:password@host:587?tls=required";
    let url: Uri = text.parse().map_err(|_| expected.to_owned())?;
    let secure = text.starts_with("smtps://") || text.ends_with("tls=required");
    let authority = url.authority().ok_or_else(|| expected.to_owned())?;
    if !secure && authority.as_str().contains('@') && !is_loopback(authority.host()) {
        return Err("the password would cross the network in clear; add ?tls=required, or write smtps://".to_owned());
    }
    let known = AsyncSmtpTransport::<Tokio1Executor>::from_url(text);
    known.map(|_| SmtpUrl(text.to_owned())).map_err(|_| expected.to_owned())
}

pub(super) fn read_mailbox(text: &str) -> Result<Mailbox, String> {
    text.parse().map_err(|_| "write an address such as keys@example.com or `Claviger <keys@example.com>`".to_owned())
}

pub(super) fn read_folder(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() {
        return Err("write the path of a folder".to_owned());
    }
    let path = PathBuf::from(text);
    if path.exists() && !path.is_dir() {
        return Err("that is a file; name a folder".to_owned());
    }
    Ok(path)
}

pub(super) fn read_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.file_name().is_none() || path.is_dir() {
        return Err("write the path of a file".to_owned());
    }
    Ok(path)
}

pub(super) fn read_url(text: &str) -> Result<Uri, String> {
    let expected = "write a URL such as https://keys.example.com, without a path";
    let url: Uri = text.parse().map_err(|_| expected.to_owned())?;
    let scheme_ok = url.scheme() == Some(&Scheme::HTTP) || url.scheme() == Some(&Scheme::HTTPS);
    let bare = matches!(url.path(), "" | "/") && url.query().is_none();
    let plain = url.authority().is_some_and(|it| !it.as_str().contains('@') && !it.host().is_empty());
    if scheme_ok && bare && plain { Ok(url) } else { Err(expected.to_owned()) }
}

pub(super) fn read_networks(text: &str) -> Result<Option<IpAllowList>, String> {
    let entries: Vec<_> = text.split(',').map(str::trim).filter(|it| !it.is_empty()).collect();
    if entries.is_empty() {
        return Ok(None);
    }
    IpAllowList::parse(&entries).map(Some).map_err(|error| error.to_string())
}

pub(super) fn read_node_name(text: &str) -> Result<Option<NodeName>, String> {
    NodeName::parse(text).map(Some).map_err(|error| error.to_string())
}

pub(super) fn read_filter(text: &str) -> Result<String, String> {
    let parsed = tracing_subscriber::EnvFilter::builder().parse(text);
    match parsed {
        Ok(_) if !text.is_empty() => Ok(text.to_owned()),
        _ => {
            Err("write a level (error, warn, info, debug, trace) or levels by module, such as warn,claviger=info"
                .into())
        }
    }
}

pub(super) fn read_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("write text or json".to_owned()),
    }
}

pub(super) fn read_rate(text: &str) -> Result<Option<Rate>, String> {
    match text {
        "off" => Ok(None),
        text => text.parse().map(Some).map_err(|error: claviger_core::rate::RateError| format!("{error}; or off")),
    }
}

/// The list of keys that GitHub signs alerts with.
const GITHUB_KEYS: &str = "https://api.github.com/meta/public_keys/secret_scanning";

pub(super) fn read_github(text: &str) -> Result<Option<TargetUrl>, String> {
    let address = match text {
        "off" => return Ok(None),
        "on" => GITHUB_KEYS,
        other => other,
    };
    TargetUrl::parse(address).map(Some).map_err(|error| format!("{error}; write `on`, `off` or an address"))
}
