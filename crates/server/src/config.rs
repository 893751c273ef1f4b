//! The configuration: flags, then `CLAVIGER_*`, then a TOML file, then defaults.
//!
//! Every setting is one line of [`SETTINGS`]: its name, what it means, how it is read. The name is the flag (`--data-dir`), the variable
//! (`CLAVIGER_DATA_DIR`) and the key in the file (`data_dir`) at once, so that nothing has to be kept in step. What is wrong stops the
//! start with one line that says which setting, where it stands, and what to write instead; a misspelt setting is wrong too, since
//! otherwise it would silently not hold.

mod nearest;
mod read;
mod urls;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use claviger_core::name::Name;
use claviger_core::network::IpAllowList;
use claviger_core::node::NodeName;
use claviger_core::rate::Rate;
use claviger_core::webhook::target::TargetUrl;
use http::Uri;
use http::uri::Scheme;
use lettre::message::Mailbox;

use self::nearest::nearest;
pub use self::urls::{DatabaseUrl, SmtpUrl};
use read::{
    is_loopback, read_address, read_database, read_file, read_filter, read_folder, read_format, read_github,
    read_mailbox, read_networks, read_node_name, read_rate, read_smtp, read_url, read_workers,
};

/// The file that is read from the working directory when none is named.
pub const DEFAULT_FILE: &str = "claviger.toml";
/// What the variables begin with.
pub const VARIABLE_PREFIX: &str = "CLAVIGER_";

/// Variables of that prefix that say something else: the file itself, and where and with which key the commands call that are a client of a
/// server. Those that the tests of this repository use for themselves begin with `CLAVIGER_TEST_`.
const NO_SETTINGS: [&str; 3] = ["CLAVIGER_CONFIG", "CLAVIGER_KEY", "CLAVIGER_URL"];

/// What the service runs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where the console and the management API listen.
    pub listen: SocketAddr,
    /// Where gateways ask.
    pub authz_listen: SocketAddr,
    /// Threads that answer gateways.
    pub authz_workers: NonZeroUsize,
    /// The PostgreSQL that everything is kept in; absent means the embedded database in the data folder.
    pub database: Option<DatabaseUrl>,
    /// Where everything is kept, or, beside a PostgreSQL, the master key.
    pub data_dir: PathBuf,
    /// Where this node writes down what ends; absent means in the data folder.
    pub endings_log: Option<PathBuf>,
    /// The name of the root organization, used at the first start.
    pub organization: Name,
    /// How browsers reach the console; absent means as it listens.
    pub public_url: Option<Uri>,
    /// The SMTP server that mail goes out by; absent means that none does.
    pub smtp_url: Option<SmtpUrl>,
    /// Whom mail comes from.
    pub mail_from: Option<Mailbox>,
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Option<IpAllowList>,
    /// How often each caller may call the management API; absent means as often as it likes.
    pub api_rate: Option<Rate>,
    /// How often each key may verify; absent means as often as it likes.
    pub verify_rate: Option<Rate>,
    /// Networks that webhooks may be sent to although they are private, and without TLS; absent means none.
    pub webhook_allow_networks: Option<IpAllowList>,
    /// Where the keys are listed that GitHub signs alerts about leaked keys with; absent means that none are taken.
    pub github_alerts: Option<TargetUrl>,
    /// By what people recognise this node; absent means its machine and process.
    pub node_name: Option<NodeName>,
    /// Which messages are logged, in the language of `RUST_LOG`.
    pub log: String,
    /// How messages are logged.
    pub log_format: LogFormat,
}

/// How messages are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Why there is no configuration: one line that names the setting and the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl ConfigError {
    /// The line about an address at which nothing can listen.
    pub fn of_address(name: &'static str, address: SocketAddr, error: &std::io::Error) -> Self {
        let why = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "something listens there already; stop it or choose another port".to_owned()
            }
            std::io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
            std::io::ErrorKind::PermissionDenied => "ports below 1024 need the right to; choose another one".to_owned(),
            _ => error.to_string(),
        };
        Self(format!("--{} {address}: {why}", flag_of(name)))
    }
}

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Its name in the file; the flag and the variable follow from it.
    pub name: &'static str,
    /// What stands for the value in help texts.
    pub value_name: &'static str,
    /// What it holds when nobody sets it, for help texts.
    pub default: &'static str,
    /// What it is for.
    pub help: &'static str,
}

