//! Assurance S2: who may do what. The matrix of rights.txt is reviewed by people; this test says whether it is true.
//!
//! Each operation of the document is called by each kind of caller, with things that are not there: who may do it is told that, everybody else
//! is told that they may not. So the matrix changes nothing, and the order of calls does not matter.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::client::{Answer, Client};
use super::document::guarded;
use super::fixture::Fixture;

/// What an operation needs to be understood, where it needs a body.
pub(super) fn body(operation_id: &str) -> Option<Value> {
    let nobody = "usr_01kapxb4q0e8mv5r3g2t9w7yzn";
    let no_role = "rol_01kapxb4q0e8mv5r3g2t9w7yzn";
    Some(match operation_id {
        "create_key" => json!({"name": "Matrix", "role_id": no_role}),
        "create_role" => json!({"name": "admin", "permissions": []}),
        "create_user" => json!({"name": "Matrix", "email": crate::app::ADMIN_EMAIL}),
        "create_member" => json!({"user_id": nobody, "role_id": no_role}),
        "create_organization" => json!({"name": "Matrix", "slug": "root"}),
        "put_organization" => json!({"name": "Matrix", "slug": "root"}),
        "put_user" => json!({"name": "Matrix", "email": crate::app::ADMIN_EMAIL}),
        "create_import" => json!({"source_digest": "0".repeat(64), "source_name": "m.csv", "role_id": no_role}),
        "append_import" => json!({"lines": [{"line": 2, "sha256": "0"}]}),
        "verify_key" => json!({"key": "nobody's"}),
        "verify_keys" => json!({"requests": [{"key": "nobody's"}]}),
        "introspect_token" => json!({"token": "nobody's"}),
        "create_api" => json!({"name": "Matrix", "slug": "default", "key_prefix": "matrix"}),
        "update_api" => json!({}),
        "put_api_openapi" => json!({"openapi": "3.1.0", "paths": {}}),
        "put_api_guide" => json!({"title": "Matrix", "markdown": "# Matrix"}),
        "move_organization" => json!({"parent_id": "org_01kapxb4q0e8mv5r3g2t9w7yzn"}),
        "update_policy" | "preview_policy" | "preview_role" => json!({}),
        "update_organization" | "update_key" | "update_role" | "update_user" | "update_member" => json!({}),
        "activate_key" | "deactivate_key" | "rotate_key" | "revoke_key" | "duplicate_key" => json!({}),
        "end_rotation" | "cancel_rotation" | "rotate_master_key" => json!({}),
        "end_shared_secret_rotation" => json!({}),
        "extend_rotation" | "extend_shared_secret_rotation" => json!({"until": "2027-01-20T00:00:00Z"}),
        "create_shared_secret" | "rotate_shared_secret" | "reveal_shared_secret" | "rotate_signing_keys" => json!({}),
        "rotate_personal_key" | "create_sign_in_link" | "reveal_key" => json!({}),
        "put_personal_key" => return None,
        "activate_keys" | "deactivate_keys" | "revoke_keys" => {
            json!({"keys": {"ids": ["key_01kapxb4q0e8mv5r3g2t9w7yzn"]}})
        }
        "extend_keys" => json!({"keys": {"ids": ["key_01kapxb4q0e8mv5r3g2t9w7yzn"]}, "expires_at": null}),
        "report_leak" => json!({"key": "nobody's"}),
        "erase_event" => json!({"reason": "Matrix"}),
        "create_hook" => {
            let nowhere = "org_01kapxb4q0e8mv5r3g2t9w7yzn";
            json!({"target_url": "https://hooks.example.com/", "entity": "contact", "operation": "create", "organization_id": nowhere})
        }
        "update_hook" | "rotate_hook_secret" | "test_hook" | "resend_delivery" | "put_event_type" => json!({}),
        "recover_deliveries" => json!({"since": "2026-11-20T00:00:00Z"}),
        "report_events" => {
            json!({"events": [{"id": "m", "type": "contact.created", "at": "2026-11-20T00:00:00Z", "organization": "nobody's"}]})
        }
        id if id.starts_with("get_") || id.starts_with("list_") || id.starts_with("delete_") => return None,
        other => panic!("{other} has no body here: say what the matrix sends it"),
    })
}

