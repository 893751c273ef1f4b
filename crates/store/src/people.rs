//! People: members as whoever manages them sees them, with what is known of their signing in and of their keys.

use claviger_core::id::MemberId;
use claviger_core::member::Member;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;

use crate::members::{MemberRow, member, member_columns};
use crate::row::{Columns, Unreadable};
use crate::sql::{holding, holding_name, statements};
use crate::users::{user, user_columns};
use crate::value::args;
use crate::{Connection, Cursor, Page, PageRequest, StoreResult};

/// Keys are counted so far and no further: a page must not take longer because somebody owns very many.
pub const KEYS_COUNTED_MAX: u64 = 1000;

macro_rules! people {
    () => {
        concat!(
            "SELECT ",
            member_columns!(),
            ", ",
            user_columns!(),
            ", r.name, p.user_id IS NOT NULL, p.signed_in_at, (\
             SELECT max(l.expires_at) FROM link l WHERE l.user_id = u.id AND l.purpose <> 'setup' AND l.used_at IS NULL \
             AND l.expires_at > $2), (\
             SELECT count(*) FROM (SELECT 1 FROM key k WHERE k.organization_id = m.organization_id AND k.owner_id = u.id \
             AND k.standing <> 'revoked' LIMIT 1000) counted), u.name_key FROM member m \
             JOIN \"user\" u ON u.id = m.user_id JOIN role r ON r.id = m.role_id LEFT JOIN password p ON p.user_id = u.id \
             WHERE m.organization_id = $1 "
        )
    };
}

statements! {
    PAGE_PEOPLE = concat!(
        people!(),
        "AND (u.name_key LIKE $3 ESCAPE '\\' OR u.email LIKE $4 ESCAPE '\\') AND (u.name_key, m.id) > ($5, $6) \
         ORDER BY u.name_key, m.id LIMIT $7"
    );
    FIND_PERSON = concat!(people!(), "AND m.id = $3");
    /// The live keys of a user, here and below, that no other membership of theirs would reach.
    COUNT_OWN_KEYS =
        "SELECT sum(CASE WHEN counted.personal THEN 1 ELSE 0 END), sum(CASE WHEN counted.personal THEN 0 ELSE 1 END) FROM (\
         SELECT k.personal FROM key k WHERE k.owner_id = $2 AND k.standing <> 'revoked' AND EXISTS (\
         SELECT 1 FROM organization_closure b WHERE b.ancestor_id = $1 AND b.descendant_id = k.organization_id) AND NOT EXISTS (\
         SELECT 1 FROM organization_closure a JOIN member m ON m.organization_id = a.ancestor_id \
         WHERE a.descendant_id = k.organization_id AND m.user_id = $2 AND m.id <> $3) LIMIT 1000) counted";
    COUNT_MAPPED_KEYS =
        "SELECT count(*) FROM (SELECT 1 FROM key k WHERE k.organization_id = $1 AND k.mapped_user_id = $2 \
         AND k.standing <> 'revoked' AND (k.owner_id IS NULL OR k.owner_id <> $2) LIMIT 1000) counted";
}

/// A member with what is known of their signing in and of their keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRow {
    /// The membership, who, and the name of the role.
    pub row: MemberRow,
    /// Whether the user has a password.
    pub has_password: bool,
    /// When the user signed in last; absent for never.
    pub signed_in_at: Option<Timestamp>,
    /// Until when a link to set a password is good; absent where there is none.
    pub link_until: Option<Timestamp>,
    /// Live keys here that belong to the user, at most [`KEYS_COUNTED_MAX`].
    pub own_keys: u64,
}

/// What hangs on a membership, each counted up to [`KEYS_COUNTED_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeysOfMember {
    /// Personal keys, here and below, that no other membership reaches.
    pub personal: u64,
    /// Other keys of theirs, here and below, that no other membership reaches.
    pub owned: u64,
    /// Keys here that act as the user and belong to somebody else or to nobody.
    pub mapped: u64,
}

fn person(it: &mut Columns<'_>) -> Result<PersonRow, Unreadable> {
    let row = MemberRow { member: member(it)?, user: user(it)?, role_name: it.next()? };
    Ok(PersonRow {
        row,
        has_password: it.next()?,
        signed_in_at: it.next()?,
        link_until: it.next()?,
        own_keys: it.next()?,
    })
}

impl Connection {
    /// Members of the tenant's organization by name, as far as name or e-mail address hold what is searched for.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn page_people(
        &mut self,
        tenant: &Tenant,
        search: Option<&str>,
        request: &PageRequest,
        now: Timestamp,
    ) -> StoreResult<Page<PersonRow>> {
        // Without a search the pattern for names finds everything; the one for addresses must then not be asked to.
        let email = search.map_or(String::new(), |it| holding(&it.trim().to_ascii_lowercase()));
        let (after_name, after_id) = request.after_text();
        let arguments = args![
            tenant.organization_id(),
            now,
            holding_name(search),
            email,
            after_name,
            after_id,
            request.rows_to_read(),
        ];
        let with_key = |it: &mut Columns<'_>| Ok((person(it)?, it.next::<String>()?));
        let rows = self.list(PAGE_PEOPLE, arguments, "member", with_key).await?;
        Ok(Page::cut(rows, request, |(it, name_key)| Cursor::new(name_key, it.row.member.id)).map(|(it, _)| it))
    }

    /// Finds a member of the tenant's organization.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_person(
        &mut self,
        tenant: &Tenant,
        id: MemberId,
        now: Timestamp,
    ) -> StoreResult<Option<PersonRow>> {
        self.find(FIND_PERSON, args![tenant.organization_id(), now, id], "member", person).await
    }

    /// Counts the keys that the end of a membership of the tenant's organization touches.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn count_keys_of_member(&mut self, tenant: &Tenant, member: &Member) -> StoreResult<KeysOfMember> {
        let place = tenant.organization_id();
        let read = |it: &mut Columns<'_>| Ok((it.next::<Option<u64>>()?, it.next::<Option<u64>>()?));
        let own = self.find(COUNT_OWN_KEYS, args![place, member.user_id, member.id], "key", read).await?;
        let (personal, owned) = own.unwrap_or_default();
        let mapped = self.number(COUNT_MAPPED_KEYS, args![place, member.user_id]).await?;
        Ok(KeysOfMember { personal: personal.unwrap_or(0), owned: owned.unwrap_or(0), mapped })
    }
}
