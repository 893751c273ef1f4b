//! `claviger dev`: the service for trying out and for tests of hosts. It keeps nothing, knows a few organizations, and has a clock that can be set.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use clap::{Arg, ArgMatches, Command};
use claviger_core::network::IpAllowList;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::sealing::MasterKey;
use claviger_core::time::{Clock, Timestamp};
use claviger_store::Store;
use serde::{Deserialize, Serialize};

use super::serve::{Running, Signals, curl_line, runtime};
use super::{Failed, read_config, samples, say, setting_args, telemetry};
use crate::app::{App, system_randomness};
use crate::clock::SettableClock;
use crate::http::problem;
use crate::ops::clocks::{Rounds, go_round};
use crate::ops::notifications::read_log;
use crate::service::Sockets;

/// How far the clock can be put forward at once, which covers every deadline there is.
const ADVANCE_DAYS_MAX: u64 = 3660;

/// Settings about what is kept: here nothing is.
const KEPT: [&str; 2] = ["data_dir", "database"];

/// Where webhooks may be sent unless it is set.
const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1"];

pub(super) fn command() -> Command {
    let clock = Arg::new("clock")
        .long("clock")
        .value_name("INSTANT")
        .help("Where the clock starts, such as 2027-01-31T09:00:00Z [default: now]");
    Command::new("dev")
        .about("Runs the service with sample data, a clock that can be set, and nothing kept")
        .long_about(
            "Runs the service with sample data and keeps nothing: its files are in a temporary folder that is removed at the end.\n\n\
             The clock goes on by itself. Put it forward with\n  \
             curl -X POST http://127.0.0.1:7400/dev/clock -H 'Content-Type: application/json' -d '{\"advance\":\"90d\"}'\n\
             or set it with {\"set\":\"2027-01-31T09:00:00Z\"}.",
        )
        .arg(clock)
        .args(setting_args().into_iter().filter(|arg| !KEPT.contains(&arg.get_id().as_str())))
}

pub(super) fn run(matches: &ArgMatches) -> Result<(), Failed> {
    let mut config = read_config(matches)?;
    if config.database.is_some() {
        return Err(Failed::new("dev keeps nothing: take the setting `database` away, or run `claviger serve`"));
    }
    // Whoever tries webhooks out receives them on this machine.
    config.webhook_allow_networks = config.webhook_allow_networks.or_else(|| IpAllowList::parse(&LOOPBACK).ok());
    telemetry::start(&config);
    let start = match matches.get_one::<String>("clock") {
        Some(text) => text.parse().map_err(|error| Failed::new(format!("--clock {text}: {error}")))?,
        None => crate::clock::SystemClock.now(),
    };
    runtime()?.block_on(async {
        let signals = Signals::take()?;
        let sockets = Sockets::bind(&config)?;
        let clock = Arc::new(SettableClock::running(start));
        let randomness = system_randomness();
        let store = Store::throwaway(randomness()).await.map_err(Failed::new)?;
        let open = Arc::new(AtomicBool::new(false));
        let app = Arc::new(OnceLock::new());
        let extra = router(DevClock { clock: Arc::clone(&clock), open: Arc::clone(&open), app: Arc::clone(&app) });
        let master_key = MasterKey::generate(&mut *randomness());
        let running = Running::start(sockets, config, store, clock, randomness, master_key.into(), Some(extra)).await?;
        let samples = samples::make(&running).await.map_err(Failed::new)?;
        drop(app.set(running.service.app.clone()));
        open.store(true, Ordering::Release);
        say(&greeting(&running, &samples))?;
        running.until_stopped(signals).await;
        Ok(())
    })
}

