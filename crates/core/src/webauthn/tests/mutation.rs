//! Bytes that nobody meant: nothing panics, and nothing that was changed verifies.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::authenticator::{AT, Authenticator, Said, UP, UV, b64, registered, signed_in};
use crate::webauthn::cbor;

/// The value with one byte changed, inserted or removed.
fn bend(value: &str, at: prop::sample::Index, byte: u8, how: u8) -> Vec<u8> {
    let mut bytes = URL_SAFE_NO_PAD.decode(value).unwrap();
    let at = at.index(bytes.len());
    match how {
        0 => bytes[at] ^= byte.max(1),
        1 => bytes.insert(at, byte),
        2 => drop(bytes.remove(at)),
        _ => bytes.truncate(at),
    }
    bytes
}

fn text<'a>(response: &'a Value, pointer: &str) -> &'a str {
    response.pointer(pointer).and_then(Value::as_str).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_changed_sign_in_never_verifies(at: prop::sample::Index, byte: u8, how in 0_u8..4, field in 0_usize..3, es256: bool) {
        let authenticator = if es256 { Authenticator::es256() } else { Authenticator::eddsa() };
        let pointer = ["/response/clientDataJSON", "/response/authenticatorData", "/response/signature"][field];
        let mut response = authenticator.sign_in(&Said::getting());
        let bent = bend(text(&response, pointer), at, byte, how);
        let same = b64(&bent) == text(&response, pointer);
        *response.pointer_mut(pointer).unwrap() = json!(b64(bent));
        prop_assert_eq!(signed_in(&authenticator.credential(), response).is_ok(), same);
    }

    /// The client data is not signed where there is no attestation, but what matters in it is checked: what is
    /// accepted has our challenge and origin in it still.
    #[test]
    fn a_changed_registration_is_refused_or_harmless(at: prop::sample::Index, byte: u8, how in 0_u8..4) {
        let authenticator = Authenticator::eddsa();
        let mut response = authenticator.register(&Said::creating());
        let bent = bend(text(&response, "/response/attestationObject"), at, byte, how);
        response["response"]["attestationObject"] = json!(b64(bent));
        if let Ok(made) = registered(response) {
            prop_assert_eq!(made.id(), authenticator.id.as_slice());
        }
    }

    #[test]
    fn random_bytes_are_no_passkey(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let authenticator = Authenticator::eddsa();
        let mut response = authenticator.register(&Said::creating());
        response["response"]["attestationObject"] = json!(b64(&bytes));
        prop_assert!(registered(response).is_err());
        let mut response = authenticator.sign_in(&Said::getting());
        response["response"]["authenticatorData"] = json!(b64(&bytes));
        prop_assert!(signed_in(&authenticator.credential(), response).is_err());
    }

    /// Behind a correct head, so that the parser of keys and extensions sees them.
    #[test]
    fn random_keys_and_extensions_do_not_panic(key in prop::collection::vec(any::<u8>(), 0..80), flags: u8) {
        let said = Said { flags: flags | UP | UV | AT, key: Some(key), ..Said::creating() };
        prop_assert!(registered(Authenticator::eddsa().register(&said)).is_err());
    }

    #[test]
    fn cbor_reads_a_beginning_or_nothing(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Some((_, rest)) = cbor::read(&bytes) {
            prop_assert!(bytes.ends_with(rest) && rest.len() < bytes.len());
        }
    }

    #[test]
    fn random_client_data_is_refused(text in "[ -~]{0,80}") {
        let mut response = Authenticator::eddsa().sign_in(&Said::getting());
        response["response"]["clientDataJSON"] = json!(b64(text));
        prop_assert!(signed_in(&Authenticator::eddsa().credential(), response).is_err());
    }
}
