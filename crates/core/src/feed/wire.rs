//! The CBOR forms of what stands in records (RFC 8949).

use minicbor::decode::Error as DecodeError;
use minicbor::encode::{Error as EncodeError, Write};
use minicbor::{Decode, Decoder, Encode, Encoder};

use crate::access_token::PublicKey;
use crate::decision::{KeyStanding, Reach};
use crate::key_limits::KeyLimits;
use crate::network::IpAllowList;
use crate::permission::PermissionSet;
use crate::policy::OwnPolicy;
use crate::role::BuiltIn;
use crate::secret::{Digest, SecretState};
use crate::time::Timestamp;

pub(super) mod as_json {
    use super::{DecodeError, Decoder, EncodeError, Encoder, OwnPolicy, Write};

    pub(in super::super) fn encode<C, W: Write>(
        policy: &OwnPolicy,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        let json = serde_json::to_string(policy).expect("a policy is JSON");
        e.str(&json)?;
        Ok(())
    }

    pub(in super::super) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<OwnPolicy, DecodeError> {
        serde_json::from_str(d.str()?).map_err(DecodeError::custom)
    }
}

fn encode_texts<W: Write>(texts: &[String], e: &mut Encoder<W>) -> Result<(), EncodeError<W::Error>> {
    e.array(texts.len() as u64)?;
    for text in texts {
        e.str(text)?;
    }
    Ok(())
}

fn decode_texts<'b>(d: &mut Decoder<'b>) -> Result<Vec<&'b str>, DecodeError> {
    d.array_iter()?.collect()
}

impl<C> Encode<C> for PermissionSet {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        encode_texts(&self.to_texts(), e)
    }
}

impl<'b, C> Decode<'b, C> for PermissionSet {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        Self::parse(&decode_texts(d)?).map_err(DecodeError::custom)
    }
}

impl<C> Encode<C> for IpAllowList {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        encode_texts(&self.to_texts(), e)
    }
}

impl<'b, C> Decode<'b, C> for IpAllowList {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        Self::parse(&decode_texts(d)?).map_err(DecodeError::custom)
    }
}

/// As JSON text, like policies: it is the form in storage too.
impl<C> Encode<C> for KeyLimits {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.str(&serde_json::to_string(self).expect("limits are JSON"))?.ok()
    }
}

impl<'b, C> Decode<'b, C> for KeyLimits {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        serde_json::from_str(d.str()?).map_err(DecodeError::custom)
    }
}

impl<C> Encode<C> for Digest {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.bytes(self.as_bytes())?;
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for Digest {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        d.bytes()?.try_into().map(Self::from_bytes).map_err(DecodeError::custom)
    }
}

impl<C> Encode<C> for PublicKey {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.bytes(self.as_bytes())?;
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for PublicKey {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        Self::from_slice(d.bytes()?).ok_or_else(|| DecodeError::message("no public key"))
    }
}

impl<C> Encode<C> for SecretState {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), EncodeError<W::Error>> {
        match self {
            Self::Current => e.array(1)?.u8(0)?.ok(),
            Self::Retiring { until } => {
                e.array(2)?.u8(1)?;
                until.encode(e, ctx)
            }
            Self::Dead => e.array(1)?.u8(2)?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for SecretState {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, DecodeError> {
        match (d.array()?, d.u8()?) {
            (Some(1), 0) => Ok(Self::Current),
            (Some(2), 1) => Ok(Self::Retiring { until: Timestamp::decode(d, ctx)? }),
            (Some(1), 2) => Ok(Self::Dead),
            _ => Err(DecodeError::message("unknown state of a secret")),
        }
    }
}

/// Gives an enum with names its CBOR form: the name. Text and not a number, so that nobody has to keep a table of numbers in step.
macro_rules! by_name {
    ($type:ty, $name:expr, $parse:expr) => {
        impl<C> Encode<C> for $type {
            fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
                e.str($name(*self))?.ok()
            }
        }
        impl<'b, C> Decode<'b, C> for $type {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
                $parse(d.str()?).ok_or_else(|| DecodeError::message("unknown name"))
            }
        }
    };
}

by_name!(Reach, Reach::as_str, Reach::parse);
by_name!(KeyStanding, KeyStanding::as_str, KeyStanding::parse);
by_name!(BuiltIn, BuiltIn::as_str, BuiltIn::parse);
