//! `claviger serve`: puts the service together, says where it is, and ends it in good order.

use std::sync::Arc;

use axum::Router;
use claviger_core::time::Clock;
use claviger_store::{Error, Options, Store, close_to_others};
use secrecy::ExposeSecret;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Failed, say, telemetry};
use crate::app::{App, Randomness, system_randomness};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::data_folder::MasterKeyFile;
use crate::ops::endings::EndingsLog;
use crate::ops::installation::{Installation, install, warn_of_other_master_key};
use crate::service::{Service, Sockets};

/// Runs the service until it is told to stop.
pub(super) fn run(config: Config) -> Result<(), Failed> {
    telemetry::start(&config);
    runtime()?.block_on(async {
        let signals = Signals::take()?;
        let sockets = Sockets::bind(&config)?;
        let randomness = system_randomness();
        let folder = config.data_dir.clone();
        let master_keys = crate::data_folder::prepare(&folder, &mut *randomness())
            .map_err(|error| Failed::new(format!("the data folder {} cannot be used: {error}", folder.display())))?;
        let path = config.endings_file();
        // One that was named elsewhere keeps its mode: somebody may collect it there.
        if config.endings_log.is_none() {
            close_to_others(&path);
        }
        let endings = EndingsLog::open(path.clone())
            .map_err(|error| Failed::new(format!("--endings-log {}: {error}", path.display())))?;
        let store = open_store(&config, &randomness).await?;
        let running =
            Running::start(sockets, config, store, Arc::new(SystemClock), randomness, master_keys, None).await?;
        running.service.keep_endings(endings).await.map_err(Failed::new)?;
        warn_of_other_master_key(&running.service.app).await.map_err(Failed::new)?;
        say(&running.greeting())?;
        running.until_stopped(signals).await;
        Ok(())
    })
}

/// Opens the database that the settings name.
pub(super) async fn open_store(config: &Config, randomness: &Randomness) -> Result<Store, Failed> {
    let opened = match &config.database {
        Some(url) => Store::connect(url.expose(), Options::default(), randomness()).await,
        None => Store::open(&config.data_dir, Options::default(), randomness()).await,
    };
    opened.map_err(|error| unopened(config, &error))
}

/// Opens the database that the settings name to read it, while a service may be running on it. Nothing is made and nothing migrated.
pub(super) async fn open_store_beside(config: &Config, randomness: &Randomness) -> Result<Store, Failed> {
    let opened = match &config.database {
        Some(url) => Store::connect_beside(url.expose(), Options::default(), randomness()).await,
        None => Store::beside(&config.data_dir, randomness()).await,
    };
    opened.map_err(|error| unopened(config, &error))
}

fn unopened(config: &Config, error: &Error) -> Failed {
    match (&config.database, error) {
        (Some(_), _) => Failed::new(format!("--database: {error}")),
        // They name the folder themselves.
        (None, Error::Locked(_) | Error::Folder { .. }) => Failed::new(error),
        (None, _) => Failed::new(format!("{}: {error}", config.data_dir.display())),
    }
}

pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failed> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failed::new)
}

/// The service, listening, and what its start found or made.
pub(super) struct Running {
    pub(super) service: Service,
    pub(super) installation: Installation,
}

impl Running {
    /// Starts, and returns once it knows every key. `extra` answers before everything else.
    pub(super) async fn start(
        sockets: Sockets,
        config: Config,
        store: Store,
        clock: Arc<dyn Clock>,
        randomness: Randomness,
        master_keys: MasterKeyFile,
        extra: Option<Router>,
    ) -> Result<Self, Failed> {
        let organization = config.organization.clone();
        let app = App::start(config, store, clock, randomness, master_keys);
        let service = Service::start(app, sockets, extra).map_err(Failed::new)?;
        let installation = install(&service.app, organization).await.map_err(Failed::new)?;
        service.app.follower().ready().await;
        Ok(Self { service, installation })
    }

    /// How people reach the console.
    pub(super) fn base_url(&self) -> String {
        self.service.base_url()
    }

    /// Where it runs; at the first start also how to go on from there.
    pub(super) fn greeting(&self) -> String {
        let base = self.base_url();
        let mut text = format!("\n  Claviger {} is running\n\n", env!("CARGO_PKG_VERSION"));
        let mut fact = |name: &str, value: &str| {
            text.push_str(&format!("  {name:<10} {value}\n"));
        };
        fact("Console", &base);
        fact("Docs", &format!("{base}/docs"));
        fact("Gateways", &format!("http://{}/authz", self.service.authz_address));
        fact("Data", &self.service.app.store().place());
        if let Some(token) = &self.installation.set_up_token {
            let link = format!("{base}/setup/{}", token.expose_secret());
            text.push_str(&format!("\n  Set your password (the link works once, for 24 hours):\n  {link}\n"));
        }
        match (&self.installation.first_key, &self.installation.set_up_token) {
            (Some(token), _) => {
                let curl = curl_line(&format!("http://{}", self.service.address), token.expose());
                text.push_str(&format!("\n  Your first key is shown only here. Check it:\n  {curl}\n"));
            }
            // Started again before anybody has set it up: whoever looks for the key has to learn that it is not coming.
            (None, Some(_)) => text.push_str(&format!(
                "\n  The first key was shown once, at the first start; only its digest is kept. Make another, once your password\n  is set: \
                 {base}/settings/api-keys\n"
            )),
            (None, None) => {}
        }
        text.push_str("\n  Stop it with Ctrl-C.\n");
        text
    }

    /// Waits for SIGTERM or an interrupt, then ends: no new connections, running requests to their end, and what was used written down.
    pub(super) async fn until_stopped(self, mut signals: Signals) {
        signals.wait().await;
        tracing::info!("stopping");
        self.service.stop().await;
    }
}

/// The signals that end the service. Taken before anything starts, so that one that comes early ends it in good order too.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn take() -> Result<Self, Failed> {
        let take = |kind| signal(kind).map_err(Failed::new);
        Ok(Self { terminate: take(SignalKind::terminate())?, interrupt: take(SignalKind::interrupt())? })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// A line that can be copied into a shell as it is, and shows the key being verified.
pub(super) fn curl_line(base: &str, token: &str) -> String {
    format!(
        "curl {base}/api/v1/verify -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' -d '{{\"key\":\"{token}\"}}'"
    )
}
