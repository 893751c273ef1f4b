//! Readers of the log: how far each has come. A reader goes on behind its place, and moves that in the transaction in which it does what the events ask
//! of it: so each event is done once, whenever a process ends and however many nodes there are.

use claviger_core::event::{Position, Stream};

use crate::error::Error;
use crate::log::position;
use crate::sql::statements;
use crate::value::args;
use crate::{Connection, StoreResult, Tx};

statements! {
    IS_BEHIND = "SELECT 1 FROM reader r JOIN log_head h ON h.stream = r.stream \
                 WHERE r.name = $1 AND r.stream = $2 AND (h.epoch, h.seq) > (r.epoch, r.seq)";
    /// Writes what is there, so that no other node's turn begins before this one's ends.
    TAKE_TURN = "UPDATE reader SET seq = seq WHERE name = $1 AND stream = $2 RETURNING epoch, seq";
    MOVE = "UPDATE reader SET epoch = $3, seq = $4 WHERE name = $1 AND stream = $2";
}

/// Who reads the log beside the replicas. The migrations say where each begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogReader {
    /// Makes deliveries of what webhooks ask for.
    Webhooks,
    /// Tells people what they have to know.
    Notifications,
    /// Links every change to the one before it.
    Chain,
}

impl LogReader {
    /// The name in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Webhooks => "webhooks",
            Self::Notifications => "notifications",
            Self::Chain => "chain",
        }
    }
}

impl Connection {
    /// Whether something stands in the log that a reader has not come to. Costs one question, and no turn.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn is_behind_unchecked(&mut self, reader: LogReader, stream: Stream) -> StoreResult<bool> {
        Ok(self.fetch_optional(IS_BEHIND, args![reader.as_str(), stream.as_str()]).await?.is_some())
    }
}

impl Tx {
    /// Takes a reader's turn, and says behind which place it goes on. Nobody else has it before this transaction ends.
    ///
    /// # Errors
    /// `Corrupt` when there is no such reader of this stream.
    pub async fn take_turn_unchecked(&mut self, reader: LogReader, stream: Stream) -> StoreResult<Position> {
        let place = self.find(TAKE_TURN, args![reader.as_str(), stream.as_str()], "reader", position).await?;
        let lost = || Error::Corrupt { table: "reader", id: reader.as_str().into(), detail: "is not there".into() };
        place.ok_or_else(lost)
    }

    /// Notes that a reader has done everything up to a place.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn move_reader_unchecked(
        &mut self,
        reader: LogReader,
        stream: Stream,
        place: Position,
    ) -> StoreResult<()> {
        let arguments = args![reader.as_str(), stream.as_str(), place.epoch, place.seq];
        self.execute(MOVE, arguments).await.map(drop)
    }
}