fn path(template: &str, it: &Fixture) -> String {
    let absent = [
        ("{key_id}", "key_01kapxb4q0e8mv5r3g2t9w7yzn"),
        ("{user_id}", "usr_01kapxb4q0e8mv5r3g2t9w7yzn"),
        ("{role_id}", "rol_01kapxb4q0e8mv5r3g2t9w7yzn"),
        ("{member_id}", "mem_01kapxb4q0e8mv5r3g2t9w7yzn"),
        ("{api_version}", "1.0"),
        ("{guide}", "matrix"),
        ("{api_id}", "api_01kapxb4q0e8mv5r3g2t9w7yzn"),
        ("{import_id}", "imp_01kapxb4q0e8mv5r3g2t9w7yzn"),
        ("{hook_id}", "whk_01kapxb4q0e8mv5r3g2t9w7yzn"),
        ("{delivery_id}", "dlv_01kapxb4q0e8mv5r3g2t9w7yzn"),
        ("{event_id}", "evt_01kapxb4q0e8mv5r3g2t9w7yzn"),
        // One of our own, which no catalogue has or takes.
        ("{event_type}", "key.created"),
        ("{revision_id}", "evt_01kapxb4q0e8mv5r3g2t9w7yzn"),
        ("{external_id}", "nobody"),
        ("{organization_id}", &it.root),
    ];
    absent.iter().fold(template.to_owned(), |path, (name, value)| path.replace(name, value))
}

/// What a caller is told in the matrix.
fn told(answer: &Answer) -> &'static str {
    match answer.status {
        401 => "who?",
        403 if answer.text_at("/code") == "insufficient_permission" => "-",
        // Whoever is refused for another reason, or not at all, may do it. A body that is not understood would be a 400 in every column.
        200..=299 | 400 | 403 | 404 | 409 => "yes",
        _ => panic!("{answer:?}"),
    }
}

/// The matrix: an operation a row, a caller a column.
type Matrix = BTreeMap<String, BTreeMap<String, &'static str>>;

async fn observed(it: &Fixture, callers: &[(String, Client)]) -> Matrix {
    let mut matrix = Matrix::new();
    for (template, operations) in guarded() {
        for (method, operation) in operations {
            let id = operation["operationId"].as_str().unwrap();
            for (name, caller) in callers {
                let request = caller.request(&method, &path(&template, it));
                let request = match body(id) {
                    Some(body) if id == "introspect_token" => request.form(&body),
                    Some(body) => request.json(&body),
                    None => request,
                };
                let answer = caller.send(request).await;
                matrix.entry(id.to_owned()).or_default().insert(name.clone(), told(&answer));
            }
        }
    }
    matrix
}

fn written(matrix: &Matrix, columns: &[&str]) -> String {
    let mut text = format!("{:32}{}\n", "", columns.join("  "));
    for (id, row) in matrix {
        let cells = columns.iter().map(|it| format!("{:width$}", row[*it], width = it.len())).collect::<Vec<_>>();
        writeln!(text, "{}", format!("{id:32}{}", cells.join("  ")).trim_end()).unwrap();
    }
    text
}

async fn callers_by_role(it: &Fixture) -> Vec<(String, Client)> {
    let member = it.built_in_role("member").await;
    it.admin.patch(&it.at(&format!("/roles/{member}")), json!({"api_access": true})).await.expect(200);
    let user_id = it.create_member("M", &member).await;
    let mut callers = vec![("nobody".to_owned(), it.admin.without()), ("admin".to_owned(), it.admin.clone())];
    let readonly = it.built_in_role("readonly").await;
    for (name, body) in [
        ("readonly", json!({"name": "R", "role_id": readonly})),
        ("member", json!({"name": "M", "owner_id": user_id, "mapped_user_id": user_id})),
        ("no-scopes", json!({"name": "N", "scopes": []})),
    ] {
        callers.push((name.to_owned(), it.admin.with(&it.create_key(body).await.token)));
    }
    callers
}

