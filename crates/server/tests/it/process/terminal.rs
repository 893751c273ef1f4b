//! The commands that call a running server: what they print, for people and for pipes, and how they end.

use std::io::Write;
use std::process::{Output, Stdio};
use std::time::Duration;

use claviger_core::time::Timestamp;
use serde_json::Value;

use super::{Data, Prepared, Server, claviger, prepare};

struct Terminal {
    server: Server,
    prepared: Prepared,
    /// Kept as long as the server runs.
    data: Data,
}

impl Terminal {
    async fn start() -> Self {
        let data = Data::new().await;
        let prepared = prepare(&data).await;
        Self { server: Server::on(&data), prepared, data }
    }

    /// Runs a command with a key in its environment and a text on its standard input.
    fn run_with(&self, arguments: &[&str], input: &str) -> Output {
        let url = self.server.fact("Console").to_owned();
        let mut command = claviger(&[arguments, &["--url", &url]].concat());
        command.env("CLAVIGER_KEY", &self.prepared.admin_key);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// What a command that goes well prints.
    fn run(&self, arguments: &[&str]) -> String {
        let output = self.run_with(arguments, "");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.run(&[arguments, &["--json"]].concat())).unwrap()
    }

    /// The path of a new file that holds this.
    fn prepared_file(&self, text: &str) -> String {
        let path = self.data.files().join("keys.csv");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// How a command that is refused ends: its code and its line.
    fn refused(&self, arguments: &[&str], input: &str) -> (i32, String) {
        let output = self.run_with(arguments, input);
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap().trim_end().to_owned())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_lives_its_whole_life_at_the_terminal() {
    let it = Terminal::start().await;
    // The secret stands alone on standard output, for a pipe.
    let token = it.run(&["keys", "create", "Nightly \u{fc}", "--role", "readonly", "--scope", "contacts:read"]);
    assert!(token.starts_with("ck_") && !token.contains(char::is_whitespace), "{token}");
    let note = String::from_utf8(it.run_with(&["keys", "create", "Noted"], "").stderr).unwrap();
    assert!(note.contains("only where the policy `reveal` allows that"), "{note}");
    let listed = it.json(&["keys", "list", "--search", "nightly"]);
    let key = &listed["data"][0];
    let id = key["id"].as_str().unwrap();
    assert_eq!((&key["role"]["name"], &key["scopes"][0]), (&"readonly".into(), &"contacts:read".into()));
    let table = it.run(&["keys", "list"]);
    let row = table.lines().find(|it| it.contains("Nightly \u{fc}")).unwrap();
    assert!(row.starts_with(id) && row.contains("active") && row.contains("Never"), "{table}");
    assert!(it.run(&["keys", "show", id]).contains("scopes        contacts:read"));

    let asked = it.run_with(&["verify", "--permission", "contacts:read"], &token);
    assert_eq!(asked.status.code(), Some(0), "{asked:?}");
    let explained = it.run_with(&["verify", "--permission", "contacts:update", "--explain"], &token);
    let text = String::from_utf8(explained.stdout).unwrap();
    assert!(explained.status.code() == Some(3) && text.contains("contacts:update"), "{text}");

    let spare = it.run(&["keys", "rotate", id, "--overlap", "3600"]);
    assert!(it.run(&["keys", "show", id]).contains("until 20"));
    let until: Timestamp = it.json(&["keys", "show", id])["rotating_until"].as_str().unwrap().parse().unwrap();
    let later = until.saturating_add(Duration::from_secs(3600)).to_string();
    assert_eq!(it.json(&["keys", "extend-rotation", id, "--until", &later])["rotating_until"], later);
    it.run(&["keys", "cancel-rotation", id]);
    assert_eq!(it.refused(&["verify"], &spare), (3, "claviger: denied: revoked".to_owned()));
    let second = it.run(&["keys", "rotate", id, "--overlap", "3600"]);
    let third = it.run(&["keys", "rotate", id, "--overlap", "7200"]);
    let replaced = it.json(&["keys", "show", id])["secrets"][1]["access_key"].as_str().unwrap().to_owned();
    assert!(it.run(&["keys", "show", id]).contains(&format!("({replaced}), made 20")), "each old secret is named");
    let ended = it.run_with(&["keys", "end-rotation", id, "--secret", &replaced], "");
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("Ended: sec_") && said.contains(&format!("({replaced}), made 20")), "{said}");
    assert!(said.contains(", last used 20") || said.contains(", never used"), "{said}");
    assert_eq!(it.refused(&["verify"], &second), (3, "claviger: denied: revoked".to_owned()));
    assert_eq!([&token, &third].map(|token| it.run_with(&["verify"], token).status.code()), [Some(0); 2]);
    it.run(&["keys", "end-rotation", id]);
    assert_eq!(it.run_with(&["verify"], &third).status.code(), Some(0));
    assert_eq!(it.refused(&["verify"], &token), (3, "claviger: denied: revoked".to_owned()));
    let rotated = it.run(&["keys", "rotate", id, "--overlap", "0"]);
    assert_eq!(it.refused(&["verify"], &token), (3, "claviger: denied: revoked".to_owned()));
    it.run(&["keys", "deactivate", id]);
    assert_eq!(it.refused(&["verify"], &rotated), (3, "claviger: denied: inactive".to_owned()));
    it.run(&["keys", "activate", id]);
    let (code, line) = it.refused(&["keys", "revoke", id], "");
    assert!(code == 1 && line.ends_with("add --yes"), "{line}");
    assert_eq!(it.run_with(&["verify"], &rotated).status.code(), Some(0), "it was only asked");
    assert!(it.run(&["keys", "revoke", id, "--yes", "--reason", "superseded"]).contains("revoked"));
    assert_eq!(it.refused(&["verify"], &rotated), (3, "claviger: denied: revoked".to_owned()));
    let shown = it.run(&["keys", "show", id]);
    let revoked = shown.lines().find(|it| it.starts_with("revoked ")).unwrap_or_else(|| panic!("{shown}"));
    assert!(revoked.ends_with(" superseded") && revoked.contains("20"), "{revoked}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_can_belong_to_nobody_and_be_mapped_to_nobody() {
    let it = Terminal::start().await;
    let of = |name: &str| it.json(&["keys", "list", "--search", name])["data"][0].clone();
    it.run(&["keys", "create", "Ownerless", "--owner", "nobody"]);
    assert!(of("ownerless")["owner"].is_null() && of("ownerless")["mapped_user"].is_object());
    let token = it.run(&["keys", "create", "Unmapped", "--mapped-user", "nobody", "--role", "readonly"]);
    assert!(of("unmapped")["mapped_user"].is_null() && of("unmapped")["owner"].is_object());
    assert_eq!(it.run_with(&["verify", "--permission", "contacts:read"], &token).status.code(), Some(0));
    let me = of("unmapped")["owner"]["id"].as_str().unwrap().to_owned();
    it.run(&["keys", "create", "Mine", "--owner", &me, "--mapped-user", &me]);
    assert_eq!(of("mine")["owner"]["id"], me.as_str());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verify_asks_for_the_organization_that_either_flag_names_and_for_a_key() {
    let it = Terminal::start().await;
    it.run(&["orgs", "create", "North"]);
    let key = it.prepared.admin_key.clone();
    for flag in ["--organization", "--about"] {
        let (code, line) = it.refused(&["verify", flag, "nowhere"], &key);
        assert_eq!((code, line.as_str()), (3, "claviger: denied: out_of_reach"), "{flag}");
    }
    let both = it.refused(&["verify", "--about", "north", "--organization", "north"], &key);
    assert!(both.0 == 2 && both.1.contains("cannot be used with"), "{both:?}");
    let nothing = it.refused(&["verify"], " \n");
    let line = "claviger: say the key in question on standard input: claviger verify < key.txt";
    assert_eq!(nothing, (2, line.to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_say_when_there_is_more_and_refusals_what_to_do() {
    let it = Terminal::start().await;
    let count = |listed: &Value| listed["data"].as_array().unwrap().len();
    let before = count(&it.json(&["orgs", "list"]));
    for name in ["North", "South"] {
        assert!(it.run(&["orgs", "create", name]).contains(&name.to_lowercase()));
    }
    let output = it.run_with(&["orgs", "list", "--limit", "1"], "");
    let (rows, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(rows.lines().count() == 2 && said.contains("--limit shows more"), "{rows}{said}");
    assert_eq!(count(&it.json(&["orgs", "list"])), before + 2);
    // As the API answers: the rows, and where the list goes on.
    let cut = it.json(&["orgs", "list", "--limit", "1"]);
    assert!(count(&cut) == 1 && cut["next_cursor"].is_string(), "{cut}");
    for list in [["orgs", "list"], ["roles", "list"], ["keys", "list"]] {
        let whole = it.json(&list);
        assert!(count(&whole) > 0 && whole.get("next_cursor").is_some_and(Value::is_null), "{whole}");
    }
    let keys = it.json(&["keys", "list"]);
    assert_eq!((keys["total"].as_u64(), &keys["total_is_exact"]), (Some(count(&keys) as u64), &true.into()), "{keys}");
    assert!(it.run(&["roles", "list"]).contains("*:read"));
    assert!(it.run(&["doctor"]).lines().all(|it| it.starts_with("ok  ")));
    for shell in ["bash", "zsh", "fish"] {
        let output = claviger(&["completions", shell]).output().unwrap();
        assert!(output.status.success() && String::from_utf8(output.stdout).unwrap().contains("doctor"), "{shell}");
    }

    let cases: [(&[&str], i32, &str); 10] = [
        (&["roles", "preview", "nobody"], 1, "claviger: there is no role nobody; there are"),
        (&["keys", "show", "../me"], 1, "404 Not Found: not_found"),
        (&["keys", "create", "x", "--role", "nobody"], 1, "there is no role nobody; there are"),
        (&["keys", "create", ""], 1, "400 Bad Request: invalid_field"),
        (&["keys", "list", "--key", "ck_wrong"], 1, "401 Unauthorized: unauthenticated"),
        (&["keys", "create", "x", "--daily-quota=-1"], 2, "-1 is not in 0..=1000000000"),
        (&["keys", "create", "x", "--daily-quota", "2000000000"], 2, "2000000000 is not in 0..=1000000000"),
        (&["keys", "rotate", "x", "--overlap", "2592001"], 2, "2592001 is not in 0..=2592000"),
        (&["keys", "list", "--state", "asleep"], 2, "invalid value 'asleep'"),
        (&["orgs", "list", "--organization", "org_01kapxb4q0e8mv5r3g2t9w7yzn"], 1, "404 Not Found"),
    ];
    for (arguments, code, expected) in cases {
        let (found, line) = it.refused(arguments, "");
        assert!(found == code && line.contains(expected) && line.lines().count() == 1, "{arguments:?}: {found} {line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doctor_tells_monitoring_in_json_what_it_tells_people() {
    let it = Terminal::start().await;
    let well = it.json(&["doctor"]);
    let checks = |found: &Value| found["findings"].as_array().unwrap().clone();
    assert_eq!(well["ok"], true, "{well}");
    assert!(checks(&well).iter().all(|it| it["ok"] == true && it["detail"].is_string()), "{well}");
    assert!(["lives", "time", "ready", "key"].iter().all(|word| checks(&well).iter().any(|it| it["check"] == *word)));

    let output = it.run_with(&["doctor", "--json", "--key", "ck_wrong"], "");
    let ill: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &ill["ok"]), (Some(1), &Value::Bool(false)));
    let wrong: Vec<_> = checks(&ill).into_iter().filter(|it| it["ok"] == false).collect();
    assert!(wrong[0]["check"] == "key" && wrong[0]["detail"].as_str().unwrap().contains("unauthenticated"), "{ill}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_client_command_calls_where_a_variable_says() {
    let it = Terminal::start().await;
    let file = it.prepared_file("sha256,name\n");
    let commands: [&[&str]; 5] = [
        &["keys", "list"],
        &["orgs", "list"],
        &["roles", "list"],
        &["doctor"],
        &["import", &file, "--role", "readonly"],
    ];
    for arguments in commands {
        let call = |url: &str| {
            let mut command = claviger(arguments);
            command.env("CLAVIGER_KEY", &it.prepared.admin_key).env("CLAVIGER_URL", url).output().unwrap()
        };
        let elsewhere = call("http://127.0.0.1:9");
        let said = [elsewhere.stdout, elsewhere.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert!(!elsewhere.status.success() && said.contains("--url or CLAVIGER_URL says where else"), "{said}");
        let there = call(it.server.fact("Console"));
        assert!(there.status.success(), "{arguments:?}: {there:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_event_tells_is_erased_at_the_terminal_after_a_yes() {
    let it = Terminal::start().await;
    it.run(&["keys", "create", "Canary of Maria", "--role", "readonly"]);
    let url = format!("{}/api/v1/organizations/{}/events?limit=1", it.server.fact("Console"), it.prepared.organization);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let newest = async || -> Value {
        let request = client.get(&url).bearer_auth(&it.prepared.admin_key);
        request.send().await.unwrap().json::<Value>().await.unwrap()["data"][0].clone()
    };
    let told = newest().await;
    assert_eq!(told["after"]["name"], "Canary of Maria");
    let id = told["id"].as_str().unwrap();
    let (code, line) = it.refused(&["audit", "erase", id, "--reason", "Request 4711"], "");
    assert!(code == 1 && line.contains("add --yes"), "{line}");
    let erase = ["audit", "erase", id, "--reason", "Request 4711", "--yes"];
    assert_eq!(it.run(&erase), "What it told is erased.");
    let said = newest().await;
    assert_eq!((&said["operation"], &said["after"]["reason"]), (&"event.erased".into(), &"Request 4711".into()));
    assert_eq!(it.run(&erase), "It was erased before; nothing was changed.");
    assert_eq!(it.json(&erase)["outcome"], "already_erased");
    let (code, line) = it.refused(&["audit", "erase", said["id"].as_str().unwrap(), "--reason", "x", "--yes"], "");
    assert!(code == 1 && line.contains("says why another one was erased"), "{line}");
}
