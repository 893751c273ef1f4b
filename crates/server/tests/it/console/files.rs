//! Files that the console gives out.

use std::collections::BTreeSet;

use claviger::ops::keys::NewKey;
use claviger::ops::roles::{NewRole, create_role};
use claviger_core::role::BuiltIn;

use super::browser::Browser;
use crate::app::{TestApp, name, new_key, permissions};

/// Names that a spreadsheet would take for a formula, and such that want quoting.
const CELLS: [&str; 9] = ["=SUM(1)", "+1", "-1", "@SUM(1)", "'quoted", "''twice", "a,b", "say \"x\"", "ordinary"];

// Assurance S11; that of the events stands in api/event_exports.rs.
#[tokio::test]
async fn the_file_of_keys_gives_back_every_text_and_no_cell_of_it_begins_as_a_formula_does() {
    let app = TestApp::new().await;
    for text in CELLS {
        let role = NewRole {
            name: name(text),
            description: text.parse().unwrap(),
            permissions: permissions(&["contacts:read"]),
            api_access: true,
        };
        let role = create_role(&app.app, &app.admin, app.root, role, None).await.unwrap().fresh().unwrap();
        let (_, user_id, _) = app.member(app.root, text, BuiltIn::Admin).await;
        let whose = Some(Some(user_id));
        let new = NewKey {
            description: text.parse().unwrap(),
            role_id: Some(role.id),
            mapped_user_id: whose,
            owner_id: whose,
            ..new_key(text)
        };
        app.create_key(&app.admin, app.root, new).await.unwrap();
    }
    let mut browser = Browser::signed_in(&app).await;
    let list = browser.get("/o/root/keys").await.expect(200);
    let file = list.links().into_iter().find(|it| it.contains("/keys/csv")).expect("the list leads to it");
    let file = browser.get(&file).await.expect(200);
    assert_eq!(file.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"keys.csv\"");

    let mut reader = csv::Reader::from_reader(file.text.as_bytes());
    let columns = reader.headers().unwrap().clone();
    let mut seen = BTreeSet::new();
    for row in reader.records().map(Result::unwrap) {
        for cell in &row {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
        }
        let read = |column: &str| {
            let at = columns.iter().position(|it| it == column).unwrap();
            row[at].strip_prefix('\'').unwrap_or(&row[at]).to_owned()
        };
        let text = read("name");
        for column in ["description", "role", "mapped_user", "owner"] {
            if CELLS.contains(&&*text) {
                assert_eq!(read(column), text, "{column}");
            }
        }
        assert_eq!(read("type"), "API", "as people call it");
        assert!(read("access_key").contains('_'), "the public half of every key that has one: {row:?}");
        seen.insert(text);
    }
    for text in CELLS {
        assert!(seen.contains(text), "{text} in {}", file.text);
    }
    assert_eq!(file.text.matches("\r\n").count(), file.text.matches('\n').count(), "lines end as RFC 4180 says");
    assert!(file.text.contains("\"a,b\"") && file.text.contains("\"say \"\"x\"\"\""), "{}", file.text);
}
