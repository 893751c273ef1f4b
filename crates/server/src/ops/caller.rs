//! Who calls: a key or a console session. Both are grants, and both are authorized by the one decision.

use std::net::IpAddr;

use claviger_core::api::DEFAULT_API;
use claviger_core::decision::{Code, Reach};
use claviger_core::id::{KeyId, OrganizationId, SessionId, UserId};
use claviger_core::permission::{Asked, PermissionSet};
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_verifier::credential::Presented;
use claviger_verifier::tokens::Proven;
use claviger_verifier::verify::{About, Ask, Credential, Verdict};

use crate::app::App;

/// Who calls.
#[derive(Debug, Clone)]
pub enum Caller {
    /// A key.
    Key {
        /// The key.
        key_id: KeyId,
        /// The user whose rights it carries.
        mapped_user_id: Option<UserId>,
        /// What is left of the credential, to decide about it again.
        credential: Credential,
        /// Where the request came from.
        ip: Option<IpAddr>,
    },
    /// A user at the console.
    Session {
        /// The user.
        user_id: UserId,
        /// The session.
        session_id: SessionId,
        /// Where the request came from.
        ip: Option<IpAddr>,
    },
}

/// A key that called, and how.
#[derive(Debug)]
pub struct Identified {
    /// Who calls.
    pub caller: Caller,
    /// Whether the answer has to warn of keys in query strings.
    pub warns_of_query: bool,
}

/// On whose keys a caller may act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// On all of the organization's.
    All,
    /// On those that belong to this user.
    Own(UserId),
}

impl Caller {
    /// Finds out whose key was presented to our own API, and counts its use. What it may do is asked later, operation by operation.
    ///
    /// # Errors
    /// The refusal; one and the same for every credential that proves nothing.
    pub fn of_key(
        app: &App,
        presented: &Presented<'_>,
        ip: Option<IpAddr>,
        user_agent: Option<&[u8]>,
    ) -> Result<Identified, Reject> {
        refuse_unready(app)?;
        let now = app.now();
        let ask = Ask { organization: About::Own, api: Some(DEFAULT_API), permissions: &[], ip };
        let verdict = app.replica().verify(presented, &ask, now);
        if let Some(code) = verdict.refusal() {
            verdict.record_denial(code, now, ip, user_agent);
            return Err(match code {
                RejectCode::Decision(code) => denied(&verdict, code, now),
                code => Reject::new(code, "This organization does not accept keys in query strings."),
            });
        }
        let facts = verdict.facts().ok_or_else(Reject::unauthenticated)?;
        verdict.record_use(now, ip, user_agent);
        let caller = Self::Key {
            key_id: facts.key_id(),
            mapped_user_id: facts.mapped_user_id(),
            credential: facts.credential(),
            ip,
        };
        Ok(Identified { caller, warns_of_query: verdict.warns_of_query() })
    }

    /// Counts a request as refused that [`Self::of_key`] has let in: what a key may do is asked operation by operation, and only then it turns out
    /// that it may not. Of a session nothing is counted.
    pub fn record_refusal(&self, app: &App, code: RejectCode, user_agent: Option<&[u8]>) {
        let Self::Key { credential, ip, .. } = self else { return };
        let now = app.now();
        let ask = Ask { organization: About::Own, api: Some(DEFAULT_API), permissions: &[], ip: *ip };
        let verdict = app.replica().verify_again(credential, &ask, now);
        verdict.take_back_use();
        verdict.record_denial(code, now, *ip, user_agent);
    }

    /// The key that calls.
    pub const fn key_id(&self) -> Option<KeyId> {
        match self {
            Self::Key { key_id, .. } => Some(*key_id),
            Self::Session { .. } => None,
        }
    }

    /// The organization that a key acts in where nothing is said: its own, or the one that its access token is for.
    pub fn home(&self, app: &App) -> Option<OrganizationId> {
        match self {
            Self::Key { key_id, credential, .. } => {
                credential.token().map(Proven::organization_id).or_else(|| app.replica().organization_of(*key_id))
            }
            Self::Session { .. } => None,
        }
    }

