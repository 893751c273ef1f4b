//! What is measured, by name, and what each is sent.

use std::fmt;

use super::load::Shape;

/// What a load is put on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// hyper with nothing behind it.
    Hyper,
    /// Our verification listener with nothing behind it.
    Listener,
    /// nginx that answers `return 200`.
    NginxStatic,
    /// nginx that looks a plain key up in a map.
    NginxMap,
    /// `/authz` with a key whose checksum is wrong.
    Mistyped,
    /// `/authz` with a key of the right form that nobody has.
    Unknown,
    /// `/authz` with a key of which no permission is asked.
    KeyOnly,
    /// `/authz` that asks for a permission: a decision in full, and its use is recorded.
    Permission,
    /// `/authz` with the headers that gateways/nginx sends along.
    BehindNginx,
    /// `POST /api/v1/verify` that asks for a permission.
    Verify,
    /// `POST /api/v1/verify/batch` with [`BATCH`] such questions: its figures are those of one of them.
    VerifyBatch,
}

/// Questions in a batch.
const BATCH: u32 = 16;

impl Subject {
    /// Everything that is asked of a service, cheapest first.
    pub(super) const OF_SERVICE: [Self; 7] = [
        Self::Mistyped,
        Self::Unknown,
        Self::KeyOnly,
        Self::Permission,
        Self::BehindNginx,
        Self::Verify,
        Self::VerifyBatch,
    ];

    /// Whether it looks keys up.
    pub(super) fn knows_keys(self) -> bool {
        !matches!(self, Self::Hyper | Self::Listener | Self::NginxStatic)
    }

    /// What the names of the threads begin with that answer it. What others do at the same time is not for this request:
    /// they write down uses of minutes ago.
    pub(super) fn threads(self) -> Option<&'static str> {
        let is_of_gateway =
            matches!(self, Self::Mistyped | Self::Unknown | Self::KeyOnly | Self::Permission | Self::BehindNginx);
        is_of_gateway.then_some("authz")
    }

    /// Whether it is answered where console and API listen.
    pub(super) fn is_of_api(self) -> bool {
        matches!(self, Self::Verify | Self::VerifyBatch)
    }

    /// The status that every request must be answered with.
    pub(super) fn status(self) -> u16 {
        if matches!(self, Self::Mistyped | Self::Unknown) { 401 } else { 200 }
    }

    /// What it is sent. Peers are sent what `/authz` is asked for a permission, for reading a request costs all alike.
    pub(super) fn shape(self, asking_key: &str, key_bytes: usize) -> Shape {
        const PERMISSION: (&str, &str) = ("Claviger-Permission", "contacts:read");
        match self {
            Self::KeyOnly => Shape::get("/authz", &[("Claviger-Permission", "authenticated")]),
            Self::BehindNginx => Shape::get(
                "/authz",
                &[
                    PERMISSION,
                    ("Claviger-Api", "default"),
                    ("Claviger-Ip", "192.0.2.17"),
                    ("X-Original-URI", "/v1/contacts?limit=100"),
                    ("User-Agent", "integration/4.2 (linux)"),
                    ("Accept", "application/json"),
                    ("Accept-Encoding", "gzip, deflate"),
                ],
            ),
            Self::Verify => Shape::post_json(
                "/api/v1/verify",
                &[("Authorization", &format!("Bearer {asking_key}"))],
                "{\"permissions\":[\"contacts:read\"],\"key\":\"",
                "\"}",
                key_bytes,
            ),
            Self::VerifyBatch => Shape::post_json_of(
                "/api/v1/verify/batch",
                &[("Authorization", &format!("Bearer {asking_key}"))],
                [
                    "{\"requests\":[{\"permissions\":[\"contacts:read\"],\"key\":\"",
                    "\"},{\"permissions\":[\"contacts:read\"],\"key\":\"",
                    "\"}]}",
                ],
                key_bytes,
                BATCH,
            ),
            _ => Shape::get("/authz", &[PERMISSION]),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Hyper => "bare hyper, hello",
            Self::Listener => "our listener, hello",
            Self::NginxStatic => "nginx, `return 200`",
            Self::NginxMap => "nginx, map of keys",
            Self::Mistyped => "`/authz`, mistyped key",
            Self::Unknown => "`/authz`, unknown key",
            Self::KeyOnly => "`/authz`, key only",
            Self::Permission => "`/authz`, permission",
            Self::BehindNginx => "`/authz`, as our nginx asks",
            Self::Verify => "`POST /api/v1/verify`, permission",
            Self::VerifyBatch => "one of 16 keys in `POST /api/v1/verify/batch`",
        })
    }
}
