//! Assertions: what a client signs with its organization's shared secret to sign in with a key.
//!
//! A JWT with HS256 and the claims `iat`, `jti`, `appname`, `appkey` and `shortname`, as Netography's Fusion has it. The key stands in it, so it
//! is found before the signature can be checked; whoever has not proven their signature is told what is wrong with the form, and nothing else.

use std::fmt;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use secrecy::{ExposeSecret, SecretString};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::access_token::signature_only;
use crate::limits;
use crate::secret::{Digest, Token};
use crate::time::Timestamp;

const SECONDS: &str = "a number of seconds since 1970";

/// What a client says when it signs in. Nothing of it is proven before [`Assertion::is_signed_with`] says so.
pub struct Assertion {
    text: SecretString,
    claims: Said,
}

struct Said {
    iat: f64,
    jti: String,
    appname: String,
    appkey: SecretString,
    shortname: String,
    exp: Option<f64>,
    nbf: Option<f64>,
}

fn header_of(token: &str) -> Option<Members> {
    let [header, _, _] = token.split('.').collect::<Vec<_>>().try_into().ok()?;
    serde_json::from_slice(&BASE64URL_NOPAD.decode(header.as_bytes()).ok()?).ok()
}

/// The members of a JSON object, and whether one of them stands there twice: readers differ about which one counts, so that two who read the same
/// token could believe different things (RFC 7519 §4, RFC 7515 §4).
struct Members {
    all: Map<String, Value>,
    is_repeated: bool,
}

impl Members {
    fn once(self) -> Result<Map<String, Value>, NoAssertion> {
        if self.is_repeated { Err(NoAssertion::Repeated) } else { Ok(self.all) }
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Members { all: Map::new(), is_repeated: false };
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            members.is_repeated |= members.all.insert(name, value).is_some();
        }
        Ok(members)
    }
}

impl Said {
    fn read(said: &Map<String, Value>) -> Result<Self, NoAssertion> {
        let text = |name| said.get(name).and_then(Value::as_str).ok_or(NoAssertion::Claim(name, "a text"));
        let seconds = |name| match said.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_f64().map(Some).ok_or(NoAssertion::Claim(name, SECONDS)),
        };
        let jti = text("jti")?;
        if jti.is_empty() || jti.len() > limits::ASSERTION_ID_BYTES_MAX {
            return Err(NoAssertion::Claim("jti", "a short text"));
        }
        Ok(Self {
            iat: seconds("iat")?.ok_or(NoAssertion::Claim("iat", SECONDS))?,
            jti: jti.to_owned(),
            appname: text("appname")?.to_owned(),
            appkey: text("appkey")?.into(),
            shortname: text("shortname")?.to_owned(),
            exp: seconds("exp")?,
            nbf: seconds("nbf")?,
        })
    }
}

/// Why a text is no assertion, whatever it was signed with, in a sentence. Nothing of the text stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAssertion {
    /// It is no JWT, or too long for one.
    #[error("`jwt` is no JWT of at most {} bytes.", limits::ASSERTION_BYTES_MAX)]
    NotJwt,
    /// Its payload is JSON, and no claims.
    #[error("The claims of `jwt` are not a JSON object.")]
    NoClaims,
    /// It is signed with another algorithm.
    #[error("`alg` in the header is not `HS256`.")]
    OtherAlgorithm,
    /// Its header asks for something that nobody here knows.
    #[error("The header has `crit`, and nothing that could stand there is known here.")]
    Critical,
    /// Something stands twice in its header or among its claims.
    #[error("A member of the header, or a claim, stands there twice.")]
    Repeated,
    /// This claim is missing, or of another form.
    #[error("The claim `{0}` is missing, or is not {1}.")]
    Claim(&'static str, &'static str),
}

impl NoAssertion {
    /// What the client can do about it.
    pub const fn fix(self) -> &'static str {
        match self {
            Self::NotJwt => "Send the three parts of a signed JWT, with the dots between them and nothing around them.",
            Self::NoClaims => "Let the JWT's payload be one object, with the claims as its members.",
            Self::OtherAlgorithm => "Sign with HS256 and the organization's shared secret as it stands.",
            Self::Critical => "Leave `crit` out of the header: `alg` and `typ` are all that it needs.",
            Self::Repeated => "Write each member of the header, and each claim, once.",
            Self::Claim(..) => {
                "Put all five claims into the JWT: `iat` in seconds, and `jti`, `appname`, `appkey` and `shortname` as texts."
            }
        }
    }
}

/// Why an assertion that was signed well is not taken, in a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Untimely {
    /// Made too long ago, or with a clock that is wrong.
    #[error("`iat` is not within five minutes of the server's clock.")]
    IssuedElsewhen,
    /// It says that it has ended, or has not begun.
    #[error("`exp` has passed, or `nbf` has not come.")]
    NotNow,
}

