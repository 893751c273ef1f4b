//! Proving the chains: what stands in the log is what was linked when it happened, nothing is missing, and nothing was put in.

use std::collections::HashMap;
use std::fmt;

use claviger_core::chain::{Field, Head, Link};
use claviger_core::event::{Position, Stream};
use claviger_core::time::Timestamp;
use serde::{Serialize, Serializer};

use super::{AT, COVERED, covered, covered_of};
use crate::db::Row;
use crate::log::{commitment, position};
use crate::row::{Columns, Unreadable};
use crate::sql::statements;
use crate::value::args;
use crate::{Connection, StoreResult};

/// Events that are read at a time.
const EVENTS_PER_PAGE: usize = 500;

/// Faults that are told one by one; more than these say nothing more.
pub const FAULTS_MAX: usize = 100;

statements! {
    PAGE_LINKED = concat!(
        "SELECT ", covered!(), ", e.organization_id, c.organization_id, c.number, c.link, b.salt, b.body, \
         CASE WHEN e.commitment IS NOT NULL AND b.body IS NULL THEN (SELECT MIN(x.seq) FROM event x WHERE x.entity_id = e.id \
         AND x.kind = 'event.erased' AND x.stream = 'change' AND x.organization_id = e.organization_id \
         AND (x.epoch, x.seq) > (e.epoch, e.seq)) END FROM event e \
         LEFT JOIN chain_link c ON c.epoch = e.epoch AND c.seq = e.seq \
         LEFT JOIN event_body b ON b.stream = e.stream AND b.epoch = e.epoch AND b.seq = e.seq \
         WHERE e.stream = 'change' AND (e.epoch, e.seq) > ($1, $2) ORDER BY e.epoch, e.seq LIMIT $3"
    );
    LINKS_OF_NOTHING = "SELECT c.epoch, c.seq FROM chain_link c WHERE NOT EXISTS \
                        (SELECT 1 FROM event e WHERE e.stream = 'change' AND e.epoch = c.epoch AND e.seq = c.seq) \
                        ORDER BY c.epoch, c.seq LIMIT $1";
    READER = "SELECT epoch, seq FROM reader WHERE name = 'chain' AND stream = 'change'";
    FIND_LINK = "SELECT link FROM chain_link WHERE organization_id = $1 AND number = $2";
}

/// What is wrong with the log or its chains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Between these two places, or behind the first, events were taken out.
    Missing {
        /// The last place before them.
        after: Position,
    },
    /// The event at this place has no link, though the chain has gone on behind it.
    Unlinked(Position),
    /// The event at this place, or its link, is not what was linked then.
    Altered(Position),
    /// The body of the event at this place is not the one that the event commits to.
    Body(Position),
    /// The body of the event at this place is gone, and no event behind it says that it was erased.
    Bodiless(Position),
    /// A link whose event is not there.
    Eventless(Position),
    /// An event or a link stands where the log, or its reader, has not come to.
    Ahead(Position),
    /// A row of the event at this place cannot be read at all.
    Unreadable(Position),
    /// A chain does not lead through a head that was kept elsewhere.
    Head(Head),
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |at: &Position| format!("{}/{}", at.epoch, at.seq);
        match self {
            Self::Missing { after } => write!(formatter, "events behind {} were taken out of the log", place(after)),
            Self::Unlinked(at) => write!(formatter, "the event at {} was put in, or lost its link", place(at)),
            Self::Altered(at) => {
                write!(formatter, "the event at {}, or one before it in its organization, was altered", place(at))
            }
            Self::Body(at) => write!(formatter, "what the event at {} tells was altered", place(at)),
            Self::Bodiless(at) => {
                write!(formatter, "what the event at {} told is gone, and no event says that it was erased", place(at))
            }
            Self::Eventless(at) => write!(formatter, "the event at {} was taken out of the log", place(at)),
            Self::Ahead(at) => {
                write!(formatter, "what stands at {} is ahead of the log's own end, or of the chain's", place(at))
            }
            Self::Unreadable(at) => write!(formatter, "the event at {} cannot be read", place(at)),
            Self::Head(head) => write!(
                formatter,
                "the chain of {} does not lead through the head that was kept, number {}: it was made anew, or cut off",
                head.organization_id, head.number
            ),
        }
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a proof found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// Events that were looked at.
    pub events: u64,
    /// Of those, linked as they are.
    pub linked: u64,
    /// Of those, without their bodies, which were erased: a later event says so.
    pub erased: u64,
    /// Events that no chain has come to yet: nothing is proved of them.
    pub waiting: u64,
    /// When the first of those happened, as it says itself. While the service runs that is seconds ago.
    pub waiting_since: Option<Timestamp>,
    /// Organizations that have a chain.
    pub organizations: u64,
    /// Heads kept elsewhere that were found again.
    pub heads: u64,
    /// What is wrong, as far as [`FAULTS_MAX`].
    pub faults: Vec<Fault>,
}

impl Proof {
    fn add(&mut self, fault: Fault) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        }
    }
}

/// How far a proof has come.
struct Walk {
    /// Up to where the chains were made, and where the log ends.
    linked: Position,
    head: Position,
    at: Position,
    /// By organization: the last number and link.
    chains: HashMap<String, (i64, Link)>,
    proof: Proof,
}

