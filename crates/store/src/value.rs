//! Arguments of statements, in the few forms that both engines store.

use claviger_core::id::Id;
use claviger_core::secret::Digest;
use claviger_core::time::Timestamp;
use type_safe_id::StaticType;

/// An argument. A missing value keeps its type, since PostgreSQL wants to know what is missing.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// Text, ids and JSON.
    Text(Option<String>),
    /// Counts, versions and instants in microseconds.
    Integer(Option<i64>),
    /// Digests, and what is sealed.
    Bytes(Option<Vec<u8>>),
    /// Flags.
    Boolean(Option<bool>),
}

/// What can be an argument.
pub(crate) trait Argument {
    /// The argument that stands for "nothing" of this type.
    const ABSENT: Value;

    /// The argument.
    fn value(&self) -> Value;
}

/// The arguments of one statement, in the order `$1`, `$2`, …
macro_rules! args {
    ($($argument:expr),* $(,)?) => {
        vec![$($crate::value::Argument::value(&$argument)),*]
    };
}
pub(crate) use args;

impl<T: Argument> Argument for Option<T> {
    const ABSENT: Value = T::ABSENT;
    fn value(&self) -> Value {
        self.as_ref().map_or(Self::ABSENT, Argument::value)
    }
}

impl<T: Argument + ?Sized> Argument for &T {
    const ABSENT: Value = T::ABSENT;
    fn value(&self) -> Value {
        (**self).value()
    }
}

macro_rules! text_arguments {
    ($($type:ty),* $(,)?) => {$(
        impl Argument for $type {
            const ABSENT: Value = Value::Text(None);
            fn value(&self) -> Value {
                Value::Text(Some(self.to_string()))
            }
        }
    )*};
}
text_arguments!(
    str,
    String,
    claviger_core::api::VersionSlug,
    claviger_core::name::Name,
    claviger_core::name::Description,
    claviger_core::name::Email,
    claviger_core::name::ExternalId,
    claviger_core::name::KeyPrefix,
    claviger_core::name::Slug,
    claviger_core::node::NodeName,
    claviger_core::permission::Permission,
    claviger_core::sealing::MasterKeyId,
    claviger_core::secret::AccessId,
    std::net::IpAddr,
);

impl<K: StaticType> Argument for Id<K> {
    const ABSENT: Value = Value::Text(None);
    fn value(&self) -> Value {
        Value::Text(Some(self.to_string()))
    }
}

impl Argument for claviger_core::name::NameKey {
    const ABSENT: Value = Value::Text(None);
    fn value(&self) -> Value {
        self.as_str().value()
    }
}

impl Argument for i64 {
    const ABSENT: Value = Value::Integer(None);
    fn value(&self) -> Value {
        Value::Integer(Some(*self))
    }
}

impl Argument for u64 {
    const ABSENT: Value = Value::Integer(None);
    fn value(&self) -> Value {
        // Only counts and versions come here, and nothing is counted up to 2^63.
        Value::Integer(Some(i64::try_from(*self).unwrap_or(i64::MAX)))
    }
}

impl Argument for Timestamp {
    const ABSENT: Value = Value::Integer(None);
    fn value(&self) -> Value {
        Value::Integer(Some(self.as_micros()))
    }
}

impl Argument for bool {
    const ABSENT: Value = Value::Boolean(None);
    fn value(&self) -> Value {
        Value::Boolean(Some(*self))
    }
}

impl Argument for [u8; 32] {
    const ABSENT: Value = Value::Bytes(None);
    fn value(&self) -> Value {
        Value::Bytes(Some(self.to_vec()))
    }
}

impl Argument for Vec<u8> {
    const ABSENT: Value = Value::Bytes(None);
    fn value(&self) -> Value {
        Value::Bytes(Some(self.clone()))
    }
}

impl Argument for Digest {
    const ABSENT: Value = Value::Bytes(None);
    fn value(&self) -> Value {
        self.as_bytes().value()
    }
}

/// JSON as text.
pub(crate) fn json<T: serde::Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("what is stored as JSON are lists and objects with text keys")
}
