//! What the commands that call a running server have in common: where it is, with which key, on which organization, and how they answer.

use clap::{Arg, ArgAction, ArgMatches};
use claviger_core::id::RoleId;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::client::Server;
use super::table::{Column, table, text};
use super::{Failed, say};

/// Rows that a list shows unless told otherwise.
const ROWS: &str = "100";

/// A server, called for a command.
pub(super) struct Remote {
    pub(super) server: Server,
    organization: Option<String>,
    pub(super) json: bool,
}

#[derive(Deserialize)]
struct MeView {
    organization: IdView,
}

#[derive(Deserialize)]
struct IdView {
    id: String,
}

/// A page as the API answers it, or several that were asked for one after the other.
#[derive(Deserialize, Serialize)]
struct PageView {
    data: Vec<Value>,
    next_cursor: Option<String>,
    /// What a list says besides, such as how many there are.
    #[serde(flatten)]
    besides: Map<String, Value>,
}

/// The flags that every such command takes.
pub(super) fn args() -> [Arg; 4] {
    let flag = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help).global(true)
    };
    [
        flag("url", "URL", "Where Claviger runs").env("CLAVIGER_URL").default_value("http://127.0.0.1:7400"),
        flag("key", "KEY", "The key to call with; better given as the variable CLAVIGER_KEY")
            .env("CLAVIGER_KEY")
            .hide_env_values(true),
        flag("organization", "ID", "The organization to act on [default: the key's own]"),
        Arg::new("json").long("json").action(ArgAction::SetTrue).global(true).help("Answer in JSON, as the API does"),
    ]
}

/// How many rows a list shows.
pub(super) fn limit_arg() -> Arg {
    let number = clap::value_parser!(u32).range(1..);
    Arg::new("limit").long("limit").value_name("ROWS").value_parser(number).default_value(ROWS).help("Rows at most")
}

/// The text of a flag.
pub(super) fn given<'a>(matches: &'a ArgMatches, name: &str) -> Option<&'a str> {
    matches.try_get_one::<String>(name).ok().flatten().map(String::as_str)
}

impl Remote {
    pub(super) fn new(matches: &ArgMatches) -> Result<Self, Failed> {
        let missing = || Failed::new("say with which key to call: --key, or better the variable CLAVIGER_KEY");
        let key = SecretString::from(given(matches, "key").ok_or_else(missing)?);
        Ok(Self {
            server: Server::new(given(matches, "url").unwrap_or_default(), key)?,
            organization: given(matches, "organization").map(str::to_owned),
            json: matches.try_get_one::<bool>("json").ok().flatten().is_some_and(|it| *it),
        })
    }

    /// A path below the organization that the command is about.
    pub(super) async fn path(&self, path: &str) -> Result<String, Failed> {
        let id = match &self.organization {
            Some(id) => id.clone(),
            None => self.server.get::<MeView>("/api/v1/me").await?.organization.id,
        };
        Ok(format!("/api/v1/organizations/{}{path}", escaped(&id)))
    }

    /// The id of a role that was named by id or by name. Names are compared as people read them; where an organization above has a role of
    /// the same name, nobody but the caller can say which is meant.
    pub(super) async fn role_id(&self, role: &str) -> Result<String, Failed> {
        if role.parse::<RoleId>().is_ok() {
            return Ok(role.to_owned());
        }
        let roles = self.rows(&self.path("/roles").await?, usize::MAX).await?.data;
        let is_meant = |it: &&Value| text(it, "/name").to_lowercase() == role.to_lowercase();
        let found: Vec<_> = roles.iter().filter(is_meant).map(|it| text(it, "/id")).collect();
        match found.as_slice() {
            [id] => Ok(id.clone()),
            [] => {
                let names: Vec<_> = roles.iter().map(|it| text(it, "/name")).collect();
                Err(Failed::new(format!("there is no role {role}; there are {}", names.join(", "))))
            }
            _ => Err(Failed::new(format!(
                "{} roles are called {role}; give one's id: {}",
                found.len(),
                found.join(", ")
            ))),
        }
    }

    /// The rows of a list, page after page, up to so many, as one page; what it says besides is as the last one has it.
    async fn rows(&self, path: &str, most: usize) -> Result<PageView, Failed> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let (mut rows, mut after) = (Vec::new(), String::new());
        loop {
            let size = most.saturating_sub(rows.len()).min(100);
            let page: PageView = self.server.get(&format!("{path}{separator}limit={size}{after}")).await?;
            rows.extend(page.data);
            match page.next_cursor {
                Some(cursor) if rows.len() < most => after = format!("&cursor={cursor}"),
                next_cursor => return Ok(PageView { data: rows, next_cursor, ..page }),
            }
        }
    }

    /// Shows a list, up to as many rows as `--limit` says.
    pub(super) async fn list(&self, path: &str, matches: &ArgMatches, columns: &[Column]) -> Result<(), Failed> {
        let most = matches.get_one::<u32>("limit").map_or(usize::MAX, |it| *it as usize);
        let page = self.rows(path, most).await?;
        if self.json {
            return say(&pretty(&json!(page)));
        }
        say(&table(columns, &page.data))?;
        if page.data.is_empty() {
            super::note("There is none.");
        } else if page.next_cursor.is_some() {
            super::note(&format!("These are the first {}; --limit shows more.", page.data.len()));
        }
        Ok(())
    }

    /// Shows one thing: in JSON, or its facts line by line.
    pub(super) fn show(&self, thing: &Value, columns: &[Column]) -> Result<(), Failed> {
        if self.json {
            return say(&pretty(thing));
        }
        let width = columns.iter().map(|(title, _)| title.len()).max().unwrap_or(0);
        let facts = columns.iter().map(|(title, cell)| (title, cell(thing))).filter(|(_, it)| !it.is_empty());
        let lines: Vec<_> = facts.map(|(title, it)| format!("{title:width$}  {it}")).collect();
        say(&lines.join("\n"))
    }
}

pub(super) fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

/// A word as a segment of a path or the value of a query, where nothing but letters, digits and a few marks means itself.
pub(super) fn escaped(text: &str) -> String {
    let plain = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'.' | b'_' | b'~');
    text.bytes().map(|it| if plain(it) { char::from(it).to_string() } else { format!("%{it:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_does_not_leave_its_place_in_a_path() {
        assert_eq!(escaped("../me?a=ü b"), "..%2Fme%3Fa%3D%C3%BC%20b");
        assert_eq!(escaped("key_01kapxb4q0"), "key_01kapxb4q0");
    }
}
