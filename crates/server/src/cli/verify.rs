//! `claviger verify` and `claviger doctor`: asks about a key, and about a server.

use std::io::{self, IsTerminal, Read};
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};
use claviger_core::time::Clock;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::remote::{self, Remote, given};
use super::table::{Column, instant, table, text};
use super::{Failed, USAGE, say};
use crate::clock::SystemClock;
use crate::metrics::{ENDINGS_AGE, ENDINGS_LEFT_OUT};

/// The exit code of a key that is not good.
const DENIED: u8 = 3;
/// Clocks that differ by more make keys end too early or too late.
const SKEW_MAX_SECS: i64 = 5;
/// It is written every second; what waits for longer waits for somebody.
const ENDINGS_AGE_MAX_SECS: f64 = 60.0;
/// A key is no longer than this.
const KEY_BYTES_MAX: u64 = 8 * 1024;

const TRACE: [Column; 3] = [
    ("CHECK", |it| text(it, "/check")),
    ("FOUND", |it| if it["denied"].is_null() { "ok".to_owned() } else { text(it, "/denied") }),
    ("LACKS", lacking),
];

/// The permissions that a part of the key's rights does not allow.
fn lacking(check: &Value) -> String {
    let asked = check["permissions"].as_array().into_iter().flatten();
    let lacking = asked.filter(|it| it["allowed"] == false).map(|it| text(it, "/permission"));
    lacking.collect::<Vec<_>>().join(", ")
}

pub(super) fn command() -> Command {
    let flag = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("verify")
        .about("Asks whether a key is good, for whom it acts and what it may do")
        .long_about(
            "Asks whether a key is good, for whom it acts and what it may do. The key in question is read from standard input, so that it \
             stands in no list of processes. The exit code is 0 if it is allowed and 3 if it is not.",
        )
        .args(remote::args())
        .arg(flag("permission", "PERMISSION", "What it should be allowed; may be repeated").action(ArgAction::Append))
        .arg(flag("api", "SLUG", "At which api"))
        .arg(
            flag("about", "ORGANIZATION", "For which organization: id, slug or external id; --organization says the same")
                .conflicts_with("organization"),
        )
        .arg(flag("ip", "ADDRESS", "From where"))
        .arg(Arg::new("explain").long("explain").action(ArgAction::SetTrue).help("Show what every check found"))
}

pub(super) fn run(matches: &ArgMatches) -> Result<(), Failed> {
    let mut key = String::new();
    if io::stdin().is_terminal() {
        super::note("Paste the key in question, then Enter and Ctrl-D:");
    }
    io::stdin().take(KEY_BYTES_MAX).read_to_string(&mut key).map_err(Failed::new)?;
    if key.trim().is_empty() {
        let line = "say the key in question on standard input: claviger verify < key.txt";
        return Err(Failed { line: line.to_owned(), code: USAGE });
    }
    let mut body = json!({ "key": key.trim() });
    for (field, flag) in [("api", "api"), ("organization", "about"), ("organization", "organization"), ("ip", "ip")] {
        if let Some(value) = given(matches, flag) {
            body[field] = value.into();
        }
    }
    if let Some(permissions) = matches.get_many::<String>("permission") {
        body["permissions"] = permissions.cloned().collect();
    }
    body["explain"] = matches.get_flag("explain").into();
    super::in_runtime(async {
        let remote = Remote::new(matches)?;
        let answer: Value = remote.server.post("/api/v1/verify", &body).await?;
        show(&remote, &answer)?;
        if answer["allowed"] == true {
            return Ok(());
        }
        Err(Failed { line: format!("denied: {}", text(&answer, "/code")), code: DENIED })
    })
}

/// What is left of a limit: `87 of 100 in 10 s`, `4912 of 5000`.
fn left(answer: &Value, place: &str, period: &str) -> String {
    let Some(limit) = answer.pointer(place).filter(|it| it.is_object()) else { return String::new() };
    let period = limit[period].as_u64().map(|it| format!(" in {it} s")).unwrap_or_default();
    format!("{} of {}{period}", limit["remaining"], limit["requests"])
}

