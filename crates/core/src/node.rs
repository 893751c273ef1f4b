//! Nodes: the running processes of an installation, and what each has said of how far it has come.

use std::fmt;

use crate::event::Position;
use crate::id::NodeId;
use crate::limits::{NODE_LEASE_SECS, NODE_NAME_BYTES_MAX};
use crate::time::Timestamp;

/// By what a person recognises a node: letters, digits, `.`, `_` and `-`, so that it can stand in a header and in a line of a log as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(String);

/// The text is no name of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write 1 to {NODE_NAME_BYTES_MAX} letters, digits, `.`, `_` and `-`")]
pub struct NodeNameError;

impl NodeName {
    /// Takes a name as it is.
    ///
    /// # Errors
    /// When it is empty, too long, or holds another character.
    pub fn parse(text: &str) -> Result<Self, NodeNameError> {
        let is_short = (1..=NODE_NAME_BYTES_MAX).contains(&text.len());
        if is_short && text.bytes().all(is_allowed) { Ok(Self(text.to_owned())) } else { Err(NodeNameError) }
    }

    /// The name of a process that nobody gave one: its machine's, as far as that can stand in a name, and the number of the process.
    pub fn of_process(host: &str, process: u32) -> Self {
        let suffix = format!("-{process}");
        let room = NODE_NAME_BYTES_MAX - suffix.len();
        let host = host.bytes().map(|it| if is_allowed(it) { char::from(it) } else { '-' });
        Self(host.take(room).chain(suffix.chars()).collect())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a node is still heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeState {
    /// Its lease holds.
    Live,
    /// It has said nothing for longer than a lease lasts: it is dead, stands still, or is cut off and answers from memory.
    Lost,
}

impl NodeState {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Lost => "lost",
        }
    }
}

/// A node, as the database knew it at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its identifier: a new one with each start.
    pub id: NodeId,
    /// By what people recognise it.
    pub name: NodeName,
    /// When it started, by its own clock.
    pub started_at: Timestamp,
    /// When it was last heard, by the database's clock.
    pub last_contact: Timestamp,
    /// When this was read, by the database's clock.
    pub read_at: Timestamp,
    /// Up to where it has applied the log; absent while it loads and answers nobody.
    pub position: Option<Position>,
    /// Up to which instant, by its own clock, it has written down what was used there; absent before the first time.
    pub flushed_until: Option<Timestamp>,
}

impl Node {
    /// Whether it is still heard.
    pub fn state(&self) -> NodeState {
        let silent = self.read_at.since(self.last_contact);
        if silent.as_secs() < NODE_LEASE_SECS { NodeState::Live } else { NodeState::Lost }
    }

    /// Whether it has applied the log up to a position. One that loads answers nobody before it has.
    pub fn has_applied(&self, position: Position) -> bool {
        self.position.is_none_or(|it| position <= it)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_name_is_short_and_plain() {
        for name in ["node-c", "a", "Keys_1.example.com", &"x".repeat(NODE_NAME_BYTES_MAX)] {
            assert_eq!(NodeName::parse(name).map(|it| it.to_string()), Ok(name.to_owned()));
        }
        for name in ["", "a b", "kö", "a\"b", "a,b", "a\n", &"x".repeat(NODE_NAME_BYTES_MAX + 1)] {
            assert_eq!(NodeName::parse(name), Err(NodeNameError), "{name:?}");
        }
    }

    #[test]
    fn a_process_without_a_name_is_called_after_its_machine() {
        assert_eq!(NodeName::of_process("keys-1", 4242).as_str(), "keys-1-4242");
        assert_eq!(NodeName::of_process("a b\"ü", 1).as_str(), "a-b----1");
        let long = NodeName::of_process(&"x".repeat(300), u32::MAX);
        assert_eq!(NodeName::parse(long.as_str()).as_ref(), Ok(&long));
        assert!(long.as_str().ends_with("-4294967295"));
    }

    #[test]
    fn a_node_that_is_silent_for_a_lease_is_lost() {
        let now = Timestamp::from_micros(1_000_000_000).expect("an instant");
        let silent_for = |silent| Node {
            id: NodeId::from_u128(1),
            name: NodeName("n".into()),
            started_at: now,
            last_contact: now.saturating_sub(silent),
            read_at: now,
            position: None,
            flushed_until: None,
        };
        let lease = Duration::from_secs(NODE_LEASE_SECS);
        assert_eq!(silent_for(Duration::ZERO).state(), NodeState::Live);
        assert_eq!(silent_for(lease - Duration::from_micros(1)).state(), NodeState::Live);
        assert_eq!(silent_for(lease).state(), NodeState::Lost);
    }
}
