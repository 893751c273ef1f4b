//! Use of keys: written often, kept apart, and lost for at most a minute.

pub mod counts;
pub mod denials;
pub mod quotas;
pub mod versions;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::LazyLock;

use claviger_core::id::{KeyId, OrganizationId, SecretId};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::usage::Span;

use self::counts::{Cell, Counts};
use crate::row::{Columns, Unreadable};
use crate::sql::{Bulk, ROWS_PER_STATEMENT, padded, row_of, rows_of, statements};
use crate::value::{Argument, args};
use crate::{Connection, Store, StoreResult};

/// Rows that are written at a time: a flush of millions leaves room for others between its chunks.
pub const USES_PER_CHUNK_MAX: usize = 1000;
/// Characters of a client's name that are kept.
const USER_AGENT_CHARS_MAX: usize = 200;

/// Adds to what is there. The address and the client are those of the latest use, whichever of two nodes flushes first.
macro_rules! add {
    () => {
        " ON CONFLICT (key_id, secret_id) DO UPDATE SET uses = secret_use.uses + excluded.uses, \
         ip = CASE WHEN secret_use.last_used_at <= excluded.last_used_at THEN excluded.ip ELSE secret_use.ip END, \
         user_agent = CASE WHEN secret_use.last_used_at <= excluded.last_used_at THEN excluded.user_agent \
         ELSE secret_use.user_agent END, \
         last_used_at = CASE WHEN secret_use.last_used_at <= excluded.last_used_at THEN excluded.last_used_at \
         ELSE secret_use.last_used_at END"
    };
}

statements! {
    ADD_USE = concat!(
        "INSERT INTO secret_use (key_id, secret_id, organization_id, last_used_at, ip, user_agent, uses) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)", add!()
    );
}

static ADD_USES: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(format!(
        "INSERT INTO secret_use (key_id, secret_id, organization_id, last_used_at, ip, user_agent, uses) VALUES {}{}",
        rows_of(7),
        add!()
    ))
});

static FIND_USES: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(format!(
        "SELECT u.key_id, u.secret_id, u.organization_id, u.last_used_at, u.ip, u.user_agent, u.uses FROM secret_use u \
         WHERE u.organization_id = $1 AND u.key_id IN {}",
        row_of(ROWS_PER_STATEMENT, 1)
    ))
});

/// Every statement that is put together here, by name.
pub(crate) fn built_statements() -> Vec<(String, String)> {
    let mut statements =
        vec![("ADD_USES".into(), ADD_USES.portable.clone()), ("FIND_USES".into(), FIND_USES.portable.clone())];
    statements.extend(counts::built_statements());
    statements.extend(denials::built_statements());
    statements.extend(quotas::built_statements());
    statements.extend(versions::built_statements());
    statements
}

/// What is kept of a client's name.
fn shortened(user_agent: &str) -> String {
    user_agent.chars().take(USER_AGENT_CHARS_MAX).collect()
}

/// What is known of the use of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUse {
    /// Of which key.
    pub key_id: KeyId,
    /// Which.
    pub secret_id: SecretId,
    /// In which organization.
    pub organization_id: OrganizationId,
    /// When it was last used.
    pub last_used_at: Timestamp,
    /// From where that was.
    pub ip: Option<IpAddr>,
    /// What the client said it is.
    pub user_agent: Option<String>,
    /// How often: of what is recorded since the last time, of what is found in all.
    pub count: u64,
}

impl SecretUse {
    fn add(&mut self, other: &Self) {
        self.count += other.count;
        if self.last_used_at <= other.last_used_at {
            self.last_used_at = other.last_used_at;
            self.ip = other.ip;
            self.user_agent.clone_from(&other.user_agent);
        }
    }

    fn arguments(&self) -> Vec<crate::value::Value> {
        let user_agent = self.user_agent.as_deref().map(shortened);
        args![self.key_id, self.secret_id, self.organization_id, self.last_used_at, self.ip, user_agent, self.count]
    }
}

fn secret_use(it: &mut Columns<'_>) -> Result<SecretUse, Unreadable> {
    Ok(SecretUse {
        key_id: it.next()?,
        secret_id: it.next()?,
        organization_id: it.next()?,
        last_used_at: it.next()?,
        ip: it.next()?,
        user_agent: it.next()?,
        count: it.next()?,
    })
}

impl Connection {
    /// The uses of all secrets of these keys of the tenant's organization, as far as they have been flushed.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_uses(&mut self, tenant: &Tenant, key_ids: &[KeyId]) -> StoreResult<HashMap<SecretId, SecretUse>> {
        let mut uses = HashMap::new();
        for chunk in key_ids.chunks(ROWS_PER_STATEMENT) {
            let mut arguments = args![tenant.organization_id()];
            arguments.extend(padded(chunk, KeyId::value));
            let found = self.list_bulk(&FIND_USES, arguments, "secret_use", secret_use).await?;
            uses.extend(found.into_iter().map(|it| (it.secret_id, it)));
        }
        Ok(uses)
    }
}

impl Store {
    /// Adds uses, in chunks of [`USES_PER_CHUNK_MAX`]; the latest one's address and client are kept.
    ///
    /// # Errors
    /// What any statement can meet; then some chunks may have been written.
    pub async fn record_uses(&self, uses: &[SecretUse]) -> StoreResult<()> {
        for chunk in uses.chunks(USES_PER_CHUNK_MAX) {
            let rows = summed(chunk);
            let mut tx = self.begin_usage().await?;
            let (whole, rest) = rows.as_chunks::<ROWS_PER_STATEMENT>();
            for rows in whole {
                tx.execute_bulk(&ADD_USES, rows.iter().flat_map(SecretUse::arguments).collect()).await?;
            }
            for row in rest {
                tx.execute(ADD_USE, row.arguments()).await?;
            }
            tx.add_counts(by_hour(chunk)).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

/// How often each key was used in which hour.
fn by_hour(uses: &[SecretUse]) -> BTreeMap<Cell, Counts> {
    let mut counts: BTreeMap<Cell, Counts> = BTreeMap::new();
    for it in uses {
        let since = Span::Hour.start_of(it.last_used_at);
        let cell = Cell { span: Span::Hour, since, key_id: it.key_id, organization_id: it.organization_id };
        counts.entry(cell).or_default().add(Counts { allowed: it.count, denied: 0 });
    }
    counts
}

/// One row for each secret: PostgreSQL refuses to add to a row twice in one statement.
fn summed(uses: &[SecretUse]) -> Vec<SecretUse> {
    let mut rows: HashMap<SecretId, SecretUse> = HashMap::with_capacity(uses.len());
    for it in uses {
        match rows.entry(it.secret_id) {
            Entry::Occupied(mut row) => row.get_mut().add(it),
            Entry::Vacant(place) => drop(place.insert(it.clone())),
        }
    }
    let mut rows: Vec<_> = rows.into_values().collect();
    // In the order of the table, so that neighbours are written together, and rows locked in one order.
    rows.sort_unstable_by_key(|it| (it.key_id, it.secret_id));
    rows
}
