//! HTTP for people and programs: which surface a path belongs to, and the connections of both.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use claviger_core::network::IpAllowList;
use claviger_core::reject::Reject;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt;

use crate::app::App;
use crate::{api, console, docs, operations};

/// Where a proxy says for whom it asks.
pub(crate) const FORWARDED_FOR: &str = "x-forwarded-for";
/// Which nodes know of a change, as JSON.
pub(crate) const RECEIPT: &str = "claviger-receipt";
/// Said to whoever sends a key in a query string where policy warns of it (RFC 7234 §5.5; caches pass it on, people see it in their tools).
pub(crate) const QUERY_WARNING: HeaderValue =
    HeaderValue::from_static("299 claviger \"A key in a URL ends up in logs and histories; send it in a header.\"");
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

/// The OpenAPI document of the API, for who prints it or searches it: the surfaces do not know each other.
pub(crate) fn api_document() -> String {
    api::document_text()
}

/// A refusal as the API answers it, for what answers beside it: the surfaces do not know each other.
pub(crate) fn problem(reject: Reject) -> Response {
    api::problem(reject)
}

/// The surfaces behind one address. They stay apart, so that each keeps its own answers to what is not there.
#[derive(Clone)]
struct Surfaces {
    api: Router,
    console: Router,
    docs: Router,
    operations: Router,
}

impl Surfaces {
    fn of(app: &App) -> Self {
        Self {
            api: api::router(app.clone()),
            console: console::router(app.clone()),
            docs: docs::router(app.clone()),
            operations: operations::router(app.clone()),
        }
    }

    fn for_path(&self, path: &str) -> &Router {
        // A base address that ends with a slash makes `//api/…` of a path: there is nothing, and the API says so in its own form.
        let path =
            if path.starts_with("//") { path.trim_start_matches('/') } else { path.strip_prefix('/').unwrap_or(path) };
        let is_under = |root: &str| path.strip_prefix(root).is_some_and(|it| it.is_empty() || it.starts_with('/'));
        if operations::PATHS.iter().any(|it| it.strip_prefix('/') == Some(path)) {
            &self.operations
        } else if is_under("docs") && !is_under("docs/api") {
            &self.docs
        } else if ["api", "oauth", "docs", "openapi.json", "authz", ".well-known/oauth-authorization-server"]
            .into_iter()
            .any(is_under)
        {
            &self.api
        } else {
            &self.console
        }
    }
}

/// Everything that answers on the address of the console and the management API.
pub fn router(app: &App) -> Router {
    let surfaces = Surfaces::of(app);
    let router = Router::new().fallback(move |request: Request| {
        let surface = surfaces.for_path(request.uri().path()).clone();
        async move { surface.oneshot(request).await }
    });
    router.layer(from_fn_with_state((app.clone(), Arc::new(Strangers::default())), attend))
}

/// Whether it was said already that a proxy stands in front which nobody said to trust.
#[derive(Debug, Default)]
struct Strangers(AtomicBool);

impl Strangers {
    /// Whether this is the first request that was passed on by a peer whose `X-Forwarded-For` is not believed. Once is enough, and a client
    /// can send that header itself, as often as it likes.
    fn is_first(&self, peer: IpAddr, headers: &HeaderMap, trusted: Option<&IpAllowList>) -> bool {
        is_disbelieved(peer, headers, trusted) && !self.0.swap(true, Ordering::Relaxed)
    }
}

/// Whether the request says for whom it was passed on, by a peer that is not to be believed.
fn is_disbelieved(peer: IpAddr, headers: &HeaderMap, trusted: Option<&IpAllowList>) -> bool {
    headers.contains_key(FORWARDED_FOR) && !trusted.is_some_and(|it| it.allows(peer.to_canonical()))
}

/// What a log may say of where a request went: the route, with the names of its parameters in their stead. A path itself is never written
/// down, since a key may stand in it in place of an identifier, and a set-up link is a credential until it is used.
pub(crate) fn route_of(request: &Request) -> String {
    request.extensions().get::<MatchedPath>().map_or_else(|| "none".to_owned(), |it| it.as_str().to_owned())
}

/// Puts the client's address where all handlers look for it, and counts the answer.
async fn attend(State((app, strangers)): State<(App, Arc<Strangers>)>, mut request: Request, next: Next) -> Response {
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>().copied() {
        let trusted = app.config().trusted_proxies.as_ref();
        if strangers.is_first(peer.ip(), request.headers(), trusted) {
            tracing::warn!(
                peer = %peer.ip().to_canonical(),
                "X-Forwarded-For from this address is not believed, so all who come through it share one limit on sign-ins and one address \
                 for allow-lists; if it is your proxy, name it in --trusted-proxies"
            );
        }
        let client = client(peer.ip(), request.headers(), trusted);
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(client, peer.port())));
    }
    let response = next.run(request).await;
    app.metrics().count_answer(response.status().as_u16());
    response
}

