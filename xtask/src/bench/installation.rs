//! A data folder with keys in it, and the service on it.

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::clock::Stopwatch;
use super::load::KeyFile;
use super::programs::Programs;
use super::server::{Core, Recipe, Server, free_address, on_core};
use crate::shell::{Failure, Outcome, read};

/// How long a start may take: ten million keys have to be loaded.
const PATIENCE: Duration = Duration::from_secs(300);
const STOP: Duration = Duration::from_secs(30);

/// A data folder that was set up and filled.
pub(super) struct Installation {
    pub(super) keys: KeyFile,
    /// A key that may ask `POST /api/v1/verify`.
    pub(super) asking_key: String,
    program: PathBuf,
    data: PathBuf,
}

/// The service, running and ready.
pub(super) struct Service {
    /// At the address of its verification listener.
    pub(super) server: Server,
    /// Where console and API listen.
    pub(super) listen: SocketAddr,
    pub(super) seconds_until_ready: f64,
}

impl Installation {
    /// Lets the service set up a folder, and fills it with so many keys.
    ///
    /// # Errors
    /// When the service does not start, or the folder cannot be filled.
    pub(super) fn create(programs: &Programs, folder: &Path, count: u32) -> Outcome<Self> {
        let place = folder.join(format!("keys-{count}"));
        let data = place.join("data");
        fs::create_dir_all(&place)
            .map_err(|error| Failure::new(format!("cannot create {}: {error}", place.display())))?;
        let tokens = place.join("tokens");
        let program = programs.service();
        let recipe = recipe(&program, &data)?;
        recipe.authz.start(Core::Any, &place)?.stop(STOP)?;
        let mut fill = on_core(Core::Any, &programs.example("fill"));
        let asking_key = read(fill.arg(&data).arg(count.to_string()).arg(&tokens))?.trim().to_owned();
        Ok(Self { keys: KeyFile::open(tokens)?, asking_key, program, data })
    }

    /// Starts the service and waits until it is ready to verify.
    ///
    /// # Errors
    /// When it does not become ready.
    pub(super) fn start(&self, core: Core) -> Outcome<Service> {
        let Recipes { authz, listen } = recipe(&self.program, &self.data)?;
        let stopwatch = Stopwatch::start();
        let server = authz.start(core, self.data.parent().unwrap_or(&self.data))?;
        Ok(Service { server, listen, seconds_until_ready: stopwatch.seconds() })
    }

    /// How it is started for counting instructions.
    ///
    /// # Errors
    /// When there is no free port.
    pub(super) fn recipe(&self) -> Outcome<Recipe> {
        recipe(&self.program, &self.data).map(|it| it.authz)
    }

    /// What its tokens begin with.
    ///
    /// # Errors
    /// When the tokens cannot be read.
    pub(super) fn prefix(&self) -> Outcome<String> {
        let token = self.keys.first()?;
        let prefix = token.split('_').next().unwrap_or_default();
        Ok(prefix.to_owned())
    }

    /// Bytes of the database on disk.
    pub(super) fn disk_bytes(&self) -> u64 {
        let files = fs::read_dir(&self.data).into_iter().flatten().flatten();
        files.filter_map(|file| file.metadata().ok()).map(|it| it.len()).sum()
    }
}

struct Recipes {
    /// At the address of its verification listener.
    authz: Recipe,
    listen: SocketAddr,
}

fn recipe(program: &Path, data: &Path) -> Outcome<Recipes> {
    let (listen, address) = (free_address()?, free_address()?);
    let mut arguments: Vec<OsString> = vec!["serve".into(), "--data-dir".into(), data.into()];
    for (flag, value) in [("--listen", listen.to_string()), ("--authz-listen", address.to_string())] {
        arguments.extend([flag.into(), value.into()]);
    }
    // One worker, as each peer has one.
    arguments.extend(["--authz-workers".into(), "1".into()]);
    let authz = Recipe {
        name: "claviger".to_owned(),
        program: program.to_owned(),
        arguments,
        address,
        ready_at: Some(listen),
        patience: PATIENCE,
    };
    Ok(Recipes { authz, listen })
}
