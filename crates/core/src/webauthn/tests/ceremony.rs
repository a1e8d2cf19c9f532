//! Ceremonies in progress, and what things are called.

use crate::{
    time::UnixTime,
    webauthn::{
        Refused, aaguid,
        ceremony::{Ceremony, LIFETIME, Purpose},
    },
};

const USER: &str = "01010101-0101-4101-8101-010101010101";
const NOW: UnixTime = UnixTime(1_800_000_000);

fn purposes() -> Vec<Purpose> {
    let (user, token) = (USER.to_owned(), "dw_e_x".to_owned());
    vec![
        Purpose::SignIn,
        Purpose::AddPasskey { user: user.clone() },
        Purpose::Enrol { user: user.clone(), token: token.clone() },
        Purpose::SetUp {
            user,
            token,
            username: "ada".to_owned(),
            display_name: "Ada".to_owned(),
            email: None,
        },
    ]
}

/// what was begun for one purpose is read back for that purpose and no other.
#[test]
fn a_8_a_ceremony_keeps_its_purpose() {
    for (index, purpose) in purposes().into_iter().enumerate() {
        let ceremony = Ceremony::begin([9; 32], purpose, NOW);
        let read = Ceremony::from_bytes(&ceremony.to_bytes(), NOW).unwrap();
        assert_eq!(read, ceremony);
        for (other, purpose) in purposes().into_iter().enumerate() {
            assert_eq!(read.purpose == purpose, index == other);
        }
    }
}

#[test]
fn w_6_a_ceremony_ends_after_five_minutes() {
    let ceremony = Ceremony::begin([9; 32], Purpose::SignIn, NOW).to_bytes();
    let end = NOW.after(LIFETIME);
    assert_eq!(end.since(NOW), 300);
    assert!(Ceremony::from_bytes(&ceremony, UnixTime(end.0 - 1)).is_ok());
    assert_eq!(Ceremony::from_bytes(&ceremony, end), Err(Refused::Expired));
}

#[test]
fn other_bytes_are_no_ceremony() {
    let bytes = Ceremony::begin([9; 32], Purpose::SignIn, NOW).to_bytes();
    for length in 0..bytes.len() {
        assert_eq!(Ceremony::from_bytes(&bytes[..length], NOW), Err(Refused::Challenge));
    }
    for text in ["null", "{}", "[]", "{\"challenge\":[1],\"expires_at\":9999999999,\"purpose\":\"SignIn\"}"] {
        assert_eq!(Ceremony::from_bytes(text.as_bytes(), NOW), Err(Refused::Challenge), "{text}");
    }
    assert_eq!(Ceremony::user("nobody"), Err(Refused::Challenge));
    assert_eq!(Ceremony::user(USER).unwrap().as_str(), USER);
}

#[test]
fn w_6_challenges_have_hashes_of_their_own() {
    let hash = |challenge| Ceremony::begin(challenge, Purpose::SignIn, NOW).challenge_hash();
    assert_ne!(hash([1; 32]), hash([2; 32]));
    assert_ne!(hash([1; 32]), [1; 32], "the store must not learn the challenge");
}

#[test]
fn a_provider_is_named_by_its_aaguid() {
    let of = |text: &str| {
        aaguid::provider_name(u128::from_str_radix(&text.replace('-', ""), 16).unwrap().to_be_bytes())
    };
    assert_eq!(of("fdb141b2-5d84-443e-8a35-4698c205a502"), Some("KeePassXC"));
    assert_eq!(of("d548826e-79b4-db40-a3d8-11116f7e8349"), Some("Bitwarden"));
    assert_eq!(of("ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4"), Some("Google Password Manager"));
    assert_eq!(of("00000000-0000-0000-0000-000000000000"), None);
    assert_eq!(of("ffffffff-ffff-ffff-ffff-ffffffffffff"), None);
}

#[test]
fn a_refusal_is_one_word_for_the_log() {
    assert_eq!(Refused::Counter.to_string(), "Counter");
    assert_eq!(Refused::Malformed("client data").to_string(), "malformed: client data");
}