// S3.8, S3.9, S3.10: ADMIN may do everything, READONLY only reads, and a write with it is a 403.
#[tokio::test]
async fn each_role_may_do_what_the_reviewed_table_says() {
    let it = Fixture::start().await;
    let callers = callers_by_role(&it).await;
    let matrix = observed(&it, &callers).await;
    let columns: Vec<_> = callers.iter().map(|(name, _)| name.as_str()).collect();
    let reviewed = include_str!("rights.txt");
    let found = written(&matrix, &columns);
    assert!(found == reviewed, "rights.txt says otherwise. Found:\n{found}");
    for (id, row) in &matrix {
        assert_eq!((row["nobody"], row["admin"]), ("who?", "yes"), "{id}");
        // To reveal a key is to read, as far as permissions go; no key does it all the same, which another test shows.
        let reads = ["get_", "list_", "preview_", "reveal_key"].iter().any(|it| id.starts_with(it));
        assert_eq!(row["readonly"], if reads { "yes" } else { "-" }, "{id}");
    }
}

// S2.1: each single permission opens the operations that declare it, and no other.
#[tokio::test]
async fn each_permission_opens_what_declares_it() {
    let it = Fixture::start().await;
    let mut needed = BTreeMap::new();
    for operation in guarded().into_values().flat_map(BTreeMap::into_values) {
        let texts =
            |it: &Value| it.as_array().into_iter().flatten().map(|it| it.as_str().unwrap().to_owned()).collect();
        let permissions: BTreeSet<String> = texts(&operation["x-permissions"]["all"]);
        let own = operation["x-permissions"]["own"].as_str().map(str::to_owned);
        needed.insert(operation["operationId"].as_str().unwrap().to_owned(), (permissions, own));
    }
    let mut sets: BTreeSet<BTreeSet<String>> = needed.values().map(|(all, _)| all.clone()).collect();
    sets.extend(needed.values().flat_map(|(all, own)| all.iter().chain(own)).map(|it| BTreeSet::from([it.clone()])));
    it.app.set_policy(it.app.root, r#"{"max_keys_per_user": 1000}"#).await;
    let mut callers = Vec::new();
    for held in &sets {
        let name = held.iter().cloned().collect::<Vec<_>>().join(" + ");
        let key = it.create_key(json!({"name": format!("Holds {}", callers.len()), "scopes": held})).await;
        callers.push((name, it.admin.with(&key.token)));
    }
    let matrix = observed(&it, &callers).await;
    for (id, row) in &matrix {
        let (all, own) = &needed[id];
        for (held, (name, _)) in sets.iter().zip(&callers) {
            let may = all.is_subset(held) || own.as_ref().is_some_and(|it| held.contains(it));
            assert_eq!(row[name], if may { "yes" } else { "-" }, "{id} with {name}");
        }
    }
}

// The control: a table that is wrong in one cell is noticed, and so is an operation that lets everybody in.
#[tokio::test]
async fn a_wrong_cell_is_noticed() {
    let it = Fixture::start().await;
    let callers = callers_by_role(&it).await;
    let columns: Vec<_> = callers.iter().map(|(name, _)| name.as_str()).collect();
    let mut matrix = observed(&it, &callers[..2]).await;
    for row in matrix.values_mut() {
        // What a service that forgot to ask for permissions would answer.
        row.extend(columns[2..].iter().map(|name| ((*name).to_owned(), "yes")));
    }
    assert_ne!(written(&matrix, &columns), include_str!("rights.txt"));
    let open = axum::Router::new().fallback(async || axum::Json(json!({})));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    it.app.app.spawn(async move { axum::serve(listener, open).await });
    let anybody = Client::new(&format!("http://{address}"), None).of_a_double();
    let open = observed(&it, &[("nobody".to_owned(), anybody)]).await;
    assert!(open.values().all(|row| row["nobody"] == "yes"), "the open service is seen as open");
}
