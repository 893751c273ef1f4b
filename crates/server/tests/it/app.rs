//! The service as a test starts it: a clock that stands until it is moved, seeded randomness, a real store in a folder that goes away, real
//! HTTP on ports that the system chooses.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use claviger::app::{App, Randomness};
use claviger::clock::SettableClock;
use claviger::config::{Config, Values};
use claviger::ops::caller::Caller;
use claviger::ops::error::{Error, OpResult};
use claviger::ops::installation::install;
use claviger::ops::keys::{CreatedKey, NewKey, create_key};
use claviger::ops::members::{NewMember, create_member};
use claviger::ops::organizations::{
    NewOrganization, OrganizationPatch, create_organization, get_organization, update_organization,
};
use claviger::ops::page::PageRequest;
use claviger::ops::roles::{RolePatch, list_roles, update_role};
use claviger::ops::sessions::{Claim, Origin, claim_set_up_link};
use claviger::ops::users::{NewUser, create_user};
use claviger::service::{Service, Sockets};
use claviger_core::decision::Reach;
use claviger_core::id::{MemberId, OrganizationId, RoleId, UserId};
use claviger_core::key::Origin as KeyOrigin;
use claviger_core::name::{Email, Name};
use claviger_core::permission::PermissionSet;
use claviger_core::reject::RejectCode;
use claviger_core::role::{BuiltIn, Role};
use claviger_core::sealing::MasterKey;
use claviger_core::secret::Token;
use claviger_core::time::Timestamp;
use claviger_verifier::credential::Presented;
use claviger_verifier::verify::{About, Ask};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use secrecy::SecretString;
use serde_json::Value;

use crate::engine::throwaway;

/// The first admin's sign-in name.
pub(crate) const ADMIN_EMAIL: &str = "admin@example.com";
/// The first admin's password.
pub(crate) const ADMIN_PASSWORD: &str = "correct horse battery";
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// A running service with its first admin signed in.
pub(crate) struct TestApp {
    pub(crate) app: App,
    pub(crate) clock: Arc<SettableClock>,
    /// The root of the tree.
    pub(crate) root: OrganizationId,
    /// The first admin, at the console.
    pub(crate) admin: Caller,
    pub(crate) admin_id: UserId,
    /// The first key: may verify, and read everything.
    pub(crate) first_key: Token,
    service: Service,
    pub(crate) http: reqwest::Client,
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// Generators that begin with the same seeds in every run.
pub(crate) fn seeded(seed: u64) -> Randomness {
    let next = AtomicU64::new(seed << 32);
    Arc::new(move || Box::new(ChaCha20Rng::seed_from_u64(next.fetch_add(1, Ordering::Relaxed))))
}

/// The master key of every service in this process: two on one database are two nodes.
pub(crate) fn master_key() -> MasterKey {
    MasterKey::generate(&mut ChaCha20Rng::seed_from_u64(7))
}

/// A configuration on loopback, with ports that the system chooses.
pub(crate) fn config() -> Config {
    let flags = [("listen", "127.0.0.1:0"), ("authz_listen", "127.0.0.1:0"), ("authz_workers", "1")];
    Config::from_values(&Values::with_flags(flags.map(|(name, value)| (name, value.to_owned())))).unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub(crate) fn permissions(texts: &[&str]) -> PermissionSet {
    PermissionSet::parse(texts).unwrap()
}

/// A key with a name and every default.
pub(crate) fn new_key(text: &str) -> NewKey {
    NewKey::named(name(text), KeyOrigin::Api)
}

/// The code of the refusal that an operation has to end with.
pub(crate) fn refused<T>(result: OpResult<T>) -> RejectCode {
    match result {
        Ok(_) => panic!("it was not refused"),
        Err(error @ (Error::Reject(_) | Error::Store(_))) => error.into_reject().code,
        Err(fault) => panic!("a fault and no refusal: {fault}"),
    }
}

impl TestApp {
    pub(crate) async fn new() -> Self {
        Self::with_config(config()).await
    }

    pub(crate) async fn with_config(config: Config) -> Self {
        Self::launch(config, Service::start).await
    }

    /// One that does nothing by the clock.
    pub(crate) async fn without_jobs(config: Config) -> Self {
        Self::launch(config, Service::listen).await
    }

    async fn launch(config: Config, start: fn(App, Sockets, Option<axum::Router>) -> std::io::Result<Service>) -> Self {
        let randomness = seeded(1);
        let store = throwaway(randomness()).await;
        let clock = Arc::new(SettableClock::standing("2027-01-01T00:00:00Z".parse().unwrap()));
        let sockets = Sockets::bind(&config).unwrap();
        let app = App::start(config, store, clock.clone(), randomness, master_key());
        let service = start(app.clone(), sockets, None).unwrap();
        let installation = install(&app, name("Root")).await.unwrap();
        app.follower().ready().await;
        let claim = Claim {
            name: name("Maria Keller"),
            email: Email::parse(ADMIN_EMAIL).unwrap(),
            password: SecretString::from(ADMIN_PASSWORD),
        };
        let link = installation.set_up_token.expect("a fresh installation is not claimed");
        let signed_in = claim_set_up_link(&app, link, claim, Origin::default()).await.unwrap();
        let admin = Caller::Session { user_id: signed_in.user.id, session_id: signed_in.session_id, ip: None };
        Self {
            admin,
            admin_id: signed_in.user.id,
            clock,
            root: installation.organization_id,
            first_key: installation.first_key.expect("a fresh installation has a first key"),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            service,
            app,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.app.now()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.service.address)
    }

    /// Where gateways ask.
    pub(crate) fn authz(&self) -> std::net::SocketAddr {
        self.service.authz_address
    }

    pub(crate) async fn stop(self) {
        self.service.stop().await;
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.send(self.http.get(self.url(path)).bearer_auth(token)).await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        self.send(self.http.post(self.url(path)).bearer_auth(token).json(body)).await
    }

    /// Calls with any method; a body that is null is none.
    pub(crate) async fn call(&self, method: &str, path: &str, token: &str, body: &Value) -> Answer {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.http.request(method, self.url(path)).bearer_auth(token);
        self.send(if body.is_null() { request } else { request.json(body) }).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
    }

    /// What a verifier says about a token at this instant: allowed, or the code.
    pub(crate) fn verify(&self, token: &Token, needed: &[&str]) -> Result<(), &'static str> {
        self.verify_text(token.expose(), needed)
    }

    pub(crate) fn verify_text(&self, token: &str, needed: &[&str]) -> Result<(), &'static str> {
        let asked: Vec<_> = needed.iter().map(|it| claviger_core::permission::Asked::parse(it).unwrap()).collect();
        let presented = Presented::token(token.as_bytes()).unwrap();
        let ask = Ask { organization: About::Own, api: None, permissions: &asked, ip: None };
        let verdict = self.app.replica().verify(&presented, &ask, self.now());
        verdict.decision().code().map_or(Ok(()), |code| Err(code.as_str()))
    }

