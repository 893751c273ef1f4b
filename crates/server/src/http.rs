//! HTTP for people and programs: which surface a path belongs to, and the connections of both.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt;

use crate::app::App;
use crate::{api, console, operations};

/// Connections held at once; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 1024;
/// How long a client may take to send a request's head: without a limit, a few thousand idle connections are an attack.
const HEAD_READ: Duration = Duration::from_secs(15);
/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// How long running requests may take to end at shutdown.
const DRAIN: Duration = Duration::from_secs(10);
/// Pause after the system refused a connection, mostly for want of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// The surfaces behind one address. They stay apart, so that each keeps its own answers to what is not there.
#[derive(Clone)]
struct Surfaces {
    api: Router,
    console: Router,
    operations: Router,
}

impl Surfaces {
    fn of(app: &App) -> Self {
        Self {
            api: api::router(app.clone()),
            console: console::router(app.clone()),
            operations: operations::router(app.clone()),
        }
    }

    fn for_path(&self, path: &str) -> &Router {
        let is_under = |root: &str| path.strip_prefix(root).is_some_and(|it| it.is_empty() || it.starts_with('/'));
        if operations::PATHS.contains(&path) {
            &self.operations
        } else if ["/api", "/docs", "/openapi.json"].into_iter().any(is_under) {
            &self.api
        } else {
            &self.console
        }
    }
}

/// Everything that answers on the address of the console and the management API.
pub fn router(app: &App) -> Router {
    let surfaces = Surfaces::of(app);
    Router::new().fallback(move |request: Request| {
        let surface = surfaces.for_path(request.uri().path()).clone();
        async move { surface.oneshot(request).await }
    })
}

/// Answers on `listener` until the service is to stop, and then until running requests have ended.
pub async fn serve(listener: TcpListener, router: Router, app: App) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = async {
            let permit = Arc::clone(&connections).acquire_owned().await.expect("nobody closes this semaphore");
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            accepted = accepted => accepted,
            () = app.stop().cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = connection(stream, peer, router.clone(), &graceful);
                app.spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "no connection could be accepted");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were cut off at shutdown");
    }
}

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    graceful: &GracefulShutdown,
) -> impl Future<Output = ()> + use<> {
    // A small answer must not wait for the acknowledgement of the one before it. Where the system refuses, it is only slower.
    drop(stream.set_nodelay(true));
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let router = router.clone();
        async move {
            Ok::<Response, Infallible>(
                router.oneshot(request.map(axum::body::Body::new)).await.unwrap_or_else(|never| match never {}),
            )
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_READ).max_buf_size(HEAD_BYTES_MAX);
    builder.http2().timer(TokioTimer::new()).max_header_list_size(HEAD_BYTES_MAX as u32).keep_alive_interval(HEAD_READ);
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    let watched = graceful.watch(connection);
    async move {
        // A client that breaks off or talks nonsense is its own affair.
        drop(watched.await);
    }
}
