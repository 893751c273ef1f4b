//! Who is at the other end of a connection, looked at before anything is sent.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use claviger_core::network::IpAllowList;
use claviger_core::webhook::target::{may_call, may_call_in_clear};
use hyper_util::client::legacy::connect::{Connection, HttpInfo};
use tower::{Layer, Service};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The address may not be called.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("leads to an address that may not be called")]
pub(super) struct Forbidden;

/// Which addresses may be called.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    allowed: Arc<Option<IpAllowList>>,
    is_encrypted: bool,
}

impl Guard {
    pub(super) fn new(allowed: Option<IpAllowList>, is_encrypted: bool) -> Self {
        Self { allowed: Arc::new(allowed), is_encrypted }
    }

    pub(super) fn lets(&self, address: IpAddr) -> bool {
        let allowed = (*self.allowed).as_ref();
        if self.is_encrypted { may_call(address, allowed) } else { may_call_in_clear(address, allowed) }
    }
}

/// Refuses connections whose other end may not be called. The guarded names are asked before; this looks at what came of it, so that no way around
/// them (an address in the place of a name, a library that asks the system by itself) leads anywhere.
#[derive(Debug, Clone)]
pub(super) struct PeerCheck(Guard);

impl PeerCheck {
    pub(super) fn new(guard: Guard) -> Self {
        Self(guard)
    }
}

impl<S> Layer<S> for PeerCheck {
    type Service = Checked<S>;

    fn layer(&self, inner: S) -> Checked<S> {
        Checked { inner, guard: self.0.clone() }
    }
}

/// A connector whose connections are looked at.
#[derive(Debug, Clone)]
pub(super) struct Checked<S> {
    inner: S,
    guard: Guard,
}

impl<S, R> Service<R> for Checked<S>
where
    S: Service<R, Error = BoxError>,
    S::Response: Connection + Send,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let (connecting, guard) = (self.inner.call(request), self.guard.clone());
        Box::pin(async move {
            let connection = connecting.await?;
            let mut facts = http::Extensions::new();
            connection.connected().get_extras(&mut facts);
            // A connection that does not say where it leads is none.
            let peer = facts.get::<HttpInfo>().map(|it| it.remote_addr().ip());
            if peer.is_some_and(|it| guard.lets(it)) { Ok(connection) } else { Err(Forbidden.into()) }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;

    /// Calls a listener on loopback with nothing before it but this check. Says what the listener was sent.
    async fn sent(allowed: Option<IpAllowList>) -> Vec<u8> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let check = PeerCheck::new(Guard::new(allowed, true));
        let client = reqwest::Client::builder().no_proxy().connector_layer(check).timeout(Duration::from_secs(1));
        let calling = client.build().expect("a client").post(url).body("a delivery").send();
        let receiving = async {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut received = vec![0; 4096];
            let count = stream.read(&mut received).await.unwrap_or(0);
            received.truncate(count);
            received
        };
        tokio::join!(calling, receiving).1
    }

    // S10
    #[tokio::test]
    async fn a_forbidden_other_end_is_sent_nothing() {
        assert!(sent(None).await.is_empty());
        let allowed = IpAllowList::parse(&["127.0.0.0/8"]).expect("a list");
        assert!(sent(Some(allowed)).await.starts_with(b"POST / "), "where it may, it is called");
    }
}
