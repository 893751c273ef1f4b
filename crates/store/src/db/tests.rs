//! What the engine was told, asked of its own connections.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::{Connection, Durability, Options, Store, unnamed};
use crate::row::{Columns, Unreadable};

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}

async fn setting(connection: &mut Connection, statement: &'static str) -> String {
    let read = |it: &mut Columns<'_>| -> Result<String, Unreadable> { it.next::<i64>().map(|it| it.to_string()) };
    connection.find(statement, vec![], "setting", read).await.expect("an answer").expect("a setting")
}

#[tokio::test]
async fn commit_is_written_through_before_it_is_acknowledged() {
    let folder = std::env::temp_dir().join(format!("claviger-settings-{}", std::process::id()));
    for (durability, expected) in [(Durability::Full, "2"), (Durability::None, "0")] {
        let options = Options { durability, bytes_max: None };
        let store = Store::open(&folder, options, rng()).await.expect("a store");
        let mut tx = store.begin().await.expect("a transaction");
        assert_eq!(setting(&mut tx, "PRAGMA main.synchronous").await, expected, "{durability:?}");
        assert_eq!(setting(&mut tx, "PRAGMA foreign_keys").await, "1");
        let mode = tx.find("PRAGMA main.journal_mode", vec![], "setting", |it| it.next::<String>()).await;
        assert_eq!(mode.expect("an answer").as_deref(), Some("wal"));
        drop(tx);
        store.close().await;
    }
    std::fs::remove_dir_all(&folder).expect("the folder goes away");
}

#[tokio::test]
async fn what_is_destroyed_is_overwritten_where_it_stood() {
    let folder = std::env::temp_dir().join(format!("claviger-destroyed-{}", std::process::id()));
    let marker = "wrapped-by-nobody-any-more";
    let is_there = || {
        let bytes = std::fs::read(folder.join("claviger.db")).expect("the file");
        bytes.windows(marker.len()).any(|it| it == marker.as_bytes())
    };
    for (statements, expected) in [
        (
            [
                "CREATE TABLE planted (id INTEGER, wrapped BLOB)",
                "INSERT INTO planted VALUES (1, CAST('wrapped-by-nobody-any-more' AS BLOB))",
            ],
            true,
        ),
        (["UPDATE planted SET wrapped = NULL", "UPDATE planted SET id = 2"], false),
    ] {
        let store = Store::open(&folder, Options::default(), rng()).await.expect("a store");
        let mut tx = store.begin().await.expect("a transaction");
        for statement in statements {
            tx.execute(statement, vec![]).await.expect("a statement");
        }
        tx.commit_unaudited("the test's").await.expect("a commit");
        store.close().await;
        assert_eq!(is_there(), expected, "{statements:?}");
    }
    std::fs::remove_dir_all(&folder).expect("the folder goes away");
}

#[tokio::test]
async fn usage_may_lose_a_minute_and_its_file_is_only_read_elsewhere() {
    let store = Store::throwaway(rng()).await.expect("a store");
    let mut tx = store.begin_usage().await.expect("a transaction");
    assert_eq!(setting(&mut tx, "PRAGMA main.synchronous").await, "1");
    drop(tx);
    let mut tx = store.begin().await.expect("a transaction");
    let refused = tx.execute("DELETE FROM secret_use", vec![]).await.expect_err("a write");
    assert!(refused.to_string().contains("readonly"), "{refused}");
}

#[tokio::test]
async fn reader_cannot_write() {
    let store = Store::throwaway(rng()).await.expect("a store");
    let mut reader = store.read().await.expect("a reader");
    let refused = reader.execute("DELETE FROM secret", vec![]).await.expect_err("a write");
    assert!(refused.to_string().contains("readonly"), "{refused}");
}

#[tokio::test]
#[should_panic(expected = "arguments of")]
async fn statement_without_all_its_arguments_is_not_run() {
    let store = Store::throwaway(rng()).await.expect("a store");
    let mut reader = store.read().await.expect("a reader");
    drop(reader.execute("SELECT 1 FROM key WHERE id = $1 AND organization_id = $2", crate::value::args!["x"]).await);
}

#[test]
fn arguments_lose_their_names_and_keep_their_order() {
    assert_eq!(unnamed("INSERT INTO t VALUES ($1, $2), ($11, $12)"), "INSERT INTO t VALUES (?, ?), (?, ?)");
}
