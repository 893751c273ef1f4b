//! `claviger keys`, `orgs` and `roles`: the management API for a terminal and for scripts.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command};
use claviger_core::limits::DAILY_QUOTA_MAX;
use claviger_core::policy::ROTATION_OVERLAP_HOURS_MAX;
use serde_json::{Value, json};

use super::remote::{Remote, escaped, given, limit_arg};
use super::table::{Column, instant, text};
use super::{Failed, note, remote, say};

const COLUMNS: [Column; 8] = [
    ("ID", |it| text(it, "/id")),
    ("NAME", |it| text(it, "/name")),
    ("STATE", state),
    ("ROLE", |it| text(it, "/role/name")),
    ("MAPPED USER", |it| text(it, "/mapped_user/name")),
    ("EXPIRES", |it| instant(it, "/expires_at")),
    ("LAST USE", |it| if it["last_use"].is_null() { "Never".to_owned() } else { instant(it, "/last_use/at") }),
    ("KEY", |it| text(it, "/access_hint")),
];

const FACTS: [Column; 19] = [
    ("id", |it| text(it, "/id")),
    ("name", |it| text(it, "/name")),
    ("description", |it| text(it, "/description")),
    ("organization", |it| text(it, "/organization_id")),
    ("api", |it| text(it, "/api")),
    ("state", |it| match (state(it), text(it, "/blocked")) {
        (state, why) if why.is_empty() => state,
        (state, why) => format!("{state}: {why}"),
    }),
    ("revoked", |it| format!("{} {}", instant(it, "/revocation/at"), text(it, "/revocation/reason")).trim().to_owned()),
    ("role", |it| text(it, "/role/name")),
    ("scopes", |it| list(&it["scopes"])),
    ("owner", |it| text(it, "/owner/name")),
    ("mapped user", |it| text(it, "/mapped_user/name")),
    ("reach", |it| text(it, "/reach")),
    ("rate", |it| text(it, "/limits/rate")),
    ("daily quota", |it| text(it, "/limits/daily_quota")),
    ("expires", |it| instant(it, "/expires_at")),
    ("rotating", rotating),
    ("old secrets", |it| {
        let is_old = |it: &&Value| it["state"] == "retiring";
        let old = it["secrets"].as_array().into_iter().flatten().filter(is_old);
        old.map(|secret| secret_words(it, secret)).collect::<Vec<_>>().join("; ")
    }),
    ("created", |it| instant(it, "/created_at")),
    ("last use", |it| instant(it, "/last_use/at")),
];

/// What a key looks like: `blocked` where it is active and what it hangs on refuses its requests.
fn state(key: &Value) -> String {
    if key["blocked"].is_string() { "blocked".to_owned() } else { text(key, "/state") }
}

/// Until when an old secret works, and whether it is the key that ends then.
fn rotating(key: &Value) -> String {
    match instant(key, "/rotating_until") {
        until if until.is_empty() => until,
        until if key["rotating_until"] == key["expires_at"] => format!("until {until}, when the key expires"),
        until => format!("until {until}"),
    }
}

/// What one of a key's secrets is known by, and what is known of it.
fn secret_words(key: &Value, secret: &Value) -> String {
    let access_key = text(secret, "/access_key");
    let name = if access_key.is_empty() { "imported".to_owned() } else { access_key };
    let until = match instant(secret, "/retiring_until") {
        until if until.is_empty() => until,
        until if secret["retiring_until"] == key["expires_at"] => format!(", good until {until}, when the key expires"),
        until => format!(", good until {until}"),
    };
    let used = match instant(secret, "/last_use/at") {
        at if at.is_empty() => "never used".to_owned(),
        at => format!("last used {at} {}", text(secret, "/last_use/ip")).trim().to_owned(),
    };
    format!("{} ({name}), made {}{until}, {used}", text(secret, "/id"), instant(secret, "/created_at"))
}

const ORGANIZATIONS: [Column; 5] = [
    ("ID", |it| text(it, "/id")),
    ("SLUG", |it| text(it, "/slug")),
    ("NAME", |it| text(it, "/name")),
    ("STATUS", |it| text(it, "/status")),
    ("EXTERNAL ID", |it| text(it, "/external_id")),
];

const ROLES: [Column; 5] = [
    ("ID", |it| text(it, "/id")),
    ("NAME", |it| text(it, "/name")),
    ("BUILT IN", |it| text(it, "/built_in")),
    ("API ACCESS", |it| if it["api_access"] == true { "yes" } else { "no" }.to_owned()),
    ("PERMISSIONS", |it| list(&it["permissions"])),
];

fn list(value: &Value) -> String {
    let texts = value.as_array().into_iter().flatten().filter_map(Value::as_str);
    texts.collect::<Vec<_>>().join(", ")
}

