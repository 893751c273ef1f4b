//! The log of endings: which keys, secrets, shared secrets, users, memberships and organizations ended, written apart from the database. A
//! backup knows nothing of what ended after it, and a restore of it would bring that back to life; from this log it ends it again.
//!
//! It is a reader of the log of changes, on each node, with its place in its own file and not in the database: that could say "written" of a
//! line that lies on a disk which was lost, and would be set back with the database itself. A node writes down what every node has changed, so
//! the file of one is as good as that of another, and several merge. Each thing is written as it stands when the line is written, not as it
//! changed: a line that comes twice says the same, and the last one holds.
//!
//! No secret, no digest and no name stands in it: identifiers, kinds and instants.

mod file;
mod known;
mod line;
mod progress;

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use claviger_core::event::{Entity, EntityKind, EventKind, Position, Stream};
use claviger_core::id::{KeyId, MemberId, OrganizationId, UserId};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_store::Connection;
use claviger_store::endings::Touching;

use super::error::{Error, OpResult};
use crate::app::App;

use self::file::EndingsFile;
pub(crate) use self::file::folder_of;
pub use self::known::{Gap, Known, Last};
pub use self::line::{Line, What};
pub use self::progress::EndingsProgress;

/// Changes that are looked at at a time.
const EVENTS_PER_TURN: u32 = 200;
/// At least so often the file says up to where it is complete, also where nothing has happened: by that a restore knows that nothing is missing.
const SAY_EVERY: Duration = Duration::from_secs(60);
/// Who looks things up, for tenants.
const JOB: &str = "endings";

/// The log of endings of this node.
#[derive(Debug)]
pub struct EndingsLog {
    file: EndingsFile,
    /// Which installation the file is about; absent where it is a new one.
    root: Option<OrganizationId>,
    /// Up to where the log of changes was read; absent where the file is a new one.
    place: Option<Position>,
    /// The place of the last line: the file says nothing of what lies between.
    written: Option<Position>,
    said_at: Option<Timestamp>,
}

impl EndingsLog {
    /// Opens the file or makes it, readable by its owner only, and finds where it goes on. A line that was cut off is taken out.
    ///
    /// # Errors
    /// Those of the file system, and a file that is none of these.
    pub fn open(path: PathBuf) -> io::Result<Self> {
        let file = EndingsFile::new(path);
        let (root, place) = file.last_place()?.unzip();
        Ok(Self { file, root, place, written: place, said_at: None })
    }

    /// Writes down what has ended since the last time, and from time to time, or where it is the `last` time, up to where it has come.
    ///
    /// # Errors
    /// What any statement can meet; `Internal` where the file cannot be written. The same comes again the next time.
    pub async fn write(&mut self, app: &App, last: bool) -> OpResult<()> {
        let now = app.now();
        let (root, mut place) = self.ready(app).await?;
        loop {
            // Not the connection of those who follow the log: the replica keeps that one for itself.
            let mut reader = app.store().read().await?;
            let events = reader.page_touching_unchecked(place, EVENTS_PER_TURN).await?;
            let is_full = events.len() == EVENTS_PER_TURN as usize;
            let mut lines = Vec::new();
            for (at, event) in &events {
                if let Some(event) = event {
                    lines.extend(lines_of(app, &mut reader, root, event).await?);
                }
                place = *at;
            }
            drop(reader);
            self.append(lines).await?;
            self.place = Some(place);
            if !is_full {
                break;
            }
        }
        if last || self.said_at.is_none_or(|it| SAY_EVERY <= now.since(it)) {
            self.append(vec![Line { root, epoch: place.epoch, seq: place.seq, at: now, what: What::Complete }]).await?;
            self.said_at = Some(now);
        }
        app.endings().whole(now);
        Ok(())
    }

    /// The installation, and where to go on. A file that is new says from where it knows of everything; and so does one that is about another
    /// installation, or ahead of the log of changes, which was restored then.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub async fn ready(&mut self, app: &App) -> OpResult<(OrganizationId, Position)> {
        let mut reader = app.store().read().await?;
        let head = reader.head(Stream::Change).await?;
        let installation = reader.find_installation_unchecked().await?;
        drop(reader);
        let root = installation.ok_or_else(|| Error::Internal("nothing is installed".to_owned()))?.root_organization_id;
        let is_ours = self.root == Some(root);
        if let Some(place) = self.place.filter(|it| is_ours && *it <= head) {
            return Ok((root, place));
        }
        if self.place.is_some() {
            tracing::warn!(
                "the log of endings is another installation's, or ahead of a restored database: it begins anew here"
            );
            // The new one does not go on where that ends.
            self.written = None;
        }
        self.root = Some(root);
        self.append(vec![Line { root, epoch: head.epoch, seq: head.seq, at: app.now(), what: What::Begins }]).await?;
        self.place = Some(head);
        Ok((root, head))
    }

    async fn append(&mut self, mut lines: Vec<Line>) -> OpResult<()> {
        let (Some(first), Some(last)) = (lines.first(), lines.last().map(Line::place)) else { return Ok(()) };
        let file = self.file.clone();
        if let (Some(root), Some(Position { epoch, seq })) = (self.root, self.written)
            && !file.path().exists()
        {
            // Somebody keeps the old one elsewhere: the new one says that it goes on just where that ends.
            lines.insert(0, Line { root, epoch, seq, at: first.at, what: What::Complete });
        }
        let written = tokio::task::spawn_blocking(move || file.append(&lines)).await;
        let written = written.map_err(|fault| Error::Internal(fault.to_string()))?;
        written.map_err(|error| Error::Internal(format!("{}: {error}", self.file.path().display())))?;
        self.written = Some(last);
        Ok(())
    }
}