impl Connection {
    /// Proves the chains of all organizations, and that they lead through the heads that were kept elsewhere. `told` hears from time to time how many
    /// events were looked at. To be asked of a reader that sees one moment.
    ///
    /// # Errors
    /// What any statement can meet. What is wrong with the log is no error but the answer.
    pub async fn prove_chains_unchecked(&mut self, kept: &[Head], mut told: impl FnMut(u64)) -> StoreResult<Proof> {
        let none = Position { epoch: 0, seq: 0 };
        let linked = self.find(READER, args![], "reader", position).await?.unwrap_or(none);
        let head = self.head(Stream::Change).await?;
        let mut walk = Walk { linked, head, at: none, chains: HashMap::new(), proof: Proof::default() };
        loop {
            let arguments = args![walk.at.epoch, walk.at.seq, EVENTS_PER_PAGE as i64];
            let rows = self.fetch_all(PAGE_LINKED, arguments).await?;
            for row in &rows {
                walk.pass(row)?;
            }
            told(walk.proof.events);
            if rows.len() < EVENTS_PER_PAGE {
                break;
            }
        }
        let mut proof = walk.end();
        let rows = self.list(LINKS_OF_NOTHING, args![FAULTS_MAX as i64], "chain_link", position).await?;
        for at in rows {
            proof.add(Fault::Eventless(at));
        }
        for head in kept {
            let link: Option<Vec<u8>> =
                self.find(FIND_LINK, args![head.organization_id, head.number], "chain_link", |it| it.next()).await?;
            if link.is_some_and(|it| it == head.link.as_bytes()) {
                proof.heads += 1;
            } else {
                proof.add(Fault::Head(*head));
            }
        }
        Ok(proof)
    }
}

impl Walk {
    fn pass(&mut self, row: &Row) -> StoreResult<()> {
        let at = crate::row::decode("event", row, position)?;
        self.proof.events += 1;
        let follows = if at.epoch == self.at.epoch { at.seq == self.at.seq + 1 } else { at.seq == 1 };
        if !follows {
            self.proof.add(Fault::Missing { after: self.at });
        }
        self.at = at;
        if self.head < at {
            self.proof.add(Fault::Ahead(at));
        }
        match Linked::read(row) {
            Ok(linked) => self.check(at, &linked),
            Err(Unreadable(_)) => self.proof.add(Fault::Unreadable(at)),
        }
        Ok(())
    }

    fn check(&mut self, at: Position, event: &Linked<'_>) {
        self.check_body(at, event);
        let Some((organization, number, link)) = &event.link else {
            if at <= self.linked {
                self.proof.add(Fault::Unlinked(at));
            } else {
                self.proof.waiting += 1;
                self.proof.waiting_since = self.proof.waiting_since.or_else(|| event.happened_at());
            }
            return;
        };
        if self.linked < at {
            self.proof.add(Fault::Ahead(at));
        }
        let before = self.chains.get(event.organization).copied();
        let made = event
            .organization
            .parse()
            .ok()
            .map(|it| Link::next(it, before.map(|(_, link)| link), event.fields.iter().copied()));
        let is_next = *organization == event.organization && *number == before.map_or(0, |(number, _)| number) + 1;
        if is_next && made == Some(*link) {
            self.proof.linked += 1;
        } else {
            self.proof.add(Fault::Altered(at));
        }
        // From the link as it is kept: one event that was altered is told once, and not with all behind it.
        self.chains.insert(event.organization.to_owned(), (*number, *link));
    }

    fn check_body(&mut self, at: Position, event: &Linked<'_>) {
        match (event.commitment, &event.body) {
            (None, None) => {}
            (Some(_), None) if event.says_erased => self.proof.erased += 1,
            (Some(_), None) => self.proof.add(Fault::Bodiless(at)),
            (Some(kept), Some((salt, body))) if kept == commitment(salt, body) => {}
            (_, Some(_)) => self.proof.add(Fault::Body(at)),
        }
    }

    fn end(mut self) -> Proof {
        if self.at < self.head && (self.at.epoch == self.head.epoch || self.head.seq > 0) {
            self.proof.add(Fault::Missing { after: self.at });
        }
        if self.head < self.linked {
            self.proof.add(Fault::Ahead(self.linked));
        }
        self.proof.organizations = self.chains.len() as u64;
        self.proof
    }
}

/// An event as it is stored, with its link and its body.
struct Linked<'r> {
    fields: Vec<Field<'r>>,
    organization: &'r str,
    link: Option<(String, i64, Link)>,
    commitment: Option<&'r [u8]>,
    body: Option<([u8; 32], String)>,
    /// Whether an event behind it says that its body was erased. That one is proved as all are: who puts it in is found by that.
    says_erased: bool,
}

impl<'r> Linked<'r> {
    /// Absent where that is no instant.
    fn happened_at(&self) -> Option<Timestamp> {
        match self.fields.get(AT) {
            Some(Field::Integer(micros)) => Timestamp::from_micros(*micros).ok(),
            _ => None,
        }
    }

    fn read(row: &'r Row) -> Result<Self, Unreadable> {
        let fields = covered_of(row)?;
        let organization = row.raw(COVERED)?.text()?;
        let mut it = Columns::new(row);
        it.skip(COVERED + 1);
        let (owner, number, link): (Option<String>, Option<i64>, Option<Link>) = (it.next()?, it.next()?, it.next()?);
        let link = owner.zip(number).zip(link).map(|((owner, number), link)| (owner, number, link));
        let (salt, body): (Option<[u8; 32]>, Option<String>) = (it.next()?, it.next()?);
        let says_erased = it.next::<Option<i64>>()?.is_some();
        let commitment = match fields.last() {
            Some(Field::Bytes(bytes)) => Some(*bytes),
            _ => None,
        };
        Ok(Self { fields, organization, link, commitment, body: salt.zip(body), says_erased })
    }
}
