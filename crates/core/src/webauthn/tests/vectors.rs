//! The test vectors of Web Authentication Level 3, section 16.

use serde::Deserialize;
use serde_json::json;

use super::authenticator::{b64, user};
use crate::{
    http::origin::Origin,
    token::sha256,
    webauthn::{Credential, Refused, RelyingParty, authentication, cose::PublicKey, registration},
};

/// Sections 16.2 to 16.6, 16.10 and 16.11 in hexadecimal; registrations with certificates are left out.
const VECTORS: &str = include_str!("vectors.json");

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    name: String,
    registration: Option<Created>,
    credential_id: String,
    public_key: String,
    aaguid: String,
    authentication: Got,
}

#[derive(Deserialize)]
struct Created {
    challenge: String,
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    #[serde(rename = "attestationObject")]
    object: String,
}

#[derive(Deserialize)]
struct Got {
    challenge: String,
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    #[serde(rename = "authenticatorData")]
    data: String,
    signature: String,
}

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn challenge(text: &str) -> [u8; 32] {
    hex(text).try_into().unwrap()
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(VECTORS).unwrap()
}

fn rp() -> RelyingParty {
    RelyingParty {
        id: "example.org".to_owned(),
        name: "Example".to_owned(),
        origins: vec![Origin::parse("https://example.org").unwrap()],
    }
}

fn registration_verdict(vector: &Vector) -> Option<Result<Vec<u8>, Refused>> {
    let created = vector.registration.as_ref()?;
    let response = json!({
        "id": b64(hex(&vector.credential_id)),
        "type": "public-key",
        "response": {
            "clientDataJSON": b64(hex(&created.client_data)),
            "attestationObject": b64(hex(&created.object)),
        },
    });
    let response = serde_json::from_value(response).unwrap();
    let made = registration::verify(&rp(), user(), &challenge(&created.challenge), &response);
    Some(made.map(|made| {
        assert_eq!(made.id(), hex(&vector.credential_id));
        assert_eq!(made.aaguid().to_vec(), hex(&vector.aaguid));
        made.public_key().to_vec()
    }))
}

fn authentication_verdict(vector: &Vector) -> Result<bool, Refused> {
    let got = &vector.authentication;
    let credential = Credential {
        id: hex(&vector.credential_id),
        user: user(),
        public_key: hex(&vector.public_key),
        sign_count: 0,
        backup_eligible: false,
    };
    let response = json!({
        "id": b64(&credential.id),
        "type": "public-key",
        "response": {
            "clientDataJSON": b64(hex(&got.client_data)),
            "authenticatorData": b64(hex(&got.data)),
            "signature": b64(hex(&got.signature)),
            "userHandle": b64(user().as_str()),
        },
    });
    let response = serde_json::from_value(response).unwrap();
    let proof = authentication::verify(&rp(), &challenge(&got.challenge), &credential, &response)?;
    Ok(proof.backup_eligible())
}

/// Most vectors leave out user verification, which we demand: those are refused for that, and for nothing else.
#[test]
fn w_2_registrations_of_the_specification() {
    let verdicts: Vec<_> = vectors()
        .iter()
        .filter_map(|vector| {
            Some((vector.name.clone(), registration_verdict(vector)?, hex(&vector.public_key)))
        })
        .collect();
    let expected = [
        ("none.ES256", Some(Refused::UserVerification)),
        ("packed-self.ES256", None),
        ("none.ES256.crossOrigin", Some(Refused::CrossOrigin)),
        ("none.ES256.topOrigin", Some(Refused::CrossOrigin)),
        ("none.ES256.long-credential-id", Some(Refused::UserVerification)),
    ];
    assert_eq!(verdicts.len(), expected.len());
    for ((name, verdict, key), (expected_name, refused)) in verdicts.into_iter().zip(expected) {
        assert_eq!((name.as_str(), verdict), (expected_name, refused.map_or(Ok(key), Err)));
    }
}

#[test]
fn w_2_sign_ins_of_the_specification() {
    let verdicts: Vec<_> =
        vectors().iter().map(|vector| (vector.name.clone(), authentication_verdict(vector))).collect();
    let expected = [
        ("none.ES256", Err(Refused::UserVerification)),
        ("packed-self.ES256", Err(Refused::UserVerification)),
        ("none.ES256.crossOrigin", Err(Refused::CrossOrigin)),
        ("none.ES256.topOrigin", Err(Refused::CrossOrigin)),
        ("none.ES256.long-credential-id", Ok(true)),
        ("packed.RS256", Err(Refused::UserVerification)),
        ("packed.EdDSA", Err(Refused::UserVerification)),
    ]
    .map(|(name, verdict)| (name.to_owned(), verdict));
    assert_eq!(verdicts, expected);
}

/// Every signature of the specification holds under its key, and no other does.
#[test]
fn signatures_of_the_specification() {
    let vectors = vectors();
    let message = |got: &Got| [hex(&got.data), sha256(&hex(&got.client_data)).to_vec()].concat();
    for (index, vector) in vectors.iter().enumerate() {
        let bytes = hex(&vector.public_key);
        let (key, rest) = PublicKey::read(&bytes).unwrap();
        assert!(rest.is_empty());
        for (other, signed) in vectors.iter().enumerate() {
            let got = &signed.authentication;
            assert_eq!(key.verifies(&message(got), &hex(&got.signature)), index == other, "{}", vector.name);
        }
    }
}
