//! Nodes: which processes of an installation run on this database, and how far each has come.
//!
//! Only where there can be several: an embedded database is one process's own, and has no such table. All instants here but the start of a
//! node are by the database's clock, the one that the nodes have in common.

use std::time::Duration;

use claviger_core::event::Position;
use claviger_core::id::NodeId;
use claviger_core::limits::{LOST_NODE_HOURS, NODE_LEASE_SECS, NODES_MAX};
use claviger_core::node::{Node, NodeName};
use claviger_core::time::Timestamp;

use crate::sql::statements;
use crate::value::args;
use crate::{Connection, Store, StoreResult};

/// The present instant in microseconds, of this very moment and not of the transaction's start.
macro_rules! now {
    () => {
        "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    };
}

statements! {
    NOW = concat!("SELECT ", now!());
    /// A node whose row was cleared away while it was cut off comes back by saying anything.
    TELL = concat!(
        "INSERT INTO node (id, name, started_at, seen_at, epoch, seq) VALUES ($1, $2, $3, ", now!(), ", $4, $5) \
         ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, epoch = excluded.epoch, seq = excluded.seq"
    );
    /// Of what a node says later, it takes nothing back.
    FLUSHED = "UPDATE node SET flushed_until = $2 WHERE id = $1 AND (flushed_until IS NULL OR flushed_until < $2)";
    SUCCEED = concat!("DELETE FROM node WHERE name = $1 AND seen_at <= ", now!(), " - $2");
    LEAVE = "DELETE FROM node WHERE id = $1";
    LIST = concat!(
        "SELECT id, name, started_at, seen_at, ", now!(), ", epoch, seq, flushed_until FROM node ORDER BY seen_at DESC LIMIT $1"
    );
    PURGE = concat!(
        "DELETE FROM node WHERE seen_at <= ", now!(), " - $1 AND (seen_at <= ", now!(), " - $2 \
         OR id NOT IN (SELECT id FROM node ORDER BY seen_at DESC LIMIT $3))"
    );
}

const LEASE: Duration = Duration::from_secs(NODE_LEASE_SECS);

impl Store {
    /// Says for a node that it lives, and up to where it has applied the log; without a position that it still loads. A renewed lease need not
    /// survive a power loss, so this waits for no disk.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn tell_node(
        &self,
        id: NodeId,
        name: &NodeName,
        started_at: Timestamp,
        position: Option<Position>,
    ) -> StoreResult<()> {
        let Some(mut tx) = self.begin_telling().await? else { return Ok(()) };
        let (epoch, seq) = position.map(|it| (it.epoch, it.seq)).unzip();
        tx.execute(TELL, args![id, name, started_at, epoch, seq]).await?;
        tx.commit().await
    }

    /// Says for a node up to which instant it has written down what was used there.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn tell_flushed(&self, id: NodeId, until: Timestamp) -> StoreResult<()> {
        let Some(mut tx) = self.begin_telling().await? else { return Ok(()) };
        tx.execute(FLUSHED, args![id, until]).await?;
        tx.commit().await
    }

    /// Clears away the lost nodes of a name, whose place another one takes.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn succeed_node(&self, name: &NodeName) -> StoreResult<()> {
        let Some(mut tx) = self.begin_telling().await? else { return Ok(()) };
        tx.execute(SUCCEED, args![name, micros(LEASE)]).await?;
        tx.commit().await
    }

    /// Takes a node off, which answers nobody any more.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn remove_node(&self, id: NodeId) -> StoreResult<()> {
        let Some(mut tx) = self.begin_telling().await? else { return Ok(()) };
        tx.execute(LEAVE, args![id]).await?;
        tx.commit().await
    }

    /// The nodes, the one heard last first; none where there can be no other.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_nodes(&self) -> StoreResult<Vec<Node>> {
        if !self.is_shared() {
            return Ok(Vec::new());
        }
        let limit = i64::from(NODES_MAX);
        let mut reader = self.follow().await?;
        reader
            .list(LIST, args![limit], "node", |it| {
                let (id, name, started_at) = (it.next()?, it.next()?, it.next()?);
                let (last_contact, read_at) = (it.next()?, it.next()?);
                let at: (Option<u64>, Option<u64>) = (it.next()?, it.next()?);
                let position = at.0.zip(at.1).map(|(epoch, seq)| Position { epoch, seq });
                let flushed_until = it.next()?;
                Ok(Node { id, name, started_at, last_contact, read_at, position, flushed_until })
            })
            .await
    }

    /// Clears away nodes that were lost so long ago that they deny everything by now, and the oldest where there are too many.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn purge_nodes(&self) -> StoreResult<()> {
        let Some(mut tx) = self.begin_telling().await? else { return Ok(()) };
        let lost = Duration::from_secs(LOST_NODE_HOURS * 3600);
        tx.execute(PURGE, args![micros(LEASE), micros(lost), i64::from(NODES_MAX)]).await?;
        tx.commit().await
    }
}

impl Connection {
    /// The present instant, as all who use this database take it: its own clock's where several nodes do, whose clocks differ, and else the one of
    /// the only process.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn common_time(&mut self, own: Timestamp) -> StoreResult<Timestamp> {
        if !self.is_shared() {
            return Ok(own);
        }
        let now = self.find(NOW, args![], "the clock", |it| it.next()).await?;
        Ok(now.unwrap_or(own))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
