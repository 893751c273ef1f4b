//! `claviger import`: a CSV of digests through the API of a running server.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Output;

use claviger_core::secret::Digest;
use data_encoding::HEXLOWER;
use serde_json::Value;

use super::{Data, Prepared, Server, prepare, run};

fn digest(token: &str) -> String {
    HEXLOWER.encode(Digest::of_token(token.as_bytes()).as_bytes())
}

fn import(file: &Path, server: &Server, prepared: &Prepared) -> Output {
    import_as(file, server, prepared, &prepared.readonly.to_string())
}

fn import_as(file: &Path, server: &Server, prepared: &Prepared, role: &str) -> Output {
    let url = server.fact("Console").to_owned();
    let arguments = [file.to_str().unwrap(), "--url", &url, "--key", &prepared.admin_key, "--role", role];
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
    let data = Data::new().await;
    let prepared = prepare(&data).await;
    let server = Server::on(&data);
    let mut text = "sha256,name,expires_at\n".to_owned();
    for number in 2..=2500 {
        match number {
            700 => text.push_str("no digest,Broken,\n"),
            900 => writeln!(text, "{},\"19 inch rack,", digest("legacy-900")).unwrap(),
            901 => writeln!(text, "{},Acme, Inc.,2001-01-01T00:00:00Z", digest("legacy-901")).unwrap(),
            1800 => writeln!(text, "{},Late,2001-01-01T00:00:00Z", digest("late")).unwrap(),
            _ => writeln!(text, "{},\"Customer, {number}\",", digest(&format!("legacy-{number}"))).unwrap(),
        }
    }
    let file = data.files().join("keys.csv");
    std::fs::write(&file, &text).unwrap();
    let output = import(&file, &server, &prepared);
    // A script must not go on as if every key were here.
    let names_bad_lines = |output: &Output| {
        assert_eq!(output.status.code(), Some(1), "{}", said(output));
        for line in [
            "line 700: sha256 is no SHA-256 in hex or base64",
            "line 900: has a quote that is not closed",
            "line 901: has 4 fields, and the first line names 3; a comma within a field needs quotes around it",
            "line 1800: expires_at has passed",
            "2495 imported, 0 were there already, 4 not taken.",
        ] {
            assert!(said(output).lines().any(|it| it == line), "{line} in\n{}", said(output));
        }
    };
    names_bad_lines(&output);
    assert_eq!(verify(&server, &prepared, "legacy-2500").await["allowed"], true);
    assert_eq!(verify(&server, &prepared, "late").await["code"], "not_found");

    // The same file again has nothing left to do, and says so; a longer one knows what is there.
    let output = import(&file, &server, &prepared);
    names_bad_lines(&output);
    let told = said(&output);
    assert!(told.starts_with("The import of this file was finished on 20"), "{told}");
    assert!(told.lines().next().unwrap().ends_with("; nothing is left to do."), "{told}");
    writeln!(text, "{},One more,", digest("one-more")).unwrap();
    std::fs::write(&file, &text).unwrap();
    let output = import(&file, &server, &prepared);
    assert!(said(&output).contains("1 imported, 2495 were there already, 4 not taken."), "{}", said(&output));
    assert_eq!(verify(&server, &prepared, "one-more").await["key"]["name"], "One more");

    // Every line taken: a success, which a role that is named as people name it is enough for.
    std::fs::write(&file, format!("sha256\n{}\n", digest("by-name"))).unwrap();
    let output = import_as(&file, &server, &prepared, "ReadOnly");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(verify(&server, &prepared, "by-name").await["role"], "readonly");
}

// Two roles of one name are possible where one is an ancestor's, and nothing is guessed then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_is_not_known_or_not_clear_is_told_and_nothing_is_imported() {
    let data = Data::new().await;
    let prepared = prepare(&data).await;
    let server = Server::on(&data);
    let file = data.files().join("keys.csv");
    std::fs::write(&file, format!("sha256\n{}\n", digest("unclear"))).unwrap();
    let unknown = import_as(&file, &server, &prepared, "reader");
    let told = said(&unknown);
    assert!(!unknown.status.success() && told.contains("there is no role reader; there are "), "{told}");
    assert!(told.contains("readonly"), "{told}");

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let make = async |path: String, body: Value| -> String {
        let url = format!("{}/api/v1/organizations/{path}", server.fact("Console"));
        let answer = client.post(url).bearer_auth(&prepared.admin_key).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
    };
    let root = prepared.organization;
    let acme = make(format!("{root}/organizations"), serde_json::json!({"name": "Acme"})).await;
    let role = serde_json::json!({"name": "Auditor", "permissions": []});
    let roles = [make(format!("{acme}/roles"), role.clone()).await, make(format!("{root}/roles"), role).await];
    let url = server.fact("Console").to_owned();
    let arguments = ["import", file.to_str().unwrap(), "--url", &url, "--key", &prepared.admin_key];
    let unclear = run(&[&arguments[..], &["--organization", &acme, "--role", "auditor"]].concat(), data.files());
    let told = said(&unclear);
    assert!(!unclear.status.success() && told.contains("2 roles are called auditor; give one's id"), "{told}");
    assert!(roles.iter().all(|it| told.contains(it)), "{told}");
    assert_eq!(verify(&server, &prepared, "unclear").await["code"], "not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_imported_is_told_in_one_line() {
    let data = Data::new().await;
    let prepared = prepare(&data).await;
    let server = Server::on(&data);
    let file = data.files().join("keys.csv");
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
    let missing = import(&data.files().join("missing.csv"), &server, &prepared);
    assert!(said(&missing).contains("missing.csv"), "{}", said(&missing));
    let stranger = Prepared { admin_key: "ck_nobody".to_owned(), ..prepared };
    std::fs::write(&file, "sha256\n").unwrap();
    let refused = import(&file, &server, &stranger);
    assert!(said(&refused).contains("401") && said(&refused).lines().count() == 1, "{}", said(&refused));
}
