//! What somebody should look at about a key: one rule at a time, in a filter's words, so that a list and a key's own page agree.

use std::time::Duration;

use claviger_core::id::KeyId;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::usage::Span;
use sqlx::AssertSqlSafe;

use super::list::Query;
use crate::row::decode;
use crate::{Connection, StoreResult};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HOURS_OF_A_DAY: u32 = 24;

/// Whether requests were refused too often: more than one in ten of them, since somebody who tries now and then what they may not is no trouble;
/// and ten or more, since one mistyped call of a new key is all of its requests. Numbers in the text, so that no engine has to be told of which
/// type an argument beside a sum is.
macro_rules! often_refused {
    () => {
        "sum(u.denied) >= 10 AND sum(u.denied) * 10 > sum(u.allowed + u.denied)"
    };
}

/// A rule that says what to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyHealth {
    /// One of the rules that ask for something to be done soon: [`Self::URGENT`].
    ToReview,
    /// It ends within a day.
    EndsInADay,
    /// It ends within a week.
    EndsInAWeek,
    /// It ends within thirty days.
    EndsInAMonth,
    /// A secret that was replaced is used all the same.
    OldSecretUsed,
    /// It belongs to nobody and acts as nobody who is here, or its owner or mapped user is disabled.
    NobodyAnswers,
    /// It is older than thirty days and was never used.
    NeverUsed,
    /// It was used, and not in the last ninety days.
    Idle,
    /// Of its requests in the latest 24 hours more than one in ten was refused, and ten or more.
    OftenRefused,
    /// Its latest refused requests of 24 hours came from five addresses or more. Of requests that pass only the last address is kept.
    ManyAddresses,
    /// It has no end.
    NoExpiry,
    /// It is older than a year.
    Old,
    /// It works from every address.
    AnyAddress,
}

impl KeyHealth {
    /// All rules.
    pub const ALL: [Self; 13] = [
        Self::ToReview,
        Self::EndsInADay,
        Self::EndsInAWeek,
        Self::EndsInAMonth,
        Self::OldSecretUsed,
        Self::NobodyAnswers,
        Self::NeverUsed,
        Self::Idle,
        Self::OftenRefused,
        Self::ManyAddresses,
        Self::NoExpiry,
        Self::Old,
        Self::AnyAddress,
    ];
    /// Those that ask for something to be done soon; the others are good to know, such as many addresses: a key in many hands may be meant to be.
    pub const URGENT: [Self; 6] =
        [Self::EndsInAWeek, Self::OldSecretUsed, Self::NobodyAnswers, Self::NeverUsed, Self::Idle, Self::OftenRefused];

