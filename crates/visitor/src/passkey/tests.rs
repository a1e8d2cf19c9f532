use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{ECDSA_P256_SHA256_ASN1, ED25519, UnparsedPublicKey, VerificationAlgorithm},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Value, json};

use super::{Algorithm, Authenticator, Backup, SignCounter};

const ORIGIN: &str = "http://id.localhost:8080";

fn creation() -> Value {
    json!({
        "challenge": "AAECAwQFBgcICQoLDA0ODw",
        "rp": { "id": "id.localhost", "name": "Doorward" },
        "user": { "id": BASE64URL.encode("user-1"), "name": "ada", "displayName": "Ada" },
        "pubKeyCredParams": [{ "type": "public-key", "alg": -8 }, { "type": "public-key", "alg": -7 }],
        "excludeCredentials": [],
    })
}

fn request() -> Value {
    json!({ "challenge": "EBESExQVFhcYGRobHB0eHw", "rpId": "id.localhost", "userVerification": "required" })
}

fn bytes(response: &Value, name: &str) -> Vec<u8> {
    BASE64URL.decode(response["response"][name].as_str().unwrap()).unwrap()
}

/// Reads the raw public key back from the authenticator data of a registration.
fn public_key(algorithm: Algorithm, data: &[u8]) -> Vec<u8> {
    let cose = &data[37 + 16 + 2 + 32..];
    match algorithm {
        Algorithm::Es256 => {
            assert_eq!(cose.len(), 77);
            assert_eq!(cose[..10], [0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
            assert_eq!(cose[42..45], [0x22, 0x58, 0x20]);
            [&[4], &cose[10..42], &cose[45..]].concat()
        }
        Algorithm::Ed25519 => {
            assert_eq!(cose.len(), 42);
            assert_eq!(cose[..10], [0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20]);
            cose[10..].to_vec()
        }
    }
}

fn is_signed(response: &Value, algorithm: Algorithm, public_key: &[u8]) -> bool {
    let verification: &'static dyn VerificationAlgorithm = match algorithm {
        Algorithm::Es256 => &ECDSA_P256_SHA256_ASN1,
        Algorithm::Ed25519 => &ED25519,
    };
    let mut message = bytes(response, "authenticatorData");
    message.extend(digest(&SHA256, &bytes(response, "clientDataJSON")).as_ref());
    UnparsedPublicKey::new(verification, public_key).verify(&message, &bytes(response, "signature")).is_ok()
}

#[test]
fn a_registration_has_the_structure_of_attestation_none() {
    let mut authenticator = Authenticator { aaguid: [7; 16], ..Authenticator::new() };
    let made = authenticator.create(ORIGIN, &creation()).unwrap();
    let id = authenticator.passkeys[0].id.clone();
    assert_eq!(made["id"], BASE64URL.encode(&id));
    assert_eq!((&made["rawId"], &made["type"]), (&made["id"], &json!("public-key")));
    assert_eq!(made["clientExtensionResults"]["credProps"]["rk"], true);
    assert_eq!(
        String::from_utf8(bytes(&made, "clientDataJSON")).unwrap(),
        r#"{"type":"webauthn.create","challenge":"AAECAwQFBgcICQoLDA0ODw","origin":"http://id.localhost:8080","crossOrigin":false}"#
    );
    let attestation = bytes(&made, "attestationObject");
    let data = bytes(&made, "authenticatorData");
    let data_len = u8::try_from(data.len()).unwrap();
    let head = [b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".as_slice(), &[data_len]].concat();
    assert_eq!(attestation, [head, data.clone()].concat());
    assert_eq!(data[..32], *digest(&SHA256, b"id.localhost").as_ref());
    assert_eq!(data[32], 0x45, "UP, UV and AT");
    assert_eq!(data[33..37], [0; 4]);
    assert_eq!(data[37..53], [7; 16]);
    assert_eq!(data[53..55], [0, 32]);
    assert_eq!(data[55..87], id);
    assert_eq!(bytes(&made, "publicKey").last(), data.last(), "both forms end with the key");
}

#[test]
fn assertions_verify_under_the_registered_key() {
    for algorithm in [Algorithm::Es256, Algorithm::Ed25519] {
        let mut authenticator = Authenticator { algorithm, ..Authenticator::new() };
        let made = authenticator.create(ORIGIN, &creation()).unwrap();
        let key = public_key(algorithm, &bytes(&made, "authenticatorData"));
        let signed = authenticator.get(ORIGIN, &request()).unwrap();
        assert!(is_signed(&signed, algorithm, &key));
        assert_eq!(signed["id"], made["id"]);
        assert_eq!(bytes(&signed, "userHandle"), b"user-1");
        assert_eq!(bytes(&signed, "authenticatorData").len(), 37);
        assert_eq!(bytes(&signed, "authenticatorData")[32], 0x05);
        authenticator.tamper.signature = true;
        let forged = authenticator.get(ORIGIN, &request()).unwrap();
        assert!(!is_signed(&forged, algorithm, &key));
    }
}

#[test]
fn settings_show_in_flags_and_counter() {
    let mut authenticator = Authenticator { counter: SignCounter::Increasing, ..Authenticator::new() };
    authenticator.create(ORIGIN, &creation()).unwrap();
    for (backup, verified, expected) in [
        (Backup::DeviceBound, true, 0x05),
        (Backup::Eligible, true, 0x0d),
        (Backup::BackedUp, false, 0x19),
        (Backup::Impossible, true, 0x15),
    ] {
        authenticator.backup = backup;
        authenticator.user_verified = verified;
        let data = bytes(&authenticator.get(ORIGIN, &request()).unwrap(), "authenticatorData");
        assert_eq!(data[32], expected, "{backup:?}");
    }
    let data = bytes(&authenticator.get(ORIGIN, &request()).unwrap(), "authenticatorData");
    assert_eq!(data[33..37], 6_u32.to_be_bytes(), "one creation and five assertions");
}

#[test]
fn lies_replace_the_honest_values() {
    let mut authenticator = Authenticator::new();
    authenticator.create(ORIGIN, &creation()).unwrap();
    authenticator.tamper.origin = Some("https://evil.example".to_owned());
    authenticator.tamper.rp_id = Some("evil.example".to_owned());
    authenticator.tamper.challenge = Some("AAAA".to_owned());
    authenticator.tamper.client_data_type = Some("webauthn.create".to_owned());
    authenticator.tamper.user_handle = Some(None);
    let signed = authenticator.get(ORIGIN, &request()).unwrap();
    let client_data: Value = serde_json::from_slice(&bytes(&signed, "clientDataJSON")).unwrap();
    assert_eq!(
        client_data,
        json!({
            "type": "webauthn.create", "challenge": "AAAA", "origin": "https://evil.example", "crossOrigin": false,
        })
    );
    assert_eq!(bytes(&signed, "authenticatorData")[..32], *digest(&SHA256, b"evil.example").as_ref());
    assert!(signed["response"].get("userHandle").is_none());
}

#[test]
fn the_rp_id_must_belong_to_the_origin() {
    for (origin, rp_id, allowed) in [
        ("http://id.localhost:8080", "id.localhost", true),
        ("https://id.example.com", "id.example.com", true),
        ("https://id.example.com", "example.com", true),
        ("https://id.example.com", "com", false),
        ("https://id.example.com", "d.example.com", false),
        ("https://example.com", "id.example.com", false),
        ("http://notes.localhost:8080", "id.localhost", false),
        ("http://id.localhost:8080", "localhost", false),
        ("http://id.example.com", "id.example.com", false),
        ("https://127.0.0.1", "127.0.0.1", false),
        ("https://id.example.com/", "id.example.com", false),
    ] {
        let mut options = creation();
        options["rp"]["id"] = rp_id.into();
        let made = Authenticator::new().create(origin, &options);
        assert_eq!(made.is_ok(), allowed, "{origin} {rp_id} {made:?}");
    }
}

#[test]
fn without_an_rp_id_the_host_is_taken() {
    let mut options = creation();
    options["rp"] = json!({ "name": "Doorward" });
    let mut authenticator = Authenticator::new();
    authenticator.create(ORIGIN, &options).unwrap();
    assert_eq!(authenticator.passkeys[0].rp_id, "id.localhost");
}

#[test]
fn creation_needs_an_offered_algorithm_and_no_excluded_passkey() {
    let mut options = creation();
    options["pubKeyCredParams"] = json!([{ "type": "public-key", "alg": -7 }]);
    let mut authenticator = Authenticator { algorithm: Algorithm::Ed25519, ..Authenticator::new() };
    assert!(authenticator.create(ORIGIN, &options).unwrap_err().to_string().starts_with("NotSupportedError"));
    authenticator.algorithm = Algorithm::Es256;
    let made = authenticator.create(ORIGIN, &options).unwrap();
    options["excludeCredentials"] = json!([{ "type": "public-key", "id": made["id"] }]);
    assert!(authenticator.create(ORIGIN, &options).unwrap_err().to_string().starts_with("InvalidStateError"));
    options["excludeCredentials"] = json!([]);
    authenticator.create(ORIGIN, &options).unwrap();
    assert_eq!(authenticator.passkeys.len(), 1, "one passkey for a user of an RP");
}

#[test]
fn the_newest_passkey_that_is_allowed_signs() {
    let mut authenticator = Authenticator::new();
    assert!(authenticator.get(ORIGIN, &request()).unwrap_err().to_string().starts_with("NotAllowedError"));
    let first = authenticator.create(ORIGIN, &creation()).unwrap();
    let mut options = creation();
    options["user"]["id"] = "Ym9i".into();
    let second = authenticator.create(ORIGIN, &options).unwrap();
    assert_eq!(authenticator.get(ORIGIN, &request()).unwrap()["id"], second["id"]);
    let mut narrow = request();
    narrow["allowCredentials"] = json!([{ "type": "public-key", "id": first["id"] }]);
    assert_eq!(authenticator.get(ORIGIN, &narrow).unwrap()["id"], first["id"]);
    narrow["allowCredentials"] = json!([{ "type": "public-key", "id": "AAAA" }]);
    assert!(authenticator.get(ORIGIN, &narrow).is_err());
}
