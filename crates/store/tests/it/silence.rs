//! A PostgreSQL that falls silent: its machine or the network is gone, and no connection says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use claviger_core::event::Stream;
use claviger_store::{Error, StoreResult};
use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::engine::{is_postgres, node_by, postgres_url, schema_of};
use crate::world::World;

/// Connections of a pool that read.
const READERS: usize = 8;

/// A line to the server that can be cut.
struct Line {
    url: String,
    cut: Arc<AtomicBool>,
}

impl Line {
    async fn new() -> Self {
        let url = postgres_url();
        let server: PgConnectOptions = url.parse().expect("a URL");
        let server = format!("{}:{}", server.get_host(), server.get_port());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        assert!(url.contains(&server), "the URL names host and port");
        let line = Self { url: url.replace(&server, &address), cut: Arc::default() };
        let cut = Arc::clone(&line.cut);
        spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = TcpStream::connect(&server).await.expect("a server").into_split();
                // What is cut stays so: whoever connects afterwards has a line of their own.
                let is_old = Arc::new(AtomicBool::new(false));
                spawn(carry(from_client, to_server, Arc::clone(&cut), Arc::clone(&is_old)));
                spawn(carry(from_server, to_client, Arc::clone(&cut), is_old));
            }
        });
        line
    }
}

#[expect(clippy::disallowed_methods, reason = "the line is no task of a service")]
fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(task));
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

    line.cut.store(true, Ordering::SeqCst);
    // Nothing happens any more but that time passes, so it passes at once.
    tokio::time::pause();
    for mut reader in readers {
        assert!(is_unavailable(&reader.head(Stream::Change).await), "whoever waits is told");
    }
    assert!(is_unavailable(&tx.settled_head().await), "so is a transaction");
    drop(tx);
    // The pool asks each connection that it is given back whether it is still there.
    tokio::time::sleep(std::time::Duration::from_secs(120)).await;
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
