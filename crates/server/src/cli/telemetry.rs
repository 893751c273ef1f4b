//! Where messages go: to standard error, for people or as JSON. Messages carry identifiers and counts, never a secret.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};

/// Starts logging. Called once, before anything else.
pub(super) fn start(config: &Config) {
    let filter = EnvFilter::builder().parse_lossy(&config.log);
    let messages = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match config.log_format {
        LogFormat::Text => messages.with_target(false).with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => messages.json().flatten_event(true).init(),
    }
}
