//! Forward authentication: what a gateway asks before it lets a request through (`/authz`).
//!
//! The answer comes from memory and from memory alone: no database, no lock, no waiting.

mod answer;
pub mod listener;
mod question;
mod response;

use std::io;
use std::net::{IpAddr, TcpListener};
use std::sync::Arc;

use claviger_core::time::Clock;
use claviger_verifier::replica::Replica;
use tokio_util::sync::CancellationToken;

pub use answer::Trust;

use answer::Gateway;
use listener::{Settings, Workers};

use crate::metrics::Metrics;

/// Answers gateways on `socket` until `stop` is cancelled. What the listener stands on decides whom it trusts: on a
/// loopback address every asker is the gateway, on any other one it has to show a credential of its own.
///
/// # Errors
/// When the socket or a worker cannot be set up.
pub fn serve(
    socket: TcpListener,
    settings: Settings,
    replica: Arc<Replica>,
    clock: Arc<dyn Clock>,
    metrics: &Metrics,
    stop: &CancellationToken,
) -> io::Result<Workers> {
    let trust = Trust::of(socket.local_addr()?.ip());
    let worker = || {
        let gateway = Arc::new(Gateway::new(Arc::clone(&replica), Arc::clone(&clock), trust, metrics.tally()));
        move |request: &_, peer: IpAddr| gateway.answer(request, peer)
    };
    listener::serve(socket, settings, worker, stop)
}
