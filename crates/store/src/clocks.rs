//! Keys whose end comes near: which they are, found along indexes, and what was told of each.
//!
//! Of the keys that nobody uses, those that a walk has come past are not looked at again: a key that is used later has a later last use, and the
//! walk meets it there. What the walk finds gets a row, and so does what expires soon; only those rows are looked at every day.

use claviger_core::ending::{Countdown, Ending};
use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;

use crate::row::{Columns, Unreadable};
use crate::sql::statements;
use crate::value::args;
use crate::{Connection, StoreResult, Tx};

macro_rules! columns {
    () => {
        "c.key_id, c.organization_id, c.ending, c.since, c.deadline, c.told, c.due_at"
    };
}

statements! {
    PAGE_ORGANIZATIONS = "SELECT o.id FROM organization o WHERE o.id > $1 ORDER BY o.id LIMIT $2";
    FIND_WALK = "SELECT w.days, w.made_until, w.used_until, w.used_key_id FROM idle_walk w WHERE w.organization_id = $1";
    PUT_WALK =
        "INSERT INTO idle_walk (organization_id, days, made_until, used_until, used_key_id) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (organization_id) DO UPDATE SET days = excluded.days, made_until = excluded.made_until, \
         used_until = excluded.used_until, used_key_id = excluded.used_key_id";
    PAGE_MADE =
        "SELECT k.id FROM key k WHERE k.organization_id = $1 AND k.standing <> 'revoked' AND k.id > $2 AND k.id < $3 \
         ORDER BY k.id LIMIT $4";
    PAGE_USED =
        "SELECT u.key_id, u.last_used_at FROM secret_use u WHERE u.organization_id = $1 \
         AND (u.last_used_at, u.key_id) > ($2, $3) AND u.last_used_at <= $4 ORDER BY u.last_used_at, u.key_id LIMIT $5";
    /// With the date that a row has noted already.
    PAGE_EXPIRING =
        "SELECT k.id, k.organization_id, k.expires_at, k.updated_at, c.deadline FROM key k \
         LEFT JOIN key_clock c ON c.key_id = k.id AND c.ending = 'expiry' \
         WHERE k.expires_at IS NOT NULL AND k.standing <> 'revoked' AND (k.expires_at, k.id) > ($1, $2) AND k.expires_at <= $3 \
         ORDER BY k.expires_at, k.id LIMIT $4";
    /// Old secrets that were used after they were replaced, with the end of an overlap that is noted of their keys already. Of a key that has several
    /// the latest end that was told is noted: whoever was told of that one looks at the key anyway.
    PAGE_RETIRING =
        "SELECT s.key_id, s.organization_id, s.retiring_until, s.replaced_at, c.deadline FROM secret s \
         JOIN secret_use u ON u.key_id = s.key_id AND u.secret_id = s.id \
         LEFT JOIN key_clock c ON c.key_id = s.key_id AND c.ending = 'overlap' \
         WHERE s.state = 'retiring' AND (s.retiring_until, s.key_id) > ($1, $2) AND s.retiring_until <= $3 \
         AND s.replaced_at <= u.last_used_at AND (c.deadline IS NULL OR c.deadline < s.retiring_until) ORDER BY s.retiring_until, s.key_id LIMIT $4";
    PAGE_DUE = concat!(
        "SELECT ", columns!(), " FROM key_clock c WHERE c.ending = $1 AND c.due_at <= $2 AND (c.due_at, c.key_id) > ($3, $4) \
         ORDER BY c.due_at, c.key_id LIMIT $5"
    );
    /// Those that somebody was told of and that were used since.
    PAGE_TOLD = concat!(
        "SELECT ", columns!(), ", (SELECT max(u.last_used_at) FROM secret_use u WHERE u.key_id = c.key_id) FROM key_clock c \
         WHERE c.ending = 'idle' AND c.told IS NOT NULL AND c.key_id > $1 ORDER BY c.key_id LIMIT $2"
    );
    FIND_CLOCK = concat!("SELECT ", columns!(), " FROM key_clock c WHERE c.key_id = $1 AND c.ending = $2 AND c.organization_id = $3");
    PUT_CLOCK =
        "INSERT INTO key_clock (key_id, ending, organization_id, since, deadline, told, due_at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (key_id, ending) DO UPDATE SET since = excluded.since, deadline = excluded.deadline, \
         told = excluded.told, due_at = excluded.due_at";
    /// But for those of which everything is said.
    LOOK_AGAIN =
        "UPDATE key_clock SET due_at = $1 WHERE ending IN ('idle', 'expiry') AND due_at > $2 AND due_at < $3 \
         AND organization_id IN (SELECT x.descendant_id FROM organization_closure x WHERE x.ancestor_id = $4)";
    DELETE_CLOCK = "DELETE FROM key_clock WHERE key_id = $1 AND ending = $2 AND organization_id = $3";
}

