use super::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

fn key(seed: u64) -> SigningKey {
    SigningKey::generate(SigningKeyId::from_u128(u128::from(seed)), &mut ChaCha20Rng::seed_from_u64(seed))
}

fn claims() -> Claims {
    Claims {
        iss: "https://keys.example.com".into(),
        sub: "usr_x".into(),
        aud: "default".into(),
        client_id: KeyId::from_u128(1),
        sid: SignInId::from_u128(2),
        jti: "a".into(),
        iat: 1,
        exp: 901,
        organization_id: OrganizationId::from_u128(3),
        scope: Some("contacts:read scorecards/A:update".into()),
        secret: SecretId::from_u128(4),
        shared_secret: None,
    }
}

fn find(key: &SigningKey) -> impl FnOnce(SigningKeyId) -> Option<PublicKey> {
    move |id| (id == key.id()).then(|| key.public_key())
}

#[test]
fn a_token_is_read_by_whoever_has_the_public_key() {
    let key = key(1);
    let token = key.sign(TokenKind::Access, &claims()).expect("a token");
    assert!(looks_like_one(token.expose().as_bytes()) && has_own_type(token.expose()));
    let mut told = serde_json::json!({ "note": format!("It sent {}.", token.expose()) });
    assert!(told.as_object_mut().is_some_and(crate::masking::mask_object));
    assert_eq!(told["note"], "It sent (access token left out).");
    let mut glued = serde_json::json!([format!("token_{}", token.expose()), format!("v1.{}.", token.expose())]);
    let mut told = serde_json::json!({ "notes": glued.take() });
    assert!(told.as_object_mut().is_some_and(crate::masking::mask_object));
    assert_eq!(told["notes"], serde_json::json!(["token_(access token left out)", "v1.(access token left out)."]));
    assert_eq!(read(token.expose().as_bytes(), TokenKind::Access, find(&key)), Some((key.id(), claims())));
    let kept = SigningKey::from_kept(key.id(), key.expose()).expect("a key");
    assert_eq!(kept.public_key(), key.public_key());
}

#[test]
fn nothing_is_read_of_another_kind_or_key_or_when_a_byte_differs() {
    let (key, other) = (key(1), key(2));
    let token = key.sign(TokenKind::Refresh, &claims()).expect("a token");
    let bytes = token.expose().as_bytes();
    assert_eq!(read(bytes, TokenKind::Access, find(&key)), None);
    assert_eq!(read(bytes, TokenKind::Refresh, find(&other)), None);
    assert_eq!(read(bytes, TokenKind::Refresh, |_| Some(other.public_key())), None);
    for at in 0..bytes.len() {
        let mut altered = bytes.to_vec();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        // The last character of a part of base64 may carry bits that nobody reads, and the library refuses those.
        assert_eq!(read(&altered, TokenKind::Refresh, find(&key)), None, "byte {at}");
        assert_eq!(read(&bytes[..at], TokenKind::Refresh, find(&key)), None, "cut at {at}");
    }
}

#[test]
fn no_other_algorithm_is_believed() {
    let key = key(1);
    let token = key.sign(TokenKind::Access, &claims()).expect("a token");
    let (_, rest) = token.expose().split_once('.').expect("parts");
    let (payload, signature) = rest.split_once('.').expect("parts");
    for algorithm in ["none", "HS256", "RS256", "ES256", "eddsa"] {
        let header = format!(r#"{{"typ":"at+jwt","alg":"{algorithm}","kid":"{}"}}"#, key.id());
        let header = BASE64URL_NOPAD.encode(header.as_bytes());
        for token in [format!("{header}.{payload}.{signature}"), format!("{header}.{payload}.")] {
            assert_eq!(read(token.as_bytes(), TokenKind::Access, find(&key)), None, "{algorithm}");
        }
    }
    // The public key as the secret of a symmetric algorithm, as in the oldest attack of all.
    let mut header = Header::new(Algorithm::HS256);
    header.typ = Some("at+jwt".into());
    header.kid = Some(key.id().to_string());
    let secret = EncodingKey::from_secret(key.public_key().as_bytes());
    let forged = jsonwebtoken::encode(&header, &claims(), &secret).expect("a token");
    assert_eq!(read(forged.as_bytes(), TokenKind::Access, find(&key)), None);
}

#[test]
fn a_token_that_no_verifier_would_take_is_not_made() {
    let long = Claims { scope: Some("contacts:read ".repeat(400)), ..claims() };
    assert_eq!(key(1).sign(TokenKind::Access, &long).expect_err("a refusal"), TooLong);
}
