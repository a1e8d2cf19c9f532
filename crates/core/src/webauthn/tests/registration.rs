//! Registering: what is accepted, and each lie refused by its own name.

use serde_json::{Value, json};

use super::authenticator::{
    AT, Authenticator, BE, BS, CHALLENGE, ED, Said, UP, UV, b64, bytes, head, map, registered, rp, text, user,
};
use crate::webauthn::{Refused, cose::PublicKey, registration};

fn refusal(said: &Said) -> Refused {
    registered(Authenticator::es256().register(said)).unwrap_err()
}

#[test]
fn what_we_ask_for() {
    let person = registration::NewCredentialUser { id: user(), name: "ada", display_name: "Ada Lovelace" };
    let options = registration::options(&rp(), person, &[vec![1, 2, 3]], &CHALLENGE);
    insta::assert_snapshot!(serde_json::to_string_pretty(&options).unwrap());
}

#[test]
fn each_algorithm_registers_with_and_without_self_attestation() {
    for authenticator in [Authenticator::es256(), Authenticator::eddsa()] {
        let said = Said::creating();
        let statement = map(&[
            text("alg"),
            vec![authenticator.algorithm()],
            text("sig"),
            bytes(&authenticator.self_attestation(&said)),
        ]);
        for response in
            [authenticator.register(&said), authenticator.register_as(&said, "packed", &statement)]
        {
            let made = registered(response).unwrap();
            assert_eq!(made.user(), user());
            assert_eq!(made.id(), authenticator.id);
            assert_eq!(made.public_key(), authenticator.cose_key());
            assert_eq!(made.aaguid(), [0xaa; 16]);
            assert_eq!((made.sign_count(), made.discoverable()), (0, None));
            assert_eq!(made.as_assertion().user(), user());
        }
    }
}

/// The challenge of one ceremony finishes no other, whatever the way of writing it.
#[test]
fn w_6_registration_is_bound_to_its_challenge_and_type() {
    for challenge in [
        b64([0x5b; 32]),
        b64(&CHALLENGE[..31]),
        b64([CHALLENGE.as_slice(), &[0]].concat()),
        format!("{}=", b64(CHALLENGE)),
        String::new(),
    ] {
        let said = Said { challenge, ..Said::creating() };
        assert_eq!(refusal(&said), Refused::Challenge, "{}", said.challenge);
    }
    for kind in ["webauthn.get", "payment.get", "", "WebAuthn.create"] {
        let said = Said { kind, ..Said::creating() };
        assert_eq!(refusal(&said), Refused::Type, "{kind}");
    }
}

#[test]
fn w_3_w_4_the_whole_origin_is_compared() {
    for origin in [
        "https://id.example.org",
        "https://id.example.org:443",
        "http://id.example.org:8443",
        "https://evil-id.example.org:8443",
        "https://evil.id.example.org:8443",
        "https://example.org:8443",
        "https://id.example.org.evil.test:8443",
        "https://ID.example.org:8443",
        "https://id.example.org:8443/",
        "https://id.example.org:84430",
        "null",
        "",
    ] {
        let said = Said { origin: origin.to_owned(), ..Said::creating() };
        assert_eq!(refusal(&said), Refused::Origin, "{origin}");
    }
}

#[test]
fn w_6_pages_in_pages_are_refused() {
    let mut said = Said::creating();
    said.more.insert("crossOrigin".to_owned(), json!(false));
    assert!(registered(Authenticator::es256().register(&said)).is_ok());
    said.more.insert("topOrigin".to_owned(), json!("https://id.example.org:8443"));
    assert_eq!(refusal(&said), Refused::CrossOrigin);
    let mut said = Said::creating();
    said.more.insert("crossOrigin".to_owned(), json!(true));
    assert_eq!(refusal(&said), Refused::CrossOrigin);
}

#[test]
fn w_2_flags_that_are_missing_or_contradict() {
    for (flags, refused) in [
        (UV | AT, Refused::UserPresence),
        (UP | AT, Refused::UserVerification),
        (AT, Refused::UserPresence),
        (UP | UV | AT | BS, Refused::BackupFlags),
        (UP | UV, Refused::Malformed("no new credential")),
        (UP | UV | AT | ED, Refused::Malformed("authenticator data")),
    ] {
        let said = Said { flags, ..Said::creating() };
        assert_eq!(refusal(&said), refused, "{flags:#04x}");
    }
    for flags in [UP | UV | AT | BE, UP | UV | AT | BE | BS] {
        let said = Said { flags, ..Said::creating() };
        let made = registered(Authenticator::es256().register(&said)).unwrap();
        assert_eq!((made.backup_eligible(), made.backed_up()), (true, flags & BS != 0));
    }
}

#[test]
fn another_relying_party_is_refused() {
    for rp_id in ["example.org", "id.example.com", "ID.example.org", ""] {
        let said = Said { rp_id: rp_id.to_owned(), ..Said::creating() };
        assert_eq!(refusal(&said), Refused::RelyingParty, "{rp_id}");
    }
}

