//! Marks: short texts by which longer ones are known again. They keep no secret, and prove nothing to anybody but who made them.

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};

/// The mark of a text, of so many bytes of its digest, as an address or a field may have it.
pub(super) fn mark_of(text: &str, bytes: usize) -> String {
    let digest = Sha256::digest(text);
    BASE64URL_NOPAD.encode(&digest[..bytes.min(digest.len())])
}
