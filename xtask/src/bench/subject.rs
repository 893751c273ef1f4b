//! What is measured, by name.

use std::fmt;

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
    /// `/authz` with a key that is not there.
    Unknown,
    /// `/authz` that asks for a permission, an api and an organization from an address.
    Everything,
    /// `POST /api/v1/verify` that asks for a permission.
    Verify,
}

impl Subject {
    /// Whether it looks keys up.
    pub(super) fn knows_keys(self) -> bool {
        !matches!(self, Self::Hyper | Self::Listener | Self::NginxStatic)
    }

    /// Whether every request must be refused, rather than none.
    pub(super) fn is_refused(self) -> bool {
        self == Self::Unknown
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Hyper => "bare hyper, hello",
            Self::Listener => "the listener, hello",
            Self::NginxStatic => "nginx, `return 200`",
            Self::NginxMap => "nginx, map of keys",
            Self::Unknown => "`/authz`, unknown key",
            Self::Everything => "`/authz`, permission, api, organization, address",
            Self::Verify => "`POST /api/v1/verify`, permission",
        })
    }
}