/// All settings, in the order of the help.
pub const SETTINGS: [Setting; 18] = [
    Setting {
        name: "listen",
        value_name: "ADDRESS",
        default: "127.0.0.1:7400",
        help: "Where the console and the management API listen",
    },
    Setting {
        name: "authz_listen",
        value_name: "ADDRESS",
        default: "127.0.0.1:7401",
        help: "Where gateways ask `/authz`; keep it away from the outside",
    },
    Setting {
        name: "authz_workers",
        value_name: "NUMBER",
        default: "one for each core",
        help: "Threads that answer gateways",
    },
    Setting {
        name: DATABASE,
        value_name: "URL",
        default: "the embedded one in the data folder",
        help: "A PostgreSQL for any number of nodes: postgres://user:password@host:port/database; better given as a variable, since everybody on a machine sees its command lines",
    },
    Setting {
        name: "data_dir",
        value_name: "FOLDER",
        default: "data",
        help: "Where everything is kept: claviger.db, usage.db, master.key, endings.jsonl; beside a PostgreSQL only the last two",
    },
    Setting {
        name: "endings_log",
        value_name: "FILE",
        default: "endings.jsonl in the data folder",
        help: "Where this node writes down which keys and secrets end, for a restore to end them again; better on another disk or machine than the database",
    },
    Setting {
        name: "organization",
        value_name: "NAME",
        default: "Root",
        help: "Name of the organization at the root of the tree; used at the first start",
    },
    Setting {
        name: "public_url",
        value_name: "URL",
        default: "as it listens",
        help: "How browsers reach the console, such as https://keys.example.com behind a TLS proxy",
    },
    Setting {
        name: SMTP_URL,
        value_name: "URL",
        default: "no mail",
        help: "The SMTP server that mail goes out by: smtps://user:password@host, or smtp://user:password@host:587?tls=required; better given as a variable. Links in mail begin with public_url",
    },
    Setting {
        name: "mail_from",
        value_name: "ADDRESS",
        default: "none",
        help: "Whom mail comes from, such as `Claviger <keys@example.com>`; goes with smtp_url",
    },
    Setting {
        name: "trusted_proxies",
        value_name: "NETWORKS",
        default: "none",
        help: "Proxies whose X-Forwarded-For is believed: addresses and networks, separated by commas. Without it all who come through a proxy count as one client, for the limit on sign-ins and for allow-lists",
    },
    Setting {
        name: "api_rate",
        value_name: "RATE",
        default: "6000/1m",
        help: "How often each key and each user at the console may call the management API, such as 100/10s; for who proves nothing it counts by address; `off` for no limit",
    },
    Setting {
        name: "verify_rate",
        value_name: "RATE",
        default: "off",
        help: "How often each key may verify and introspect; the callers are gateways, which mostly should not be held back",
    },
    Setting {
        name: "webhook_allow_networks",
        value_name: "NETWORKS",
        default: "none",
        help: "Private networks that webhooks may be sent to, also without TLS, such as 10.1.0.0/16; all others have to be public and under TLS",
    },
    Setting {
        name: "github_alerts",
        value_name: "WHICH",
        default: "off",
        help: "Whether GitHub's alerts about leaked keys are taken at /api/v1/leaks/github: `on`, `off`, or another address of the list of keys that they are signed with",
    },
    Setting {
        name: "node_name",
        value_name: "NAME",
        default: "machine and process",
        help: "By what people recognise this node among several; one running process has it at a time",
    },
    Setting {
        name: "log",
        value_name: "FILTER",
        default: "warn,claviger=info",
        help: "What is logged, such as `info` or `warn,claviger=debug`; of libraries never more than warnings, since they write down the paths they see",
    },
    Setting { name: "log_format", value_name: "FORMAT", default: "text", help: "How it is logged: `text` or `json`" },
];

/// The settings whose values are not repeated in messages.
const DATABASE: &str = "database";
const SMTP_URL: &str = "smtp_url";

/// Where a value was given.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Flag,
    Variable,
    File(PathBuf),
}

/// A value as it was given.
#[derive(Debug, Clone)]
struct Given {
    source: Source,
    text: String,
}

/// The name of a setting's flag, without the hyphens in front.
pub fn flag_of(name: &str) -> String {
    name.replace('_', "-")
}

/// The name of a setting's variable.
pub fn variable_of(name: &str) -> String {
    format!("{VARIABLE_PREFIX}{}", name.to_ascii_uppercase())
}

