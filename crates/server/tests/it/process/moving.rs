//! `claviger export` and `claviger import --everything`: an installation moves, and its keys go on working.

use std::path::Path;

use serde_json::{Value, json};

use super::{Data, Server, on, prepare, said};
use crate::engine::is_postgres;

async fn verify(server: &Server, caller: &str, token: &str) -> Value {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("{}/api/v1/verify", server.fact("Console"))).bearer_auth(caller);
    request.json(&json!({ "key": token })).send().await.unwrap().json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installation_moves_and_its_keys_go_on_working() {
    moves(Data::embedded(), Data::new().await).await;
    if is_postgres() {
        moves(Data::new().await, Data::embedded()).await;
    }
}

async fn moves(from: Data, to: Data) {
    let prepared = prepare(&from).await;
    let file = from.files().join("everything.jsonl");
    let exported = on(&from, &["export", file.to_str().unwrap()]);
    assert_eq!(exported.status.code(), Some(0), "{}", said(&exported));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains(&prepared.admin_key), "no key in clear");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let piped = on(&from, &["export", "-"]);
    assert_eq!(String::from_utf8(piped.stdout).unwrap().lines().count(), text.lines().count());
    assert!(!std::path::Path::new("-").exists());
    let again = on(&from, &["export", file.to_str().unwrap()]);
    assert!(
        !again.status.success() && said(&again).contains("is there already; name another file"),
        "{}",
        said(&again)
    );

    let imported = on(&to, &["import", "--everything", file.to_str().unwrap()]);
    assert_eq!(imported.status.code(), Some(0), "{}", said(&imported));
    assert!(said(&imported).contains("Copy the old master.key"), "{}", said(&imported));
    let server = Server::on(&to);
    assert_eq!(verify(&server, &prepared.admin_key, &prepared.admin_key).await["allowed"], true);
    drop(server);
    let twice = on(&to, &["import", "--everything", file.to_str().unwrap()]);
    assert!(!twice.status.success() && said(&twice).contains("name an empty database"), "{}", said(&twice));
}

#[tokio::test]
async fn what_cannot_be_moved_is_told_in_one_line() {
    let to = Data::new().await;
    let write = |name: &str, text: &str| {
        let path = to.files().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let cases = [
        (write("keys.csv", "sha256,name\n"), "line 1: no line of an export"),
        (write("empty", ""), "the end is missing"),
        (write("newer", "{\"claviger\":{\"export\":2}}\n"), "line 1: not an export of this version"),
        (to.files().join("missing").to_str().unwrap().to_owned(), "missing: No such file"),
    ];
    for (path, expected) in cases {
        let output = on(&to, &["import", "--everything", &path]);
        let line = said(&output);
        assert!(!output.status.success() && line.contains(expected) && line.lines().count() == 1, "{expected}: {line}");
    }
    let mixed = on(&to, &["import", "--everything", "x", "--role", "readonly"]);
    assert_eq!(mixed.status.code(), Some(2), "{}", said(&mixed));
    assert!(!Path::new(&to.files().join("x")).exists());
}

#[tokio::test]
async fn what_is_no_installation_is_not_exported_and_nothing_is_made() {
    let data = Data::new().await;
    let file = data.files().join("file");
    let nowhere = data.files().join("nowhere");
    let slip = ["export", "--data-dir", nowhere.to_str().unwrap(), file.to_str().unwrap()];
    let slip = super::claviger(&slip).output().unwrap();
    assert!(!slip.status.success() && said(&slip).contains("there is no installation at"), "{}", said(&slip));
    let empty = on(&data, &["export", file.to_str().unwrap()]);
    assert!(!empty.status.success() && said(&empty).contains("there is no installation at"), "{}", said(&empty));
    assert!(!nowhere.exists() && !file.exists());
}

#[cfg(unix)]
#[tokio::test]
async fn a_data_folder_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (from, to) = (Data::embedded(), Data::embedded());
    drop(Server::on(&from));
    let file = from.files().join("file");
    let file = file.to_str().unwrap();
    assert!(on(&from, &["export", file]).status.success());
    let folder = to.files().join("made");
    let import = ["import", "--everything", "--data-dir", folder.to_str().unwrap(), file];
    assert!(super::claviger(&import).output().unwrap().status.success());
    assert_eq!(std::fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn nobody_exports_what_a_service_has_open() {
    let data = Data::embedded();
    let server = Server::on(&data);
    let output = on(&data, &["export", data.files().join("file").to_str().unwrap()]);
    assert!(said(&output).contains("in use by another process: stop it"), "{}", said(&output));
    drop(server);
}