/// W-1: an algorithm that was not offered, a key whose parts contradict each other, a parameter that is there twice.
#[test]
fn w_1_only_keys_that_were_offered() {
    let (x, y) = (bytes(&[1; 32]), bytes(&[2; 32]));
    let ec = |curve: u8, algorithm: &[u8], x: &[u8], y: &[u8]| {
        [&[0xa5, 1, 2, 3], algorithm, &[0x20, curve, 0x21], x, &[0x22], y].concat()
    };
    let rsa = |modulus: usize, exponent: &[u8]| {
        let parts = [bytes(&vec![0xff; modulus]), vec![0x21], bytes(exponent)].concat();
        [&[0xa4, 1, 3, 3, 0x39, 1, 0, 0x20], parts.as_slice()].concat()
    };
    for (name, key) in [
        ("ES384", ec(2, &[0x38, 0x22], &x, &y)),
        ("ES256K", ec(8, &[0x38, 0x2e], &x, &y)),
        ("ES256 on another curve", ec(2, &[0x26], &x, &y)),
        ("ES256 with a short coordinate", ec(1, &[0x26], &bytes(&[1; 31]), &y)),
        ("ES256 as a compressed point", ec(1, &[0x26], &x, &[0xf5])),
        ("EdDSA with the type of ES256", ec(6, &[0x27], &x, &y)),
        (
            "RS1",
            [&[0xa4, 1, 3, 3, 0x39, 0xff, 0xfe, 0x20], bytes(&[1; 256]).as_slice(), &[0x21, 0x41, 3]]
                .concat(),
        ),
        ("RSA of 1024 bits", rsa(128, &[1, 0, 1])),
        ("RSA of 8192 bits", rsa(1024, &[1, 0, 1])),
        ("RSA with a huge exponent", rsa(256, &[1; 5])),
        ("an empty map", vec![0xa0]),
        ("no map", vec![0x01]),
        (
            "two algorithms",
            [&[0xa6, 1, 2, 3, 0x26, 3, 0x26, 0x20, 1, 0x21], x.as_slice(), &[0x22], &y].concat(),
        ),
    ] {
        let said = Said { key: Some(key), ..Said::creating() };
        assert_eq!(refusal(&said), Refused::Algorithm, "{name}");
    }
    let said = Said { key: Some(rsa(256, &[1, 0, 1])), ..Said::creating() };
    let made = registered(Authenticator::es256().register(&said)).unwrap();
    assert_eq!(PublicKey::read(made.public_key()).unwrap().0.algorithm(), -257);
}

#[test]
fn w_1_self_attestation_must_hold() {
    let (authenticator, said) = (Authenticator::es256(), Said::creating());
    let good = authenticator.self_attestation(&said);
    let other = Authenticator::es256().self_attestation(&said);
    let (alg, sig) = (text("alg"), text("sig"));
    for (name, statement) in [
        ("another key", map(&[alg.clone(), vec![0x26], sig.clone(), bytes(&other)])),
        ("another algorithm", map(&[alg.clone(), vec![0x27], sig.clone(), bytes(&good)])),
        ("no algorithm", map(&[sig.clone(), bytes(&good)])),
        ("no signature", map(&[alg.clone(), vec![0x26]])),
        ("an empty signature", map(&[alg.clone(), vec![0x26], sig.clone(), bytes(&[])])),
        ("two signatures", map(&[alg, vec![0x26], sig.clone(), bytes(&good), sig, bytes(&good)])),
        ("nothing", map(&[])),
    ] {
        let response = authenticator.register_as(&said, "packed", &statement);
        assert_eq!(registered(response).unwrap_err(), Refused::Attestation, "{name}");
    }
}

/// W-5: a certificate that anybody can make is not read, so nothing that it says is believed: the registration is
/// worth what one without attestation is worth.
#[test]
fn w_5_certificates_say_nothing() {
    let (authenticator, said) = (Authenticator::es256(), Said::creating());
    let certificates = [head(4, 1), bytes(b"self-signed")].concat();
    let parts = [text("alg"), vec![0x26], text("sig"), bytes(b"x"), text("x5c"), certificates];
    for format in ["packed", "tpm", "android-key", "fido-u2f", "apple", "new"] {
        let made = registered(authenticator.register_as(&said, format, &map(&parts))).unwrap();
        assert_eq!(made.public_key(), authenticator.cose_key(), "{format}");
    }
}

