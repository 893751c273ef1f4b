//! A PostgreSQL that falls silent: its machine or the network is gone, and no connection says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use claviger_core::event::Stream;
use claviger_store::{Error, StoreResult};
use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::engine::{is_postgres, node_by, postgres_url, schema_of};
use crate::world::{World, event};

/// Connections of a pool that read.
const READERS: usize = 8;

/// A line to the server that can be cut.
struct Line {
    url: String,
    cut: Arc<AtomicBool>,
    /// What becomes of the next commit that passes.
    commit: Arc<AtomicU8>,
}

/// A commit passes as everything does.
const PASSES: u8 = 0;
/// It reaches the server, and its connection breaks before the answer comes.
const UNANSWERED: u8 = 1;
/// Its connection breaks before it reaches the server.
const UNHEARD: u8 = 2;

impl Line {
    async fn new() -> Self {
        let url = postgres_url();
        let server: PgConnectOptions = url.parse().expect("a URL");
        let server = format!("{}:{}", server.get_host(), server.get_port());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        assert!(url.contains(&server), "the URL names host and port");
        let line = Self { url: url.replace(&server, &address), cut: Arc::default(), commit: Arc::default() };
        let (cut, commit) = (Arc::clone(&line.cut), Arc::clone(&line.commit));
        spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = TcpStream::connect(&server).await.expect("a server").into_split();
                // What is cut stays so: whoever connects afterwards has a line of their own.
                let is_old = Arc::new(AtomicBool::new(false));
                let answers = spawn(carry(from_server, to_client, Arc::clone(&cut), Arc::clone(&is_old)));
                let (cut, commit) = (Arc::clone(&cut), Arc::clone(&commit));
                spawn(async move {
                    let fate = Commit { fate: commit, answers };
                    carry_to_server(from_client, to_server, cut, is_old, fate).await;
                });
            }
        });
        line
    }
}

#[expect(clippy::disallowed_methods, reason = "the line is no task of a service")]
fn spawn(task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
    tokio::spawn(task).abort_handle()
}

/// What is done to a commit, and what brings the answers of its connection.
struct Commit {
    fate: Arc<AtomicU8>,
    answers: AbortHandle,
}

/// As [`carry`], but for what becomes of a commit.
async fn carry_to_server(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    cut: Arc<AtomicBool>,
    is_old: Arc<AtomicBool>,
    commit: Commit,
) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if buffer[..count].windows(6).any(|it| it == b"COMMIT") {
            match commit.fate.swap(PASSES, Ordering::SeqCst) {
                PASSES => {}
                fate => {
                    commit.answers.abort();
                    if fate == UNANSWERED {
                        to.write_all(&buffer[..count]).await.expect("the server hears it");
                        // Long enough for the server, which would else find out that nobody waits for it.
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                    return;
                }
            }
        }
        is_old.fetch_or(cut.load(Ordering::SeqCst), Ordering::SeqCst);
        if !is_old.load(Ordering::SeqCst) && to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

/// Passes everything on until the line is cut, and then swallows it.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, cut: Arc<AtomicBool>, is_old: Arc<AtomicBool>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        is_old.fetch_or(cut.load(Ordering::SeqCst), Ordering::SeqCst);
        if !is_old.load(Ordering::SeqCst) && to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

fn is_unavailable<T>(result: &StoreResult<T>) -> bool {
    matches!(result, Err(Error::Unavailable(_)))
}

#[tokio::test]
async fn node_goes_on_after_its_server_fell_silent_and_came_back() {
    if !is_postgres() {
        return;
    }
    let world = World::new().await;
    let line = Line::new().await;
    let store = node_by(&line.url, &schema_of(&world.store), 2).await;
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let mut reader = store.read().await.expect("a reader");
        reader.head(Stream::Change).await.expect("a head");
        readers.push(reader);
    }
    let mut tx = store.begin().await.expect("a transaction");
    let mut doorbell = store.doorbell().await.expect("a doorbell").expect("there are other nodes");

    line.cut.store(true, Ordering::SeqCst);
    // Nothing happens any more but that time passes, so it passes at once.
    tokio::time::pause();
    for mut reader in readers {
        assert!(is_unavailable(&reader.head(Stream::Change).await), "whoever waits is told");
    }
    assert!(is_unavailable(&tx.settled_head().await), "so is a transaction");
    assert!(is_unavailable(&doorbell.rung().await), "so is whoever listens and hears nothing");
    drop(tx);
    // The pool asks each connection that it is given back whether it is still there.
    tokio::time::sleep(Duration::from_secs(120)).await;
    tokio::time::resume();
    line.cut.store(false, Ordering::SeqCst);

    let mut readers = Vec::new();
    for _ in 0..READERS {
        readers.push(store.read().await.expect("no connection's place is lost"));
    }
    let head = readers[0].head(Stream::Change).await.expect("a head");
    store.begin().await.expect("a transaction");
    assert_eq!(head, world.store.read().await.expect("a reader").head(Stream::Change).await.expect("a head"));
}

#[tokio::test]
async fn commit_whose_answer_was_lost_is_asked_after() {
    if !is_postgres() {
        return;
    }
    let world = World::new().await;
    let line = Line::new().await;
    let store = node_by(&line.url, &schema_of(&world.store), 2).await;
    let head = async || world.store.read().await.expect("a reader").head(Stream::Change).await.expect("a head");
    for (fate, stands) in [(UNANSWERED, true), (UNHEARD, false), (PASSES, true)] {
        let before = head().await;
        let (key, secret, _) = world.key(&world.acme, &format!("CI {fate}"));
        let mut tx = store.begin().await.expect("a transaction");
        tx.insert_key(&world.acme.tenant, &key, &[secret]).await.expect("a key");
        line.commit.store(fate, Ordering::SeqCst);
        let committed = tx.commit(event(&world.acme.tenant, key.id)).await;
        let found =
            world.store.read().await.expect("a reader").find_key(&world.acme.tenant, key.id).await.expect("an answer");
        assert_eq!(found.is_some(), stands, "{fate}: {committed:?}");
        match committed {
            Ok(position) => assert!(stands && position.seq == before.seq + 1, "{fate}: {position:?}"),
            error => assert!(is_unavailable(&error) && !stands, "{fate}: {error:?}"),
        }
        assert_eq!(head().await.seq, before.seq + u64::from(stands));
    }
}