/// A key on the way to its end, as it is noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyClock {
    /// Which key.
    pub key_id: KeyId,
    /// Where it stands.
    pub organization_id: OrganizationId,
    /// When it ends, and what was told.
    pub countdown: Countdown,
    /// When somebody looks at it next.
    pub due_at: Timestamp,
}

/// How far the keys of an organization were looked through for those that nobody uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdleWalk {
    /// For which days of the policy.
    pub days: u16,
    /// Up to which key, of those that were never used.
    pub made_until: Option<KeyId>,
    /// Up to which last use, of which key.
    pub used_until: (Timestamp, Option<KeyId>),
}

impl IdleWalk {
    /// Before the first key.
    pub const fn begin(days: u16) -> Self {
        Self { days, made_until: None, used_until: (Timestamp::MIN, None) }
    }
}

/// A key that expires, or whose old secret does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiring {
    /// Which key.
    pub key_id: KeyId,
    /// Where it stands.
    pub organization_id: OrganizationId,
    /// When.
    pub expires_at: Timestamp,
    /// When the key was changed last, or the secret replaced: it got that date then, or before.
    pub updated_at: Timestamp,
    /// The date that is noted of it already.
    pub noted: Option<Timestamp>,
}

fn clock(it: &mut Columns<'_>) -> Result<KeyClock, Unreadable> {
    let (key_id, organization_id) = (it.next()?, it.next()?);
    let ending: String = it.next()?;
    let ending = Ending::parse(&ending).ok_or_else(|| Unreadable("a key ends otherwise".into()))?;
    let countdown = Countdown { ending, since: it.next()?, deadline: it.next()?, told: it.next()? };
    Ok(KeyClock { key_id, organization_id, countdown, due_at: it.next()? })
}

fn expiring(it: &mut Columns<'_>) -> Result<Expiring, Unreadable> {
    Ok(Expiring {
        key_id: it.next()?,
        organization_id: it.next()?,
        expires_at: it.next()?,
        updated_at: it.next()?,
        noted: it.next()?,
    })
}

fn text(id: Option<KeyId>) -> String {
    id.map(|it| it.to_string()).unwrap_or_default()
}

