use super::*;
use claviger_core::name::KeyPrefix;
use claviger_core::secret::Token;
use data_encoding::BASE64;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

fn token(seed: u64) -> Token {
    Token::generate(&KeyPrefix::parse("ck").expect("a prefix"), &mut ChaCha20Rng::seed_from_u64(seed))
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{user}:{password}").as_bytes()))
}

fn extract<'a>(headers: &[(&str, &'a str)], query: &'a str) -> Result<Option<Presented<'a>>, Refused> {
    let mut sources = Sources::new();
    for (name, value) in headers {
        sources.header(name, value.as_bytes());
    }
    sources.query(query);
    sources.extract()
}

// S1.1, S2.24, S4.1: one key in every presentation, without configuration.
#[test]
fn every_presentation_carries_the_same_credential() {
    let token = token(1);
    let (access, access_id, secret, whole) =
        (token.access_id(), token.access_id(), token.expose_secret_part(), token.expose());
    let (bearer, shouted) = (format!("Bearer {whole}"), format!("  BEARER   {whole} "));
    let (pair, as_user) = (basic(access.as_str(), secret), basic(whole, ""));
    let encoded = basic(&access.as_str().replace('_', "%5F"), secret);
    let unpadded = pair.trim_end_matches('=').to_owned();
    let query = format!("page=2&api_key={}&x=1", whole.replace('_', "%5F"));
    let plain_query = format!("api_key={whole}");
    let access = access_id.as_str();
    type Offer<'a> = (&'a [(&'a str, &'a str)], &'a str);
    let table: &[Offer<'_>] = &[
        (&[("Authorization", &bearer)], ""),
        (&[("authorization", &shouted)], ""),
        (&[("Authorization", &pair)], ""),
        (&[("Authorization", &unpadded)], ""),
        (&[("Authorization", &encoded)], ""),
        (&[("Authorization", &as_user)], ""),
        (&[("X-Api-Key", whole)], ""),
        (&[("x-api-key", whole), ("X-API-KEY", whole)], ""),
        (&[("accessKey", access), ("secretKey", secret)], ""),
        (&[("SECRETKEY", secret), ("accesskey", access)], ""),
        (&[], &query),
        (&[], &plain_query),
        (&[("Authorization", &bearer), ("accessKey", access), ("secretKey", secret)], &plain_query),
        (&[("Authorization", "Negotiate abc"), ("X-Api-Key", whole), ("Cookie", "api_key=other")], ""),
    ];
    for (headers, query) in table {
        let presented = extract(headers, query).expect("one credential").expect("a credential");
        assert!(presented.digest().matches(&token.digest()), "{headers:?} {query}");
        assert_eq!(presented.in_query(), !query.is_empty());
        assert_eq!(format!("{presented:?}"), "Presented(…)");
        assert!(!presented.is_mistyped(|_| true));
    }
}

// S2.25: both parts must be sent; either missing is 401.
#[test]
fn half_a_pair_is_refused() {
    let secret = token(1);
    for header in ["accessKey", "secretKey"] {
        let refused = extract(&[(header, secret.expose())], "").expect_err("half a pair");
        assert_eq!(refused, Refused::IncompletePair);
        assert_eq!(Reject::from(refused), Reject::unauthenticated());
    }
}

#[test]
fn two_different_credentials_are_never_chosen_between() {
    let (one, other) = (token(1), token(2));
    let (access, secret) = (one.access_id(), one.expose_secret_part());
    let bearer = format!("Bearer {}", one.expose());
    let query = format!("api_key={}", other.expose());
    let twice = format!("api_key={}&api_key={}", one.expose(), other.expose());
    type Offer<'a> = (&'a [(&'a str, &'a str)], &'a str);
    let table: &[Offer<'_>] = &[
        (&[("Authorization", &bearer), ("X-Api-Key", other.expose())], ""),
        (&[("Authorization", &bearer)], &query),
        (&[("X-Api-Key", one.expose()), ("X-Api-Key", other.expose())], ""),
        (&[("X-Api-Key", other.expose()), ("accessKey", access.as_str()), ("secretKey", secret)], ""),
        (&[("accessKey", access.as_str()), ("accessKey", "x"), ("secretKey", secret)], ""),
        (&[("Authorization", &bearer), ("accessKey", access.as_str())], ""),
        (&[], &twice),
    ];
    for (headers, query) in table {
        let refused = extract(headers, query).expect_err("two credentials");
        assert_eq!(refused, Refused::TwoCredentials, "{headers:?} {query}");
        assert_eq!(Reject::from(refused).code, RejectCode::TwoCredentials);
    }
}

