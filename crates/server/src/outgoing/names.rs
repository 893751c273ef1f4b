//! Names of receivers, and the addresses that they lead to.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::sync::Arc;

use claviger_core::limits::WEBHOOK_LOOKUPS_MAX;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use super::peer::{Forbidden, Guard};

/// The addresses of a name, once they are there.
pub type Found = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Who knows where names lead: the system, or a table in tests.
pub trait Names: Send + Sync {
    /// All addresses of a name.
    fn look_up(&self, name: &str) -> Found;
}

/// The system's resolver, with its hosts file.
#[derive(Debug)]
pub struct SystemNames {
    /// A look-up holds a thread for as long as the system takes, also where nobody waits for it any more; passwords are checked on such threads
    /// too.
    permits: Arc<Semaphore>,
}

impl Default for SystemNames {
    fn default() -> Self {
        Self { permits: Arc::new(Semaphore::new(WEBHOOK_LOOKUPS_MAX)) }
    }
}

impl Names for SystemNames {
    fn look_up(&self, name: &str) -> Found {
        let (permits, name) = (Arc::clone(&self.permits), name.to_owned());
        Box::pin(async move {
            let permit = permits.acquire_owned().await.map_err(io::Error::other)?;
            let look_up = move || {
                let found = (name.as_str(), 0).to_socket_addrs().map(|it| it.map(|it| it.ip()).collect());
                drop(permit);
                found
            };
            tokio::task::spawn_blocking(look_up).await.map_err(io::Error::other)?
        })
    }
}

/// Tells the client only those addresses that it may call.
pub(super) struct GuardedNames {
    guard: Guard,
    names: Arc<dyn Names>,
}

impl GuardedNames {
    pub(super) fn new(guard: Guard, names: Arc<dyn Names>) -> Self {
        Self { guard, names }
    }
}

impl Resolve for GuardedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, found) = (self.guard.clone(), self.names.look_up(name.as_str()));
        Box::pin(async move {
            let found = found.await?;
            let (may, may_not): (Vec<_>, Vec<_>) = found.into_iter().partition(|it| guard.lets(*it));
            if may.is_empty() && !may_not.is_empty() {
                return Err(Forbidden.into());
            }
            // Port 0 becomes that of the address.
            let addresses: Addrs = Box::new(may.into_iter().map(|it| SocketAddr::new(it, 0)));
            Ok(addresses)
        })
    }
}
