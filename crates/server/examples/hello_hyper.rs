//! The peer that `cargo xtask bench` measures the verification listener against: hyper with nothing behind it.
//!
//! One thread with a single-threaded runtime accepts and serves, as each worker of the listener does, in the same profile
//! and with the same allocator. What the listener adds to that (a time limit on heads, a limit of connections, graceful
//! shutdown) is left out on purpose: it is part of what is measured.
//!
//! Usage: `hello_hyper ADDRESS`, for instance `hello_hyper 127.0.0.1:7499`.

use std::convert::Infallible;
use std::error::Error;
use std::future::ready;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("usage: hello_hyper ADDRESS")?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(serve(&address))
}

async fn serve(address: &str) -> Result<(), Box<dyn Error>> {
    let socket = TcpListener::bind(address).await?;
    let connections = TaskTracker::new();
    loop {
        let (stream, _) = socket.accept().await?;
        stream.set_nodelay(true)?;
        connections.spawn(async move {
            // A connection that breaks is the load generator's affair.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await);
        });
    }
}

fn answer(_: Request<Incoming>) -> impl Future<Output = Result<Response<Full<Bytes>>, Infallible>> {
    ready(Ok(Response::new(Full::new(Bytes::from_static(b"hello")))))
}
