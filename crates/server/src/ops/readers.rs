//! Reading the log: a turn of a reader.

use std::time::Duration;

use claviger_core::event::{Position, Stream};
use claviger_store::Tx;
use claviger_store::log::{EventRow, Found};
use claviger_store::readers::LogReader;

use crate::app::App;
use crate::ops::error::OpResult;

/// Events of one turn: what they ask for is written in one transaction, for which others wait.
const EVENTS_PER_TURN: u32 = 200;

/// For so long a reader stands before an event of a kind that this version does not know: where nodes are upgraded one after the other, one that knows
/// it takes the turn within seconds. Not for ever, since the newer version may have been taken back.
pub(super) const LEFT_TO_NEWER: Duration = Duration::from_secs(3600);

/// How far a turn went through the events that it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Went {
    /// All of them are done.
    Whole,
    /// It was cut short behind this place; absent where not even the first is done.
    Part(Option<Position>),
}

impl From<()> for Went {
    fn from((): ()) -> Self {
        Self::Whole
    }
}

/// Lets a reader go through some events of a stream that it has not come to yet, in one transaction that ends with its place behind
/// them, and says whether there may be more. `read` takes them in their order, and writes what they ask for.
///
/// # Errors
/// What any transaction can meet, and what `read` says; then nothing was done, and the same events come again.
pub async fn take_turn<W: Into<Went>>(
    app: &App,
    reader: LogReader,
    stream: Stream,
    read: impl AsyncFnOnce(&App, &mut Tx, &[EventRow]) -> OpResult<W>,
) -> OpResult<bool> {
    // Not the connection of those who follow the log: the replica keeps that one for itself.
    if !app.store().read().await?.is_behind_unchecked(reader, stream).await? {
        return Ok(false);
    }
    let mut tx = app.store().begin().await?;
    let place = tx.take_turn_unchecked(reader, stream).await?;
    let behind = tx.events_behind_unchecked(stream, place, EVENTS_PER_TURN).await?;
    let mut is_full = behind.len() == EVENTS_PER_TURN as usize;
    let (mut events, mut last) = (Vec::with_capacity(behind.len()), None);
    for (place, found) in behind {
        match found {
            Found::Event(event) => events.push(*event),
            Found::Newer { at } if app.now().since(at) < LEFT_TO_NEWER => {
                is_full = false;
                break;
            }
            Found::Newer { .. } | Found::Damaged => {
                tracing::error!(epoch = place.epoch, seq = place.seq, ?reader, "an event is passed by");
            }
        }
        last = Some(place);
    }
    let Some(last) = last else { return Ok(false) };
    let went = read(app, &mut tx, &events).await?.into();
    Ok(end_turn(tx, (reader, stream), (place, last), went).await? || is_full)
}

/// Ends a turn that began at the first place and was given what stands up to the second, and says whether it was cut short.
pub(super) async fn end_turn(
    mut tx: Tx,
    (reader, stream): (LogReader, Stream),
    (place, last): (Position, Position),
    went: Went,
) -> OpResult<bool> {
    let done = match went {
        Went::Whole => last,
        Went::Part(done) => done.unwrap_or(place),
    };
    tx.move_reader_unchecked(reader, stream, done).await?;
    tx.commit_unaudited("a reader of the log has gone on").await?;
    Ok(done != last)
}
