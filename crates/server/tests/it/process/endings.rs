//! The log of endings of a real service: what it says where something goes wrong, and whom a restore by it leaves as they were.

use reqwest::Method;
use serde_json::json;

use super::backup::{Admin, done, text, until_written};
use super::{Data, Server, on, prepare, run};
use crate::raw::Raw;

// Somebody was shut out after the backup, and is let in by the restore.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_admin_that_a_restore_leaves_as_it_was_is_named() {
    let (from, to) = (Data::new().await, Data::new().await);
    let prepared = prepare(&from).await;
    let mut server = Server::on(&from);
    let mut admin = Admin::of(&server, &prepared);
    let file = from.files().join("file");
    done(&on(&from, &["backup", text(&file)]));
    let mut raw = Raw::at(&from.data_folder(), from.database.as_deref()).await;
    let (first,) = raw.rows::<(String,)>("SELECT id FROM \"user\" WHERE name = 'Admin'").await.remove(0);
    let (role,) = raw.rows::<(String,)>("SELECT id FROM role WHERE built_in = 'admin'").await.remove(0);
    drop(raw);
    let user = admin.call(Method::POST, "/users", json!({ "name": "Next", "email": "next@example.com" })).await;
    admin.call(Method::POST, "/members", json!({ "user_id": user["id"], "role_id": role })).await;
    let body = json!({ "name": "Next's", "owner_id": null, "mapped_user_id": user["id"] });
    let made = admin.call(Method::POST, "/keys", body).await;
    admin.key = made.pointer("/secret/token").unwrap().as_str().unwrap().to_owned();
    admin.call(Method::PATCH, &format!("/users/{first}"), json!({ "status": "disabled" })).await;
    let endings = from.data_folder().join("endings.jsonl");
    until_written(&endings, &first).await;
    server.kill();

    let words = done(&on(&to, &["restore", text(&file), "--endings", text(&endings)]));
    assert!(
        words.contains(&format!("the last admin Admin ({first}, ")) && words.contains("0 users disabled"),
        "{words}"
    );
}

// One row that nobody can read must not keep from the log what ended after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_cannot_be_read_does_not_end_the_log_of_endings() {
    let data = Data::new().await;
    let prepared = prepare(&data).await;
    let mut server = Server::on(&data);
    let admin = Admin::of(&server, &prepared);
    let (harmed, behind) = (admin.create_key("Harmed").await, admin.create_key("Behind").await);
    let endings = data.data_folder().join("endings.jsonl");
    let before = std::fs::read(&endings).unwrap();
    assert!(!before.is_empty());
    admin.change(&harmed, "deactivate", json!({})).await;
    admin.change(&behind, "revoke", json!({})).await;
    assert_eq!(server.terminate(), Some(0));
    // As if it had been killed before it wrote either down.
    std::fs::write(&endings, before).unwrap();
    let mut raw = Raw::at(&data.data_folder(), data.database.as_deref()).await;
    raw.execute(&format!("UPDATE key SET standing = 'undead' WHERE id = '{}'", harmed.id)).await;
    drop(raw);
    let server = Server::on(&data);
    until_written(&endings, &behind.id).await;
    assert!(!std::fs::read_to_string(&endings).unwrap().contains(&harmed.id));

    let metrics = admin.http.get(format!("{}/metrics", server.fact("Console"))).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.lines().any(|it| it == "claviger_endings_left_out 1.0"), "{metrics}");
    assert!(metrics.contains("\nclaviger_endings_age_seconds "), "{metrics}");
    let doctor = ["doctor", "--url", server.fact("Console"), "--key", &prepared.admin_key];
    let output = run(&doctor, data.files());
    let found = String::from_utf8(output.stdout).unwrap();
    let told = "NO  ended  since the service began the log of endings was not told of 1 things";
    assert!(!output.status.success() && found.contains(told), "{found}");
}
