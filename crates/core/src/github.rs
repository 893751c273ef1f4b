//! GitHub's alerts about leaked keys: who signed one, and what it says.
//!
//! GitHub looks for the patterns of its partners in what is public, and posts what it finds: a JSON array, signed by ECDSA on P-256 with SHA-256
//! over its bytes as they are. Which key has signed, GitHub publishes in a list
//! (<https://docs.github.com/code-security/secret-scanning/secret-scanning-partnership-program/secret-scanning-partner-program>).

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ParsedPublicKey, UnparsedPublicKey};
use data_encoding::BASE64;
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject as _;
use secrecy::SecretString;
use serde::Deserialize;

use crate::limits;

/// The keys that GitHub signs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKeys(Vec<(String, SubjectPublicKeyInfoDer<'static>)>);

/// What is no list of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// It is no JSON of GitHub's form.
    #[error("is not of GitHub's form")]
    Form,
    /// It has no key on P-256, or too many.
    #[error("has no key on P-256, or more than {} keys", limits::GITHUB_KEYS_MAX)]
    Keys,
}

/// Why an alert is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The key that it names is not in the list.
    #[error("names a key that GitHub's list does not have")]
    UnknownKey,
    /// The signature is not that key's, or not over these bytes.
    #[error("is not signed by the key that it names")]
    Wrong,
}

#[derive(Deserialize)]
struct ListView {
    public_keys: Vec<KeyView>,
}

#[derive(Deserialize)]
struct KeyView {
    key_identifier: String,
    key: String,
}

impl PublicKeys {
    /// Reads the list. A key of another kind is passed over: GitHub may add some one day, and the others are good all the same.
    ///
    /// # Errors
    /// [`ListError`].
    pub fn parse(json: &[u8]) -> Result<Self, ListError> {
        let list: ListView = serde_json::from_slice(json).map_err(|_| ListError::Form)?;
        if list.public_keys.len() > limits::GITHUB_KEYS_MAX {
            return Err(ListError::Keys);
        }
        let keys: Vec<_> =
            list.public_keys.into_iter().filter_map(|it| Some((it.key_identifier, on_p256(&it.key)?))).collect();
        if keys.is_empty() { Err(ListError::Keys) } else { Ok(Self(keys)) }
    }

    /// Whether the list has this key.
    pub fn knows(&self, id: &str) -> bool {
        self.0.iter().any(|it| it.0 == id)
    }

    /// Checks that the key of this name has signed these bytes; the signature is DER in base64.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn check(&self, id: &str, signature: &str, body: &[u8]) -> Result<(), SignatureError> {
        let (_, key) = self.0.iter().find(|it| it.0 == id).ok_or(SignatureError::UnknownKey)?;
        let signature = BASE64.decode(signature.trim().as_bytes()).map_err(|_| SignatureError::Wrong)?;
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key);
        key.verify(body, &signature).map_err(|_| SignatureError::Wrong)
    }
}

/// A key in PEM; nothing where it is not one on P-256.
fn on_p256(pem: &str) -> Option<SubjectPublicKeyInfoDer<'static>> {
    let key = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).ok()?;
    ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &key).is_ok().then_some(key)
}

/// A key that GitHub has found.
#[derive(Debug, Deserialize)]
pub struct Alert {
    /// What it found.
    pub token: SecretString,
    /// The name of the pattern that found it.
    #[serde(rename = "type")]
    pub token_type: String,
    /// Where; empty or absent where that is not public.
    #[serde(default)]
    pub url: Option<String>,
    /// In what: `commit`, `gist_content`.
    #[serde(default)]
    pub source: Option<String>,
}

/// What is no alert, or one too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AlertError {
    /// It is no JSON of GitHub's form.
    #[error("is not of GitHub's form: an array of objects with `token`, `type` and `url`")]
    Form,
    /// It has too many tokens.
    #[error("has more than {} tokens", limits::GITHUB_ALERT_TOKENS_MAX)]
    TooMany,
}

