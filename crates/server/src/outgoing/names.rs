//! Names of receivers, and the addresses that they lead to.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use claviger_core::limits::{
    WEBHOOK_LOOKUPS_MAX, WEBHOOK_LOOKUPS_SLOW_MAX, WEBHOOK_LOOKUPS_UNPROVEN_MAX, WEBHOOK_NAMES_KNOWN_MAX,
};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

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
    look: fn(&str) -> io::Result<Vec<IpAddr>>,
    lines: Arc<Lines>,
}

/// How long an answer may take that is quick.
const QUICK: Duration = Duration::from_secs(2);
/// How long it is remembered how a name answered.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// A look-up holds a thread for as long as the system takes, also where nobody waits for it any more; passwords are checked on such threads too.
/// Whoever has names that answer to nobody has as many as they like, so such names have a bound of their own, and those that nobody knows yet
/// leave places to those that have answered quickly.
#[derive(Debug)]
struct Lines {
    quick: Duration,
    all: Arc<Semaphore>,
    unproven: Arc<Semaphore>,
    slow: Arc<Semaphore>,
    known: Mutex<HashMap<String, Known>>,
}

/// What is known of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// It is being asked for, since then.
    Asked(Instant),
    /// It answered quickly.
    Quick(Instant),
    /// It did not.
    Slow(Instant),
}

impl Lines {
    fn new(quick: Duration) -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        Self {
            quick,
            all: places(WEBHOOK_LOOKUPS_MAX),
            unproven: places(WEBHOOK_LOOKUPS_UNPROVEN_MAX),
            slow: places(WEBHOOK_LOOKUPS_SLOW_MAX),
            known: Mutex::default(),
        }
    }

    /// Waits for the places that a name needs.
    async fn places(&self, name: &str) -> io::Result<Vec<OwnedSemaphorePermit>> {
        let lines = match self.known().get(name) {
            Some(Known::Quick(at)) if at.elapsed() < REMEMBERED => vec![&self.all],
            Some(Known::Slow(at)) if at.elapsed() < REMEMBERED => vec![&self.slow, &self.unproven, &self.all],
            Some(Known::Asked(at)) if self.quick <= at.elapsed() => vec![&self.slow, &self.unproven, &self.all],
            _ => vec![&self.unproven, &self.all],
        };
        let mut places = Vec::new();
        for line in lines {
            places.push(Arc::clone(line).acquire_owned().await.map_err(io::Error::other)?);
        }
        Ok(places)
    }

    /// Notes that a name is asked for, where nothing better is known of it.
    fn ask(&self, name: &str, now: Instant) {
        let mut known = self.known();
        if WEBHOOK_NAMES_KNOWN_MAX <= known.len() {
            // Those that are remembered no more; and where there are none, all: it is found out again.
            known.retain(|_, it| {
                let (Known::Asked(at) | Known::Quick(at) | Known::Slow(at)) = it;
                at.elapsed() < REMEMBERED
            });
            if WEBHOOK_NAMES_KNOWN_MAX <= known.len() {
                known.clear();
            }
        }
        known.entry(name.to_owned()).or_insert(Known::Asked(now));
    }

    /// Notes how long a name took. One that was slow stays so for a while: it may be quick whenever it likes.
    fn note(&self, name: &str, began: Instant) {
        let is_quick = began.elapsed() < self.quick;
        let mut known = self.known();
        let before = known.get(name).copied();
        let is_slow = matches!(before, Some(Known::Slow(at)) if at.elapsed() < REMEMBERED);
        match is_quick {
            true if is_slow => {}
            true => drop(known.insert(name.to_owned(), Known::Quick(began))),
            false => drop(known.insert(name.to_owned(), Known::Slow(Instant::now()))),
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for SystemNames {
    fn default() -> Self {
        let look = |name: &str| Ok((name, 0).to_socket_addrs()?.map(|it| it.ip()).collect());
        Self { look, lines: Arc::new(Lines::new(QUICK)) }
    }
}

impl Names for SystemNames {
    fn look_up(&self, name: &str) -> Found {
        let (look, lines, name) = (self.look, Arc::clone(&self.lines), name.to_owned());
        Box::pin(async move {
            let places = lines.places(&name).await?;
            let look_up = move || {
                let began = Instant::now();
                lines.ask(&name, began);
                let found = look(&name);
                lines.note(&name, began);
                drop(places);
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);

    /// Names answer at once, but for those that take a second.
    fn look(name: &str) -> io::Result<Vec<IpAddr>> {
        if name.starts_with("slow") {
            MOST.fetch_max(UNDER_WAY.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_secs(1));
            UNDER_WAY.fetch_sub(1, Ordering::SeqCst);
        }
        Ok(Vec::new())
    }

    #[tokio::test]
    async fn names_that_are_slow_to_answer_leave_places_to_others() {
        let names = SystemNames { look, lines: Arc::new(Lines::new(Duration::from_millis(300))) };
        names.look_up("quick").await.expect("an answer");
        let slow = || (0..60).map(|it| names.look_up(&format!("slow{it}"))).collect::<Vec<_>>();
        for most in [WEBHOOK_LOOKUPS_UNPROVEN_MAX, WEBHOOK_LOOKUPS_SLOW_MAX] {
            MOST.store(0, Ordering::SeqCst);
            let mut asked = tokio::task::JoinSet::new();
            slow().into_iter().for_each(|it| drop(asked.spawn(it)));
            tokio::time::sleep(Duration::from_millis(400)).await;
            let began = Instant::now();
            names.look_up("quick").await.expect("an answer");
            assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
            while asked.join_next().await.is_some() {}
            assert_eq!(MOST.load(Ordering::SeqCst), most);
        }
    }
}
