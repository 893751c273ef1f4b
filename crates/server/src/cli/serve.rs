//! `claviger serve`: puts the service together, says where it is, and ends it in good order.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::sync::Arc;

use axum::Router;
use claviger_core::time::Clock;
use claviger_store::{Options, Store};
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::{Failed, say, telemetry};
use crate::app::{App, Randomness, system_randomness};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::gateway::{self, listener};
use crate::http;
use crate::ops::installation::{Installation, install};

/// Runs the service until it is told to stop.
pub(super) fn run(config: Config) -> Result<(), Failed> {
    telemetry::start(&config);
    runtime()?.block_on(async {
        let randomness = system_randomness();
        let folder = config.data_dir.clone();
        crate::data_folder::prepare(&folder, &mut *randomness())
            .map_err(|error| Failed::new(format!("the data folder {} cannot be made: {error}", folder.display())))?;
        let store = Store::open(&folder, Options::default(), randomness()).await;
        let store = store.map_err(|error| Failed::new(format!("{}: {error}", folder.display())))?;
        let running = Running::start(config, store, Arc::new(SystemClock), randomness, None).await?;
        say(&running.greeting())?;
        running.until_stopped().await
    })
}

pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failed> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failed::new)
}

/// The service, listening.
pub(super) struct Running {
    pub(super) app: App,
    pub(super) installation: Installation,
    pub(super) listens: SocketAddr,
    pub(super) authz_listens: SocketAddr,
    workers: listener::Workers,
}

impl Running {
    /// Binds both addresses before anything else, so that a taken one is told at once; then starts. `extra` answers before everything else.
    pub(super) async fn start(
        config: Config,
        store: Store,
        clock: Arc<dyn Clock>,
        randomness: Randomness,
        extra: Option<Router>,
    ) -> Result<Self, Failed> {
        let listener = bind(config.listen, "listen")?;
        let authz = bind(config.authz_listen, "authz-listen")?;
        let (listens, authz_listens) = (local(&listener)?, local(&authz)?);
        let settings = listener::Settings::with_workers(config.authz_workers);
        let organization = config.organization.clone();
        let app = App::start(config, store, clock, randomness);
        let workers = gateway::serve(
            authz,
            settings,
            Arc::clone(app.replica()),
            Arc::clone(app.clock()),
            app.metrics(),
            app.stop(),
        )
        .map_err(Failed::new)?;
        listener.set_nonblocking(true).map_err(Failed::new)?;
        let listener = TcpListener::from_std(listener).map_err(Failed::new)?;
        let router = extra.unwrap_or_default().fallback_service(http::router(&app));
        app.spawn(http::serve(listener, router, app.clone()));
        let installation = install(&app, organization).await.map_err(Failed::new)?;
        app.follower().ready().await;
        Ok(Self { app, installation, listens, authz_listens, workers })
    }

    /// How people reach the console.
    pub(super) fn base_url(&self) -> String {
        self.app.config().base_url(self.listens)
    }

    /// Where it runs; at the first start also how to go on from there.
    pub(super) fn greeting(&self) -> String {
        let (base, config) = (self.base_url(), self.app.config());
        let mut text = format!("\n  Claviger {} is running\n\n", env!("CARGO_PKG_VERSION"));
        let mut fact = |name: &str, value: &str| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "  {name:<10} {value}");
        };
        fact("Console", &base);
        fact("API", &format!("{base}/docs/api"));
        fact("Gateways", &format!("http://{}/authz", self.authz_listens));
        fact("Data", &config.data_dir.display().to_string());
        if let Some(token) = &self.installation.set_up_token {
            let link = format!("{base}/setup/{}", token.expose_secret());
            let _ = write!(text, "\n  Set your password (the link works once, for 24 hours):\n  {link}\n");
        }
        if let Some(token) = &self.installation.first_key {
            let curl = curl_line(&format!("http://{}", self.listens), token.expose());
            let _ = write!(text, "\n  Your first key is shown only here. Check it:\n  {curl}\n");
        }
        text
    }

    /// Waits for SIGTERM or an interrupt, then ends: no new connections, running requests to their end, and what was used written down.
    pub(super) async fn until_stopped(self) -> Result<(), Failed> {
        let mut terminate = signal(SignalKind::terminate()).map_err(Failed::new)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Failed::new)?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        let Self { app, workers, .. } = self;
        app.stop().cancel();
        tokio::task::spawn_blocking(|| workers.join()).await.map_err(Failed::new)?;
        app.shut_down().await;
        Ok(())
    }
}

/// A line that can be copied into a shell as it is, and shows the key being verified.
pub(super) fn curl_line(base: &str, token: &str) -> String {
    format!(
        "curl {base}/api/v1/verify -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' -d '{{\"key\":\"{token}\"}}'"
    )
}

fn bind(address: SocketAddr, flag: &str) -> Result<StdTcpListener, Failed> {
    StdTcpListener::bind(address).map_err(|error| {
        Failed::new(format!("cannot listen on {address}: {error}; choose another address with --{flag}"))
    })
}

fn local(listener: &StdTcpListener) -> Result<SocketAddr, Failed> {
    listener.local_addr().map_err(Failed::new)
}
