//! A small installation in memory, behind the verification listener: an agency with two locations, an admin, and a user M
//! who may read scorecard A.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use claviger::clock::SettableClock;
use claviger::gateway;
use claviger::gateway::listener::{Settings, Workers};
use claviger::metrics::Metrics;
use claviger_core::api::KeyLocations;
use claviger_core::decision::{KeyStanding, Reach};
use claviger_core::event::Position;
use claviger_core::feed::{
    ApiRecord, Change, Frame, KeyRecord, MemberRecord, OrganizationRecord, Record, RoleRecord, SecretRecord, UserRecord,
};
use claviger_core::id::{ApiId, KeyId, MemberId, OrganizationId, RoleId, SecretId, UserId};
use claviger_core::name::KeyPrefix;
use claviger_core::permission::PermissionSet;
use claviger_core::policy::OwnPolicy;
use claviger_core::secret::{Digest, SecretState, Token};
use claviger_core::time::Timestamp;
use claviger_verifier::replica::Replica;
use claviger_verifier::writer::Writer;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use reqwest::header::HeaderMap;
use tokio_util::sync::CancellationToken;

pub(super) const AGENCY: OrganizationId = OrganizationId::from_u128(1);
pub(super) const L1: OrganizationId = OrganizationId::from_u128(2);
pub(super) const L2: OrganizationId = OrganizationId::from_u128(3);
pub(super) const ADMIN: UserId = UserId::from_u128(1);
pub(super) const M: UserId = UserId::from_u128(2);
pub(super) const DEFAULT: ApiId = ApiId::from_u128(1);
pub(super) const LOADER: ApiId = ApiId::from_u128(2);
pub(super) const ADMINS: RoleId = RoleId::from_u128(1);
const GUESTS: RoleId = RoleId::from_u128(2);

/// The instant at which the clock stands.
pub(super) fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

pub(super) fn permissions(texts: &[&str]) -> PermissionSet {
    PermissionSet::parse(texts).unwrap()
}

pub(super) fn organization(id: OrganizationId, slug: &str, parent_id: Option<OrganizationId>) -> OrganizationRecord {
    OrganizationRecord {
        id,
        parent_id,
        slug: slug.to_owned(),
        external_id: Some(format!("host-{slug}")),
        suspended: false,
        policy: OwnPolicy::default(),
        allowed_ips: None,
        version: 1,
    }
}

pub(super) fn user(id: UserId, name: &str) -> UserRecord {
    UserRecord { id, name: name.to_owned(), external_id: Some(format!("{name}@host")), active: true, version: 1 }
}

/// M's membership at the agency, with these permissions.
pub(super) fn membership_of_m(texts: &[&str], version: u64) -> Record {
    Record::Member(MemberRecord {
        id: MemberId::from_u128(2),
        organization_id: AGENCY,
        user_id: M,
        role_id: GUESTS,
        extra_permissions: permissions(texts),
        version,
    })
}

/// A key of `organization_id` that carries M's rights.
pub(super) fn key(number: u64, organization_id: OrganizationId) -> (KeyRecord, Token) {
    let token = Token::generate(&KeyPrefix::parse("ck").unwrap(), &mut ChaCha20Rng::seed_from_u64(number));
    (key_with_digest(number, organization_id, token.digest()), token)
}

/// The same with a secret that was made elsewhere.
pub(super) fn key_with_digest(number: u64, organization_id: OrganizationId, digest: Digest) -> KeyRecord {
    let id = SecretId::from_u128(number.into());
    KeyRecord {
        id: KeyId::from_u128(number.into()),
        organization_id,
        api_id: DEFAULT,
        name: format!("key {number}"),
        role_id: None,
        scopes: None,
        owner_id: None,
        mapped_user_id: Some(M),
        expires_at: None,
        allowed_ips: None,
        reach: Reach::Organization,
        standing: KeyStanding::Active,
        metadata: None,
        secrets: vec![SecretRecord { id, digest, state: SecretState::Current }],
        version: 1,
        limits: None,
    }
}