impl Connection {
    /// Organizations behind one, in the order of their identifiers.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn page_organization_ids_unchecked(
        &mut self,
        after: Option<OrganizationId>,
        limit: u32,
    ) -> StoreResult<Vec<OrganizationId>> {
        let after = after.map(|it| it.to_string()).unwrap_or_default();
        self.list(PAGE_ORGANIZATIONS, args![after, i64::from(limit)], "organization", |it| it.next()).await
    }

    /// How far the tenant's keys were looked through for those that nobody uses.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_idle_walk(&mut self, tenant: &Tenant) -> StoreResult<Option<IdleWalk>> {
        let key = |text: String| if text.is_empty() { Ok(None) } else { text.parse().map(Some) };
        let unreadable = |_| Unreadable("is no key".into());
        let read = |it: &mut Columns<'_>| {
            Ok(IdleWalk {
                days: it.next()?,
                made_until: key(it.next()?).map_err(unreadable)?,
                used_until: (it.next()?, key(it.next()?).map_err(unreadable)?),
            })
        };
        self.find(FIND_WALK, args![tenant.organization_id()], "idle_walk", read).await
    }

    /// Keys of the tenant's organization behind one that were made before an instant, by their identifiers.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn page_keys_made(
        &mut self,
        tenant: &Tenant,
        after: Option<KeyId>,
        before: Timestamp,
        limit: u32,
    ) -> StoreResult<Vec<KeyId>> {
        let least = KeyId::least_at(before);
        let arguments = args![tenant.organization_id(), text(after), least, i64::from(limit)];
        self.list(PAGE_MADE, arguments, "key", |it| it.next()).await
    }

    /// Last uses of secrets of the tenant's keys behind one, up to an instant, the oldest first.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn page_last_uses(
        &mut self,
        tenant: &Tenant,
        (after, key_id): (Timestamp, Option<KeyId>),
        until: Timestamp,
        limit: u32,
    ) -> StoreResult<Vec<(KeyId, Timestamp)>> {
        let arguments = args![tenant.organization_id(), after, text(key_id), until, i64::from(limit)];
        self.list(PAGE_USED, arguments, "secret_use", |it| Ok((it.next()?, it.next()?))).await
    }

    /// Keys of all organizations that expire after a place and up to an instant, the nearest first.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn page_expiring_unchecked(
        &mut self,
        after: (Timestamp, Option<KeyId>),
        until: Timestamp,
        limit: u32,
    ) -> StoreResult<Vec<Expiring>> {
        self.page_ends(PAGE_EXPIRING, after, until, limit).await
    }

    async fn page_ends(
        &mut self,
        statement: &'static str,
        (after, key_id): (Timestamp, Option<KeyId>),
        until: Timestamp,
        limit: u32,
    ) -> StoreResult<Vec<Expiring>> {
        self.list(statement, args![after, text(key_id), until, i64::from(limit)], "key", expiring).await
    }

    /// Keys of all organizations whose old secret ends after a place and up to an instant, and was used although another one is there: when it ends,
    /// since when it is old, and what is noted already. Without those of which such an end is noted, or a later one.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn page_retiring_unchecked(
        &mut self,
        after: (Timestamp, Option<KeyId>),
        until: Timestamp,
        limit: u32,
    ) -> StoreResult<Vec<Expiring>> {
        self.page_ends(PAGE_RETIRING, after, until, limit).await
    }

    /// Keys of all organizations that are to be looked at by an instant, behind a place, the longest due first.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn page_due_clocks_unchecked(
        &mut self,
        ending: Ending,
        by: Timestamp,
        (after, key_id): (Timestamp, Option<KeyId>),
        limit: u32,
    ) -> StoreResult<Vec<KeyClock>> {
        let arguments = args![ending.as_str(), by, after, text(key_id), i64::from(limit)];
        self.list(PAGE_DUE, arguments, "key_clock", clock).await
    }

    /// Keys of all organizations behind one of which somebody was told that nobody uses them, with when each was last used.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn page_told_clocks_unchecked(
        &mut self,
        after: Option<KeyId>,
        limit: u32,
    ) -> StoreResult<Vec<(KeyClock, Option<Timestamp>)>> {
        let read = |it: &mut Columns<'_>| Ok((clock(it)?, it.next()?));
        self.list(PAGE_TOLD, args![text(after), i64::from(limit)], "key_clock", read).await
    }

    /// What is noted of a key's end.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_key_clock(
        &mut self,
        tenant: &Tenant,
        key_id: KeyId,
        ending: Ending,
    ) -> StoreResult<Option<KeyClock>> {
        let arguments = args![key_id, ending.as_str(), tenant.organization_id()];
        self.find(FIND_CLOCK, arguments, "key_clock", clock).await
    }
}

impl Tx {
    /// Notes how far the tenant's keys were looked through.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn put_idle_walk(&mut self, tenant: &Tenant, walk: &IdleWalk) -> StoreResult<()> {
        let (used_until, used_key_id) = walk.used_until;
        let arguments =
            args![tenant.organization_id(), i64::from(walk.days), text(walk.made_until), used_until, text(used_key_id)];
        self.execute(PUT_WALK, arguments).await.map(drop)
    }

    /// Notes of a key when it ends, what was told of that, and when it is to be looked at again.
    ///
    /// # Errors
    /// `Missing` where there is no such key.
    pub async fn put_key_clock(&mut self, tenant: &Tenant, it: &KeyClock) -> StoreResult<()> {
        assert_eq!(it.organization_id, tenant.organization_id(), "a key's clock is written by its own tenant");
        let Countdown { ending, since, deadline, told } = it.countdown;
        let told = told.map(i64::from);
        let arguments = args![it.key_id, ending.as_str(), it.organization_id, since, deadline, told, it.due_at];
        self.execute(PUT_CLOCK, arguments).await.map(drop)
    }

    /// Has all keys of the tenant's organization and of those below looked at that wait for a notice or their end: another policy may hold for them.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn look_again_at_clocks(&mut self, tenant: &Tenant, now: Timestamp) -> StoreResult<()> {
        self.execute(LOOK_AGAIN, args![now, now, Timestamp::MAX, tenant.organization_id()]).await.map(drop)
    }

    /// Forgets what was noted of a key's end.
    ///
    /// # Errors
    /// `Missing` where nothing is.
    pub async fn delete_key_clock(&mut self, tenant: &Tenant, key_id: KeyId, ending: Ending) -> StoreResult<()> {
        let arguments = args![key_id, ending.as_str(), tenant.organization_id()];
        self.change(DELETE_CLOCK, arguments).await
    }
}