/// Who asks: the peer, or, where trusted proxies stand in front, the address that the outermost of them saw. Read from the right, because
/// what stands further left can be written by anybody.
fn client(peer: IpAddr, headers: &HeaderMap, trusted: Option<&IpAllowList>) -> IpAddr {
    let mut client = peer.to_canonical();
    let Some(trusted) = trusted else { return client };
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    let hops = lines.filter_map(|it| it.to_str().ok()).flat_map(|it| it.rsplit(','));
    for hop in hops {
        if !trusted.allows(client) {
            break;
        }
        match hop.trim().parse::<IpAddr>() {
            Ok(address) => client = address.to_canonical(),
            Err(_) => break,
        }
    }
    client
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
                let (answering, router) = (app.clone(), router.clone());
                let service = service_fn(move |request| {
                    let answering = answer(answering.clone(), router.clone(), peer, request);
                    async { Ok(answering.await) }
                });
                let connection = connection(stream, service, HEAD_READ, &graceful);
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

/// Answers one request: by the router, or past it where the router would cost more than the answer.
async fn answer(app: App, router: Router, peer: SocketAddr, request: hyper::Request<Incoming>) -> Response {
    let mut request = request.map(Body::new);
    let trusted = app.config().trusted_proxies.as_ref();
    if api::is_verification(&request) && !is_disbelieved(peer.ip(), request.headers(), trusted) {
        let client = client(peer.ip(), request.headers(), trusted);
        let response = api::answer_verification(&app, client, request).await;
        app.metrics().count_answer(response.status().as_u16());
        return response;
    }
    request.extensions_mut().insert(ConnectInfo(peer));
    // In a box: the connection would otherwise carry room for it about in every request of the other kind.
    Box::pin(router.oneshot(request)).await.unwrap_or_else(|never| match never {})
}

fn connection<S>(
    stream: TcpStream,
    service: S,
    head_read: Duration,
    graceful: &GracefulShutdown,
) -> impl Future<Output = ()> + use<S>
where
    S: Service<hyper::Request<Incoming>, Response = Response, Error = Infallible>,
{
    // A small answer must not wait for the acknowledgement of the one before it. Where the system refuses, it is only slower.
    drop(stream.set_nodelay(true));
    // HTTP/1.1 only: telling it from HTTP/2 waits for the first bytes without any limit, and whoever wants HTTP/2 has a proxy in front.
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(head_read).max_buf_size(HEAD_BYTES_MAX);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let watched = graceful.watch(connection);
    async move {
        // A client that breaks off or talks nonsense is its own affair.
        drop(watched.await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// Without a limit on silence, as many connections as may be held at once would close the console for good.
    #[tokio::test]
    async fn a_connection_that_says_nothing_or_stops_in_its_head_is_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        for said in ["", "GET / HTTP/1.1\r\nHost: l", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
            let mut client = TcpStream::connect(address).await.expect("a connection");
            let (stream, _) = listener.accept().await.expect("a connection");
            let graceful = GracefulShutdown::new();
            let service = service_fn(|_| async { Ok(Response::default()) });
            let served = connection(stream, service, Duration::from_millis(50), &graceful);
            client.write_all(said.as_bytes()).await.expect("it is open");
            let ended = tokio::time::timeout(Duration::from_secs(10), served).await;
            assert!(ended.is_ok(), "still open after {said:?}");
            let mut answer = Vec::new();
            drop(client.read_to_end(&mut answer).await);
            assert!(!answer.starts_with(b"HTTP/1.1 2"), "{said:?}");
        }
    }

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, line.parse().expect("a header"));
        }
        headers
    }

    #[test]
    fn a_proxy_that_nobody_said_to_trust_is_told_of_once() {
        let (trusted, strangers) = (IpAllowList::parse(&["10.0.0.0/8"]).expect("a list"), Strangers::default());
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let forwarded = headers(&["203.0.113.7"]);
        assert!(!strangers.is_first(address("192.0.2.1"), &headers(&[]), None), "nothing was forwarded");
        assert!(!strangers.is_first(address("::ffff:10.0.0.1"), &forwarded, Some(&trusted)));
        assert!(strangers.is_first(address("192.0.2.1"), &forwarded, Some(&trusted)));
        assert!(!strangers.is_first(address("192.0.2.1"), &forwarded, None), "it was said already");
        assert!(Strangers::default().is_first(address("192.0.2.1"), &forwarded, None));
    }

    #[test]
    fn a_forwarded_address_is_believed_only_as_far_as_trusted_proxies_wrote_it() {
        let trusted = IpAllowList::parse(&["10.0.0.0/8"]).expect("a list");
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        for (peer, lines, expected) in [
            ("10.0.0.1", &["203.0.113.7"][..], "203.0.113.7"),
            ("10.0.0.1", &["198.51.100.9, 203.0.113.7, 10.0.0.2"], "203.0.113.7"),
            ("10.0.0.1", &["198.51.100.9", "203.0.113.7"], "203.0.113.7"),
            ("10.0.0.1", &["unknown"], "10.0.0.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("192.0.2.1", &["203.0.113.7"], "192.0.2.1"),
        ] {
            assert_eq!(client(address(peer), &headers(lines), Some(&trusted)), address(expected), "{peer} {lines:?}");
        }
        assert_eq!(client(address("10.0.0.1"), &headers(&["203.0.113.7"]), None), address("10.0.0.1"));
    }
}
