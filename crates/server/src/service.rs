//! A running service: its two listeners around an [`App`], and its jobs.

use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::DropGuard;

use crate::app::App;
use crate::config::{Config, ConfigError};
use crate::gateway::listener::{Settings, Workers};
use crate::ops::endings::EndingsLog;
use crate::ops::error::OpResult;
use crate::{gateway, http, jobs};

/// Both sockets, bound before anything else, so that an address in use is told before anything was made or changed.
#[derive(Debug)]
pub struct Sockets {
    main: StdTcpListener,
    authz: StdTcpListener,
}

impl Sockets {
    /// Binds both.
    ///
    /// # Errors
    /// One line that names the setting.
    pub fn bind(config: &Config) -> Result<Self, ConfigError> {
        let bind = |name, address| {
            let bound = StdTcpListener::bind(address).and_then(|it| it.set_nonblocking(true).map(|()| it));
            bound.map_err(|error| ConfigError::of_address(name, address, &error))
        };
        Ok(Self { main: bind("listen", config.listen)?, authz: bind("authz_listen", config.authz_listen)? })
    }
}

/// A running service. Dropping it tells everything to end, and waits for nothing: [`Service::stop`] ends it in good order.
#[derive(Debug)]
pub struct Service {
    /// What it serves.
    pub app: App,
    /// Where the console and the management API listen.
    pub address: SocketAddr,
    /// Where gateways ask.
    pub authz_address: SocketAddr,
    workers: Workers,
    /// Threads of their own would go on answering, and hold the database open.
    _stop: DropGuard,
}

impl Service {
    /// Begins to listen and starts the jobs. It answers from the first moment, and is ready once the replica is loaded. `extra` answers before
    /// everything else, as `claviger dev` needs.
    ///
    /// # Errors
    /// When a socket or a thread cannot be set up.
    pub fn start(app: App, sockets: Sockets, extra: Option<Router>) -> io::Result<Self> {
        jobs::start(&app);
        Self::listen(app, sockets, extra)
    }

    /// Begins to listen, as [`Self::start`] does, and leaves it to the caller which jobs run.
    ///
    /// # Errors
    /// When a socket or a thread cannot be set up.
    pub fn listen(app: App, sockets: Sockets, extra: Option<Router>) -> io::Result<Self> {
        let (address, authz_address) = (sockets.main.local_addr()?, sockets.authz.local_addr()?);
        let (replica, clock) = (app.replica().clone(), app.clock().clone());
        let settings = Settings::with_workers(app.config().authz_workers);
        let workers = gateway::serve(sockets.authz, settings, replica, clock, app.metrics(), app.stop())?;
        let router = extra.unwrap_or_default().fallback_service(http::router(&app));
        let listener = TcpListener::from_std(sockets.main)?;
        app.spawn(http::serve(listener, router, app.clone()));
        let stop = app.stop().clone().drop_guard();
        Ok(Self { app, address, authz_address, workers, _stop: stop })
    }

    /// Writes down from now on what ends, apart from the database: whatever changes behind this call stands there.
    ///
    /// # Errors
    /// What the first reading of the log can meet, and a file that cannot be written.
    pub async fn keep_endings(&self, mut log: EndingsLog) -> OpResult<()> {
        log.ready(&self.app).await?;
        // From now on it counts how long something has waited to be written down.
        self.app.endings().whole(self.app.now());
        drop(self.app.spawn_following(jobs::keep_endings(self.app.clone(), log)));
        Ok(())
    }

    /// How browsers reach the console, without a slash at the end.
    pub fn base_url(&self) -> String {
        self.app.config().base_url(self.address)
    }

    /// Ends it in good order: no new connections, running requests to their end, what was used written down, the database closed.
    pub async fn stop(self) {
        let Self { app, workers, .. } = self;
        app.stop().cancel();
        if let Err(fault) = tokio::task::spawn_blocking(|| workers.join()).await {
            tracing::warn!(%fault, "the workers that answer gateways did not end in good order");
        }
        app.shut_down().await;
    }
}