#[test]
fn what_has_no_form_is_malformed() {
    let long = "x".repeat(CREDENTIAL_BYTES_MAX + 1);
    let (long_bearer, nameless, empty) = (format!("Bearer {long}"), basic("", "password"), basic("", ""));
    let huge = basic(&long, &long);
    let cases = [
        "Bearer",
        "Bearer  ",
        "Basic",
        "Basic !!!",
        "Basic YWJj",
        &nameless,
        &empty,
        &long_bearer,
        &huge,
        "Basic =====",
    ];
    for value in cases {
        let refused = extract(&[("Authorization", value)], "").expect_err("malformed");
        assert_eq!(refused, Refused::Malformed, "{value:.40}");
    }
    assert_eq!(extract(&[("X-Api-Key", "")], "").expect_err("empty"), Refused::Malformed);
    assert_eq!(extract(&[("accessKey", ""), ("secretKey", "")], "").expect_err("empty"), Refused::Malformed);
    assert_eq!(extract(&[], "api_key=").expect_err("empty"), Refused::Malformed);
    let longest = "x".repeat(CREDENTIAL_BYTES_MAX);
    assert!(extract(&[("X-Api-Key", &longest)], "").expect("in bounds").is_some());
}

// S9: a cookie is no place for a key, nor is any header but the four.
#[test]
fn nothing_else_is_a_credential() {
    let token = token(1);
    let cookie = format!("api_key={0}; X-Api-Key={0}", token.expose());
    let digest = format!("Digest {}", token.expose());
    let offers = [
        ("Cookie", cookie.as_str()),
        ("Authorization", &digest),
        ("Authorization", token.expose()),
        ("Proxy-Authorization", "Bearer x"),
        ("X-Api-Key-Id", "x"),
    ];
    assert!(extract(&offers, "apikey=x&xapi_key=y&api_key").expect("no credential").is_none());
}

#[test]
fn a_mistyped_token_is_seen_under_a_registered_prefix_only() {
    let token = token(3);
    let mut wrong = token.expose().to_owned();
    wrong.replace_range(5..6, if wrong.as_bytes()[5] == b'A' { "B" } else { "A" });
    let whole = Presented::token(wrong.as_bytes()).expect("in bounds");
    let (access, secret) = wrong.split_at(wrong.len() - secret::SECRET_CHARS);
    let pair = Presented::pair(access.as_bytes(), secret.as_bytes()).expect("in bounds");
    for presented in [&whole, &pair] {
        assert!(presented.is_mistyped(|prefix| prefix == "ck"));
        assert!(!presented.is_mistyped(|_| false));
    }
    assert!(!Presented::pair(b"legacy-id", b"legacy-secret").expect("in bounds").is_mistyped(|_| true));
}

#[test]
fn a_client_is_called_by_the_access_part_in_whichever_presentation() {
    let token = token(1).expose().to_owned();
    let (access, secret) = token.split_at(token.len() - secret::SECRET_CHARS);
    for presented in [Presented::token(token.as_bytes()), Presented::pair(access.as_bytes(), secret.as_bytes())] {
        let presented = presented.expect("in bounds");
        assert!(presented.is_of_client(access.as_bytes()));
        assert!(!presented.is_of_client(b"ck_other") && !presented.is_of_client(&access.as_bytes()[..5]));
    }
    let imported = Presented::pair(b"legacy-id", b"legacy-secret").expect("in bounds");
    assert!(imported.is_of_client(b"legacy-id") && !imported.is_of_client(b"legacy"));
    let mut sources = Sources::new();
    assert!(sources.is_empty());
    sources.header("accept", b"*/*");
    assert!(sources.is_empty());
    sources.header("authorization", b"Basic ???");
    assert!(!sources.is_empty(), "what was meant to be one counts");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        headers in proptest::collection::vec(
            (prop_oneof![Just("authorization"), Just("x-api-key"), Just("accessKey"), Just("secretKey"), Just("cookie")],
             prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..80),
                "(?i)(basic|bearer)[ \t]{0,2}[A-Za-z0-9+/=:]{0,60}".prop_map(String::into_bytes),
             ]),
            0..5),
        query in prop_oneof!["\\PC{0,60}", "(api_key=[%a-f0-9=&+]{0,8}&?){0,4}"],
    ) {
        let mut sources = Sources::new();
        for (name, value) in &headers {
            sources.header(name, value);
        }
        sources.query(&query);
        if let Ok(Some(presented)) = sources.extract() {
            let _ = (presented.digest(), presented.is_mistyped(|_| true));
        }
    }

    #[test]
    fn imported_keys_keep_every_byte(key in proptest::collection::vec(0x21_u8..=0xff, 1..200)) {
        let mut sources = Sources::new();
        let value = [b"Bearer ".as_slice(), &key].concat();
        sources.header("Authorization", &value);
        let presented = sources.extract().expect("one credential").expect("a credential");
        prop_assert!(presented.digest().matches(&Digest::of_token(&key)));
    }
}
