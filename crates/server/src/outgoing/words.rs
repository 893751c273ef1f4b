//! What went wrong with a call, in words for whoever looks after the receiver. Neither the address nor what stands in it is repeated: a secret may.

use std::error::Error;
use std::io;

use claviger_core::limits::{WEBHOOK_ATTEMPT_SECS_MAX, WEBHOOK_CONNECT_SECS_MAX};
use claviger_core::webhook::attempt::Outcome;
use http::StatusCode;

use super::peer::Forbidden;

/// Bytes of a library's words that are passed on.
const WORDS_BYTES_MAX: usize = 300;

/// What an answer means that is no success.
pub(super) fn of_outcome(outcome: &Outcome) -> Option<String> {
    let Outcome::Answered { status, .. } = outcome else { return None };
    let named = || {
        let reason = StatusCode::from_u16(*status).ok().and_then(|it| it.canonical_reason());
        reason.map_or_else(|| status.to_string(), |it| format!("{status} {it}"))
    };
    match status {
        200..=299 => None,
        300..=399 => {
            Some(format!("The receiver answered {}. Redirects are not followed: name where it leads.", named()))
        }
        410 => Some("The receiver answered 410: it is gone.".to_owned()),
        _ => Some(format!("The receiver answered {}.", named())),
    }
}

/// The words for a receiver that has not answered in time.
pub(super) fn too_slow() -> String {
    format!("The receiver did not answer within {WEBHOOK_ATTEMPT_SECS_MAX} seconds.")
}

/// What a failed call means.
pub(super) fn of_error(error: &reqwest::Error) -> (Outcome, String) {
    if cause::<Forbidden>(error).is_some() {
        return (Outcome::Forbidden, "The address leads into a private network, or to where TLS is needed.".to_owned());
    }
    (Outcome::Unanswered, words(error))
}

fn words(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return if error.is_connect() {
            format!("No connection was made within {WEBHOOK_CONNECT_SECS_MAX} seconds.")
        } else {
            too_slow()
        };
    }
    match cause::<io::Error>(error).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => return "The receiver refuses connections.".to_owned(),
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => {
            return "The receiver broke the connection off.".to_owned();
        }
        Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
            return "The receiver's network is not reached from here.".to_owned();
        }
        _ => {}
    }
    if error.is_dns() {
        return "The address has a name that leads nowhere.".to_owned();
    }
    let innermost = causes(error).last();
    let mut said = innermost.map_or_else(|| "no reason was given".to_owned(), ToString::to_string);
    said.retain(|it| !it.is_control());
    said.truncate(said.floor_char_boundary(WORDS_BYTES_MAX));
    if error.is_connect() {
        format!("No connection was made: {said}.")
    } else {
        format!("There was no answer: {said}.")
    }
}

/// The first cause of a kind.
fn cause<E: Error + 'static>(error: &reqwest::Error) -> Option<&E> {
    causes(error).find_map(|it| it.downcast_ref())
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |it: &&(dyn Error + 'static)| (*it).source())
}
