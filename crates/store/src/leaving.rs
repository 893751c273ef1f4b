//! What becomes of the keys of a user who leaves: personal ones are revoked, others lose their owner, in sets of bounded size.

use std::sync::LazyLock;

use claviger_core::id::{KeyId, OrganizationId, UserId};
use claviger_core::key::RevocationReason;
use claviger_core::limits::ROWS_PER_EVENT_MAX;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;

use crate::row::Columns;
use crate::sql::{Bulk, ROWS_PER_STATEMENT, padded, row_of, statements};
use crate::value::{Argument as _, args};
use crate::{Connection, StoreResult, Tx};

/// The live keys of a user below an organization, itself included, where no membership of the user reaches any more. Found by their owner:
/// the organizations may be many more.
macro_rules! abandoned {
    () => {
        "SELECT k.id FROM key k WHERE k.owner_id = $2 AND k.standing <> 'revoked' AND EXISTS (\
         SELECT 1 FROM organization_closure b WHERE b.ancestor_id = $1 AND b.descendant_id = k.organization_id) AND NOT EXISTS (\
         SELECT 1 FROM organization_closure a JOIN member m ON m.organization_id = a.ancestor_id \
         WHERE a.descendant_id = k.organization_id AND m.user_id = $2) "
    };
}

statements! {
    REVOKE_PERSONAL = concat!(
        "UPDATE key SET standing = 'revoked', revoked_at = $3, revocation_reason = $4, version = version + 1, updated_at = $3 \
         WHERE owner_id = $2 AND standing <> 'revoked' AND id IN (", abandoned!(), "AND k.personal ORDER BY k.id LIMIT $5) \
         RETURNING id, organization_id"
    );
    DISOWN = concat!(
        "UPDATE key SET owner_id = NULL, version = version + 1, updated_at = $3 \
         WHERE owner_id = $2 AND standing <> 'revoked' AND id IN (",
        abandoned!(), "AND NOT k.personal AND k.id > $4 ORDER BY k.id LIMIT $5) RETURNING id"
    );
    FIND_REST = concat!(abandoned!(), "AND k.id > $3 ORDER BY k.id LIMIT 1");
    PUT_LEAVING =
        "INSERT INTO leaving (organization_id, user_id, released_until, created_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (organization_id, user_id) DO UPDATE SET released_until = excluded.released_until";
    DELETE_LEAVING = "DELETE FROM leaving WHERE organization_id = $1 AND user_id = $2";
    FIND_LEAVING =
        "SELECT organization_id, user_id, released_until FROM leaving ORDER BY organization_id, user_id LIMIT 1";
}

/// One live key less for each of so many organizations: a user has one personal key in each.
static COUNT_DOWN: LazyLock<Bulk> = LazyLock::new(|| {
    let places = row_of(ROWS_PER_STATEMENT, 0);
    Bulk::new(format!("UPDATE key_count SET live = live - 1 WHERE organization_id IN {places}"))
});

/// Every statement that is put together here, by name.
pub(crate) fn built_statements() -> Vec<(String, String)> {
    vec![("COUNT_DOWN".to_owned(), COUNT_DOWN.portable.clone())]
}

/// A user who left while not all of their keys could be released at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaving {
    /// Which organization, with all below.
    pub organization_id: OrganizationId,
    /// Who.
    pub user_id: UserId,
    /// Up to which key others than personal ones are released; absent while there may be personal ones left.
    pub released_until: Option<KeyId>,
}

/// What was released at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Released {
    /// Personal keys that were revoked.
    pub revoked: usize,
    /// Keys that have no owner any more.
    pub disowned: usize,
    /// Whether there are more, which [`Connection::find_leaving_unchecked`] finds again.
    pub has_more: bool,
}

impl Connection {
    /// Finds a user who left while not all of their keys could be released at once. Who goes on with that asks in a transaction that has the
    /// database for itself, so that nobody else does.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_leaving_unchecked(&mut self) -> StoreResult<Option<Leaving>> {
        let read = |it: &mut Columns<'_>| {
            Ok(Leaving { organization_id: it.next()?, user_id: it.next()?, released_until: it.next()? })
        };
        self.find(FIND_LEAVING, args![], "leaving", read).await
    }
}

impl Tx {
    /// Revokes the personal keys of a user and takes the owner from the others, in the tenant's organization and below, wherever no
    /// membership of the user reaches: personal ones first, at most [`ROWS_PER_EVENT_MAX`] in all. Where there are more, that is noted.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn release_keys(
        &mut self,
        tenant: &Tenant,
        user_id: UserId,
        released_until: Option<KeyId>,
        at: Timestamp,
    ) -> StoreResult<Released> {
        let organization_id = tenant.organization_id();
        let mut until = released_until;
        let revoked = match until {
            None => self.revoke_personal_keys(organization_id, user_id, at).await?,
            Some(_) => 0,
        };
        let room = (ROWS_PER_EVENT_MAX - revoked) as i64;
        let arguments = args![organization_id, user_id, at, after(until), room];
        let disowned: Vec<KeyId> = self.list(DISOWN, arguments, "key", |it| it.next()).await?;
        disowned.iter().for_each(|it| self.touch(*it));
        until = disowned.iter().copied().max().or(until);
        // Asked for and not concluded from the number: the last set may be a full one.
        let rest = self.fetch_optional(FIND_REST, args![organization_id, user_id, after(until)]).await?;
        match rest {
            Some(_) => self.execute(PUT_LEAVING, args![organization_id, user_id, until, at]).await?,
            None => self.execute(DELETE_LEAVING, args![organization_id, user_id]).await?,
        };
        Ok(Released { revoked, disowned: disowned.len(), has_more: rest.is_some() })
    }

    async fn revoke_personal_keys(
        &mut self,
        organization_id: OrganizationId,
        user_id: UserId,
        at: Timestamp,
    ) -> StoreResult<usize> {
        let reason = RevocationReason::AffiliationChanged.as_str();
        let arguments = args![organization_id, user_id, at, reason, ROWS_PER_EVENT_MAX as i64];
        let read = |it: &mut Columns<'_>| Ok((it.next::<KeyId>()?, it.next::<OrganizationId>()?));
        let revoked = self.list(REVOKE_PERSONAL, arguments, "key", read).await?;
        for chunk in revoked.chunks(ROWS_PER_STATEMENT) {
            self.execute_bulk(&COUNT_DOWN, padded(chunk, |(_, place)| place.value())).await?;
        }
        let ids: Vec<_> = revoked.iter().map(|(id, _)| *id).collect();
        self.delete_sealed_copies_of(&ids).await?;
        self.end_webhooks_of_keys(&ids, at).await?;
        ids.iter().for_each(|id| self.touch(*id));
        Ok(revoked.len())
    }
}

/// Where the next keys begin; every identifier comes after nothing.
fn after(until: Option<KeyId>) -> String {
    until.map_or_else(String::new, |it| it.to_string())
}
