//! The lines of a chunk: read, compared with what is there, and sorted into keys, known ones and those that are not taken.

use std::collections::HashSet;

use claviger_core::api::Api;
use claviger_core::key::{Key, KeyDraft, Origin};
use claviger_core::name::{Description, Name, NameKey};
use claviger_core::policy::Policy;
use claviger_core::secret::{Digest, Secret};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_store::Tx;
use claviger_store::imports::{Import, Known, RejectedLine};
use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};

use super::ImportLine;
use crate::app::App;
use crate::ops::error::{Error, OpResult};
use crate::ops::keys::rules::{check_expiry, default_expiry};

/// Characters that are kept of why a line could not be read.
const FAULT_CHARS_MAX: usize = 200;

/// What became of a chunk's lines.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// Those that become keys.
    pub(super) keys: Vec<(Key, Secret)>,
    /// How many are keys of this organization already.
    pub(super) existing: u64,
    /// Those that are not taken.
    pub(super) rejected: Vec<RejectedLine>,
}

/// A line that was understood.
struct Read {
    line: u64,
    digest: Digest,
    name: Name,
    description: Description,
    expires_at: Option<Timestamp>,
}

/// Sorts lines, in the transaction that will write them.
pub(super) async fn sort(
    app: &App,
    tx: &mut Tx,
    tenant: &Tenant,
    import: &Import,
    policy: &Policy,
    lines: Vec<ImportLine>,
) -> OpResult<Sorted> {
    let mut sorted = Sorted::default();
    let now = app.now();
    let api = tx.find_api(tenant, import.api_id).await?;
    let api = api.ok_or_else(|| Error::Internal(format!("{} has no api", import.id)))?;
    let mut has_one = match import.mapped_user_id {
        Some(id) if api.one_key_per_user => !tx.find_sole_keys(tenant, api.id, &[id], now).await?.is_empty(),
        _ => false,
    };
    let mut read = Vec::with_capacity(lines.len());
    for line in lines {
        let number = line.line;
        match self::read(line, &api, policy, now) {
            Ok(line) => read.push(line),
            Err(reason) => sorted.reject(number, reason),
        }
    }
    let digests: Vec<_> = read.iter().map(|it| it.digest).collect();
    let known = tx.find_digests(tenant, &digests).await?;
    let names: Vec<_> = read.iter().map(|it| it.name.key()).collect();
    let mut taken = tx.find_taken_names(tenant, import.api_id, &names).await?;
    let mut seen = HashSet::with_capacity(read.len());
    let mut rng = app.rng();
    for ((line, known), name) in read.into_iter().zip(known).zip(names) {
        match verdict(known, seen.insert(*line.digest.as_bytes()), &mut taken, name) {
            Verdict::Existing => sorted.existing += 1,
            Verdict::Rejected(reason) => sorted.reject(line.line, reason.to_owned()),
            Verdict::New if has_one => {
                sorted.reject(line.line, "its user has a key of this api already, and has no more than one".to_owned());
            }
            Verdict::New => {
                match draft(import, &line).import(tenant.organization_id(), &api, line.digest, now, &mut *rng) {
                    Ok(key) => {
                        has_one = api.one_key_per_user;
                        sorted.keys.push(key);
                    }
                    Err(reject) => sorted.reject(line.line, reject.detail.into_owned()),
                }
            }
        }
    }
    // Lines that could not be read were put down first.
    sorted.rejected.sort_by_key(|it| it.line);
    Ok(sorted)
}

impl Sorted {
    fn reject(&mut self, line: u64, reason: String) {
        self.rejected.push(RejectedLine { line, reason });
    }
}

