//! Rows and what their columns are read into. A column that holds what no version of this program wrote is an error of that
//! row and of nothing else.

use std::net::IpAddr;

use claviger_core::decision::{KeyStanding, Reach};
use claviger_core::event::{Entity, EntityKind, EventKind};
use claviger_core::id::Id;
use claviger_core::key::{Metadata, Origin, RevocationReason};
use claviger_core::name::{Description, Email, ExternalId, KeyPrefix, Name, Slug};
use claviger_core::network::IpAllowList;
use claviger_core::organization::OrganizationStatus;
use claviger_core::permission::PermissionSet;
use claviger_core::policy::OwnPolicy;
use claviger_core::role::BuiltIn;
use claviger_core::secret::{AccessId, Digest};
use claviger_core::time::Timestamp;
use claviger_core::user::UserStatus;
use serde::de::DeserializeOwned;
use type_safe_id::StaticType;

use crate::db::Row;
use crate::error::{Error, StoreResult};

/// Why a column cannot be read.
#[derive(Debug)]
pub(crate) struct Unreadable(pub(crate) String);

/// What a column can be read into.
pub(crate) trait Column: Sized {
    /// Reads the column at `index`.
    fn read(row: &Row, index: usize) -> Result<Self, Unreadable>;
}

/// The columns of a row, read one after the other in the order in which the statement names them.
pub(crate) struct Columns<'r> {
    row: &'r Row,
    index: usize,
}

impl<'r> Columns<'r> {
    pub(crate) const fn new(row: &'r Row) -> Self {
        Self { row, index: 0 }
    }

    /// Reads the next column.
    pub(crate) fn next<T: Column>(&mut self) -> Result<T, Unreadable> {
        let index = self.index;
        self.index += 1;
        T::read(self.row, index).map_err(|Unreadable(why)| Unreadable(format!("column {}: {why}", index + 1)))
    }
}

/// Reads a row whose first column is its identifier.
pub(crate) fn decode<T>(
    table: &'static str,
    row: &Row,
    read: impl FnOnce(&mut Columns<'_>) -> Result<T, Unreadable>,
) -> StoreResult<T> {
    read(&mut Columns::new(row)).map_err(|Unreadable(detail)| {
        let id = row.text(0).ok().flatten().unwrap_or("without an id").to_owned();
        Error::Corrupt { table, id, detail }
    })
}

fn present<T>(value: Option<T>) -> Result<T, Unreadable> {
    value.ok_or_else(|| Unreadable("is NULL".into()))
}

impl<T: Column> Column for Option<T> {
    fn read(row: &Row, index: usize) -> Result<Self, Unreadable> {
        if row.is_null(index)? { Ok(None) } else { T::read(row, index).map(Some) }
    }
}

impl Column for String {
    fn read(row: &Row, index: usize) -> Result<Self, Unreadable> {
        present(row.text(index)?).map(str::to_owned)
    }
}

impl Column for i64 {
    fn read(row: &Row, index: usize) -> Result<Self, Unreadable> {
        present(row.integer(index)?)
    }
}

impl Column for bool {
    fn read(row: &Row, index: usize) -> Result<Self, Unreadable> {
        present(row.boolean(index)?)
    }
}

impl Column for u64 {
    fn read(row: &Row, index: usize) -> Result<Self, Unreadable> {
        Self::try_from(i64::read(row, index)?).map_err(|_| Unreadable("is negative".into()))
    }
}

impl Column for u16 {
    fn read(row: &Row, index: usize) -> Result<Self, Unreadable> {
        Self::try_from(i64::read(row, index)?).map_err(|_| Unreadable("is out of range".into()))
    }
}

impl Column for Timestamp {
    fn read(row: &Row, index: usize) -> Result<Self, Unreadable> {
        Self::from_micros(i64::read(row, index)?).map_err(|error| Unreadable(error.to_string()))
    }
}

impl Column for [u8; 32] {
    fn read(row: &Row, index: usize) -> Result<Self, Unreadable> {
        present(row.bytes(index)?)?.try_into().map_err(|_| Unreadable("is not 32 bytes long".into()))
    }
}

impl Column for Digest {
    fn read(row: &Row, index: usize) -> Result<Self, Unreadable> {
        <[u8; 32]>::read(row, index).map(Self::from_bytes)
    }
}

impl Column for AccessId {
    fn read(row: &Row, index: usize) -> Result<Self, Unreadable> {
        present(row.text(index)?).map(Self::from_stored)
    }
}

impl<K: StaticType> Column for Id<K> {
    fn read(row: &Row, index: usize) -> Result<Self, Unreadable> {
        parsed(row, index)
    }
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(row: &Row, index: usize) -> Result<T, Unreadable> {
    present(row.text(index)?)?.parse().map_err(|error: T::Err| Unreadable(error.to_string()))
}

macro_rules! parsed_columns {
    ($($type:ty),* $(,)?) => {$(
        impl Column for $type {
            fn read(row: &Row, index: usize) -> Result<Self, Unreadable> {
                parsed(row, index)
            }
        }
    )*};
}
parsed_columns!(Entity, Name, Description, Email, ExternalId, Slug, KeyPrefix, IpAddr);

/// Closed lists are stored by name.
macro_rules! named_columns {
    ($($type:ty),* $(,)?) => {$(
        impl Column for $type {
            fn read(row: &Row, index: usize) -> Result<Self, Unreadable> {
                let text = present(row.text(index)?)?;
                Self::parse(text).ok_or_else(|| Unreadable(format!("`{}` is not on the list", text.escape_debug())))
            }
        }
    )*};
}
named_columns!(
    BuiltIn,
    EntityKind,
    EventKind,
    KeyStanding,
    OrganizationStatus,
    Origin,
    Reach,
    RevocationReason,
    UserStatus,
    crate::links::LinkPurpose,
);

/// A column of JSON text.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> Column for Json<T> {
    fn read(row: &Row, index: usize) -> Result<Self, Unreadable> {
        let text = present(row.text(index)?)?;
        serde_json::from_str(text).map(Self).map_err(|error| Unreadable(error.to_string()))
    }
}

macro_rules! json_columns {
    ($($type:ty),* $(,)?) => {$(
        impl Column for $type {
            fn read(row: &Row, index: usize) -> Result<Self, Unreadable> {
                Json::read(row, index).map(|Json(value)| value)
            }
        }
    )*};
}
json_columns!(IpAllowList, Metadata, OwnPolicy, PermissionSet);