fn flag(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

fn id_arg() -> Arg {
    Arg::new("id").value_name("KEY_ID").required(true).help("The key's id, such as key_01kapxb4q0e8mv5r3g2t9w7yzn")
}

const LAST_REPLACED: &str = "Which one: its id or access key [default: the one that was replaced last]";

fn secret_arg(help: &'static str) -> Arg {
    flag("secret", "SECRET", help)
}

/// `claviger keys …`
pub(super) fn command() -> Command {
    let states = PossibleValuesParser::new(["active", "blocked", "inactive", "expired", "revoked"]);
    let reasons = PossibleValuesParser::new([
        "unspecified",
        "key_compromise",
        "affiliation_changed",
        "superseded",
        "cessation_of_operation",
        "privilege_withdrawn",
    ]);
    let of_one = |name: &'static str, about: &'static str| Command::new(name).about(about).arg(id_arg());
    Command::new("keys")
        .about("Lists, shows, creates, rotates, switches and revokes keys")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .args(remote::args())
        .subcommand(
            Command::new("list")
                .about("Lists the keys of an organization")
                .arg(flag("search", "TEXT", "Part of the name or description, or an access key"))
                .arg(
                    flag("state", "STATE", "Only those in this state [default: all that are not revoked]")
                        .value_parser(states),
                )
                .arg(Arg::new("never-used").long("never-used").action(ArgAction::SetTrue).help("Only those never used"))
                .arg(limit_arg()),
        )
        .subcommand(of_one("show", "Shows one key"))
        .subcommand(
            Command::new("create")
                .about("Creates a key; its secret is shown in the answer, once")
                .arg(Arg::new("name").value_name("NAME").required(true).help("What it is for"))
                .arg(flag("description", "TEXT", "More about it"))
                .arg(flag("role", "ROLE", "Its role: name or id [default: none, it may do what its user may]"))
                .arg(flag("scope", "PERMISSION", "What it is narrowed to; may be repeated").action(ArgAction::Append))
                .arg(flag("expires", "INSTANT", "When it ends, such as 2027-12-31T00:00:00Z"))
                .arg(flag("api", "SLUG", "For which api [default: default]"))
                .arg(flag("mapped-user", "ID", "Whose rights it carries, or nobody [default: yours]"))
                .arg(flag("owner", "ID", "Whom it belongs to, or nobody [default: you]"))
                .arg(flag(
                    "rate",
                    "RATE",
                    "How often it may be used, such as 100/10s, or none [default: as policy says]",
                ))
                .arg(
                    flag("daily-quota", "REQUESTS", "How often in a day (UTC), 0 for any [default: as policy says]")
                        .value_parser(clap::value_parser!(u32).range(0..=i64::from(DAILY_QUOTA_MAX))),
                ),
        )
        .subcommand(
            of_one("rotate", "Gives a key a new secret, which is shown in the answer, once").arg(
                flag("overlap", "SECONDS", "For how long the old secret stays good [default: as policy says]")
                    .value_parser(clap::value_parser!(u32).range(0..=i64::from(ROTATION_OVERLAP_HOURS_MAX) * 3600)),
            ),
        )
        .subcommand(
            of_one("end-rotation", "Ends old secrets of a key before their time")
                .arg(secret_arg("Which one: its id or access key [default: all of them]")),
        )
        .subcommand(
            of_one("extend-rotation", "Lets an old secret of a key be good for longer")
                .arg(
                    flag("until", "INSTANT", "Until when, such as 2027-12-31T00:00:00Z; policy bounds it")
                        .required(true),
                )
                .arg(secret_arg(LAST_REPLACED)),
        )
        .subcommand(
            of_one("cancel-rotation", "Ends the new secret of a key and makes an old one current again")
                .arg(
                    Arg::new("even-if-used")
                        .long("even-if-used")
                        .action(ArgAction::SetTrue)
                        .help("Also where the new secret was used already: what uses it fails then"),
                )
                .arg(secret_arg(LAST_REPLACED)),
        )
        .subcommand(of_one("deactivate", "Switches a key off"))
        .subcommand(of_one("activate", "Switches a key on again"))
        .subcommand(
            of_one("revoke", "Revokes a key, for ever")
                .arg(flag("reason", "REASON", "Why").value_parser(reasons))
                .arg(Arg::new("yes").long("yes").action(ArgAction::SetTrue).help("Do not ask")),
        )
}

/// `claviger orgs …`
pub(super) fn organizations_command() -> Command {
    Command::new("orgs")
        .about("Lists and creates organizations")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .args(remote::args())
        .subcommand(Command::new("list").about("Lists the key's organization and all below it").arg(limit_arg()))
        .subcommand(
            Command::new("create")
                .about("Creates one below")
                .arg(Arg::new("name").value_name("NAME").required(true).help("What people call it"))
                .arg(flag("slug", "SLUG", "Its short name [default: made from the name]"))
                .arg(flag("external-id", "ID", "Your own identifier of it")),
        )
}

/// `claviger roles …`
pub(super) fn roles_command() -> Command {
    Command::new("roles")
        .about("Lists the roles that keys and members can have, and says what a change of one would touch")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .args(remote::args())
        .subcommand(Command::new("list").about("Lists them").arg(limit_arg()))
        .subcommand(
            Command::new("preview")
                .about("Says how many members and keys a change would touch, and changes nothing")
                .arg(Arg::new("role").value_name("ROLE").required(true).help("Which: its name or id"))
                .arg(flag("permission", "PERMISSION", "What it would allow; may be repeated").action(ArgAction::Append))
                .arg(
                    flag("api-access", "BOOLEAN", "Whether its holders could have keys")
                        .value_parser(clap::value_parser!(bool)),
                ),
        )
}

/// What a change of a role would touch; where not all was counted, at least so many.
const TOUCHED: [Column; 5] = [
    ("PERMISSIONS", |it| text(it, "/permissions")),
    ("MEMBERS", |it| at_least(it, "/member_count")),
    ("SUCH AS", |it| names(it, "/members")),
    ("KEYS", |it| at_least(it, "/key_count")),
    ("SUCH AS", |it| names(it, "/keys")),
];

fn at_least(preview: &Value, count: &str) -> String {
    let at_least = if preview["is_partial"] == true { "at least " } else { "" };
    format!("{at_least}{}", text(preview, count))
}

fn names(preview: &Value, list: &str) -> String {
    let named = preview.pointer(list).and_then(Value::as_array).into_iter().flatten();
    named.map(|it| text(it, "/name")).collect::<Vec<_>>().join(", ")
}

pub(super) fn run(matches: &ArgMatches) -> Result<(), Failed> {
    let (name, matches) = matches.subcommand().expect("clap asks for one");
    super::in_runtime(async {
        let remote = Remote::new(matches)?;
        match name {
            "list" => {
                let mut query = Vec::new();
                query.extend(given(matches, "search").map(|it| format!("search={}", escaped(it))));
                query.extend(given(matches, "state").map(|it| match it {
                    "active" => "blocked=false".to_owned(),
                    "blocked" => "blocked=true".to_owned(),
                    other => format!("state={other}"),
                }));
                query.extend(matches.get_flag("never-used").then(|| "never_used=true".to_owned()));
                let path = remote.path("/keys").await?;
                let path = if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) };
                remote.list(&path, matches, &COLUMNS).await
            }
            "create" => create(&remote, matches).await,
            _ => of_one(&remote, name, matches).await,
        }
    })
}