enum Verdict {
    New,
    Existing,
    Rejected(&'static str),
}

/// A digest that exists: in the same organization it is there already, of a deleted key it is refused for ever, and of another organization no
/// more is said than that it cannot be taken.
fn verdict(known: Option<Known>, first: bool, taken: &mut HashSet<NameKey>, name: NameKey) -> Verdict {
    match known {
        Some(Known::Own(_)) => return Verdict::Existing,
        Some(Known::OwnRevoked(_)) => return Verdict::Rejected("the key was revoked here and never works again"),
        Some(Known::Foreign) => return Verdict::Rejected("the key cannot be imported"),
        None if !first => return Verdict::Existing,
        None => {}
    }
    if taken.insert(name) { Verdict::New } else { Verdict::Rejected("a live key of this name exists") }
}

fn read(line: ImportLine, api: &Api, policy: &Policy, now: Timestamp) -> Result<Read, String> {
    if let Some(fault) = line.fault {
        return Err(fault.chars().filter(|it| !it.is_control()).take(FAULT_CHARS_MAX).collect());
    }
    let digest = read_digest(line.sha256.trim())?;
    let given = |text: Option<String>| text.map(|it| it.trim().to_owned()).filter(|it| !it.is_empty());
    let name = match given(line.name) {
        Some(name) => Name::parse(&name).map_err(|error| format!("the name {error}"))?,
        None => default_name(&digest),
    };
    let description = Description::parse(&line.description.unwrap_or_default());
    let description = description.map_err(|error| format!("the description {error}"))?;
    let expires_at = match given(line.expires_at) {
        None => default_expiry(api, policy, now),
        Some(text) => Some(text.parse().map_err(|error| format!("expires_at is {error}"))?),
    };
    if expires_at.is_some_and(|at| at <= now) {
        return Err("expires_at has passed".to_owned());
    }
    check_expiry(policy, expires_at, now).map_err(|reject| reject.detail.into_owned())?;
    Ok(Read { line: line.line, digest, name, description, expires_at })
}

/// Twelve hexadecimal digits tell a million digests apart well enough for a name that nobody chose.
fn default_name(digest: &Digest) -> Name {
    let hint = HEXLOWER.encode(&digest.as_bytes()[..6]);
    Name::parse(&format!("Imported {hint}")).expect("letters and digits are a name")
}

/// Hex, or base64 in any of its spellings: 64 hex digits are no base64 of 32 bytes, so nothing is guessed.
fn read_digest(text: &str) -> Result<Digest, String> {
    let decoded = [HEXLOWER_PERMISSIVE, BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD]
        .iter()
        .find_map(|encoding| encoding.decode(text.as_bytes()).ok().and_then(|it| <[u8; 32]>::try_from(it).ok()));
    let digest = decoded.map(Digest::from_bytes).ok_or_else(|| "sha256 is no SHA-256 in hex or base64".to_owned())?;
    // Whoever hashes a column that has gaps writes it in each of them. Other texts that are no keys are without number, and look like any.
    if digest.matches(&Digest::of_token(b"")) {
        return Err("sha256 is that of an empty text, which is no key".to_owned());
    }
    Ok(digest)
}

fn draft(import: &Import, line: &Read) -> KeyDraft {
    let mut draft = KeyDraft::named(line.name.clone(), Origin::Import);
    draft.description = line.description.clone();
    draft.role_id = import.role_id;
    draft.scopes = import.scopes.clone();
    draft.owner_id = import.owner_id;
    draft.mapped_user_id = import.mapped_user_id;
    draft.expires_at = line.expires_at;
    draft.created_by = import.created_by;
    draft
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_read_in_every_spelling_and_nothing_else_is() {
        let expected = Digest::of_token(b"x");
        let bytes = expected.as_bytes();
        let hex = HEXLOWER.encode(bytes);
        for text in [
            hex.clone(),
            hex.to_uppercase(),
            BASE64.encode(bytes),
            BASE64_NOPAD.encode(bytes),
            BASE64URL.encode(bytes),
            BASE64URL_NOPAD.encode(bytes),
        ] {
            assert!(read_digest(&text).expect("a digest").matches(&expected), "{text}");
        }
        for text in ["", "x", &hex[1..], &hex[..62], &format!("{hex}00"), "d2VsbA=="] {
            assert!(read_digest(text).is_err(), "{text}");
        }
        let empty = Digest::of_token(b"");
        for text in [HEXLOWER.encode(empty.as_bytes()), BASE64.encode(empty.as_bytes())] {
            assert!(read_digest(&text).expect_err("no key").contains("empty text"), "{text}");
        }
    }
}