fn show(remote: &Remote, answer: &Value) -> Result<(), Failed> {
    const FACTS: [Column; 9] = [
        ("allowed", |it| text(it, "/allowed")),
        ("code", |it| text(it, "/code")),
        ("key", |it| format!("{} {}", text(it, "/key/id"), text(it, "/key/name")).trim().to_owned()),
        ("organization", |it| text(it, "/organization/slug")),
        ("mapped user", |it| text(it, "/mapped_user/name")),
        ("role", |it| text(it, "/role")),
        ("expires", |it| instant(it, "/key/expires_at")),
        ("rate", |it| left(it, "/limits/rate", "period_secs")),
        ("daily quota", |it| left(it, "/limits/daily_quota", "")),
    ];
    remote.show(answer, &FACTS)?;
    match answer["trace"].as_array() {
        Some(trace) if !remote.json && !trace.is_empty() => say(&format!("\n{}", table(&TRACE, trace))),
        _ => Ok(()),
    }
}

pub(super) fn doctor_command() -> Command {
    Command::new("doctor")
        .about("Looks whether a server lives, is ready, knows the key and the time, hears its other nodes, and writes down what ends")
        .args(remote::args())
}

/// One thing that was looked at: what was found, and the way out where it is wrong.
struct Finding {
    what: &'static str,
    found: Result<String, String>,
}

pub(super) fn doctor(matches: &ArgMatches) -> Result<(), Failed> {
    super::in_runtime(async {
        let url = given(matches, "url").unwrap_or_default().trim_end_matches('/').to_owned();
        let mut findings = vec![];
        let client =
            reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().map_err(Failed::new)?;
        let lives = client.get(format!("{url}/healthz")).send().await;
        findings.push(match &lives {
            Ok(answer) if answer.status().is_success() => Finding { what: "lives", found: Ok(url.clone()) },
            Ok(answer) => {
                let way_out = format!("{} answers {}; is the --url Claviger's?", url, answer.status());
                Finding { what: "lives", found: Err(way_out) }
            }
            Err(error) => Finding { what: "lives", found: Err(super::client::explain(error)) },
        });
        if let Ok(answer) = &lives {
            findings.push(Finding { what: "time", found: skew(answer) });
            let ready = client.get(format!("{url}/readyz")).send().await;
            let found = match ready {
                Ok(answer) if answer.status().is_success() => Ok("it knows every key".to_owned()),
                Ok(answer) => Err(answer.text().await.unwrap_or_default().trim().to_owned()),
                Err(error) => Err(super::client::explain(&error)),
            };
            findings.push(Finding { what: "ready", found });
            findings.push(Finding { what: "key", found: key(matches).await });
            findings.extend(nodes(matches).await.map(|found| Finding { what: "nodes", found }));
            findings.extend(master_key(matches).await.map(|found| Finding { what: "master", found }));
            findings.extend(endings(matches).await.map(|found| Finding { what: "ended", found }));
        }
        say(&if matches.get_flag("json") { remote::pretty(&in_json(&url, &findings)) } else { in_lines(&findings) })?;
        match findings.iter().filter(|it| it.found.is_err()).count() {
            0 => Ok(()),
            wrong => Err(Failed::new(format!("{wrong} of {} things are wrong", findings.len()))),
        }
    })
}

fn in_lines(findings: &[Finding]) -> String {
    let shown = findings.iter().map(|it| match &it.found {
        Ok(found) => format!("ok  {:6} {found}", it.what),
        Err(way_out) => format!("NO  {:6} {way_out}", it.what),
    });
    shown.collect::<Vec<_>>().join("\n")
}

/// What monitoring reads: whether all is well, and each finding with its word, whether it is well, and a sentence.
fn in_json(url: &str, findings: &[Finding]) -> Value {
    let is_well = findings.iter().all(|it| it.found.is_ok());
    let shown = findings.iter().map(|it| {
        let (Ok(detail) | Err(detail)) = &it.found;
        json!({ "check": it.what, "ok": it.found.is_ok(), "detail": detail })
    });
    json!({ "url": url, "ok": is_well, "findings": shown.collect::<Vec<_>>() })
}

