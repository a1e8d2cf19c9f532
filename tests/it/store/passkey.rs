//! A passkey in software: what it says is verified by the core like what a browser says.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::{
    http::{
        host::Host,
        origin::{Origin, Scheme},
    },
    id::UserId,
    token::sha256,
    webauthn::{
        Credential, RelyingParty, VerifiedAssertion,
        authentication::{self, AuthenticationResponse},
        registration::{self, RegistrationResponse, VerifiedRegistration},
    },
};
use serde_json::json;

const CHALLENGE: [u8; 32] = [7; 32];
const ORIGIN: &str = "http://id.localhost:8080";
const PRESENT_AND_VERIFIED: u8 = 0x05;
const ATTESTED: u8 = 0x40;

/// An Ed25519 passkey of one person.
pub(crate) struct Passkey {
    pub(crate) id: Vec<u8>,
    pub(crate) user: UserId,
    key: Ed25519KeyPair,
}

impl Passkey {
    pub(crate) fn new(user: UserId, seed: [u8; 32]) -> Self {
        let key = Ed25519KeyPair::from_seed_unchecked(&seed).expect("32 bytes are a seed");
        Self { id: sha256(&seed).to_vec(), user, key }
    }

    /// The same passkey as if another person's provider had made it.
    pub(crate) fn claimed_by(&self, user: UserId) -> VerifiedRegistration {
        self.register(user, 0)
    }

    pub(crate) fn registration(&self) -> VerifiedRegistration {
        self.register(self.user, 0)
    }

    /// A registration by a provider that counts.
    pub(crate) fn counting_registration(&self, count: u32) -> VerifiedRegistration {
        self.register(self.user, count)
    }

    /// A sign-in by a provider that never counts.
    pub(crate) fn assertion(&self) -> VerifiedAssertion {
        self.counting_assertion(0)
    }

    /// A sign-in that is verified against a counter one below `count`, as a copy made earlier would be.
    pub(crate) fn counting_assertion(&self, count: u32) -> VerifiedAssertion {
        let data = authenticator_data(PRESENT_AND_VERIFIED, count);
        let client_data = client_data("webauthn.get");
        let message = [data.as_slice(), &sha256(client_data.as_bytes())].concat();
        let response: AuthenticationResponse = serde_json::from_value(json!({
            "id": encode(&self.id),
            "type": "public-key",
            "response": {
                "clientDataJSON": encode(client_data.as_bytes()),
                "authenticatorData": encode(&data),
                "signature": encode(self.key.sign(&message).as_ref()),
                "userHandle": encode(self.user.as_str().as_bytes()),
            },
        }))
        .expect("the shape of an assertion");
        let credential = Credential {
            id: self.id.clone(),
            user: self.user,
            public_key: self.public_key(),
            sign_count: count.saturating_sub(1),
            backup_eligible: false,
        };
        authentication::verify(&relying_party(), &CHALLENGE, &credential, &response)
            .expect("a true assertion")
    }

    /// The COSE key (RFC 9053 section 2.2).
    pub(crate) fn public_key(&self) -> Vec<u8> {
        let header = [0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20];
        [header.as_slice(), self.key.public_key().as_ref()].concat()
    }

    fn register(&self, user: UserId, count: u32) -> VerifiedRegistration {
        let mut data = authenticator_data(PRESENT_AND_VERIFIED | ATTESTED, count);
        data.extend_from_slice(&[3; 16]);
        data.extend_from_slice(&[0, 32]);
        data.extend_from_slice(&self.id);
        data.extend_from_slice(&self.public_key());
        let length = u8::try_from(data.len()).expect("short authenticator data");
        let object =
            [b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".as_slice(), &[length], &data].concat();
        let response: RegistrationResponse = serde_json::from_value(json!({
            "id": encode(&self.id),
            "type": "public-key",
            "response": {
                "clientDataJSON": encode(client_data("webauthn.create").as_bytes()),
                "attestationObject": encode(&object),
                "transports": ["internal", "hybrid"],
            },
        }))
        .expect("the shape of a registration");
        registration::verify(&relying_party(), user, &CHALLENGE, &response).expect("a true registration")
    }
}

fn authenticator_data(flags: u8, count: u32) -> Vec<u8> {
    [sha256(b"id.localhost").as_slice(), &[flags], &count.to_be_bytes()].concat()
}

fn client_data(kind: &str) -> String {
    json!({ "type": kind, "challenge": encode(&CHALLENGE), "origin": ORIGIN, "crossOrigin": false })
        .to_string()
}

fn relying_party() -> RelyingParty {
    let host = Host::parse("id.localhost").expect("a host");
    let origins = vec![Origin::new(Scheme::Http, &host, 8080)];
    RelyingParty { id: "id.localhost".to_owned(), name: "Example".to_owned(), origins }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
