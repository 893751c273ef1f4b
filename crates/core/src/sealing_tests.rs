use data_encoding::HEXLOWER_PERMISSIVE as HEX;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;
use crate::id::SecretId;
use crate::name::KeyPrefix;

const PURPOSES: [Purpose; 2] = [Purpose::Reveal, Purpose::SharedSecret];

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn token(seed: u64) -> Token {
    Token::generate(&KeyPrefix::parse("ck").expect("a prefix"), &mut rng(seed))
}

fn organization(id: u128) -> OrganizationId {
    OrganizationId::from_u128(id)
}

fn secret(id: u128) -> SecretId {
    SecretId::from_u128(id)
}

fn data_key(seed: u64, organization_id: u128, purpose: Purpose) -> (MasterKey, DataKey, WrappedKey) {
    let mut rng = rng(seed);
    let master = MasterKey::generate(&mut rng);
    let id = DataKeyId::from_u128(u128::from(seed));
    let (key, wrapped) = master.make_data_key(id, organization(organization_id), purpose, &mut rng);
    (master, key, wrapped)
}

// RFC 8452, appendix C.2.
#[test]
fn the_cipher_does_what_its_specification_says() {
    let mut bytes = [0; KEY_BYTES];
    bytes[0] = 1;
    let key = RawKey::from_slice(&bytes).expect("a key");
    let mut nonce = [0; NONCE_LEN];
    nonce[0] = 3;
    for (clear, context, result) in [
        ("", "", "07f5f4169bbf55a8400cd47ea6fd400f"),
        ("0100000000000000", "", "c2ef328e5c71c83b843122130f7364b761e0b97427e3df28"),
        ("0200000000000000", "01", "1de22967237a813291213f267e3b452f02d01ae33e4ec854"),
    ] {
        let [clear, context, result] = [clear, context, result].map(|it| HEX.decode(it.as_bytes()).expect("hex"));
        let sealed = key.seal_under(nonce, &context, &clear);
        assert_eq!(sealed, [&[VERSION][..], &nonce, &result].concat());
        assert_eq!(*key.open(&context, &sealed).expect("it opens"), clear);
    }
}

#[test]
fn another_version_of_the_form_does_not_open() {
    let (_, key, _) = data_key(1, 1, Purpose::Reveal);
    let mut sealed = key.seal(secret(1), &token(1), &mut rng(2));
    assert!(key.open(secret(1), &sealed).is_ok());
    sealed[0] = VERSION + 1;
    assert_eq!(key.open(secret(1), &sealed).map(drop), Err(Unopened));
}

#[test]
fn the_same_secret_sealed_twice_looks_like_two() {
    let (_, key, _) = data_key(1, 1, Purpose::Reveal);
    let mut rng = rng(2);
    let twice = [(); 2].map(|()| key.seal(secret(1), &token(1), &mut rng));
    assert_ne!(twice[0], twice[1]);
}

#[test]
fn nothing_that_opens_something_can_be_printed() {
    let (master, key, wrapped) = data_key(1, 1, Purpose::Reveal);
    let printed = format!("{master:?} {key:?} {wrapped:?}");
    assert_eq!(printed, format!("MasterKey({0}, …) DataKey({1}, …) WrappedKey(by {0}, …)", master.id(), key.id()));
}

#[test]
fn what_is_no_token_does_not_pass_for_one() {
    let (_, key, _) = data_key(1, 1, Purpose::Reveal);
    for clear in [&b""[..], b"\xff\xfe", b"ck_no_token_of_ours"] {
        let sealed = key.key.seal(&key.context(secret(1).as_u128()), clear, &mut rng(2));
        assert_eq!(key.open(secret(1), &sealed).map(drop), Err(Unopened));
    }
}

#[test]
fn a_master_keys_name_reads_back() {
    let id = MasterKey::generate(&mut rng(1)).id();
    assert_eq!(id.to_string().parse(), Ok(id));
    for wrong in ["", "00", "zz00000000000000", "000000000000000000"] {
        assert_eq!(wrong.parse::<MasterKeyId>(), Err(Unopened));
    }
}

