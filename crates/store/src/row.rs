//! Rows and what their columns are read into. A column that holds what no version of this program wrote is an error of that
//! row and of nothing else.

use std::net::IpAddr;

use claviger_core::api::{ApiVersion, KeyLocations, VersionSlug};
use claviger_core::decision::{KeyStanding, Reach};
use claviger_core::event::{Entity, EntityKind, EventKind};
use claviger_core::id::Id;
use claviger_core::key::{Metadata, Origin, RevocationReason};
use claviger_core::key_limits::KeyLimits;
use claviger_core::name::{Description, Email, ExternalId, KeyPrefix, Name, Slug};
use claviger_core::network::IpAllowList;
use claviger_core::node::NodeName;
use claviger_core::notification::{NotificationKind, NotificationState};
use claviger_core::organization::OrganizationStatus;
use claviger_core::permission::{Permission, PermissionSet};
use claviger_core::policy::OwnPolicy;
use claviger_core::role::BuiltIn;
use claviger_core::sealing::MasterKeyId;
use claviger_core::secret::{AccessId, Digest};
use claviger_core::time::Timestamp;
use claviger_core::user::UserStatus;
use claviger_core::webhook::WebhookStatus;
use claviger_core::webhook::delivery::{self, DeliveryState};
use data_encoding::HEXUPPER_PERMISSIVE;
use serde::de::DeserializeOwned;
use type_safe_id::StaticType;

use crate::db::Row;
use crate::error::{Error, StoreResult};

/// Why a column cannot be read.
#[derive(Debug)]
pub(crate) struct Unreadable(pub(crate) String);

/// What stands in a column.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Raw<'r> {
    Null,
    Text(&'r str),
    Integer(i64),
    Bytes(&'r [u8]),
}

impl<'r> Raw<'r> {
    pub(crate) fn text(self) -> Result<&'r str, Unreadable> {
        match self {
            Self::Text(text) => Ok(text),
            other => Err(other.is_not("text")),
        }
    }

    fn is_not(self, what: &str) -> Unreadable {
        Unreadable(match self {
            Self::Null => "is NULL".into(),
            Self::Text(_) | Self::Integer(_) | Self::Bytes(_) => format!("is not {what}"),
        })
    }
}

/// What a column can be read into.
pub(crate) trait Column: Sized {
    /// Reads what stands there.
    fn read(raw: Raw<'_>) -> Result<Self, Unreadable>;
}

/// The columns of a row, read one after the other in the order in which the statement names them.
pub(crate) struct Columns<'r> {
    source: Source<'r>,
    index: usize,
}