/// What a flag calls nobody: null is what the API calls it. No user's id is that word.
const NOBODY: &str = "nobody";

fn user_or_nobody(user: &str) -> Value {
    if user == NOBODY { Value::Null } else { user.into() }
}

async fn create(remote: &Remote, matches: &ArgMatches) -> Result<(), Failed> {
    let mut body = json!({ "name": given(matches, "name") });
    for (field, flag) in [("description", "description"), ("expires_at", "expires"), ("api", "api")] {
        if let Some(value) = given(matches, flag) {
            body[field] = value.into();
        }
    }
    for (field, flag) in [("mapped_user_id", "mapped-user"), ("owner_id", "owner")] {
        if let Some(user) = given(matches, flag) {
            body[field] = user_or_nobody(user);
        }
    }
    if let Some(role) = given(matches, "role") {
        body["role_id"] = remote.role_id(role).await?.into();
    }
    if let Some(scopes) = matches.get_many::<String>("scope") {
        body["scopes"] = scopes.cloned().collect();
    }
    let (rate, quota) = (given(matches, "rate"), matches.get_one::<u32>("daily-quota"));
    if rate.is_some() || quota.is_some() {
        body["limits"] = json!({ "rate": rate, "daily_quota": quota });
    }
    let made: Value = remote.server.post_once(&remote.path("/keys").await?, &body).await?;
    show_secret(remote, &made)
}

/// The key, and its secret as what can be piped on: it stands alone on standard output.
fn show_secret(remote: &Remote, made: &Value) -> Result<(), Failed> {
    if remote.json {
        return say(&remote::pretty(made));
    }
    // What policy says of seeing it again stands in the answer.
    let (id, name, what_holds) = (text(made, "/key/id"), text(made, "/key/name"), text(made, "/secret_note"));
    note(&format!("{id} \"{name}\". {what_holds}"));
    say(&text(made, "/secret/token"))
}