/// Values as they were given, the strongest source of each.
#[derive(Debug, Default)]
pub struct Values(BTreeMap<&'static str, Given>);

impl Values {
    /// Takes the flags that were given: the strongest source.
    pub fn with_flags(flags: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let given = flags.into_iter().map(|(name, text)| (name, Given { source: Source::Flag, text }));
        Self(given.collect())
    }

    /// Adds the variables that begin with [`VARIABLE_PREFIX`], where no flag was given.
    ///
    /// # Errors
    /// Refuses a variable of that prefix that is no setting, or is not text.
    pub fn and_variables(
        mut self,
        variables: impl IntoIterator<Item = (std::ffi::OsString, std::ffi::OsString)>,
    ) -> Result<Self, ConfigError> {
        for (variable, value) in variables {
            let Some(variable) = variable.to_str().filter(|it| it.starts_with(VARIABLE_PREFIX)) else {
                continue;
            };
            if NO_SETTINGS.contains(&variable) || variable.starts_with("CLAVIGER_TEST_") {
                continue;
            }
            let Some(setting) = SETTINGS.iter().find(|it| variable_of(it.name) == variable) else {
                let known = nearest(variable, SETTINGS.iter().map(|it| variable_of(it.name)));
                return Err(ConfigError(format!("{variable} is not a setting{known}")));
            };
            let text = value.into_string().map_err(|_| ConfigError(format!("{variable} is not text: write UTF-8")))?;
            self.0.entry(setting.name).or_insert(Given { source: Source::Variable, text });
        }
        Ok(self)
    }

    /// Adds what stands in a TOML file, where neither flag nor variable was given.
    ///
    /// # Errors
    /// Refuses text that is not TOML, keys that are no settings, and tables.
    pub fn and_file(mut self, path: &Path, text: &str) -> Result<Self, ConfigError> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            let what = error.message().lines().next().unwrap_or_default().to_owned();
            ConfigError(format!("{}, line {line}: not TOML ({what})", path.display()))
        })?;
        for (key, value) in table {
            let Some(setting) = SETTINGS.iter().find(|it| it.name == key) else {
                let known = nearest(&key, SETTINGS.iter().map(|it| it.name.to_owned()));
                return Err(ConfigError(format!("{}: `{key}` is not a setting{known}", path.display())));
            };
            let text = text_of(&value).ok_or_else(|| {
                ConfigError(format!("{}: {key} is {}: write a text", path.display(), value.type_str()))
            })?;
            self.0.entry(setting.name).or_insert(Given { source: Source::File(path.to_owned()), text });
        }
        Ok(self)
    }

    /// Reads a value, or takes the default where none was given.
    fn read<T>(
        &self,
        name: &'static str,
        default: T,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        let Some(given) = self.0.get(name) else {
            return Ok(default);
        };
        read(given.text.trim()).map_err(|expected| self.wrong(name, &expected))
    }

    /// The line that says what is wrong with a value.
    fn wrong(&self, name: &'static str, expected: &str) -> ConfigError {
        let Some(given) = self.0.get(name) else {
            return ConfigError(format!("--{}: {expected}", flag_of(name)));
        };
        let place = match &given.source {
            Source::Flag => format!("--{}", flag_of(name)),
            Source::Variable => variable_of(name),
            Source::File(path) => format!("{}: {name}", path.display()),
        };
        if [DATABASE, SMTP_URL].contains(&name) {
            return ConfigError(format!("{place}: {expected}"));
        }
        let shown: String = given.text.chars().filter(|it| !it.is_control()).take(80).collect();
        ConfigError(format!("{place} is `{shown}`: {expected}"))
    }
}

fn text_of(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Array(items) => {
            let texts: Option<Vec<_>> = items.iter().map(|it| it.as_str().map(str::to_owned)).collect();
            texts.map(|it| it.join(","))
        }
        _ => None,
    }
}