#[test]
fn w_6_credential_identifiers_are_bounded_and_agree() {
    let mut authenticator = Authenticator::es256();
    for (length, accepted) in [(0, false), (1, true), (1023, true), (1024, false), (65_000, false)] {
        authenticator.id = vec![7; length];
        let verdict = registered(long_registration(&authenticator));
        assert_eq!(verdict.is_ok(), accepted, "{length}: {verdict:?}");
    }
    authenticator.id = vec![7; 16];
    let mut response = authenticator.register(&Said::creating());
    response["id"] = b64([8; 16]).into();
    assert_eq!(registered(response).unwrap_err(), Refused::Malformed("credential id"));
    let mut response = authenticator.register(&Said::creating());
    response["type"] = "password".into();
    assert_eq!(registered(response).unwrap_err(), Refused::Malformed("credential type"));
}

fn long_registration(authenticator: &Authenticator) -> Value {
    let data = authenticator.authenticator_data(&Said::creating());
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    let data = [&[0x5a], length.as_slice(), &data].concat();
    let object = map(&[text("fmt"), text("none"), text("attStmt"), map(&[]), text("authData"), data]);
    let mut response = authenticator.register(&Said::creating());
    response["response"]["attestationObject"] = b64(object).into();
    response
}

#[test]
fn cbor_that_is_cut_extended_or_doubled_is_refused() {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let response = Authenticator::eddsa().register(&Said::creating());
    let object = response["response"]["attestationObject"].as_str().unwrap();
    let object = URL_SAFE_NO_PAD.decode(object).unwrap();
    let with = |object: &[u8]| {
        let mut response = response.clone();
        response["response"]["attestationObject"] = b64(object).into();
        registered(response)
    };
    assert!(with(&object).is_ok());
    for length in 0..object.len() {
        assert!(with(&object[..length]).is_err(), "{length}");
    }
    assert!(with(&[object.as_slice(), &[0]].concat()).is_err());
    let data = bytes(&Authenticator::eddsa().authenticator_data(&Said::creating()));
    let doubled = map(&[
        text("fmt"),
        text("none"),
        text("attStmt"),
        map(&[]),
        text("authData"),
        data.clone(),
        text("authData"),
        data,
    ]);
    assert_eq!(with(&doubled).unwrap_err(), Refused::Malformed("authenticator data"));
    for hostile in [
        vec![0xbf, 0xff],
        vec![0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0x81; 100_000],
        vec![0xc0; 100_000],
        vec![0x63, 0xff, 0xfe, 0xfd],
    ] {
        assert!(with(&hostile).is_err());
    }
}

#[test]
fn extensions_are_read_to_their_end() {
    for (tail, accepted) in [
        (map(&[text("credProtect"), vec![3]]), true),
        (map(&[text("hmac-secret"), vec![0xf5]]), true),
        ([map(&[]), vec![0]].concat(), false),
        (vec![0xa1], false),
        (Vec::new(), false),
    ] {
        let said = Said { flags: UP | UV | AT | ED, tail, ..Said::creating() };
        assert_eq!(registered(Authenticator::es256().register(&said)).is_ok(), accepted, "{:?}", said.tail);
    }
    let said = Said { tail: map(&[]), ..Said::creating() };
    assert_eq!(refusal(&said), Refused::Malformed("authenticator data"));
}

/// R42: a passkey that sign-in can't find is not kept; a browser that does not know is believed.
#[test]
fn only_discoverable_passkeys_are_kept() {
    for (results, expected) in [
        (json!({}), Ok(None)),
        (json!({ "credProps": {} }), Ok(None)),
        (json!({ "credProps": { "rk": true } }), Ok(Some(true))),
        (json!({ "credProps": { "rk": false } }), Err(Refused::NotDiscoverable)),
    ] {
        let mut response = Authenticator::es256().register(&Said::creating());
        response["clientExtensionResults"] = results.clone();
        assert_eq!(registered(response).map(|made| made.discoverable()), expected, "{results}");
    }
    let mut response = Authenticator::es256().register(&Said::creating());
    response.as_object_mut().unwrap().remove("clientExtensionResults");
    assert_eq!(registered(response).unwrap().discoverable(), None);
}

#[test]
fn transports_are_short_words() {
    let mut response = Authenticator::es256().register(&Said::creating());
    response["response"]["transports"] = json!([
        "internal",
        "smart-card",
        "Evil\r\nX: y",
        "a-word-that-is-too-long",
        "usb",
        "a",
        "b",
        "c",
        "d",
        "e",
        "f"
    ]);
    let made = registered(response).unwrap();
    assert_eq!(made.transports(), ["internal", "smart-card", "usb", "a", "b", "c", "d", "e"]);
}

#[test]
fn client_data_with_a_member_twice_is_refused() {
    let authenticator = Authenticator::es256();
    let mut response = authenticator.register(&Said::creating());
    let client_data = String::from_utf8(Said::creating().client_data()).unwrap();
    let doubled = client_data.replacen('{', "{\"origin\":\"https://evil.test\",", 1);
    response["response"]["clientDataJSON"] = b64(doubled).into();
    assert_eq!(registered(response).unwrap_err(), Refused::Malformed("client data"));
}
