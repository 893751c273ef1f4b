//! `claviger import`: a CSV of digests through the API of a running server.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Output;

use claviger_core::secret::Digest;
use data_encoding::HEXLOWER;
use serde_json::Value;

use super::{Folder, Prepared, Server, prepare, run};

fn digest(token: &str) -> String {
    HEXLOWER.encode(Digest::of_token(token.as_bytes()).as_bytes())
}

fn import(file: &Path, server: &Server, prepared: &Prepared) -> Output {
    let (url, role) = (server.fact("Console").to_owned(), prepared.readonly.to_string());
    let arguments = [file.to_str().unwrap(), "--url", &url, "--key", &prepared.admin_key, "--role", &role];
    run(&[&["import"], &arguments[..]].concat(), file.parent().unwrap())
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

async fn verify(server: &Server, prepared: &Prepared, token: &str) -> Value {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("{}/api/v1/verify", server.fact("Console"))).bearer_auth(&prepared.admin_key);
    request.json(&serde_json::json!({ "key": token })).send().await.unwrap().json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_imported_bad_lines_are_named_and_it_goes_on_where_it_stopped() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let prepared = prepare(&data).await;
    let server = Server::start(&data);
    let mut text = "sha256,name,expires_at\n".to_owned();
    for number in 2..=2500 {
        match number {
            700 => text.push_str("no digest,Broken,\n"),
            1800 => writeln!(text, "{},Late,2001-01-01T00:00:00Z", digest("late")).unwrap(),
            _ => writeln!(text, "{},\"Customer, {number}\",", digest(&format!("legacy-{number}"))).unwrap(),
        }
    }
    let file = folder.path().join("keys.csv");
    std::fs::write(&file, &text).unwrap();
    let output = import(&file, &server, &prepared);
    assert!(output.status.success(), "{}", said(&output));
    for line in [
        "line 700: sha256 is no SHA-256 in hex or base64",
        "line 1800: expires_at has passed",
        "2497 imported, 0 were there already, 2 not taken.",
    ] {
        assert!(said(&output).lines().any(|it| it == line), "{line} in\n{}", said(&output));
    }
    assert_eq!(verify(&server, &prepared, "legacy-2500").await["allowed"], true);
    assert_eq!(verify(&server, &prepared, "late").await["code"], "not_found");

    // The same file again has nothing left to do, and says so; a longer one knows what is there.
    let output = import(&file, &server, &prepared);
    assert!(said(&output).contains("Going on behind line 2500"), "{}", said(&output));
    writeln!(text, "{},One more,", digest("one-more")).unwrap();
    std::fs::write(&file, &text).unwrap();
    let output = import(&file, &server, &prepared);
    assert!(said(&output).contains("1 imported, 2497 were there already, 2 not taken."), "{}", said(&output));
    assert_eq!(verify(&server, &prepared, "one-more").await["key"]["name"], "One more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_imported_is_told_in_one_line() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let prepared = prepare(&data).await;
    let server = Server::start(&data);
    let file = folder.path().join("keys.csv");
    let tell = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let output = import(&file, &server, &prepared);
        assert!(!output.status.success());
        said(&output)
    };
    for (text, part) in [("sha256,nmae\n", "unknown column `nmae`"), ("name\nx\n", "there is no column sha256")] {
        let line = tell(text);
        assert!(line.contains(part) && line.lines().count() == 1, "{line}");
    }
    let missing = import(&folder.path().join("missing.csv"), &server, &prepared);
    assert!(said(&missing).contains("missing.csv"), "{}", said(&missing));
    let stranger = Prepared { admin_key: "ck_nobody".to_owned(), ..prepared };
    std::fs::write(&file, "sha256\n").unwrap();
    let refused = import(&file, &server, &stranger);
    assert!(said(&refused).contains("401") && said(&refused).lines().count() == 1, "{}", said(&refused));
}