async fn of_one(remote: &Remote, name: &str, matches: &ArgMatches) -> Result<(), Failed> {
    let id = given(matches, "id").expect("clap requires it");
    let path = remote.path(&format!("/keys/{}", escaped(id))).await?;
    let server = &remote.server;
    let key: Value = match name {
        "show" => server.get(&path).await?,
        "rotate" => {
            let overlap = matches.get_one::<u32>("overlap");
            let body = overlap.map_or_else(|| json!({}), |it| json!({ "overlap_secs": it }));
            let made = server.post_once(&format!("{path}/rotate"), &body).await?;
            show_secret(remote, &made)?;
            if !remote.json && !made["key"]["rotating_until"].is_null() {
                note(&format!("The old secret is good {}.", rotating(&made["key"])));
            }
            return Ok(());
        }
        "end-rotation" | "extend-rotation" | "cancel-rotation" => change_rotation(remote, name, &path, matches).await?,
        "revoke" => {
            let key: Value = server.get(&path).await?;
            if !matches.get_flag("yes") && !super::confirmed(&format!("Revoke \"{}\" for ever?", text(&key, "/name")))?
            {
                return Err(Failed::new("nothing was changed"));
            }
            let body = given(matches, "reason").map_or_else(|| json!({}), |it| json!({ "reason": it }));
            server.post_once(&format!("{path}/revoke"), &body).await?
        }
        _ => server.post_once(&format!("{path}/{name}"), &json!({})).await?,
    };
    remote.show(&key, &FACTS)
}

/// Changes a rotation, and says which secrets that has ended.
async fn change_rotation(remote: &Remote, name: &str, path: &str, matches: &ArgMatches) -> Result<Value, Failed> {
    let mut body = match name {
        "extend-rotation" => json!({ "until": given(matches, "until") }),
        "cancel-rotation" => json!({ "even_if_used": matches.get_flag("even-if-used") }),
        _ => json!({}),
    };
    if let Some(secret) = given(matches, "secret") {
        body["secret_id"] = secret_id(&remote.server.get(path).await?, secret).into();
    }
    let action = name.split('-').next().unwrap_or(name);
    let key: Value = remote.server.post_once(&format!("{path}/rotation/{action}"), &body).await?;
    if !remote.json {
        let ended = key["secrets"].as_array().into_iter().flatten().filter(|it| it["state"] == "dead");
        let ended: Vec<_> = ended.map(|it| secret_words(&key, it)).collect();
        match name {
            "extend-rotation" => {}
            _ if ended.is_empty() => note("No old secret was good any more: nothing has changed."),
            _ => note(&format!("Ended: {}.", ended.join("; "))),
        }
    }
    Ok(key)
}

/// A secret's id, which may be said by its access key.
fn secret_id(key: &Value, said: &str) -> String {
    let mut secrets = key["secrets"].as_array().into_iter().flatten();
    secrets.find(|it| it["access_key"] == said).map_or_else(|| said.to_owned(), |it| text(it, "/id"))
}

pub(super) fn run_organizations(matches: &ArgMatches) -> Result<(), Failed> {
    let (name, matches) = matches.subcommand().expect("clap asks for one");
    super::in_runtime(async {
        let remote = Remote::new(matches)?;
        let path = remote.path("/organizations").await?;
        if name == "list" {
            return remote.list(&path, matches, &ORGANIZATIONS).await;
        }
        let mut body = json!({ "name": given(matches, "name") });
        for (field, flag) in [("slug", "slug"), ("external_id", "external-id")] {
            if let Some(value) = given(matches, flag) {
                body[field] = value.into();
            }
        }
        let made: Value = remote.server.post_once(&path, &body).await?;
        remote.show(&made, &ORGANIZATIONS)
    })
}

pub(super) fn run_roles(matches: &ArgMatches) -> Result<(), Failed> {
    let (name, matches) = matches.subcommand().expect("clap asks for one");
    super::in_runtime(async {
        let remote = Remote::new(matches)?;
        if name == "list" {
            return remote.list(&remote.path("/roles").await?, matches, &ROLES).await;
        }
        let role = remote.role_id(given(matches, "role").expect("clap requires it")).await?;
        let mut change = json!({});
        if let Some(permissions) = matches.get_many::<String>("permission") {
            change["permissions"] = permissions.cloned().collect();
        }
        if let Some(api_access) = matches.get_one::<bool>("api-access") {
            change["api_access"] = (*api_access).into();
        }
        let path = remote.path(&format!("/roles/{}/preview", escaped(&role))).await?;
        let preview: Value = remote.server.post(&path, &change).await?;
        remote.show(&preview, &TOUCHED)
    })
}
