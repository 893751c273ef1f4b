//! Starting and stopping.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use claviger::app::system_randomness;
use claviger_core::tenant::Tenant;
use claviger_store::keys::{KeyFilter, KeySort};
use claviger_store::{Options, PageRequest, Store};
use serde_json::Value;

use super::{Folder, Server, open_to_others, run};
use crate::app::now;

async fn get(url: &str) -> (u16, String) {
    let answer = reqwest::Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn first_start_prints_a_curl_line_that_verifies() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let line = format!("curl --silent --fail-with-body {}", server.fact("curl "));
    let output = Command::new("sh").args(["-c", &line]).output().expect("curl is there");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!((&answer["allowed"], &answer["key"]["name"]), (&Value::Bool(true), &"First key".into()), "{answer}");

    let console = server.fact("Console");
    let link = server.fact(&format!("{console}/setup/"));
    let (status, page) = get(&format!("{console}/setup/{link}")).await;
    assert_eq!(status, 200, "{page}");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&data), mode(&data.join("master.key"))), (0o700, 0o600));
}

#[tokio::test]
async fn a_restart_says_where_it_runs_and_keeps_what_was_there() {
    let folder = Folder::new();
    // It was there, open to others, who read nothing that is put into it.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut server = Server::start(folder.path());
    assert!(folder.path().join("claviger.db-wal").is_file());
    assert_eq!(open_to_others(folder.path()), Vec::<PathBuf>::new());
    let key = server.fact("curl ").split("\"key\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(server.terminate(), Some(0));
    // As a copy from elsewhere may have left them.
    for name in ["endings.jsonl", "usage.db"] {
        fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(0o644)).unwrap();
    }
    let server = Server::start(folder.path());
    assert_eq!(open_to_others(folder.path()), Vec::<PathBuf>::new());
    assert!(!server.greeting.contains(&key) && !server.greeting.contains("curl "), "{}", server.greeting);
    assert!(server.greeting.contains("/setup/"), "nobody has claimed it: {}", server.greeting);
    let link = server.fact(&format!("{}/setup/", server.fact("Console")));
    assert_eq!(get(&format!("{}/setup/{link}", server.fact("Console"))).await.0, 200, "the new link is good");
    assert!(server.greeting.contains("The first key was shown once, at the first start"), "{}", server.greeting);
    let url = format!("{}/api/v1/me", server.fact("Console"));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(url).bearer_auth(&key).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn operators_ask_whether_it_lives_is_ready_and_what_it_counts() {
    let folder = Folder::new();
    let server = Server::start(folder.path());
    let console = server.fact("Console");
    assert_eq!(get(&format!("{console}/healthz")).await, (200, "ok\n".to_owned()));
    assert_eq!(get(&format!("{console}/readyz")).await, (200, "ready\n".to_owned()));
    let (status, metrics) = get(&format!("{console}/metrics")).await;
    assert_eq!(status, 200);
    for line in ["claviger_replica_keys 1.0", "claviger_decisions_total{code=\"allowed\"} 0", "# EOF"] {
        assert!(metrics.lines().any(|it| it == line), "{line} in\n{metrics}");
    }
}

// A use is counted in memory; a stop in good order loses none.
#[tokio::test]
async fn an_orderly_stop_writes_down_what_was_used() {
    let folder = Folder::new();
    let mut server = Server::start(folder.path());
    let line = format!("curl --silent {}", server.fact("curl "));
    assert!(Command::new("sh").args(["-c", &line]).output().unwrap().status.success());
    assert_eq!(server.terminate(), Some(0));

    let store = Store::open(folder.path(), Options::default(), system_randomness()()).await.unwrap();
    let mut reader = store.read().await.unwrap();
    let root = reader.find_installation_unchecked().await.unwrap().unwrap().root_organization_id;
    let tenant = Tenant::system(root, "test");
    let page = PageRequest::default();
    let keys = reader.page_keys(&tenant, &KeyFilter::default(), KeySort::Created, &page, now()).await.unwrap();
    assert!(keys.rows[0].last_used_at.is_some(), "{:?}", keys.rows);
}

#[tokio::test]
async fn what_is_wrong_stops_the_start_with_one_line() {
    let folder = Folder::new();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("a-file"), "x").unwrap();
    fs::write(path("wrong.toml"), "lisen = '127.0.0.1:1'").unwrap();
    fs::create_dir(path("open")).unwrap();
    fs::write(path("open/master.key"), "claviger-master-key 00 AA").unwrap();
    fs::set_permissions(path("open/master.key"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::create_dir(path("cut")).unwrap();
    fs::write(path("cut/master.key"), "claviger-master-key 00").unwrap();
    fs::set_permissions(path("cut/master.key"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::create_dir(path("broken")).unwrap();
    fs::write(path("broken/claviger.db"), "this is no database, and was never meant to be one".repeat(100)).unwrap();
    fs::set_permissions(path("broken/claviger.db"), fs::Permissions::from_mode(0o600)).unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let running = Server::start(&folder.path().join("running"));
    let free = ["--listen", "127.0.0.1:0", "--authz-listen", "127.0.0.1:0"];
    let serve = |more: &[&str]| [&["serve"], &free[..], more].concat().iter().map(|it| (*it).to_owned()).collect();
    let cases: [(Vec<String>, &str); 10] = [
        (serve(&["--data-dir", &path("running")]), "is in use by another process"),
        (serve(&["--data-dir", &path("a-file")]), "name a folder"),
        (serve(&["--data-dir", &path("open")]), "chmod 600"),
        (serve(&["--data-dir", &path("cut")]), "master.key is damaged: put its backup in its place"),
        (serve(&["--data-dir", &path("broken")]), "broken"),
        (serve(&["--config", &path("wrong.toml")]), "did you mean listen?"),
        (serve(&["--config", &path("missing.toml")]), "cannot be read"),
        (serve(&["--organization", ""]), "--organization"),
        (["serve", "--listen", &taken].map(str::to_owned).to_vec(), "something listens there already"),
        (["serve", "--listen", "0.0.0.0:0"].map(str::to_owned).to_vec(), "--public-url"),
    ];
    for (arguments, part) in cases {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let output =
            tokio::time::timeout(Duration::from_secs(20), async { run(&arguments, folder.path()) }).await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}: {said}");
        assert!(said.contains(part) && said.starts_with("claviger: "), "{arguments:?} says `{said}` and not `{part}`");
        assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
    }
    drop(running);
}
