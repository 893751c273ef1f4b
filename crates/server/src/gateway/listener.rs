//! The verification listener: HTTP/1.1 by hyper itself, on threads and a port of its own.
//!
//! Each worker is a thread with a single-threaded runtime, so that a connection stays on one core and nobody steals its
//! wake-ups; measured against one multi-threaded runtime, the CPU time of a request is the same within 3 %, and two
//! workers answer a quarter more requests where load generator and server share the cores. One acceptor hands the
//! connections round: with SO_REUSEPORT a second server on the same address would start without complaint, and with one
//! socket in every worker's poll the first to wake takes nearly all of a burst.

use std::convert::Infallible;
use std::future::ready;
use std::io;
use std::net::{IpAddr, TcpStream as StdTcpStream};
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections held at once; more wait in the kernel's queue. A gateway keeps some tens.
const CONNECTIONS_MAX: usize = 8192;
/// Bytes of a request's head: room for a credential of 4 kB, its question, and the headers a browser sends with it.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// How long running requests may take to end at shutdown; each takes microseconds, so this is for connections that stall.
const DRAIN: Duration = Duration::from_secs(5);
/// Pause after the system refused a connection, mostly for want of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

type Connection = (StdTcpStream, OwnedSemaphorePermit);

/// How the listener runs.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Threads that answer; as many as there are cores is right on a machine of its own.
    pub workers: NonZeroUsize,
    /// How long a connection may take to send a request's head, the time before its first byte included: a kept
    /// connection that idles longer, by up to a quarter, is closed, and so is one that sends a byte a minute.
    pub head_read: Duration,
}

impl Settings {
    /// The settings of a server: 30 seconds for a head, which is more than gateways keep idle connections.
    pub const fn with_workers(workers: NonZeroUsize) -> Self {
        Self { workers, head_read: Duration::from_secs(30) }
    }
}

/// The running workers.
#[derive(Debug)]
pub struct Workers {
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Waits until they have ended, after `stop` was cancelled. Blocks.
    pub fn join(self) {
        for thread in self.threads {
            // A worker that panicked has been reported by the panic itself.
            drop(thread.join());
        }
    }
}

/// Answers requests on `socket` until `stop` is cancelled. `worker` is called once for each worker and makes what answers
/// there; that gets the request and the peer's address, and must not block.
///
/// # Errors
/// When the socket, a thread or its runtime cannot be set up.
pub fn serve<A>(
    socket: std::net::TcpListener,
    settings: Settings,
    worker: impl Fn() -> A,
    stop: &CancellationToken,
) -> io::Result<Workers>
where
    A: Fn(&Request<Incoming>, IpAddr) -> Response<Full<Bytes>> + Clone + Send + 'static,
{
    socket.set_nonblocking(true)?;
    let (hands, taken): (Vec<_>, Vec<_>) = (0..settings.workers.get()).map(|_| mpsc::unbounded_channel()).unzip();
    let mut acceptor = Some((socket, hands));
    let mut threads = Vec::with_capacity(taken.len());
    for (number, taken) in taken.into_iter().enumerate() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let tracker = TaskTracker::new();
        if let Some((socket, hands)) = acceptor.take() {
            let entered = runtime.enter();
            tracker.spawn_on(accept(TcpListener::from_std(socket)?, hands, stop.child_token()), runtime.handle());
            drop(entered);
        }
        let (answer, stop) = (worker(), stop.child_token());
        let work = move || runtime.block_on(work(taken, tracker, settings, answer, stop));
        threads.push(std::thread::Builder::new().name(format!("authz-{number}")).spawn(work)?);
    }
    Ok(Workers { threads })
}

/// One worker: serves the connections it is handed, until there will be no more.
async fn work<A>(
    mut taken: mpsc::UnboundedReceiver<Connection>,
    tracker: TaskTracker,
    settings: Settings,
    answer: A,
    stop: CancellationToken,
) where
    A: Fn(&Request<Incoming>, IpAddr) -> Response<Full<Bytes>> + Clone + Send + 'static,
{
    while let Some((stream, permit)) = taken.recv().await {
        match TcpStream::from_std(stream) {
            Ok(stream) => {
                let conversation = converse(stream, settings.head_read, answer.clone(), stop.clone());
                tracker.spawn(async move {
                    conversation.await;
                    drop(permit);
                });
            }
            Err(error) => tracing::warn!(%error, "a connection could not be taken over"),
        }
    }
    tracker.close();
    if tokio::time::timeout(DRAIN, tracker.wait()).await.is_err() {
        tracing::warn!(connections = tracker.len(), "connections were cut off at shutdown");
    }
}

/// Accepts connections and hands them to the workers in turn.
async fn accept(socket: TcpListener, hands: Vec<mpsc::UnboundedSender<Connection>>, stop: CancellationToken) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    for hand in hands.iter().cycle() {
        let connection = tokio::select! {
            it = next(&socket, &room) => it,
            () = stop.cancelled() => return,
        };
        if hand.send(connection).is_err() {
            return;
        }
    }
}

async fn next(socket: &TcpListener, room: &Arc<Semaphore>) -> Connection {
    let permit = Arc::clone(room).acquire_owned().await.expect("nobody closes the semaphore");
    loop {
        match socket.accept().await.and_then(|(stream, _)| stream.set_nodelay(true).and_then(|()| stream.into_std())) {
            Ok(stream) => return (stream, permit),
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

/// Serves one connection to its end. What goes wrong on it (a reset, silence, bytes that are no HTTP) is the peer's affair
/// and is not logged.
async fn converse<A>(stream: TcpStream, head_read: Duration, answer: A, stop: CancellationToken)
where
    A: Fn(&Request<Incoming>, IpAddr) -> Response<Full<Bytes>>,
{
    let Ok(peer) = stream.peer_addr() else { return };
    let heads = AtomicU32::new(0);
    let read = &heads;
    let service = service_fn(move |request| {
        // One writer, so no read-modify-write: that would lock a cache line on every request.
        read.store(read.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        ready(Ok::<_, Infallible>(answer(&request, peer.ip())))
    });
    let mut http = http1::Builder::new();
    http.max_buf_size(HEAD_BYTES_MAX);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let mut silent = pin!(silence(&heads, head_read));
    let mut stopped = pin!(stop.cancelled());
    tokio::select! {
        biased;
        _ = connection.as_mut() => return,
        () = silent.as_mut() => return,
        () = stopped.as_mut() => connection.as_mut().graceful_shutdown(),
    }
    drop(connection.await);
}

/// Ends once no head has been read for `limit`, or for a quarter of it longer.
///
/// hyper's own time limit sets up and drops a timer with every request: an eighth of all instructions of an answer. Here the
/// timer runs at its own pace and looks whether there was a request since.
async fn silence(heads: &AtomicU32, limit: Duration) {
    const LOOKS: u32 = 4;
    let (mut seen, mut in_vain) = (0, 0);
    while in_vain < LOOKS {
        tokio::time::sleep(limit / LOOKS).await;
        let read = heads.load(Ordering::Relaxed);
        in_vain = if read == seen { in_vain + 1 } else { 0 };
        seen = read;
    }
}
