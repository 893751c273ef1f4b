//! Writing through to the disk, once for everybody who waits for it.
//!
//! SQLite could wait for the disk within each commit (`synchronous=FULL`), and then the next transaction waits too: there is one writer. So it
//! only hands its log to the system there, in order, and here the system is asked to put it on the disk. All who committed before the
//! system was asked are served by one such wait; meanwhile the next ones are written. Nobody is told that a change was made before that.

use std::fs::OpenOptions;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Mutex;

/// The log of an embedded database, and how much of it is on the disk.
pub(super) struct Disk {
    log: PathBuf,
    /// Writes through that were begun; and the last one that ended, by its number.
    begun: AtomicU64,
    ended: Mutex<u64>,
    failed: AtomicBool,
}

impl Disk {
    pub(super) fn new(log: PathBuf) -> Self {
        Self { log, begun: AtomicU64::new(0), ended: Mutex::default(), failed: AtomicBool::new(false) }
    }

    /// Waits until everything is on the disk that was committed before this was called.
    ///
    /// # Errors
    /// When the system cannot say so; then it never says so again: it tells of a fault once, and what it could not write may be gone from
    /// its memory when it is asked the next time.
    pub(super) async fn write_through(&self) -> io::Result<()> {
        let log = self.log.clone();
        self.once_for_all(move || write_through(&log)).await
    }

    async fn once_for_all(&self, write: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
        let begun = self.begun.load(Ordering::SeqCst);
        let mut ended = self.ended.lock().await;
        self.refuse_after_fault()?;
        if begun < *ended {
            return Ok(());
        }
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let written = tokio::task::spawn_blocking(write).await.unwrap_or_else(|fault| Err(io::Error::other(fault)));
        if let Err(error) = &written {
            self.failed.store(true, Ordering::SeqCst);
            tracing::error!(%error, "the disk did not take what was written: nothing is changed any more until the next start");
        }
        written?;
        *ended = number;
        Ok(())
    }

    /// How many writes were begun.
    #[cfg(test)]
    pub(super) fn writes(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }

    /// Refuses to go on after a fault.
    ///
    /// # Errors
    /// When there was one.
    pub(super) fn refuse_after_fault(&self) -> io::Result<()> {
        if self.failed.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk did not take what was written before"));
        }
        Ok(())
    }
}

fn write_through(log: &std::path::Path) -> io::Result<()> {
    // Opened anew each time: the log goes away with the last connection, and comes again with the next one. When it goes, all of it has been
    // written back into the database and is on the disk.
    match OpenOptions::new().write(true).open(log) {
        Ok(file) => file.sync_data(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    fn disk() -> Disk {
        Disk::new("nowhere".into())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn everybody_is_told_after_a_write_that_began_behind_their_commit() {
        let disk = Arc::new(disk());
        // What was committed, what the writes have taken with them, and how many there were.
        let (committed, written, writes) =
            (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        #[expect(clippy::disallowed_methods, reason = "they end with the test")]
        let clients: Vec<_> = (0..50)
            .map(|_| {
                let (disk, committed, written, writes) =
                    (Arc::clone(&disk), Arc::clone(&committed), Arc::clone(&written), Arc::clone(&writes));
                tokio::spawn(async move {
                    for _ in 0..10 {
                        let own = committed.fetch_add(1, Ordering::SeqCst) + 1;
                        let write = {
                            let (committed, written, writes) =
                                (Arc::clone(&committed), Arc::clone(&written), Arc::clone(&writes));
                            move || {
                                let taken = committed.load(Ordering::SeqCst);
                                thread::sleep(Duration::from_micros(300));
                                written.fetch_max(taken, Ordering::SeqCst);
                                writes.fetch_add(1, Ordering::SeqCst);
                                Ok(())
                            }
                        };
                        disk.once_for_all(write).await.expect("it is written");
                        assert!(own <= written.load(Ordering::SeqCst), "told before it was written");
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.expect("no client was told too early");
        }
        assert!(writes.load(Ordering::SeqCst) < 250, "one write serves many");
    }

    #[tokio::test]
    async fn after_a_fault_nobody_is_told_that_anything_is_written() {
        let disk = disk();
        disk.once_for_all(|| Ok(())).await.expect("it is written");
        assert!(disk.refuse_after_fault().is_ok());
        disk.once_for_all(|| Err(io::Error::other("broken"))).await.expect_err("it is not");
        disk.once_for_all(|| Ok(())).await.expect_err("what was lost then is not there now");
        assert!(disk.refuse_after_fault().is_err());
    }

    #[tokio::test]
    async fn log_that_was_written_back_needs_no_write() {
        disk().write_through().await.expect("it is on the disk");
    }
}