impl Untimely {
    /// What the client can do about it.
    pub const fn fix(self) -> &'static str {
        match self {
            Self::IssuedElsewhen => "Check the client's clock, and make an assertion for each sign-in, with `iat` now.",
            Self::NotNow => "Leave `exp` and `nbf` out, or let the one lie ahead and the other behind.",
        }
    }
}

const _: () = assert!(limits::ASSERTION_AGE_SECS_MAX == 300, "a sentence says five minutes");

impl Assertion {
    /// Reads an assertion without believing it.
    ///
    /// # Errors
    /// [`NoAssertion`], also for an algorithm other than HS256.
    pub fn parse(text: SecretString) -> Result<Self, NoAssertion> {
        let token = text.expose_secret();
        if token.len() > limits::ASSERTION_BYTES_MAX {
            return Err(NoAssertion::NotJwt);
        }
        // As it is, since one with an algorithm that the library does not know it would not read at all.
        let header = header_of(token).ok_or(NoAssertion::NotJwt)?.once()?;
        if header.get("alg").and_then(Value::as_str) != Some("HS256") {
            return Err(NoAssertion::OtherAlgorithm);
        }
        // Whoever reads on without knowing what is critical there is wrong (RFC 7515 §4.1.11).
        if header.contains_key("crit") {
            return Err(NoAssertion::Critical);
        }
        let said: Members = jsonwebtoken::dangerous::insecure_decode_claims(token).map_err(|_| {
            let payload = jsonwebtoken::dangerous::insecure_decode_claims::<IgnoredAny>(token);
            if payload.is_ok() { NoAssertion::NoClaims } else { NoAssertion::NotJwt }
        })?;
        Ok(Self { claims: Said::read(&said.once()?)?, text })
    }

    /// Whether it was signed with this shared secret.
    pub fn is_signed_with(&self, shared_secret: &Token) -> bool {
        let key = DecodingKey::from_secret(shared_secret.expose().as_bytes());
        let read =
            jsonwebtoken::decode::<IgnoredAny>(self.text.expose_secret(), &key, &signature_only(Algorithm::HS256));
        read.is_ok()
    }

    /// Whether it was made just now.
    ///
    /// # Errors
    /// [`Untimely`].
    pub fn check_time(&self, now: Timestamp) -> Result<(), Untimely> {
        let now = now.as_micros() as f64 / 1e6;
        let age = limits::ASSERTION_AGE_SECS_MAX as f64;
        // JSON has no number that is none, so each of these says yes or no.
        if (now - self.claims.iat).abs() > age {
            return Err(Untimely::IssuedElsewhen);
        }
        let ended = self.claims.exp.is_some_and(|it| it <= now);
        let early = self.claims.nbf.is_some_and(|it| now + age < it);
        if ended || early { Err(Untimely::NotNow) } else { Ok(()) }
    }

    /// For how long it has to be remembered that it was used: as long as [`Self::check_time`] would take it, and as much longer as the clocks of two
    /// nodes may differ.
    pub fn remembered_until(&self, now: Timestamp) -> Timestamp {
        now.saturating_add(Duration::from_secs(3 * limits::ASSERTION_AGE_SECS_MAX))
    }

    /// What `jti` is remembered by: it is as long as the client likes.
    pub fn id_digest(&self) -> [u8; 32] {
        Sha256::digest(self.claims.jti.as_bytes()).into()
    }

    /// What the key is found by.
    pub fn key_digest(&self) -> Digest {
        Digest::of_token(self.claims.appkey.expose_secret().as_bytes())
    }

    /// The name that the key has to have.
    pub fn key_name(&self) -> &str {
        &self.claims.appname
    }

    /// The organization to act in, by its `shortname`.
    pub fn shortname(&self) -> &str {
        &self.claims.shortname
    }
}