    /// Calls with a key, as a request with it would.
    pub(crate) fn caller(&self, token: &Token) -> Caller {
        let presented = Presented::token(token.expose().as_bytes()).unwrap();
        Caller::of_key(&self.app, &presented, None, None).unwrap().caller
    }

    pub(crate) async fn create_key(&self, caller: &Caller, at: OrganizationId, new: NewKey) -> OpResult<CreatedKey> {
        Ok(create_key(&self.app, caller, at, new, None).await?.fresh().unwrap())
    }

    /// A key that may do everything in the root and below.
    pub(crate) async fn admin_key(&self) -> Token {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let role_id = Some(self.built_in(self.root, BuiltIn::Admin).await.id);
        let text = format!("Admin's key {}", NEXT.fetch_add(1, Ordering::Relaxed));
        let new = NewKey { role_id, reach: Reach::Subtree, ..new_key(&text) };
        self.create_key(&self.admin, self.root, new).await.unwrap().token
    }

    pub(crate) async fn organization(&self, parent: OrganizationId, text: &str) -> OrganizationId {
        let new = NewOrganization {
            name: name(text),
            slug: None,
            external_id: None,
            policy: None,
            allowed_ips: None,
            confirms_lockout: false,
        };
        let made = create_organization(&self.app, &self.admin, parent, new, None).await.unwrap();
        made.fresh().unwrap().organization.id
    }

    pub(crate) async fn built_in(&self, at: OrganizationId, wanted: BuiltIn) -> Role {
        let roles = list_roles(&self.app, &self.admin, at, PageRequest::default()).await.unwrap();
        roles.items.into_iter().find(|it| it.built_in == Some(wanted)).unwrap()
    }

    /// Makes a person and a member with a built-in role.
    pub(crate) async fn member(&self, at: OrganizationId, text: &str, role: BuiltIn) -> (Caller, UserId, MemberId) {
        let new = NewUser { name: name(text), email: None, external_id: None, service: false };
        let user = create_user(&self.app, &self.admin, at, new, None).await.unwrap().fresh().unwrap();
        let role_id = self.built_in(at, role).await.id;
        let new = NewMember { user_id: user.id, role_id, extra_permissions: PermissionSet::nothing() };
        let made = create_member(&self.app, &self.admin, at, new, None).await.unwrap().fresh().unwrap();
        let Caller::Session { session_id, .. } = self.admin else { panic!("the admin is at the console") };
        (Caller::Session { user_id: user.id, session_id, ip: None }, user.id, made.member.id)
    }

    /// Says whether members of an organization may have keys.
    pub(crate) async fn allow_members_keys(&self, at: OrganizationId, allowed: bool) {
        let role = self.built_in(at, BuiltIn::Member).await;
        let patch = RolePatch { api_access: Some(allowed), ..RolePatch::default() };
        update_role(&self.app, &self.admin, at, role.id, patch, None).await.unwrap();
    }

    /// Makes somebody a member of a further organization.
    pub(crate) async fn add_member(&self, at: OrganizationId, user_id: UserId, role_id: RoleId) {
        let new = NewMember { user_id, role_id, extra_permissions: PermissionSet::nothing() };
        create_member(&self.app, &self.admin, at, new, None).await.unwrap().fresh().unwrap();
    }

    /// Sets what an organization sets itself, from JSON.
    pub(crate) async fn set_policy(&self, at: OrganizationId, json: &str) {
        let policy = Some(serde_json::from_str(json).unwrap());
        let patch = OrganizationPatch { policy, ..OrganizationPatch::default() };
        update_organization(&self.app, &self.admin, at, patch, None).await.unwrap();
        let info = get_organization(&self.app, &self.admin, at).await.unwrap();
        assert_eq!(info.organization.policy, serde_json::from_str(json).unwrap());
    }
}

/// The present instant, for what is compared with a process on the machine's clock.
pub(crate) fn now() -> Timestamp {
    claviger_core::time::Clock::now(&claviger::clock::SystemClock)
}