    /// The name in addresses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ToReview => "review",
            Self::EndsInADay => "ends-1d",
            Self::EndsInAWeek => "ends-7d",
            Self::EndsInAMonth => "ends-30d",
            Self::OldSecretUsed => "old-secret",
            Self::NobodyAnswers => "no-owner",
            Self::NeverUsed => "never-used",
            Self::Idle => "idle",
            Self::OftenRefused => "refused",
            Self::ManyAddresses => "many-addresses",
            Self::NoExpiry => "no-expiry",
            Self::Old => "old",
            Self::AnyAddress => "any-address",
        }
    }

    /// Reads the name in addresses.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }

    /// What it asks of a key, as a condition to be true.
    pub(super) fn push(self, query: &mut Query, now: Timestamp) {
        let days = |it: u32| now.saturating_sub(DAY * it);
        let ends = |query: &mut Query, within: u32| {
            query.push("(k.expires_at > ", now, "");
            query.push(" AND k.expires_at <= ", now.saturating_add(DAY * within), ")");
        };
        match self {
            Self::ToReview => {
                for (at, rule) in Self::URGENT.into_iter().enumerate() {
                    query.text(if at == 0 { "(" } else { " OR " });
                    rule.push(query, now);
                }
                query.text(")");
            }
            Self::EndsInADay => ends(query, 1),
            Self::EndsInAWeek => ends(query, 7),
            Self::EndsInAMonth => ends(query, 30),
            Self::OldSecretUsed => {
                query.push(
                    "EXISTS (SELECT 1 FROM secret old JOIN secret_use used ON used.secret_id = old.id \
                     WHERE old.key_id = k.id AND k.standing = 'active' AND old.state = 'retiring' \
                     AND used.last_used_at >= old.replaced_at AND old.retiring_until > ",
                    now,
                    ")",
                );
            }
            Self::NobodyAnswers => query.text(
                // Made for nobody, and acting as somebody who is here, a key is as it was meant; that of a leaver acts as nobody here.
                "((k.owner_id IS NULL AND NOT EXISTS (SELECT 1 FROM \"user\" here JOIN member m ON m.user_id = here.id \
                 JOIN organization_closure a ON a.ancestor_id = m.organization_id AND a.descendant_id = k.organization_id \
                 WHERE here.id = k.mapped_user_id AND here.status = 'active')) OR EXISTS (SELECT 1 FROM \"user\" gone WHERE gone.id IN (k.owner_id, k.mapped_user_id) \
                 AND gone.status <> 'active'))",
            ),
            Self::NeverUsed => {
                query.push("(k.created_at < ", days(30), "");
                query.text(" AND NOT EXISTS (SELECT 1 FROM secret_use used WHERE used.key_id = k.id))");
            }
            Self::Idle => {
                query.push("(k.created_at < ", days(90), "");
                query.text(" AND EXISTS (SELECT 1 FROM secret_use used WHERE used.key_id = k.id)");
                query.push(
                    " AND NOT EXISTS (SELECT 1 FROM secret_use used WHERE used.key_id = k.id AND used.last_used_at >= ",
                    days(90),
                    "))",
                );
            }
            Self::OftenRefused => {
                // Most keys are refused nothing, and of those no counts are read: a refused request that is remembered is one look into an index.
                // Each hour is looked up by itself, since the counts begin with the hour and those of all other keys lie between.
                query.push(
                    "CASE WHEN EXISTS (SELECT 1 FROM denied_request d WHERE d.key_id = k.id AND d.denied_at >= ",
                    now.saturating_sub(DAY),
                    ") THEN (SELECT CASE WHEN ",
                );
                query.text(often_refused!());
                query.text(" THEN 1 ELSE 0 END FROM key_usage u WHERE u.seconds = 3600 AND u.key_id = k.id AND u.since IN (");
                for (at, since) in Span::Hour.latest(HOURS_OF_A_DAY, now).into_iter().enumerate() {
                    query.push(if at == 0 { "" } else { ", " }, since, "");
                }
                query.text(")) ELSE 0 END = 1");
            }
            Self::ManyAddresses => query.push(
                "(SELECT count(DISTINCT d.ip) FROM denied_request d WHERE d.key_id = k.id AND d.denied_at >= ",
                now.saturating_sub(DAY),
                // A caller behind several exits of one network has fewer.
                ") >= 5",
            ),
            Self::NoExpiry => query.text("k.expires_at IS NULL"),
            Self::Old => query.push("k.created_at < ", days(365), ""),
            Self::AnyAddress => query.text("k.allowed_ips IS NULL"),
        }
    }
}

/// Asks all rules about a key at once: a column for each, in the order of [`KeyHealth::ALL`].
fn of_key(tenant: &Tenant, id: KeyId, now: Timestamp) -> Query {
    let mut query = Query::default();
    for (at, rule) in KeyHealth::ALL.into_iter().enumerate() {
        query.text(if at == 0 { "SELECT CASE WHEN " } else { ", CASE WHEN " });
        rule.push(&mut query, now);
        query.text(" THEN 1 ELSE 0 END");
    }
    query.push(" FROM key k WHERE k.id = ", id, "");
    query.push(" AND k.organization_id = ", tenant.organization_id(), " AND k.standing <> 'revoked'");
    query
}

/// The statement that is put together here, by name.
pub(crate) fn built_statements() -> [(String, String); 1] {
    let tenant = Tenant::system(claviger_core::id::OrganizationId::from_u128(0), "test");
    [("OF_KEY".into(), of_key(&tenant, KeyId::from_u128(0), Timestamp::MIN).sql)]
}

impl Connection {
    /// Which rules say something about a live key.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_key_health(&mut self, tenant: &Tenant, id: KeyId, now: Timestamp) -> StoreResult<Vec<KeyHealth>> {
        let Query { sql, arguments } = of_key(tenant, id, now);
        let Some(row) = self.fetch_optional(AssertSqlSafe(sql), arguments).await? else { return Ok(Vec::new()) };
        decode("key", &row, |it| {
            let mut found = Vec::new();
            for rule in KeyHealth::ALL {
                if it.next::<u64>()? == 1 {
                    found.push(rule);
                }
            }
            Ok(found)
        })
    }
}