impl fmt::Debug for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Assertion(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::name::KeyPrefix;
    use jsonwebtoken::{EncodingKey, Header};
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;
    use serde_json::json;

    fn secret(seed: u64) -> Token {
        Token::generate(&KeyPrefix::parse("css").expect("a prefix"), &mut ChaCha20Rng::seed_from_u64(seed))
    }

    fn claims() -> Value {
        json!({"iat": 1000, "jti": "j", "appname": "ci", "appkey": "ck_x", "shortname": "acme"})
    }

    fn signed(algorithm: Algorithm, claims: &Value, secret: &Token) -> SecretString {
        let key = EncodingKey::from_secret(secret.expose().as_bytes());
        jsonwebtoken::encode(&Header::new(algorithm), claims, &key).expect("a token").into()
    }

    fn error(text: SecretString) -> NoAssertion {
        Assertion::parse(text).expect_err("no assertion")
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_micros(secs * 1_000_000).expect("an instant")
    }

    #[test]
    fn an_assertion_names_key_organization_and_moment_and_is_proven_by_its_secret() {
        let assertion = Assertion::parse(signed(Algorithm::HS256, &claims(), &secret(1))).expect("an assertion");
        assert_eq!((assertion.key_name(), assertion.shortname()), ("ci", "acme"));
        assert!(assertion.key_digest().matches(&Digest::of_token(b"ck_x")));
        assert!(assertion.is_signed_with(&secret(1)) && !assertion.is_signed_with(&secret(2)));
    }

    #[test]
    fn only_one_algorithm_is_read_and_no_claim_may_be_missing() {
        for algorithm in [Algorithm::HS384, Algorithm::HS512] {
            assert_eq!(error(signed(algorithm, &claims(), &secret(1))), NoAssertion::OtherAlgorithm);
        }
        for claim in ["iat", "jti", "appname", "appkey", "shortname"] {
            let mut less = claims();
            less.as_object_mut().expect("an object").remove(claim);
            let text = error(signed(Algorithm::HS256, &less, &secret(1))).to_string();
            assert!(text.contains(&format!("`{claim}` is missing")), "{text}");
        }
        let all = [
            NoAssertion::NotJwt,
            NoAssertion::NoClaims,
            NoAssertion::OtherAlgorithm,
            NoAssertion::Critical,
            NoAssertion::Repeated,
        ];
        let fixes: HashSet<_> =
            all.map(NoAssertion::fix).into_iter().chain([NoAssertion::Claim("iat", SECONDS).fix()]).collect();
        assert_eq!(fixes.len(), 6, "each has its own");
        let said = all.iter().map(ToString::to_string).chain(fixes.iter().map(ToString::to_string));
        for text in said {
            assert!(text.ends_with('.'), "{text}");
        }
        for (claim, value) in
            [("jti", json!("")), ("jti", json!("j".repeat(1000))), ("iat", json!("1000")), ("appkey", json!(1))]
        {
            let mut other = claims();
            other[claim] = value;
            let error = error(signed(Algorithm::HS256, &other, &secret(1)));
            assert!(matches!(error, NoAssertion::Claim(name, _) if name == claim), "{error}");
        }
        for text in ["", "a", "a.b.c", "..", "eyJ", "e30.e30", "eyJhbGciOiJIUzI1NiJ9.x.y"] {
            assert_eq!(error(text.to_owned().into()), NoAssertion::NotJwt, "{text}");
        }
        for payload in [json!([1, 2]), json!("claims"), json!(1), json!(null)] {
            assert_eq!(error(signed(Algorithm::HS256, &payload, &secret(1))), NoAssertion::NoClaims, "{payload}");
        }
        assert_eq!(error("eyJhbGciOiJub25lIn0.e30.".to_owned().into()), NoAssertion::OtherAlgorithm);
        let header = Header { crit: Some(vec!["b64".into()]), ..Header::new(Algorithm::HS256) };
        let key = EncodingKey::from_secret(secret(1).expose().as_bytes());
        let critical = jsonwebtoken::encode(&header, &claims(), &key).expect("a token");
        assert_eq!(error(critical.into()), NoAssertion::Critical);
    }

    #[test]
    fn nothing_stands_twice_in_what_is_read() {
        let of = |header: &str, claims: &str| {
            let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
            Assertion::parse(format!("{}.{}.x", part(header), part(claims)).into())
        };
        let good = r#"{"alg":"HS256"}"#;
        let claims = claims().to_string();
        assert!(of(good, &claims).is_ok());
        for name in ["iat", "jti", "appname", "appkey", "shortname", "more"] {
            let twice =
                claims.replacen('{', &format!(r#"{{"{name}":1,"#), 1).replacen('{', &format!(r#"{{"{name}":1,"#), 1);
            assert_eq!(of(good, &twice).map(drop), Err(NoAssertion::Repeated), "{twice}");
        }
        for header in
            [r#"{"alg":"none","alg":"HS256"}"#, r#"{"alg":"HS256","alg":"HS256"}"#, r#"{"alg":"HS256","x":1,"x":2}"#]
        {
            assert_eq!(of(header, &claims).map(drop), Err(NoAssertion::Repeated), "{header}");
        }
    }

    #[test]
    fn it_is_good_for_five_minutes_either_way_and_within_what_it_says_itself() {
        let timely = |more: Value, now: i64| {
            let mut all = claims();
            all.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
            Assertion::parse(signed(Algorithm::HS256, &all, &secret(1))).expect("an assertion").check_time(at(now))
        };
        assert_eq!(timely(json!({}), 1300), Ok(()));
        assert_eq!(timely(json!({}), 1301), Err(Untimely::IssuedElsewhen));
        assert_eq!(timely(json!({}), 700), Ok(()));
        assert_eq!(timely(json!({}), 699), Err(Untimely::IssuedElsewhen));
        assert_eq!(timely(json!({"iat": 1e300}), 1000), Err(Untimely::IssuedElsewhen));
        assert_eq!(timely(json!({"exp": 1000}), 1000), Err(Untimely::NotNow));
        assert_eq!(timely(json!({"exp": 1001, "nbf": 1000}), 1000), Ok(()));
        assert_eq!(timely(json!({"nbf": 2000}), 1000), Err(Untimely::NotNow));
    }
}
