//! Users.

use claviger_core::id::UserId;
use claviger_core::name::{Email, ExternalId};
use claviger_core::tenant::Tenant;
use claviger_core::user::User;

use crate::row::{Columns, Unreadable};
use crate::sql::{holding, holding_name, statements};
use crate::statement::assert_newer;
use crate::value::args;
use crate::{Connection, Cursor, Page, PageRequest, StoreResult, Tx};

macro_rules! columns {
    () => {
        "u.id, u.organization_id, u.name, u.email, u.external_id, u.service, u.status, u.version, u.created_at, u.updated_at"
    };
}
pub(crate) use columns as user_columns;

statements! {
    INSERT_USER =
        "INSERT INTO \"user\" (id, organization_id, name, name_key, email, external_id, service, status, version, created_at, \
         updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    UPDATE_USER =
        "UPDATE \"user\" SET name = $4, name_key = $5, email = $6, external_id = $7, status = $8, version = $9, \
         updated_at = $10 WHERE id = $1 AND organization_id = $2 AND version = $3";
    EXISTS = "SELECT 1 FROM \"user\" WHERE id = $1 AND organization_id = $2";
    FIND_USER = concat!(
        "SELECT ", columns!(), " FROM \"user\" u WHERE u.id = $1 AND (u.organization_id = $2 OR EXISTS (\
         SELECT 1 FROM member m JOIN organization_closure c ON c.ancestor_id = m.organization_id \
         WHERE m.user_id = u.id AND c.descendant_id = $2))"
    );
    FIND_USER_BY_EXTERNAL_ID =
        concat!("SELECT ", columns!(), " FROM \"user\" u WHERE u.organization_id = $1 AND u.external_id = $2");
    FIND_USER_UNCHECKED = concat!("SELECT ", columns!(), " FROM \"user\" u WHERE u.id = $1");
    FIND_USER_BY_EMAIL = concat!("SELECT ", columns!(), " FROM \"user\" u WHERE u.email = $1");
    PAGE_USERS = concat!(
        "SELECT ", columns!(), ", u.name_key FROM \"user\" u WHERE u.organization_id = $1 \
         AND (u.name_key LIKE $2 ESCAPE '\\' OR u.email LIKE $3 ESCAPE '\\') AND (u.name_key, u.id) > ($4, $5) \
         ORDER BY u.name_key, u.id LIMIT $6"
    );
}

/// Which users a list shows.
#[derive(Debug, Clone, Default)]
pub struct UserFilter {
    /// Part of the name or of the e-mail address.
    pub search: Option<String>,
}

pub(crate) fn user(it: &mut Columns<'_>) -> Result<User, Unreadable> {
    Ok(User {
        id: it.next()?,
        organization_id: it.next()?,
        name: it.next()?,
        email: it.next()?,
        external_id: it.next()?,
        service: it.next()?,
        status: it.next()?,
        version: it.next()?,
        created_at: it.next()?,
        updated_at: it.next()?,
    })
}

impl Connection {
    /// Finds a user that the tenant's organization manages, or that is a member there or above.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_user(&mut self, tenant: &Tenant, id: UserId) -> StoreResult<Option<User>> {
        self.find(FIND_USER, args![id, tenant.organization_id()], "user", user).await
    }

    /// Finds a user that the tenant's organization manages by the host's identifier.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_user_by_external_id(
        &mut self,
        tenant: &Tenant,
        external_id: &ExternalId,
    ) -> StoreResult<Option<User>> {
        self.find(FIND_USER_BY_EXTERNAL_ID, args![tenant.organization_id(), external_id], "user", user).await
    }

    /// Finds the user of a session or link.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_user_unchecked(&mut self, id: UserId) -> StoreResult<Option<User>> {
        self.find(FIND_USER_UNCHECKED, args![id], "user", user).await
    }

    /// Finds who signs in.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_user_by_email_unchecked(&mut self, email: &Email) -> StoreResult<Option<User>> {
        self.find(FIND_USER_BY_EMAIL, args![email], "user", user).await
    }

    /// Users that the tenant's organization manages, by name.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn page_users(
        &mut self,
        tenant: &Tenant,
        filter: &UserFilter,
        request: &PageRequest,
    ) -> StoreResult<Page<User>> {
        let search = filter.search.as_deref();
        // Without a search the pattern for names finds everything; the one for addresses must then not be asked to.
        let email = search.map_or(String::new(), |it| holding(&it.trim().to_ascii_lowercase()));
        let (after_name, after_id) = request.after_text();
        let arguments =
            args![tenant.organization_id(), holding_name(search), email, after_name, after_id, request.rows_to_read()];
        let with_key = |it: &mut Columns<'_>| Ok((user(it)?, it.next::<String>()?));
        let rows = self.list(PAGE_USERS, arguments, "user", with_key).await?;
        Ok(Page::cut(rows, request, |(it, name_key)| Cursor::new(name_key, it.id)).map(|(it, _)| it))
    }
}

impl Tx {
    /// Writes a user that the tenant's organization manages.
    ///
    /// # Errors
    /// `Taken` (e-mail, external id).
    pub async fn insert_user(&mut self, tenant: &Tenant, it: &User) -> StoreResult<()> {
        assert_eq!(it.organization_id, tenant.organization_id(), "a user is written by its own tenant");
        let arguments = args![
            it.id,
            it.organization_id,
            it.name,
            it.name.key(),
            it.email,
            it.external_id,
            it.service,
            it.status.as_str(),
            it.version,
            it.created_at,
            it.updated_at,
        ];
        self.execute(INSERT_USER, arguments).await?;
        self.touch(it.id);
        Ok(())
    }

    /// Changes a user that the tenant's organization manages.
    ///
    /// # Errors
    /// `VersionMismatch`, `Missing`, `Taken`.
    pub async fn update_user(&mut self, tenant: &Tenant, it: &User, expected_version: u64) -> StoreResult<()> {
        assert_eq!(it.organization_id, tenant.organization_id(), "a user is changed by its own tenant");
        assert_newer(it.version, expected_version);
        let arguments = args![
            it.id,
            it.organization_id,
            expected_version,
            it.name,
            it.name.key(),
            it.email,
            it.external_id,
            it.status.as_str(),
            it.version,
            it.updated_at,
        ];
        self.replace(UPDATE_USER, arguments, EXISTS).await?;
        self.touch(it.id);
        Ok(())
    }
}
