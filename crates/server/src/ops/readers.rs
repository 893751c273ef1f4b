//! Reading the log: a turn of a reader.

use claviger_core::event::{Position, Stream};
use claviger_store::Tx;
use claviger_store::log::EventRow;
use claviger_store::readers::LogReader;

use crate::app::App;
use crate::ops::error::OpResult;

/// Events of one turn: what they ask for is written in one transaction, for which others wait.
const EVENTS_PER_TURN: u32 = 200;

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
    let Some((last, _)) = behind.last() else { return Ok(false) };
    let (last, is_full) = (*last, behind.len() == EVENTS_PER_TURN as usize);
    let events: Vec<_> = behind.into_iter().filter_map(|(_, event)| event).collect();
    let went = read(app, &mut tx, &events).await?.into();
    let done = match went {
        Went::Whole => last,
        Went::Part(done) => done.unwrap_or(place),
    };
    tx.move_reader_unchecked(reader, stream, done).await?;
    tx.commit_unaudited("a reader of the log has gone on").await?;
    Ok(is_full || done != last)
}