    /// Where the request came from.
    pub(super) const fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Key { ip, .. } | Self::Session { ip, .. } => *ip,
        }
    }

    /// Where a key calls from. A session is bound to no addresses, and has none here.
    pub(super) const fn key_address(&self) -> Option<IpAddr> {
        match self {
            Self::Key { ip, .. } => *ip,
            Self::Session { .. } => None,
        }
    }

    /// The user in whose name the caller acts.
    pub const fn user_id(&self) -> Option<UserId> {
        match self {
            Self::Key { mapped_user_id, .. } => *mapped_user_id,
            Self::Session { user_id, .. } => Some(*user_id),
        }
    }

    /// Authorizes for an organization and a permission such as `claviger/keys:create`.
    ///
    /// # Errors
    /// The refusal; an organization out of reach is answered like one that does not exist.
    pub fn authorize(&self, app: &App, organization_id: OrganizationId, permission: &str) -> Result<Tenant, Reject> {
        let asked = Asked::parse(permission).map_err(|error| Reject::new(RejectCode::Internal, error.to_string()))?;
        self.decide(app, organization_id, &[asked])
    }

    /// Like [`Self::authorize`], for who only has to know whether.
    ///
    /// # Errors
    /// As [`Self::authorize`].
    pub(super) fn check(
        &self,
        app: &App,
        organization_id: OrganizationId,
        permission: &Asked<'_>,
    ) -> Result<(), Reject> {
        match self {
            Self::Key { credential, ip, .. } => {
                refuse_unready(app)?;
                app.replica().check(credential, organization_id, std::slice::from_ref(permission), *ip, app.now())
            }
            Self::Session { .. } => self.decide(app, organization_id, std::slice::from_ref(permission)).map(drop),
        }
    }

    /// Authorizes for an organization without asking for a permission: whether the caller reaches it at all.
    ///
    /// # Errors
    /// The refusal; an organization out of reach is answered like one that does not exist.
    pub fn reach(&self, app: &App, organization_id: OrganizationId) -> Result<Tenant, Reject> {
        self.decide(app, organization_id, &[])
    }

    fn decide(&self, app: &App, organization_id: OrganizationId, asked: &[Asked<'_>]) -> Result<Tenant, Reject> {
        refuse_unready(app)?;
        let now = app.now();
        let tenant = match self {
            Self::Key { credential, ip, .. } => app.replica().authorize(credential, organization_id, asked, *ip, now),
            Self::Session { user_id, .. } => app.replica().authorize_user(*user_id, organization_id, asked, now),
        }?;
        Ok(tenant.calling_from(self.address()))
    }

    /// Authorizes for an organization's own record. Nobody is authorized for one that is suspended, so the same permission at its parent
    /// counts there instead, and the tenant is the parent: else nobody could lift a suspension.
    ///
    /// # Errors
    /// The refusal; where the parent refuses too, the organization's own.
    pub fn authorize_record(
        &self,
        app: &App,
        organization_id: OrganizationId,
        permission: &str,
    ) -> Result<Tenant, Reject> {
        let refusal = match self.authorize(app, organization_id, permission) {
            Err(reject) if reject.is_suspended() => reject,
            answer => return answer,
        };
        match app.replica().path(organization_id).get(1) {
            Some(parent_id) => self.authorize(app, *parent_id, permission).map_err(|_| refusal),
            None => Err(refusal),
        }
    }

    /// Authorizes for an organization, be it suspended: nobody is authorized for what is, and yet it will not be so for ever, so what reaches it
    /// from above counts there. A nearer membership counts instead of what comes from above it; `own` says where the caller has any.
    pub(super) fn authorize_through_suspension(
        &self,
        app: &App,
        organization_id: OrganizationId,
        asked: &[Asked<'_>],
        own: &[OrganizationId],
    ) -> Option<Tenant> {
        for id in app.replica().path(organization_id) {
            match self.decide(app, id, asked) {
                Ok(tenant) if id == organization_id || tenant.reach() == Reach::Subtree => return Some(tenant),
                Err(reject) if reject.is_suspended() && !own.contains(&id) => {}
                _ => return None,
            }
        }
        None
    }

    /// Authorizes for keys: by `claviger/keys:…` for all of them, else by `claviger/own-keys:…` for the caller's own.
    ///
    /// Whoever is signed in looks at the latter without any permission: what acts in somebody's name is theirs to know, whatever a host's own
    /// role leaves out. A key needs the permission all the same, since its role and scopes are there to narrow what it finds out.
    pub(super) fn authorize_keys(
        &self,
        app: &App,
        organization_id: OrganizationId,
        action: &str,
    ) -> Result<(Tenant, Whose), Reject> {
        const LACKING: RejectCode = RejectCode::Decision(Code::InsufficientPermission);
        match self.authorize(app, organization_id, &format!("claviger/keys:{action}")) {
            Ok(tenant) => Ok((tenant, Whose::All)),
            Err(reject) if reject.code == LACKING => {
                let user_id = self.user_id().ok_or(reject)?;
                if action == "read" && matches!(self, Self::Session { .. }) {
                    return Ok((self.reach(app, organization_id)?, Whose::Own(user_id)));
                }
                let tenant = self.authorize(app, organization_id, &format!("claviger/own-keys:{action}"))?;
                Ok((tenant, Whose::Own(user_id)))
            }
            Err(reject) => Err(reject),
        }
    }
}

/// Whether the tenant's caller holds everything there: what only admins may do asks this and not for a role's name, because a key of an
/// admin that is narrowed to one scope is no admin.
pub(super) fn is_admin(tenant: &Tenant) -> bool {
    PermissionSet::everything().is_within(tenant.rights())
}

/// The refusal of a credential that was denied: who has proven to hold it is told which part of it has ended.
pub(super) fn denied(verdict: &Verdict<'_>, code: Code, now: Timestamp) -> Reject {
    match verdict.facts().and_then(|it| it.ended(code, now)) {
        Some(what) => Reject::ended(code, what),
        None => code.into(),
    }
}

/// Before the first load every key would look unknown, and clients would throw good keys away.
fn refuse_unready(app: &App) -> Result<(), Reject> {
    if app.replica().is_ready() {
        return Ok(());
    }
    Err(Reject::new(RejectCode::Unavailable, "The service is starting and does not know all keys yet."))
}
