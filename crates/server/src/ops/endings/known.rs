//! What several logs of endings say together, and for which time they say everything.

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use claviger_core::decision::KeyStanding;
use claviger_core::event::{Entity, Position};
use claviger_core::id::OrganizationId;
use claviger_core::time::Timestamp;

use super::line::{Line, What};

/// A line is no longer than this: a key has few live secrets, and an organization few shared ones.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// A range of the log of changes of which every ending is known.
#[derive(Debug, Clone, Copy)]
struct Run {
    from: Position,
    to: Position,
    /// When it was written down last that nothing is missing.
    until: Timestamp,
}

/// What was said last of a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Last {
    place: Position,
    /// When it happened.
    pub at: Timestamp,
    /// How the thing stands.
    pub what: What,
}

/// Why logs of endings do not say everything that a backup does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// There is none at all.
    Nothing,
    /// The first begins behind the backup.
    BeginsLater,
    /// They end before the backup was made, at this instant.
    EndsBefore(Timestamp),
    /// They are about another installation.
    OfAnother,
}

/// What some logs of endings say together.
#[derive(Debug, Default)]
pub struct Known {
    /// Which installation they are about.
    root: Option<OrganizationId>,
    runs: Vec<Run>,
    things: BTreeMap<Entity, Last>,
    /// The shared secrets of organizations, by these.
    shared: BTreeMap<Entity, Last>,
}

impl Known {
    /// Takes in a file. A last line without an end was cut off by a crash, and is left out.
    ///
    /// # Errors
    /// Those of the file system; which line cannot be read.
    pub fn read(&mut self, mut file: impl BufRead) -> io::Result<()> {
        let mut run: Option<Run> = None;
        let mut text = Vec::new();
        for number in 1_u64.. {
            text.clear();
            io::Read::take(&mut file, LINE_BYTES_MAX as u64).read_until(b'\n', &mut text)?;
            if text.last() != Some(&b'\n') {
                if text.len() == LINE_BYTES_MAX {
                    return Err(unreadable(number));
                }
                break;
            }
            let line: Line = serde_json::from_slice(&text).map_err(|_| unreadable(number))?;
            if !line.what.is_known() {
                return Err(unreadable(number));
            }
            if *self.root.get_or_insert(line.root) != line.root {
                let why = format!(
                    "line {number} is about another installation than what was read before it; leave the file out, or cut off its lines before the last that begins"
                );
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
            let place = line.place();
            if matches!(line.what, What::Begins) {
                self.runs.extend(run.take());
            }
            let whole = run.get_or_insert(Run { from: place, to: place, until: line.at });
            (whole.to, whole.until) = (whole.to.max(place), whole.until.max(line.at));
            self.take(line);
        }
        self.runs.extend(run);
        Ok(())
    }

    fn take(&mut self, Line { epoch, seq, at, what, .. }: Line) {
        let place = Position { epoch, seq };
        let (things, thing) = match &what {
            What::Begins | What::Complete => return,
            What::Key { id, .. } => (&mut self.things, Entity::from(*id)),
            What::User { id, .. } => (&mut self.things, Entity::from(*id)),
            What::Member { id, .. } => (&mut self.things, Entity::from(*id)),
            What::Organization { id, .. } => (&mut self.things, Entity::from(*id)),
            What::SharedSecrets { organization_id, .. } => (&mut self.shared, Entity::from(*organization_id)),
        };
        let is_later = things.get(&thing).is_none_or(|it| it.place <= place);
        if is_later {
            things.insert(thing, Last { place, at, what });
        }
    }

    /// The latest life of the log of changes that they know of.
    pub fn epoch(&self) -> u64 {
        self.runs.iter().map(|it| it.to.epoch).max().unwrap_or(0)
    }

    /// Up to when every ending behind a backup's place is known.
    ///
    /// # Errors
    /// Why it is not.
    pub fn covers(&self, root: OrganizationId, place: Position, made_at: Timestamp) -> Result<Timestamp, Gap> {
        if self.root.is_some_and(|it| it != root) {
            return Err(Gap::OfAnother);
        }
        let mut runs = self.runs.clone();
        runs.sort_by_key(|it| it.from);
        let mut whole: Vec<Run> = Vec::new();
        for run in runs {
            match whole.last_mut() {
                // One file goes on where another ends, or two nodes have written side by side.
                Some(last) if run.from <= last.to => {
                    if last.to <= run.to {
                        last.until = last.until.max(run.until);
                    }
                    last.to = last.to.max(run.to);
                }
                _ => whole.push(run),
            }
        }
        if whole.is_empty() {
            return Err(Gap::Nothing);
        }
        let around = whole.into_iter().rfind(|it| it.from <= place).ok_or(Gap::BeginsLater)?;
        if around.to < place || around.until < made_at { Err(Gap::EndsBefore(around.until)) } else { Ok(around.until) }
    }

    /// What was said last of each thing, and of the shared secrets of each organization, behind a backup's place. What was said before that the backup
    /// knows itself, and better where a part of the logs is missing; but what was revoked then is so for ever.
    pub fn into_last(self, place: Position) -> impl Iterator<Item = Last> {
        let is_final =
            |it: &What| matches!(it, What::Key { standing, .. } if standing == KeyStanding::Revoked.as_str());
        let all = self.things.into_values().chain(self.shared.into_values());
        all.filter(move |it| place < it.place || is_final(&it.what))
    }
}

fn unreadable(number: u64) -> io::Error {
    let why = format!(
        "line {number} cannot be read: it is damaged, or a newer version wrote it; take another copy of the file, or leave it out"
    );
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use claviger_core::id::UserId;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_micros(minute * 60_000_000).expect("an instant")
    }