fn greeting(running: &Running, samples: &samples::Samples) -> String {
    let base = running.base_url();
    let keys = samples.keys.iter().map(|(name, token)| format!("  {name:<28} {token}\n")).collect::<String>();
    format!(
        "\n  Claviger {version} for development; nothing is kept\n\n  Console    {base}\n  E-mail     {email}\n  Password   {password}\n  Look at    the agency and its locations, by the icon beside the organization's name\n  \
         Gateways   http://{authz}/authz\n  Clock      POST {base}/dev/clock\n\n{keys}\n  {curl}\n",
        version = env!("CARGO_PKG_VERSION"),
        email = samples::EMAIL,
        password = samples::PASSWORD,
        authz = running.service.authz_address,
        curl = curl_line(&format!("http://{}", running.service.address), &samples.first_key),
    )
}

/// What the clock is to do.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum ClockBody {
    /// Go to an instant.
    Set(Timestamp),
    /// Go forward: a number and one of s, m, h, d.
    Advance(String),
}

/// Where the clock is.
#[derive(Debug, Serialize)]
struct ClockView {
    now: Timestamp,
}

/// The clock, and whether it may be put yet: the samples are made by a link that would run out with it.
#[derive(Debug, Clone)]
struct DevClock {
    clock: Arc<SettableClock>,
    open: Arc<AtomicBool>,
    app: Arc<OnceLock<App>>,
}

fn router(clock: DevClock) -> Router {
    Router::new().route("/dev/clock", post(put_clock).get(get_clock)).with_state(clock)
}

async fn get_clock(State(DevClock { clock, .. }): State<DevClock>) -> Json<ClockView> {
    Json(ClockView { now: clock.now() })
}

async fn put_clock(State(dev): State<DevClock>, body: Result<Json<ClockBody>, JsonRejection>) -> Response {
    match put(&dev, body) {
        Ok(()) => {
            see_to_clocks(&dev).await;
            get_clock(State(dev)).await.into_response()
        }
        Err(reject) => problem(reject),
    }
}

/// What the clock brings comes at once, and not only with the next round of a job, which goes by the machine's clock.
async fn see_to_clocks(dev: &DevClock) {
    let Some(app) = dev.app.get() else { return };
    let done = async {
        go_round(app, &mut Rounds::default()).await?;
        read_log(app).await
    };
    if let Err(error) = done.await {
        tracing::warn!(%error, "the clocks that end keys were not seen to");
    }
}

fn put(dev: &DevClock, body: Result<Json<ClockBody>, JsonRejection>) -> Result<(), Reject> {
    let Json(body) = body.map_err(|rejection| {
        let detail = "Send {\"advance\": \"90d\"} or {\"set\": \"2027-01-31T09:00:00Z\"} as JSON.";
        let code = match rejection.status() {
            StatusCode::UNSUPPORTED_MEDIA_TYPE => RejectCode::UnsupportedMediaType,
            StatusCode::PAYLOAD_TOO_LARGE => RejectCode::BodyTooLarge,
            _ => RejectCode::InvalidBody,
        };
        Reject::new(code, detail)
    })?;
    if !dev.open.load(Ordering::Acquire) {
        return Err(Reject::new(RejectCode::Unavailable, "The samples are still being made."));
    }
    match body {
        ClockBody::Set(at) => dev.clock.set(at),
        ClockBody::Advance(text) => {
            let expected = || Reject::field("/advance", "must be a number of s, m, h or d, such as 90d");
            dev.clock.advance(parse_span(&text).ok_or_else(expected)?);
        }
    }
    Ok(())
}

fn parse_span(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let secs = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    let span = Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(secs)?);
    (span <= Duration::from_secs(ADVANCE_DAYS_MAX * 86_400)).then_some(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_a_number_and_a_unit() {
        assert_eq!(parse_span("90d"), Some(Duration::from_secs(90 * 86_400)));
        assert_eq!(parse_span("1s"), Some(Duration::from_secs(1)));
        for wrong in ["", "d", "90", "-1d", "1.5h", "99999999999999999999d", "3661d", "9ü"] {
            assert_eq!(parse_span(wrong), None, "{wrong}");
        }
    }
}
