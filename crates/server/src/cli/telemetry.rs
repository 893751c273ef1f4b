//! Where messages go: to standard error, for people or as JSON. Messages carry identifiers and counts, never a secret.

use std::io::{self, IsTerminal};

use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt, registry};

use crate::config::{Config, LogFormat};

/// Starts logging. Called once, before anything else.
pub(super) fn start(config: &Config) {
    let messages = fmt::layer().with_writer(io::stderr);
    let messages = match config.log_format {
        LogFormat::Text => messages.with_target(false).with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => messages.json().flatten_event(true).boxed(),
    };
    let chosen = EnvFilter::builder().parse_lossy(&config.log);
    registry().with(chosen).with(messages.with_filter(filter_fn(may_be_written))).init();
}

/// Whether a message may be written at all, whatever the setting says: libraries write down the paths and values that they see, and a secret may
/// stand in each. What they warn of is about themselves.
fn may_be_written(message: &Metadata<'_>) -> bool {
    message.target().starts_with("claviger") || *message.level() <= Level::WARN
}
