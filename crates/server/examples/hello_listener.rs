//! The verification listener with nothing behind it, so that `cargo xtask bench` shows what the listener itself costs.
//!
//! Usage: `hello_listener ADDRESS`.

use std::error::Error;
use std::num::NonZeroUsize;

use bytes::Bytes;
use claviger::gateway::listener::{Settings, serve};
use http_body_util::Full;
use hyper::Response;
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("usage: hello_listener ADDRESS")?;
    let socket = std::net::TcpListener::bind(address)?;
    let answer = |_: &_, _| Response::new(Full::new(Bytes::from_static(b"hello")));
    serve(socket, Settings::with_workers(NonZeroUsize::MIN), || answer, &CancellationToken::new())?.join();
    Ok(())
}
