//! Fields of bodies: read as text, parsed into the domain's types, and refused all at once with their places.
//!
//! The domain's types could be read by serde directly; then a body with three faults would take three requests to correct.

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use claviger_core::key::Metadata;
use claviger_core::limits;
use claviger_core::name::{Description, ExternalId};
use claviger_core::network::IpAllowList;
use claviger_core::permission::PermissionSet;
use claviger_core::reject::{FieldReject, Reject};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// A field's value, or its place and what is wrong with it.
pub(super) type Field<T> = Result<T, FieldReject>;

/// Puts a field's place to what its parsing said.
pub(super) fn at<T, E: ToString>(pointer: &'static str, parsed: Result<T, E>) -> Field<T> {
    parsed.map_err(|error| FieldReject { pointer: pointer.into(), detail: error.to_string() })
}

/// A text.
pub(super) fn text<T: FromStr<Err: ToString>>(pointer: &'static str, text: &str) -> Field<T> {
    at(pointer, text.parse())
}

/// A text that may be absent.
pub(super) fn optional<T: FromStr<Err: ToString>>(pointer: &'static str, it: Option<&str>) -> Field<Option<T>> {
    it.map(|it| text(pointer, it)).transpose()
}

/// A text that may be absent, or null.
pub(super) fn nullable<T: FromStr<Err: ToString>>(
    pointer: &'static str,
    it: Option<&Option<String>>,
) -> Field<Option<Option<T>>> {
    it.map(|it| optional(pointer, it.as_deref())).transpose()
}

/// Where a bearer keeps a key.
pub(super) fn stored_in(pointer: &'static str, it: Option<&str>) -> Field<Option<Description>> {
    const MAX: usize = limits::STORED_IN_CHARS_MAX;
    match optional::<Description>(pointer, it)? {
        Some(it) if it.as_str().chars().count() > MAX => {
            at(pointer, Err(format!("must be at most {MAX} characters long")))
        }
        it => Ok(it),
    }
}

/// A set of permissions.
pub(super) fn permissions(pointer: &'static str, texts: &[String]) -> Field<PermissionSet> {
    at(pointer, PermissionSet::parse(texts))
}

/// An allow-list.
pub(super) fn allow_list(pointer: &'static str, entries: &[String]) -> Field<IpAllowList> {
    at(pointer, IpAllowList::parse(entries))
}

/// The host's own data.
pub(super) fn metadata(pointer: &'static str, object: Map<String, Value>) -> Field<Metadata> {
    at(pointer, Metadata::new(object))
}

/// Takes the values of parsed fields, or refuses with all that are at fault, so that a body is corrected in one go.
macro_rules! all_fields {
    ($($field:ident),+ $(,)?) => {
        match ($($field,)+) {
            ($(Ok($field),)+) => Ok(($($field,)+)),
            ($($field,)+) => {
                Err(claviger_core::reject::Reject::fields([$($field.err()),+].into_iter().flatten().collect()))
            }
        }
    };
}
pub(super) use all_fields;

/// A JSON object. serde's derive would take an array for a struct as well, field by field, which no document promises.
#[derive(Debug, Clone, Default)]
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members))
            }
        }

        deserializer.deserialize_map(Members(PhantomData)).map(Self)
    }
}

/// For a field that may be left out but not be null, or whose null means something else than its absence (RFC 7396):
/// with `#[serde(default, deserialize_with = "present")]` the outer `Option` says only whether it is there.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A set as a list in which nothing stands twice, as the document says.
pub(super) fn distinct<'de, D: Deserializer<'de>, T: Deserialize<'de> + Ord>(
    deserializer: D,
) -> Result<BTreeSet<T>, D::Error> {
    let list = Vec::deserialize(deserializer)?;
    let length = list.len();
    let set = BTreeSet::from_iter(list);
    if set.len() == length { Ok(set) } else { Err(de::Error::custom("something stands in it twice")) }
}

/// A set that may be left out but not be null: [`present`] and [`distinct`] together.
pub(super) fn present_distinct<'de, D: Deserializer<'de>, T: Deserialize<'de> + Ord>(
    deserializer: D,
) -> Result<Option<BTreeSet<T>>, D::Error> {
    distinct(deserializer).map(Some)
}

/// Refuses a body that names another external id than the path.
pub(super) fn same_external_id(path: &ExternalId, body: Option<&ExternalId>) -> Result<(), Reject> {
    match body {
        Some(it) if it != path => Err(Reject::field("/external_id", "is not the one that the path names")),
        _ => Ok(()),
    }
}
