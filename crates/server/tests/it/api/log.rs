//! Everything that the service logs while the tests run.

use std::io::{self, Write};
use std::sync::{Mutex, OnceLock};

use tracing_subscriber::fmt::MakeWriter;

/// One log for the whole binary, since a process has one: tests look for values that are theirs alone.
#[derive(Debug)]
pub(crate) struct Log(Mutex<Vec<u8>>);

impl Log {
    /// The log, which is written from the first call on.
    pub(crate) fn captured() -> &'static Self {
        static LOG: OnceLock<Log> = OnceLock::new();
        static SUBSCRIBED: OnceLock<()> = OnceLock::new();
        let log = LOG.get_or_init(|| Self(Mutex::default()));
        SUBSCRIBED.get_or_init(|| {
            let subscriber = tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::TRACE);
            // Of libraries only what they warn of: the service is not run with their traces.
            let filter =
                tracing_subscriber::EnvFilter::new("warn,claviger=trace,claviger_store=trace,claviger_verifier=trace");
            let subscriber = subscriber.with_writer(log).with_env_filter(filter).finish();
            tracing::subscriber::set_global_default(subscriber).expect("nobody else subscribes in this binary");
        });
        log
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for &Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for &'static Log {
    type Writer = &'static Log;

    fn make_writer(&self) -> Self::Writer {
        self
    }
}