enum Source<'r> {
    Row(&'r Row),
    Line(std::str::Split<'r, char>),
}

/// What stands between the fields of a row that comes as a line of text, and between such lines: the separators that ASCII has for it.
/// No name holds a control character, and JSON writes them otherwise.
pub(crate) const FIELD_END: u8 = 0x1f;
pub(crate) const LINE_END: u8 = 0x1e;

impl<'r> Columns<'r> {
    pub(crate) const fn new(row: &'r Row) -> Self {
        Self { source: Source::Row(row), index: 0 }
    }

    /// The columns of a row that comes as a line of text, where nothing stands for NULL.
    pub(crate) fn of_line(line: &'r [u8]) -> Result<Self, Unreadable> {
        let line = str::from_utf8(line).map_err(|error| Unreadable(error.to_string()))?;
        Ok(Self { source: Source::Line(line.split(char::from(FIELD_END))), index: 0 })
    }

    /// Passes over columns of a line.
    pub(crate) fn skip(&mut self, columns: usize) {
        self.index += columns;
        if let Source::Line(fields) = &mut self.source {
            fields.by_ref().take(columns).for_each(drop);
        }
    }

    /// Reads the next column.
    pub(crate) fn next<T: Column>(&mut self) -> Result<T, Unreadable> {
        let raw = match &mut self.source {
            Source::Row(row) => row.raw(self.index),
            Source::Line(fields) => match fields.next() {
                None => Err(Unreadable("is not there".into())),
                Some("") => Ok(Raw::Null),
                Some(text) => Ok(Raw::Text(text)),
            },
        };
        self.index += 1;
        raw.and_then(T::read).map_err(|Unreadable(why)| Unreadable(format!("column {}: {why}", self.index)))
    }

    /// Makes sure that a line has no further columns.
    pub(crate) fn end(&mut self) -> Result<(), Unreadable> {
        let more = if let Source::Line(fields) = &mut self.source { fields.next() } else { None };
        more.map_or(Ok(()), |_| Err(Unreadable("has too many columns".into())))
    }
}

/// Reads a row whose first column is its identifier.
pub(crate) fn decode<T>(
    table: &'static str,
    row: &Row,
    read: impl FnOnce(&mut Columns<'_>) -> Result<T, Unreadable>,
) -> StoreResult<T> {
    read(&mut Columns::new(row)).map_err(|Unreadable(detail)| {
        let id = id_of(row).to_owned();
        Error::Corrupt { table, id, detail }
    })
}

/// The text in the first column.
pub(crate) fn id_of(row: &Row) -> &str {
    row.raw(0).and_then(Raw::text).unwrap_or_default()
}

impl<T: Column> Column for Option<T> {
    fn read(raw: Raw<'_>) -> Result<Self, Unreadable> {
        if matches!(raw, Raw::Null) { Ok(None) } else { T::read(raw).map(Some) }
    }
}

impl Column for String {
    fn read(raw: Raw<'_>) -> Result<Self, Unreadable> {
        raw.text().map(str::to_owned)
    }
}

impl Column for i64 {
    fn read(raw: Raw<'_>) -> Result<Self, Unreadable> {
        match raw {
            Raw::Integer(integer) => Ok(integer),
            Raw::Text(text) => text.parse().map_err(|_| raw.is_not("a number")),
            Raw::Null | Raw::Bytes(_) => Err(raw.is_not("a number")),
        }
    }
}

impl Column for bool {
    fn read(raw: Raw<'_>) -> Result<Self, Unreadable> {
        match i64::read(raw)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(raw.is_not("a flag")),
        }
    }
}

impl Column for u64 {
    fn read(raw: Raw<'_>) -> Result<Self, Unreadable> {
        Self::try_from(i64::read(raw)?).map_err(|_| Unreadable("is negative".into()))
    }
}

impl Column for u16 {
    fn read(raw: Raw<'_>) -> Result<Self, Unreadable> {
        Self::try_from(i64::read(raw)?).map_err(|_| Unreadable("is out of range".into()))
    }
}

impl Column for Timestamp {
    fn read(raw: Raw<'_>) -> Result<Self, Unreadable> {
        Self::from_micros(i64::read(raw)?).map_err(|error| Unreadable(error.to_string()))
    }
}

impl Column for [u8; 32] {
    fn read(raw: Raw<'_>) -> Result<Self, Unreadable> {
        match raw {
            Raw::Bytes(bytes) => bytes.try_into().map_err(|_| raw.is_not("32 bytes long")),
            Raw::Text(text) => {
                let mut bytes = [0; 32];
                let fits = text.len() == 2 * bytes.len();
                match fits.then(|| HEXUPPER_PERMISSIVE.decode_mut(text.as_bytes(), &mut bytes)) {
                    Some(Ok(_)) => Ok(bytes),
                    Some(Err(_)) | None => Err(raw.is_not("32 bytes in hexadecimal")),
                }
            }
            Raw::Null | Raw::Integer(_) => Err(raw.is_not("bytes")),
        }
    }
}

impl Column for Vec<u8> {
    fn read(raw: Raw<'_>) -> Result<Self, Unreadable> {
        match raw {
            Raw::Bytes(bytes) => Ok(bytes.to_vec()),
            Raw::Null | Raw::Integer(_) | Raw::Text(_) => Err(raw.is_not("bytes")),
        }
    }
}

impl Column for Digest {
    fn read(raw: Raw<'_>) -> Result<Self, Unreadable> {
        <[u8; 32]>::read(raw).map(Self::from_bytes)
    }
}

impl Column for NodeName {
    fn read(raw: Raw<'_>) -> Result<Self, Unreadable> {
        Self::parse(raw.text()?).map_err(|error| Unreadable(error.to_string()))
    }
}

impl Column for AccessId {
    fn read(raw: Raw<'_>) -> Result<Self, Unreadable> {
        raw.text().map(Self::from_stored)
    }
}

impl<K: StaticType> Column for Id<K> {
    fn read(raw: Raw<'_>) -> Result<Self, Unreadable> {
        parsed(raw)
    }
}

/// What can be told of a text that should not be there: its beginning, on one line. It goes into the log, which others read.
pub(crate) fn brief(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    let mut shown: String = text.chars().take(CHARS_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(raw: Raw<'_>) -> Result<T, Unreadable> {
    raw.text()?.parse().map_err(|error: T::Err| Unreadable(brief(&error.to_string())))
}

macro_rules! parsed_columns {
    ($($type:ty),* $(,)?) => {$(
        impl Column for $type {
            fn read(raw: Raw<'_>) -> Result<Self, Unreadable> {
                parsed(raw)
            }
        }
    )*};
}
parsed_columns!(
    Entity,
    Name,
    Description,
    Email,
    ExternalId,
    Slug,
    KeyPrefix,
    IpAddr,
    MasterKeyId,
    Permission,
    VersionSlug
);

/// Closed lists are stored by name.
macro_rules! named_columns {
    ($($type:ty),* $(,)?) => {$(
        impl Column for $type {
            fn read(raw: Raw<'_>) -> Result<Self, Unreadable> {
                let text = raw.text()?;
                Self::parse(text).ok_or_else(|| Unreadable(format!("`{}` is not on the list", brief(text))))
            }
        }
    )*};
}
named_columns!(
    BuiltIn,
    DeliveryState,
    EntityKind,
    EventKind,
    KeyStanding,
    NotificationKind,
    NotificationState,
    OrganizationStatus,
    Origin,
    Reach,
    RevocationReason,
    delivery::Source,
    UserStatus,
    WebhookStatus,
    crate::links::LinkPurpose,
);

/// A column of JSON text.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> Column for Json<T> {
    fn read(raw: Raw<'_>) -> Result<Self, Unreadable> {
        let text = raw.text()?;
        serde_json::from_str(text).map(Self).map_err(|error| Unreadable(brief(&error.to_string())))
    }
}

macro_rules! json_columns {
    ($($type:ty),* $(,)?) => {$(
        impl Column for $type {
            fn read(raw: Raw<'_>) -> Result<Self, Unreadable> {
                Json::read(raw).map(|Json(value)| value)
            }
        }
    )*};
}
json_columns!(KeyLimits, KeyLocations, Vec<ApiVersion>, IpAllowList, Metadata, OwnPolicy, PermissionSet);