fn first_records() -> Vec<Record> {
    let api = |id, slug: &str, prefix: &str| {
        Record::Api(ApiRecord {
            id,
            slug: slug.to_owned(),
            prefix: prefix.to_owned(),
            version: 1,
            key_locations: KeyLocations::default().to_texts(),
            deprecated: None,
            organization_id: None,
            versions: None,
        })
    };
    let role = |id, name: &str, texts: &[&str], is_admin| {
        let permissions = permissions(texts);
        Record::Role(RoleRecord { id, name: name.to_owned(), permissions, api_access: true, is_admin, version: 1 })
    };
    vec![
        api(DEFAULT, "default", "ck"),
        api(LOADER, "data-loader", "dl"),
        Record::Organization(organization(AGENCY, "agency", None)),
        Record::Organization(organization(L1, "l1", Some(AGENCY))),
        Record::Organization(organization(L2, "l2", Some(AGENCY))),
        role(ADMINS, "admin", &["*:*"], true),
        role(GUESTS, "guest", &[], false),
        Record::User(user(ADMIN, "admin")),
        Record::User(user(M, "m")),
        Record::Member(MemberRecord {
            id: MemberId::from_u128(1),
            organization_id: AGENCY,
            user_id: ADMIN,
            role_id: ADMINS,
            extra_permissions: PermissionSet::nothing(),
            version: 1,
        }),
        membership_of_m(&["scorecards/A:read"], 1),
    ]
}

/// The installation and its listener; stopped when dropped.
pub(super) struct World {
    writer: Writer,
    seq: u64,
    client: reqwest::Client,
    stop: CancellationToken,
    workers: Option<Workers>,
    pub(super) replica: Arc<Replica>,
    pub(super) clock: Arc<SettableClock>,
    pub(super) metrics: Arc<Metrics>,
    /// Where gateways ask.
    pub(super) address: SocketAddr,
}

impl World {
    /// Loaded, listening on loopback.
    pub(super) fn start() -> Self {
        let mut world = Self::start_empty([127, 0, 0, 1].into());
        world.load();
        world
    }

    /// Listening, but nothing is loaded yet.
    pub(super) fn start_empty(ip: IpAddr) -> Self {
        let (replica, writer) = Replica::new([7; 32], Box::new(|| Duration::ZERO));
        let socket = TcpListener::bind((ip, 0)).unwrap();
        let address = SocketAddr::new([127, 0, 0, 1].into(), socket.local_addr().unwrap().port());
        let stop = CancellationToken::new();
        let metrics = Arc::new(Metrics::default());
        let clock = Arc::new(SettableClock::standing(now()));
        let settings = Settings::with_workers(NonZeroUsize::new(2).unwrap());
        let workers = gateway::serve(socket, settings, Arc::clone(&replica), clock.clone(), &metrics, &stop).unwrap();
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
        Self { writer, seq: 0, client, stop, workers: Some(workers), replica, clock, metrics, address }
    }

    pub(super) fn load(&mut self) {
        self.writer.begin_load(0);
        self.writer.load(first_records().into_iter().map(|it| Change::Put(Box::new(it))));
        self.writer.finish_load(Position { epoch: 1, seq: 0 });
        self.replica.heard(Duration::ZERO);
    }

    /// What the log would say next.
    pub(super) fn put(&mut self, record: Record) {
        let at = |seq| Position { epoch: 1, seq };
        let frame = Frame { from: at(self.seq), to: at(self.seq + 1), changes: vec![Change::Put(Box::new(record))] };
        self.seq += 1;
        self.writer.apply(&frame).unwrap();
    }

    /// Puts a key of the agency that carries M's rights, changed as told.
    pub(super) fn put_key(&mut self, number: u64, change: impl FnOnce(&mut KeyRecord)) -> Token {
        let (mut record, token) = key(number, AGENCY);
        change(&mut record);
        self.put(Record::Key(record));
        token
    }

    /// Asks with these headers.
    pub(super) async fn ask(&self, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.client.get(format!("http://{}/authz", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        assert_eq!(response.bytes().await.unwrap().len(), 0);
        Answer { status, headers }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(workers) = self.workers.take() {
            workers.join();
        }
    }
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: HeaderMap,
}

impl Answer {
    /// The value of one header; a header that stands several times fails the test.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next().map(|it| it.to_str().unwrap());
        assert!(values.next().is_none(), "{name} stands several times");
        first
    }

    /// Status, code and the status that the client should see: `403 insufficient_permission 404`, or `200`.
    pub(super) fn summary(&self) -> String {
        match (self.header("x-claviger-code"), self.header("x-claviger-status")) {
            (None, None) => self.status.to_string(),
            (code, status) => format!("{} {} {}", self.status, code.unwrap_or("-"), status.unwrap_or("-")),
        }
    }
}
