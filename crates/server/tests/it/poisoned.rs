//! Assurance R9: a row that holds what no build wrote denies the keys that hang on it, and no other; the node says so and goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use claviger_core::event::Stream;
use serde_json::json;

use crate::api::fixture::Fixture;
use crate::api::log::Log;
use crate::raw::Raw;

/// What a key can hang on, each with a key of its own that hangs on it.
const THINGS: [&str; 7] = ["organization", "policy", "user", "member", "role", "key", "secret"];

/// A column of the row of a thing, and what is put there, as a literal of SQL.
type Poison = (&'static str, &'static str, String);

/// Longer than anything that any column holds.
fn huge(begin: &str) -> String {
    format!("'{begin}{}'", "x".repeat(10_000_000))
}

/// The rounds: in each all things are poisoned at once, since each has its own key.
fn rounds() -> [(&'static str, Vec<Poison>); 4] {
    let text = |text: &str| format!("'{text}'");
    [
        (
            "words that nobody knows",
            vec![
                ("organization", "status", text("frozen")),
                ("policy", "policy", text(r#"{"reveal":"always"}"#)),
                ("user", "status", text("undead")),
                ("member", "role_id", text("rol_nobody")),
                ("role", "built_in", text("king")),
                ("key", "reach", text("galaxy")),
                ("secret", "state", text("limbo")),
            ],
        ),
        (
            "the beginnings of values",
            vec![
                ("organization", "allowed_ips", text(r#"["10.0"#)),
                ("policy", "policy", text(r#"{"reve"#)),
                ("user", "status", text("act")),
                ("member", "extra_permissions", text(r#"["a:"#)),
                ("role", "permissions", text(r#"["contacts:re"#)),
                ("key", "scopes", text(r#"["contacts"#)),
                ("secret", "state", text("")),
            ],
        ),
        (
            "ten megabytes",
            vec![
                ("organization", "allowed_ips", huge(r#"[""#)),
                ("policy", "policy", huge(r#"{""#)),
                ("user", "name", huge("")),
                ("member", "extra_permissions", huge(r#"[""#)),
                ("role", "name", huge("")),
                ("key", "name", huge("")),
                ("secret", "state", huge("")),
            ],
        ),
        (
            "versions and instants out of bounds",
            vec![
                ("organization", "version", "-1".to_owned()),
                ("policy", "policy", text(r#"{"max_keys_per_user":-1}"#)),
                ("user", "version", "-9223372036854775808".to_owned()),
                ("member", "version", "-1".to_owned()),
                ("role", "version", "-1".to_owned()),
                ("key", "expires_at", "9223372036854775807".to_owned()),
                ("secret", "retiring_until", "-9223372036854775808".to_owned()),
            ],
        ),
    ]
}

struct World {
    it: Fixture,
    raw: Raw,
    /// The tokens of the keys by what they hang on.
    tokens: BTreeMap<&'static str, String>,
    /// Table and id of each thing.
    rows: BTreeMap<&'static str, (&'static str, String)>,
    /// A key that hangs on none of them.
    other: String,
}

impl World {
    async fn new() -> Self {
        let it = Fixture::start().await;
        let (mut tokens, mut rows) = (BTreeMap::new(), BTreeMap::new());
        for thing in THINGS {
            let organization = it.create_organization(thing).await;
            let at = |path: &str| format!("/api/v1/organizations/{organization}{path}");
            let make = async |path: &str, body| it.admin.post(&at(path), body).await.expect(201);
            let body = json!({"name": "Own", "permissions": ["contacts:read"], "api_access": true});
            let role = make("/roles", body).await.text_at("/id");
            let user = make("/users", json!({"name": "M"})).await.text_at("/id");
            let member = make("/members", json!({"user_id": user, "role_id": role})).await.text_at("/id");
            let body = json!({"name": "K", "owner_id": null, "mapped_user_id": user, "role_id": role});
            let made = make("/keys", body).await;
            let key = made.text_at("/key/id");
            tokens.insert(thing, made.text_at("/secret/token"));
            let row = match thing {
                "organization" | "policy" => ("organization", organization),
                "user" => ("\"user\"", user),
                "member" => ("member", member),
                "role" => ("role", role),
                "key" => ("key", key),
                "secret" => ("secret", key),
                other => panic!("no row for {other}"),
            };
            rows.insert(thing, row);
        }
        let other = it.create_key(json!({"name": "Other"})).await.token;
        let raw = Raw::of(it.app.app.store()).await;
        Self { it, raw, tokens, rows, other }
    }

    fn row(&self, thing: &str) -> String {
        let (table, id) = &self.rows[thing];
        let column = if thing == "secret" { "key_id" } else { "id" };
        format!("{table} WHERE {column} = '{id}'")
    }

    /// The value that stands there, as a literal.
    async fn value(&mut self, thing: &str, column: &str) -> String {
        let sql = format!("SELECT CAST({column} AS TEXT) FROM {}", self.row(thing));
        let found = self.raw.rows::<(Option<String>,)>(&sql).await.remove(0).0;
        found.map_or_else(|| "NULL".to_owned(), |it| format!("'{}'", it.replace('\'', "''")))
    }

    async fn put(&mut self, (thing, column, value): &Poison) {
        let row = self.row(thing);
        let (table, place) = row.split_once(' ').unwrap();
        self.raw.execute(&format!("UPDATE {table} SET {column} = {value} {place}")).await;
    }

    /// Has the node read everything again, as after a restore.
    async fn reload(&mut self) {
        self.raw.execute("UPDATE log_head SET epoch = epoch + 1, seq = 0 WHERE stream = 'change'").await;
        let head = self.it.app.app.store().read().await.unwrap().head(Stream::Change).await.unwrap();
        for _ in 0..500 {
            if self.it.app.app.replica().position() == Some(head) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the node has not read everything again");
    }

    /// What is not as it should be while these are poisoned.
    fn faults(&self, poisoned: &[&str]) -> Vec<String> {
        let mut faults = Vec::new();
        for (thing, token) in &self.tokens {
            let allowed = self.it.app.verify_text(token, &["contacts:read"]);
            if allowed.is_ok() == poisoned.contains(thing) {
                faults.push(format!("the key of the {thing}: {allowed:?}"));
            }
        }
        if self.it.app.verify_text(&self.other, &[]).is_err() {
            faults.push("a key that hangs on none of them".to_owned());
        }
        let said = self.it.app.app.replica().counts().unreadable;
        if said < poisoned.len() || poisoned.is_empty() && said > 0 {
            faults.push(format!("{said} records said to be unreadable"));
        }
        faults
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_denies_what_hangs_on_it_and_nothing_else() {
    let log = Log::captured();
    let mut world = World::new().await;
    world.it.admin.get("/api/v1/me").await.expect(200);
    for (what, poisons) in rounds() {
        let mut before = Vec::new();
        for poison in &poisons {
            before.push((poison.0, poison.1, world.value(poison.0, poison.1).await));
            world.put(poison).await;
        }
        world.reload().await;
        let poisoned: Vec<_> = poisons.iter().map(|it| it.0).collect();
        assert_eq!(world.faults(&poisoned), [""; 0], "{what}");
        for thing in &poisoned {
            let said = log.text();
            let id = &world.rows[thing].1;
            let line = said.lines().rev().find(|it| it.contains("cannot be read") && it.contains(id.as_str()));
            assert!(line.is_some_and(|it| it.len() < 2000), "{what}: the log says nothing of the {thing}");
        }
        let metrics = world.it.admin.without().get("/metrics").await.expect(200).text;
        let said = metrics.lines().find_map(|it| it.strip_prefix("claviger_replica_unreadable_records "));
        assert!(said.is_some_and(|it| it.parse::<f64>().unwrap() >= 7.0), "{what}: {said:?}");
        world.it.admin.without().get("/readyz").await.expect(200);
        // Others go on changing things meanwhile.
        world.it.create_key(json!({"name": what})).await;
        for healed in before {
            world.put(&healed).await;
        }
        world.reload().await;
        assert_eq!(world.faults(&[]), [""; 0], "{what}, mended");
    }
}

// The control: while the node has not read the poison, it is found to allow what should be denied.
#[tokio::test]
async fn a_node_that_does_not_deny_is_found_out() {
    let mut world = World::new().await;
    world.put(&("role", "permissions", "'['".to_owned())).await;
    let found = world.faults(&["role"]);
    assert_eq!(found, ["the key of the role: Ok(())", "0 records said to be unreadable"]);
    world.reload().await;
    assert_eq!(world.faults(&["role"]), [""; 0]);
    assert_eq!(world.faults(&[]).len(), 2);
}