/// How far its clock and this machine's are apart.
fn skew(answer: &reqwest::Response) -> Result<String, String> {
    let date = answer.headers().get("date").and_then(|it| it.to_str().ok());
    let theirs: Option<Timestamp> = date.and_then(|it| jiff::fmt::rfc2822::parse(it).ok()).map(|it| it.timestamp());
    let Some(theirs) = theirs else { return Err("its answer has no Date".to_owned()) };
    let apart = SystemClock.now().as_micros() / 1_000_000 - theirs.as_second();
    if apart.abs() <= SKEW_MAX_SECS {
        return Ok(format!("clocks are {} s apart", apart.abs()));
    }
    Err(format!("clocks are {} s apart: synchronise them, or keys end too early or too late", apart.abs()))
}

async fn key(matches: &ArgMatches) -> Result<String, String> {
    let remote = Remote::new(matches).map_err(|it| it.line)?;
    let me: Value = remote.server.get("/api/v1/me").await.map_err(|it| it.line)?;
    let held = me["permissions"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let permissions = held.collect::<Vec<_>>().join(", ");
    let permissions = if permissions.is_empty() { "nothing".to_owned() } else { permissions };
    Ok(format!("\"{}\" of {}, may {permissions}", text(&me, "/key/name"), text(&me, "/organization/slug")))
}

/// Whether all nodes live and know of every change; nothing where the key may not see them.
async fn nodes(matches: &ArgMatches) -> Option<Result<String, String>> {
    let remote = Remote::new(matches).ok()?;
    let mut found = Err(String::new());
    for again in [true, false] {
        let nodes: Value = match remote.server.get("/api/v1/nodes").await {
            Ok(nodes) => nodes,
            Err(failed) if ["403", "404"].iter().any(|it| failed.line.starts_with(it)) => return None,
            Err(failed) => return Some(Err(failed.line)),
        };
        found = judged(nodes["data"].as_array().map_or(&[], Vec::as_slice));
        if found.is_ok() || !again {
            break;
        }
        // While changes are being made somebody is behind at every moment, and nobody for a second.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Some(found)
}

/// Whether the node that answers holds the installation's master key, and nothing is wrapped by a former one; nothing where the key may not see it.
async fn master_key(matches: &ArgMatches) -> Option<Result<String, String>> {
    let remote = Remote::new(matches).ok()?;
    match remote.server.get::<Value>("/api/v1/master-key").await {
        Ok(found) => Some(judged_master_key(&found)),
        Err(failed) if ["403", "404"].iter().any(|it| failed.line.starts_with(it)) => None,
        Err(failed) => Some(Err(failed.line)),
    }
}

/// Whether the node that answers writes down what ends; nothing where it keeps no log of that, or the key may not read its metrics.
async fn endings(matches: &ArgMatches) -> Option<Result<String, String>> {
    judged_endings(&Remote::new(matches).ok()?.server.text("/metrics").await?)
}

/// What is to be said of the log of endings.
fn judged_endings(metrics: &str) -> Option<Result<String, String>> {
    let value = |name: &str| -> Option<f64> {
        let name = format!("claviger_{name} ");
        metrics.lines().find_map(|it| it.strip_prefix(&name))?.trim().parse().ok()
    };
    let (age, left_out) = (value(ENDINGS_AGE)?, value(ENDINGS_LEFT_OUT).unwrap_or_default());
    Some(if age > ENDINGS_AGE_MAX_SECS {
        Err(format!(
            "what has ended in the last {age:.0} s is not written into the log of endings, and a restore would not know of it: the service's own log says why"
        ))
    } else if left_out > 0.0 {
        Err(format!(
            "since the service began the log of endings was not told of {left_out:.0} things whose rows cannot be read: the service's own log names them; revoke them again after a restore"
        ))
    } else {
        Ok(format!("all that had ended {age:.0} s ago is in the log of endings"))
    })
}

/// What is to be said of the master key.
fn judged_master_key(found: &Value) -> Result<String, String> {
    let present = text(found, "/present");
    let held = found["held"].as_array().is_some_and(|it| it.contains(&found["present"]));
    match found["wrapped_by_others"].as_u64() {
        _ if found["present"].is_null() => Ok("nothing was ever sealed".to_owned()),
        _ if !held => {
            Err(format!("this node has not the master key {present}: copy master.key here from another node"))
        }
        Some(0) => Ok(format!("all is wrapped by {present}")),
        left => Err(format!(
            "{} data keys are wrapped by another master key than {present}: a rotation was not ended; run `claviger master-key rotate` again",
            left.unwrap_or_default()
        )),
    }
}

/// What is to be said of the nodes.
fn judged(nodes: &[Value]) -> Result<String, String> {
    let wrong = nodes.iter().filter_map(|it| {
        let name = text(it, "/name");
        let behind = it["behind"].as_u64();
        match (text(it, "/state").as_str(), behind) {
            ("lost", _) => {
                Some(format!("{name} was last heard at {} UTC; restart it", instant(it, "/last_contact_at")))
            }
            (_, Some(0)) => None,
            (_, None) => Some(format!("{name} still loads")),
            (_, Some(behind)) => Some(format!("{name} has not confirmed the last {behind} changes")),
        }
    });
    let wrong: Vec<_> = wrong.collect();
    if wrong.is_empty() { Ok(format!("{} live and know of every change", nodes.len())) } else { Err(wrong.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_master_key_that_is_not_here_and_one_that_was_half_replaced_are_told() {
        let said = |present: Value, held: &[&str], left: u64| {
            judged_master_key(&json!({ "present": present, "held": held, "wrapped_by_others": left }))
        };
        assert!(said(Value::Null, &["a"], 0).is_ok());
        assert_eq!(said("a".into(), &["b", "a"], 0), Ok("all is wrapped by a".to_owned()));
        assert!(said("a".into(), &["b"], 0).is_err_and(|it| it.contains("copy master.key here")));
        assert!(said("a".into(), &["a"], 7).is_err_and(|it| it.starts_with("7 data keys")));
    }

    #[test]
    fn a_log_of_endings_that_stands_still_or_lacks_something_is_told_and_none_is_no_fault() {
        let metrics = |age: &str, left_out: u64| {
            format!(
                "# TYPE x gauge\nclaviger_endings_age_seconds {age}\nclaviger_endings_left_out {left_out}.0\n# EOF\n"
            )
        };
        let well = "all that had ended 1 s ago is in the log of endings".to_owned();
        assert_eq!(judged_endings(&metrics("0.75", 0)), Some(Ok(well)));
        assert!(judged_endings(&metrics("61.5", 0)).is_some_and(|it| it.is_err_and(|it| it.contains("last 62 s"))));
        assert!(
            judged_endings(&metrics("0.5", 2))
                .is_some_and(|it| it.is_err_and(|it| it.contains("not told of 2 things")))
        );
        assert_eq!(judged_endings("claviger_replica_keys 1.0\n"), None);
    }

    #[test]
    fn a_node_that_is_lost_or_behind_is_named() {
        let node = |name: &str, state: &str, behind: Value| json!({ "name": name, "state": state, "behind": behind, "last_contact_at": "2027-01-01T00:00:00Z" });
        let well = [node("a", "live", 0.into()), node("b", "live", 0.into())];
        assert_eq!(judged(&well), Ok("2 live and know of every change".to_owned()));
        let ill = [node("a", "live", 3.into()), node("b", "lost", 0.into()), node("c", "live", Value::Null)];
        let said = "a has not confirmed the last 3 changes; b was last heard at 2027-01-01 00:00:00 UTC; restart it; c still loads";
        assert_eq!(judged(&ill), Err(said.to_owned()));
    }
}