#[test]
fn a_data_key_wrapped_anew_opens_what_it_sealed() {
    let (old, key, wrapped) = data_key(1, 7, Purpose::Reveal);
    let sealed = key.seal(secret(1), &token(1), &mut rng(2));
    let new = MasterKey::generate(&mut rng(3));
    let opened = old.unwrap_key(key.id(), organization(7), Purpose::Reveal, &wrapped).expect("a key");
    let again = new.wrap(&opened, &mut rng(4));
    assert_eq!(again.master_key_id, new.id());
    let opened = new.unwrap_key(key.id(), organization(7), Purpose::Reveal, &again).expect("a key");
    assert_eq!(opened.open(secret(1), &sealed).expect("it opens").expose(), token(1).expose());
    assert!(old.unwrap_key(key.id(), organization(7), Purpose::Reveal, &again).is_err());
}

proptest! {
    #[test]
    fn what_is_sealed_opens_where_it_was_sealed_for_and_nowhere_else(
        seed in 0_u64..1000,
        place in any::<(u128, u128)>(),
        other in any::<(u128, u128)>(),
        purpose in 0_usize..2,
    ) {
        let (_, key, _) = data_key(seed, place.0, PURPOSES[purpose]);
        let sealed = key.seal(secret(place.1), &token(seed), &mut rng(seed + 1));
        let (opened, token) = (key.open(secret(place.1), &sealed).expect("it opens"), token(seed));
        prop_assert_eq!(opened.expose(), token.expose());
        let at = |organization_id: u128, purpose: Purpose| DataKey {
            organization_id: organization(organization_id),
            purpose,
            id: key.id,
            key: RawKey::from_slice(&*key.key.0).expect("a key"),
        };
        prop_assert!(at(place.0, PURPOSES[purpose]).open(secret(place.1), &sealed).is_ok(), "the control");
        prop_assert!(at(place.0, PURPOSES[1 - purpose]).open(secret(place.1), &sealed).is_err());
        if other.0 != place.0 {
            prop_assert!(at(other.0, PURPOSES[purpose]).open(secret(place.1), &sealed).is_err());
        }
        if other.1 != place.1 {
            prop_assert!(key.open(secret(other.1), &sealed).is_err());
        }
        let (_, stranger, _) = data_key(seed + 1000, place.0, PURPOSES[purpose]);
        prop_assert!(stranger.open(secret(place.1), &sealed).is_err());
    }

    #[test]
    fn what_was_altered_in_any_bit_or_cut_anywhere_does_not_open(seed in 0_u64..1000, at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let (master, key, wrapped) = data_key(seed, 1, Purpose::Reveal);
        let mut sealed = key.seal(secret(1), &token(seed), &mut rng(seed));
        let place = at.index(sealed.len());
        prop_assert!(key.open(secret(1), &sealed[..place]).is_err());
        sealed[place] ^= 1 << bit;
        prop_assert!(key.open(secret(1), &sealed).is_err());
        sealed[place] ^= 1 << bit;
        prop_assert!(key.open(secret(1), &sealed).is_ok(), "the control");

        let mut altered = wrapped.clone();
        let place = at.index(altered.bytes.len());
        altered.bytes[place] ^= 1 << bit;
        let unwrapped = |it: &WrappedKey, id, at, purpose| master.unwrap_key(id, organization(at), purpose, it).is_ok();
        prop_assert!(!unwrapped(&altered, key.id(), 1, Purpose::Reveal));
        prop_assert!(unwrapped(&wrapped, key.id(), 1, Purpose::Reveal), "the control");
        prop_assert!(!unwrapped(&wrapped, key.id(), 2, Purpose::Reveal));
        prop_assert!(!unwrapped(&wrapped, key.id(), 1, Purpose::SharedSecret));
        prop_assert!(!unwrapped(&wrapped, DataKeyId::from_u128(u128::MAX), 1, Purpose::Reveal));
    }

    #[test]
    fn any_bytes_are_refused_and_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let (_, key, _) = data_key(1, 1, Purpose::Reveal);
        prop_assert!(key.open(secret(1), &bytes).is_err());
    }
}
