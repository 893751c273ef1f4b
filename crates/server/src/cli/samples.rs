//! What `claviger dev` begins with: an agency with two locations, a member who may see one scorecard, and keys for each.

use std::error::Error;

use claviger_core::decision::Reach;
use claviger_core::id::{OrganizationId, RoleId, UserId};
use claviger_core::key::Origin as KeyOrigin;
use claviger_core::name::{Description, Email, ExternalId, Name, Slug};
use claviger_core::permission::PermissionSet;
use claviger_core::role::BuiltIn;
use secrecy::SecretString;

use super::serve::Running;
use crate::app::App;
use crate::ops::caller::Caller;
use crate::ops::keys::{NewKey, create_key};
use crate::ops::members::{NewMember, create_member};
use crate::ops::organizations::{NewOrganization, create_organization};
use crate::ops::page::PageRequest;
use crate::ops::roles::{NewRole, create_role, list_roles};
use crate::ops::sessions::{Claim, Origin, claim_set_up_link};
use crate::ops::users::{NewUser, create_user};

/// The admin's sign-in name.
pub(super) const EMAIL: &str = "admin@example.com";
/// The admin's password; it is no secret, since nothing here is kept.
pub(super) const PASSWORD: &str = "nothing is kept here";

type Made<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What was made and is worth printing.
pub(super) struct Samples {
    pub(super) first_key: String,
    pub(super) keys: Vec<(&'static str, String)>,
}

/// Makes the samples through the operations, as any host would.
pub(super) async fn make(running: &Running) -> Made<Samples> {
    let (app, installation) = (&running.service.app, &running.installation);
    let root = installation.organization_id;
    let token = installation.set_up_token.as_ref().ok_or("a fresh store is not claimed")?;
    let claim = Claim {
        name: Name::parse("Maria Keller")?,
        email: Email::parse(EMAIL)?,
        password: SecretString::from(PASSWORD),
    };
    let signed_in = claim_set_up_link(app, token.clone(), claim, Origin::default()).await?;
    let admin = Caller::Session { user_id: signed_in.user.id, session_id: signed_in.session_id, ip: None };

    let agency = organization(app, &admin, root, "Northwind Agency", "northwind").await?;
    let harbor = organization(app, &admin, agency, "Harbor Street", "harbor-street").await?;
    let hill = organization(app, &admin, agency, "Hill Road", "hill-road").await?;
    let role = analyst(app, &admin, agency).await?;
    let member = user(app, &admin, agency, "Sam Ortiz", "sam").await?;
    let new =
        NewMember { user_id: member, role_id: role, extra_permissions: PermissionSet::parse(&["scorecards/A:read"])? };
    create_member(app, &admin, agency, new, None).await?;
    let readonly = built_in(app, &admin, root, BuiltIn::Readonly).await?;

    let everywhere = NewKey { reach: Reach::Subtree, ..named("Agency reporting")? };
    let read_only = NewKey { role_id: Some(readonly), ..named("Warehouse sync")? };
    let mapped = NewKey { mapped_user_id: Some(Some(member)), ..named("Integration")? };
    let mut keys = Vec::new();
    for (label, at, new) in [
        ("Agency, all locations", agency, everywhere),
        ("Harbor Street, READONLY", harbor, read_only),
        ("Hill Road", hill, named("Marketing Automation")?),
        ("Sam, scorecard A only", agency, mapped),
    ] {
        let created = create_key(app, &admin, at, new, None).await?.fresh().ok_or("a fresh answer")?;
        keys.push((label, created.token.expose().to_owned()));
    }
    let first_key = installation.first_key.as_ref().ok_or("a fresh store has a first key")?.expose().to_owned();
    Ok(Samples { first_key, keys })
}

fn named(name: &str) -> Made<NewKey> {
    Ok(NewKey::named(Name::parse(name)?, KeyOrigin::Api))
}

async fn organization(
    app: &App,
    caller: &Caller,
    parent: OrganizationId,
    name: &str,
    slug: &str,
) -> Made<OrganizationId> {
    let new = NewOrganization {
        name: Name::parse(name)?,
        slug: Some(Slug::parse(slug)?),
        external_id: Some(ExternalId::parse(slug)?),
        policy: None,
        allowed_ips: None,
        confirms_lockout: false,
    };
    let made = create_organization(app, caller, parent, new, None).await?.fresh().ok_or("a fresh answer")?;
    Ok(made.organization.id)
}

async fn analyst(app: &App, caller: &Caller, at: OrganizationId) -> Made<RoleId> {
    let new = NewRole {
        name: Name::parse("Analyst")?,
        description: Description::parse("Sees what is granted, element by element")?,
        permissions: PermissionSet::parse(&[
            "claviger/profile:*",
            "claviger/own-keys:*",
            "claviger/own-webhooks:*",
            "claviger/event-types:read",
        ])?,
        api_access: true,
    };
    Ok(create_role(app, caller, at, new, None).await?.fresh().ok_or("a fresh answer")?.id)
}

async fn user(app: &App, caller: &Caller, at: OrganizationId, name: &str, external_id: &str) -> Made<UserId> {
    let new = NewUser {
        name: Name::parse(name)?,
        email: None,
        external_id: Some(ExternalId::parse(external_id)?),
        service: false,
    };
    Ok(create_user(app, caller, at, new, None).await?.fresh().ok_or("a fresh answer")?.id)
}

async fn built_in(app: &App, caller: &Caller, at: OrganizationId, wanted: BuiltIn) -> Made<RoleId> {
    let roles = list_roles(app, caller, at, PageRequest::default()).await?;
    let role = roles.items.iter().find(|it| it.built_in == Some(wanted));
    Ok(role.ok_or("a built-in role")?.id)
}