impl Config {
    /// Reads all values.
    ///
    /// # Errors
    /// The first that is wrong, or a combination that is.
    pub fn from_values(values: &Values) -> Result<Self, ConfigError> {
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let config = Self {
            listen: values.read("listen", SocketAddr::from(([127, 0, 0, 1], 7400)), read_address)?,
            authz_listen: values.read("authz_listen", SocketAddr::from(([127, 0, 0, 1], 7401)), read_address)?,
            authz_workers: values.read("authz_workers", cores, read_workers)?,
            database: values.read(DATABASE, None, |text| read_database(text).map(Some))?,
            data_dir: values.read("data_dir", PathBuf::from("data"), read_folder)?,
            endings_log: values.read("endings_log", None, |text| read_file(text).map(Some))?,
            organization: values.read("organization", default_organization(), |text| {
                Name::parse(text).map_err(|error| format!("the name {error}"))
            })?,
            public_url: values.read("public_url", None, |text| read_url(text).map(Some))?,
            smtp_url: values.read(SMTP_URL, None, |text| read_smtp(text).map(Some))?,
            mail_from: values.read("mail_from", None, |text| read_mailbox(text).map(Some))?,
            trusted_proxies: values.read("trusted_proxies", None, read_networks)?,
            api_rate: values.read("api_rate", Some(default_api_rate()), read_rate)?,
            verify_rate: values.read("verify_rate", None, read_rate)?,
            webhook_allow_networks: values.read("webhook_allow_networks", None, read_networks)?,
            github_alerts: values.read("github_alerts", None, read_github)?,
            node_name: values.read("node_name", None, read_node_name)?,
            log: values.read("log", "warn,claviger=info".to_owned(), read_filter)?,
            log_format: values.read("log_format", LogFormat::Text, read_format)?,
        };
        config.refuse_combinations(values)?;
        Ok(config)
    }

    fn refuse_combinations(&self, values: &Values) -> Result<(), ConfigError> {
        let behind_tls = self.public_url.as_ref().is_some_and(|it| it.scheme() == Some(&Scheme::HTTPS));
        if !self.listen.ip().is_loopback() && !behind_tls {
            let fix = "passwords and keys would cross the network in clear; listen on 127.0.0.1, or put a TLS proxy in front and say --public-url https://…";
            return Err(values.wrong("listen", fix));
        }
        let clear = self.public_url.as_ref().filter(|it| it.scheme() == Some(&Scheme::HTTP));
        if clear.is_some_and(|it| !is_loopback(it.host().unwrap_or_default())) {
            let fix = "browsers would send passwords in clear; write https://…";
            return Err(values.wrong("public_url", fix));
        }
        if self.listen == self.authz_listen && self.listen.port() != 0 {
            return Err(values.wrong("authz_listen", "the console listens there already; choose another port"));
        }
        if self.smtp_url.is_some() && self.mail_from.is_none() {
            return Err(values.wrong("mail_from", "mail has to come from somebody; write keys@example.com"));
        }
        Ok(())
    }

    /// Where this node writes down what ends.
    pub fn endings_file(&self) -> PathBuf {
        self.endings_log.clone().unwrap_or_else(|| self.data_dir.join("endings.jsonl"))
    }

    /// Whether people are told by mail too.
    pub const fn sends_mail(&self) -> bool {
        self.smtp_url.is_some()
    }

    /// How browsers reach the console, without a slash at the end. `bound` is where it listens in fact.
    pub fn base_url(&self, bound: SocketAddr) -> String {
        match &self.public_url {
            Some(url) => url.to_string().trim_end_matches('/').to_owned(),
            None => format!("http://{bound}"),
        }
    }
}

fn default_organization() -> Name {
    Name::parse("Root").expect("a name")
}

/// A hundred requests a second, and a minute's worth of them at once: far above what pages and scripts need, far below what one process bears.
fn default_api_rate() -> Rate {
    Rate::new(6_000, Duration::from_secs(60)).expect("a rate within the bounds")
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

/// Reads the environment and the file, below the flags. The one place that reads the environment.
///
/// # Errors
/// The first thing that is wrong.
pub fn load(
    flags: impl IntoIterator<Item = (&'static str, String)>,
    file: Option<&Path>,
) -> Result<Config, ConfigError> {
    #[expect(clippy::disallowed_methods, reason = "this is the configuration")]
    let variables: Vec<_> = std::env::vars_os().collect();
    let named = variables.iter().find(|(name, _)| name == "CLAVIGER_CONFIG").map(|(_, value)| PathBuf::from(value));
    let named = file.map(Path::to_owned).or(named);
    let values = Values::with_flags(flags).and_variables(variables)?;
    let path = named.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    let values = match std::fs::read_to_string(&path) {
        Ok(text) => values.and_file(&path, &text)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => values,
        Err(error) => return Err(ConfigError(format!("{} cannot be read: {error}", path.display()))),
    };
    Config::from_values(&values)
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