impl Alert {
    /// Reads what was posted. Only for bytes whose signature was checked.
    ///
    /// # Errors
    /// [`AlertError`].
    pub fn parse_all(body: &[u8]) -> Result<Vec<Self>, AlertError> {
        let all: Vec<Self> = serde_json::from_slice(body).map_err(|_| AlertError::Form)?;
        if all.len() > limits::GITHUB_ALERT_TOKENS_MAX { Err(AlertError::TooMany) } else { Ok(all) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of GitHub's own documentation: a test key, and what it has signed.
    const KEY_ID: &str = "f9525bf080f75b3506ca1ead061add62b8633a346606dc5fe544e29231c6ee0d";
    const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsz9ugWDj5jK5ELBK42ynytbo38gP\n\
                       HzZFI03Exwz8Lh/tCfL3YxwMdLjB+bMznsanlhK0RwcGP3IDb34kQDIo3Q==\n-----END PUBLIC KEY-----\n";
    const BODY: &[u8] = br#"[{"token":"some_token","type":"some_type","url":"some_url","source":"some_source"}]"#;
    const SIGNATURE: &str =
        "MEUCIFLZzeK++IhS+y276SRk2Pe5LfDrfvTXu6iwKKcFGCrvAiEAhHN2kDOhy2I6eGkOFmxNkOJ+L2y8oQ9A2T9GGJo6WJY=";

    fn list(keys: &[(&str, &str)]) -> Vec<u8> {
        let keys: Vec<_> = keys
            .iter()
            .map(|(id, pem)| serde_json::json!({ "key_identifier": id, "key": pem, "is_current": true }))
            .collect();
        serde_json::to_vec(&serde_json::json!({ "public_keys": keys })).expect("JSON")
    }

    #[test]
    fn the_example_of_githubs_documentation_is_believed() {
        let keys = PublicKeys::parse(&list(&[(KEY_ID, PEM)])).expect("a list");
        assert_eq!(keys.check(KEY_ID, SIGNATURE, BODY), Ok(()));
        let alerts = Alert::parse_all(BODY).expect("an alert");
        assert_eq!(
            (alerts.len(), alerts[0].token_type.as_str(), alerts[0].url.as_deref()),
            (1, "some_type", Some("some_url"))
        );
    }

    #[test]
    fn what_was_altered_is_not_believed() {
        let keys = PublicKeys::parse(&list(&[(KEY_ID, PEM)])).expect("a list");
        assert_eq!(keys.check("another", SIGNATURE, BODY), Err(SignatureError::UnknownKey));
        assert_eq!(keys.check("", SIGNATURE, BODY), Err(SignatureError::UnknownKey));
        let mut spaced = BODY.to_vec();
        spaced.push(b'\n');
        let wrong = [
            (SIGNATURE, &spaced[..]),
            (SIGNATURE, &BODY[1..]),
            (SIGNATURE, b""),
            ("", BODY),
            ("not base64", BODY),
            ("AAAA", BODY),
            (&SIGNATURE[4..], BODY),
            (KEY_ID, BODY),
        ];
        for (signature, body) in wrong {
            assert_eq!(keys.check(KEY_ID, signature, body), Err(SignatureError::Wrong), "{signature}");
        }
    }

    #[test]
    fn a_list_without_a_key_on_p256_is_none() {
        let other_curve = PEM.replace("AQcDQgAE", "AQgDQgAE");
        for bytes in [&b""[..], b"{}", b"[]", b"null", br#"{"public_keys": 1}"#, br#"{"public_keys": [{"key": "x"}]}"#]
        {
            assert_eq!(PublicKeys::parse(bytes), Err(ListError::Form));
        }
        for keys in [
            &[][..],
            &[("a", "")],
            &[("a", "-----BEGIN PUBLIC KEY----------END PUBLIC KEY-----")],
            &[("a", &other_curve)],
        ] {
            assert_eq!(PublicKeys::parse(&list(keys)), Err(ListError::Keys));
        }
        let known = PublicKeys::parse(&list(&[("a", "what comes one day"), (KEY_ID, PEM)])).expect("a list");
        assert!(known.knows(KEY_ID) && !known.knows("a"));
        let many = vec![(KEY_ID, PEM); limits::GITHUB_KEYS_MAX + 1];
        assert_eq!(PublicKeys::parse(&list(&many)), Err(ListError::Keys));
    }

    #[test]
    fn an_alert_of_another_form_or_too_many_is_none() {
        for body in [&b""[..], b"{}", b"[1]", br#"[{"token": "x"}]"#, br#"[{"token": 1, "type": "x"}]"#, b"[[[["] {
            assert_eq!(Alert::parse_all(body).map(|_| ()), Err(AlertError::Form));
        }
        let many =
            vec![serde_json::json!({ "token": "x", "type": "y", "url": null }); limits::GITHUB_ALERT_TOKENS_MAX + 1];
        let text = |it: &[serde_json::Value]| serde_json::to_vec(it).expect("JSON");
        assert_eq!(Alert::parse_all(&text(&many)).map(|_| ()), Err(AlertError::TooMany));
        assert_eq!(Alert::parse_all(&text(&many[1..])).map(|it| it.len()), Ok(limits::GITHUB_ALERT_TOKENS_MAX));
    }
}