/// Whether something can have ended by such a change, or be good again. Of a kind that this version does not know it can.
fn may_end(kind: Option<EventKind>) -> bool {
    use EventKind as E;
    kind.is_none_or(|it| {
        matches!(
            it,
            E::KeyUpdated
                | E::KeyActivated
                | E::KeyDeactivated
                | E::KeyRotated
                | E::KeyRotationEnded
                | E::KeyRotationExtended
                | E::KeyRotationCancelled
                | E::KeyRevoked
                | E::KeysActivated
                | E::KeysDeactivated
                | E::KeysRevoked
                | E::KeysExtended
                | E::KeysReleased
                | E::SharedSecretCreated
                | E::SharedSecretRotated
                | E::SharedSecretRotationEnded
                | E::SharedSecretRotationExtended
                | E::SharedSecretDeleted
                | E::UserUpdated
                | E::MemberDeleted
                | E::OrganizationUpdated
        )
    })
}

/// The lines of a change: how each thing that it touched stands now. One whose row cannot be read is left out and told, once for each change: the
/// log would end there for ever otherwise, and a restore would know of nothing that ended behind it. A line that says it ended was rejected, since
/// nobody knows that, and no later line could take it back.
async fn lines_of(app: &App, reader: &mut Connection, root: OrganizationId, event: &Touching) -> OpResult<Vec<Line>> {
    if !may_end(event.kind) {
        return Ok(Vec::new());
    }
    let mut whats = Vec::new();
    let things: BTreeSet<Entity> = event.entities.iter().copied().collect();
    for thing in things {
        let found = what_of(reader, event, thing).await;
        whats.extend(readable(app, event, thing, found)?.flatten());
    }
    if event.kind.is_some_and(|it| it.as_str().starts_with("shared_secret.")) {
        let organization_id = event.organization_id;
        let found = reader.find_shared_secret_ends_unchecked(organization_id).await.map_err(Error::from);
        let found = readable(app, event, organization_id.into(), found)?;
        whats.extend(found.map(|secrets| What::SharedSecrets { organization_id, secrets }));
    }
    let Position { epoch, seq } = event.place;
    Ok(whats.into_iter().map(|what| Line { root, epoch, seq, at: event.at, what }).collect())
}

/// What was found of a thing; nothing where its row cannot be read, which is told.
fn readable<T>(app: &App, event: &Touching, thing: Entity, found: OpResult<T>) -> OpResult<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Error::Store(error @ claviger_store::Error::Corrupt { .. })) => {
            let seq = event.place.seq;
            tracing::error!(%thing, seq, %error, "whether it has ended is not written down, since its row cannot be read");
            app.endings().unreadable();
            Ok(None)
        }
        Err(other) => Err(other),
    }
}

/// How a thing stands that a change touched; absent where that can end nothing.
async fn what_of(reader: &mut Connection, event: &Touching, thing: Entity) -> OpResult<Option<What>> {
    Ok(match thing.kind {
        EntityKind::Key => {
            let id = KeyId::from_u128(thing.id);
            reader.find_key_ending_unchecked(id).await?.map(|it| What::key(id, &it))
        }
        EntityKind::User => {
            let found = reader.find_user_unchecked(UserId::from_u128(thing.id)).await?;
            found.map(|it| What::User {
                id: it.id,
                organization_id: it.organization_id,
                status: it.status.as_str().to_owned(),
            })
        }
        EntityKind::Member => {
            let (id, organization_id) = (MemberId::from_u128(thing.id), event.organization_id);
            let is_there = reader.has_member_unchecked(id).await?;
            (!is_there).then_some(What::Member { id, organization_id })
        }
        EntityKind::Organization if event.kind == Some(EventKind::OrganizationUpdated) => {
            let tenant = Tenant::system(OrganizationId::from_u128(thing.id), JOB);
            let found = reader.find_organization(&tenant).await?;
            found.map(|it| What::Organization { id: it.id, status: it.status.as_str().to_owned() })
        }
        _ => None,
    })
}