    fn root() -> OrganizationId {
        OrganizationId::from_u128(1 << 80)
    }

    fn text(lines: &[(u64, u64, What)]) -> String {
        let line = |(seq, minute, what): &(u64, u64, What)| {
            let at = at((*minute).cast_signed());
            Line { root: root(), epoch: 1, seq: *seq, at, what: what.clone() }.to_text()
        };
        lines.iter().map(line).collect()
    }

    fn user(status: &str) -> What {
        let (id, organization_id) = (UserId::from_u128(1 << 80), OrganizationId::from_u128(2 << 80));
        What::User { id, organization_id, status: status.into() }
    }

    fn known(files: &[String]) -> Known {
        let mut known = Known::default();
        for file in files {
            known.read(file.as_bytes()).expect("lines");
        }
        known
    }

    fn place(seq: u64) -> Position {
        Position { epoch: 1, seq }
    }

    #[test]
    fn logs_say_everything_only_where_they_reach_from_the_backup_on_without_a_gap() {
        let first = text(&[(10, 1, What::Begins), (12, 2, user("disabled")), (20, 9, What::Complete)]);
        let next = text(&[(20, 9, What::Complete), (30, 20, What::Complete)]);
        let apart = text(&[(25, 12, What::Begins), (30, 20, What::Complete)]);
        assert_eq!(Known::default().covers(root(), place(1), at(1)), Err(Gap::Nothing));
        let one = known(std::slice::from_ref(&first));
        assert_eq!(one.covers(root(), place(15), at(5)), Ok(at(9)));
        assert_eq!(one.covers(root(), place(9), at(1)), Err(Gap::BeginsLater));
        assert_eq!(one.covers(root(), place(21), at(9)), Err(Gap::EndsBefore(at(9))));
        assert_eq!(one.covers(root(), place(20), at(10)), Err(Gap::EndsBefore(at(9))));
        // In whichever order they are named.
        assert_eq!(known(&[next.clone(), first.clone()]).covers(root(), place(15), at(5)), Ok(at(20)));
        assert_eq!(known(&[first.clone(), apart.clone()]).covers(root(), place(15), at(5)), Ok(at(9)));
        assert_eq!(known(&[apart]).covers(root(), place(20), at(9)), Err(Gap::BeginsLater));
    }

    #[test]
    fn the_last_word_holds_and_what_cannot_be_read_is_named() {
        let behind = |files: &[String], seq| known(files).into_last(place(seq)).map(|it| it.what).collect::<Vec<_>>();
        let said = |files: &[String]| behind(files, 1);
        let (off, on) = (text(&[(12, 2, user("disabled"))]), text(&[(13, 3, user("active"))]));
        assert_eq!(said(&[off.clone(), on.clone()]), [user("active")]);
        assert_eq!(said(&[on, off.clone()]), [user("active")]);
        assert!(behind(std::slice::from_ref(&off), 12).is_empty(), "the backup knows it");
        let cut = format!("{off}{{\"epoch\":1");
        assert_eq!(said(&[cut]), [user("disabled")]);
        for damaged in ["{}\n", "\u{0}\u{0}\n", "\n", "{\"epoch\":1,\"seq\":1,\"at\":1,\"what\":\"begins\"}\n"] {
            let error = Known::default().read(format!("{off}{damaged}").as_bytes()).expect_err(damaged);
            assert!(error.to_string().contains("line 2"), "{error}");
        }
        let newer = text(&[(14, 4, user("asleep"))]);
        assert!(Known::default().read(newer.as_bytes()).is_err());
    }
}
