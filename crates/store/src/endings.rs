//! What the log of endings is written from: which things events touched, and how these stand now.

use claviger_core::decision::KeyStanding;
use claviger_core::event::{Entity, EventKind, Position, Stream};
use claviger_core::id::{KeyId, MemberId, OrganizationId, SecretId, SharedSecretId};
use claviger_core::key::RevocationReason;
use claviger_core::time::Timestamp;

use crate::log::position;
use crate::row::{Columns, Json, Unreadable, decode};
use crate::sql::statements;
use crate::value::args;
use crate::{Connection, StoreResult};

statements! {
    PAGE_TOUCHING =
        "SELECT e.epoch, e.seq, e.kind, e.at, e.organization_id, e.entity_id, e.touched FROM event e \
         WHERE e.stream = $1 AND (e.epoch, e.seq) > ($2, $3) ORDER BY e.epoch, e.seq LIMIT $4";
    FIND_KEY_ENDING =
        "SELECT k.organization_id, k.standing, k.revocation_reason, k.expires_at FROM key k WHERE k.id = $1";
    FIND_LIVE_SECRETS =
        "SELECT s.id, s.retiring_until FROM secret s WHERE s.key_id = $1 AND s.state <> 'dead' ORDER BY s.id";
    FIND_SHARED_SECRETS =
        "SELECT s.id, s.retiring_until FROM shared_secret s WHERE s.organization_id = $1 ORDER BY s.id";
    HAS_MEMBER = "SELECT 1 FROM member WHERE id = $1";
}

/// What an event touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touching {
    /// Its place in the log.
    pub place: Position,
    /// What happened; absent for a kind that this version does not know.
    pub kind: Option<EventKind>,
    /// When.
    pub at: Timestamp,
    /// In which organization.
    pub organization_id: OrganizationId,
    /// What it is about, and every replicated row that it touched.
    pub entities: Vec<Entity>,
}

/// How a key stands, as far as that can end it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEnding {
    /// Where it is.
    pub organization_id: OrganizationId,
    /// Whether it may be used.
    pub standing: KeyStanding,
    /// Why it was revoked.
    pub reason: Option<RevocationReason>,
    /// Until when it is good.
    pub expires_at: Option<Timestamp>,
    /// Its secrets that are not dead, each with the instant at which it ends where there is one. Of a revoked key none counts.
    pub secrets: Vec<(SecretId, Option<Timestamp>)>,
}

fn touching(it: &mut Columns<'_>) -> Result<Touching, Unreadable> {
    let place = position(it)?;
    let kind: String = it.next()?;
    let (at, organization_id) = (it.next()?, it.next()?);
    let (entity, Json(touched)) = (it.next::<String>()?, it.next::<Json<Vec<String>>>()?);
    // What is of no kind that this version knows was not there when it wrote a backup.
    let entities = [entity].into_iter().chain(touched).filter_map(|it| it.parse().ok()).collect();
    Ok(Touching { place, kind: EventKind::parse(&kind), at, organization_id, entities })
}

impl Connection {
    /// What the next changes behind a place touched, in all organizations, oldest first: each with its place, and alone with that where it cannot
    /// be read, so that nobody is held up by it for ever.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn page_touching_unchecked(
        &mut self,
        behind: Position,
        events_max: u32,
    ) -> StoreResult<Vec<(Position, Option<Touching>)>> {
        let arguments = args![Stream::Change.as_str(), behind.epoch, behind.seq, i64::from(events_max)];
        let mut events = Vec::new();
        for row in &self.fetch_all(PAGE_TOUCHING, arguments).await? {
            let place = decode("event", row, position)?;
            let found = touching(&mut Columns::new(row)).map_err(|Unreadable(why)| {
                tracing::error!(epoch = place.epoch, seq = place.seq, why, "an event cannot be read");
            });
            events.push((place, found.ok()));
        }
        Ok(events)
    }

    /// How a key stands; absent where there is none.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_key_ending_unchecked(&mut self, id: KeyId) -> StoreResult<Option<KeyEnding>> {
        let read = |it: &mut Columns<'_>| {
            let organization_id = it.next()?;
            let (standing, reason, expires_at) = (it.next()?, it.next()?, it.next()?);
            Ok(KeyEnding { organization_id, standing, reason, expires_at, secrets: Vec::new() })
        };
        let Some(mut key) = self.find(FIND_KEY_ENDING, args![id], "key", read).await? else { return Ok(None) };
        if key.standing != KeyStanding::Revoked {
            let read = |it: &mut Columns<'_>| Ok((it.next()?, it.next()?));
            key.secrets = self.list(FIND_LIVE_SECRETS, args![id], "secret", read).await?;
        }
        Ok(Some(key))
    }

    /// The shared secrets of an organization that are there, each with the instant at which it ends where there is one.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_shared_secret_ends_unchecked(
        &mut self,
        organization_id: OrganizationId,
    ) -> StoreResult<Vec<(SharedSecretId, Option<Timestamp>)>> {
        let read = |it: &mut Columns<'_>| Ok((it.next()?, it.next()?));
        self.list(FIND_SHARED_SECRETS, args![organization_id], "shared_secret", read).await
    }

    /// Whether a membership is there.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn has_member_unchecked(&mut self, id: MemberId) -> StoreResult<bool> {
        Ok(self.fetch_optional(HAS_MEMBER, args![id]).await?.is_some())
    }
}
