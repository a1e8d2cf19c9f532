//! A software authenticator whose every byte a test can bend.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use crate::{
    http::origin::Origin,
    id::UserId,
    token::sha256,
    webauthn::{
        Credential, Refused, RelyingParty, VerifiedAssertion, authentication,
        registration::{self, VerifiedRegistration},
    },
};

pub(super) const CHALLENGE: [u8; 32] = [0x5a; 32];
pub(super) const UP: u8 = 0x01;
pub(super) const UV: u8 = 0x04;
pub(super) const BE: u8 = 0x08;
pub(super) const BS: u8 = 0x10;
pub(super) const AT: u8 = 0x40;
pub(super) const ED: u8 = 0x80;

pub(super) fn rp() -> RelyingParty {
    RelyingParty {
        id: "id.example.org".to_owned(),
        name: "Example".to_owned(),
        origins: vec![Origin::parse("https://id.example.org:8443").unwrap()],
    }
}

pub(super) fn user() -> UserId {
    UserId::from_random([0xab; 16])
}

pub(super) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The head of a CBOR item.
pub(super) fn head(major: u8, argument: usize) -> Vec<u8> {
    match u8::try_from(argument) {
        Ok(small) if small < 24 => vec![major << 5 | small],
        Ok(byte) => vec![major << 5 | 0x18, byte],
        Err(_) => {
            let [high, low] = u16::try_from(argument).unwrap().to_be_bytes();
            vec![major << 5 | 0x19, high, low]
        }
    }
}

pub(super) fn bytes(content: &[u8]) -> Vec<u8> {
    [head(2, content.len()), content.to_vec()].concat()
}

pub(super) fn text(content: &str) -> Vec<u8> {
    [head(3, content.len()), content.as_bytes().to_vec()].concat()
}

/// A map of items that are encoded already: key, value, key, value.
pub(super) fn map(items: &[Vec<u8>]) -> Vec<u8> {
    [head(5, items.len() / 2), items.concat()].concat()
}

enum Key {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

pub(super) struct Authenticator {
    key: Key,
    pub(super) id: Vec<u8>,
}

/// What browser and authenticator say. The default is the truth.
#[derive(Clone)]
pub(super) struct Said {
    pub(super) kind: &'static str,
    pub(super) challenge: String,
    pub(super) origin: String,
    pub(super) more: Map<String, Value>,
    pub(super) rp_id: String,
    pub(super) flags: u8,
    pub(super) sign_count: u32,
    /// Replaces the public key.
    pub(super) key: Option<Vec<u8>>,
    /// Follows everything else in the authenticator data.
    pub(super) tail: Vec<u8>,
}

impl Said {
    pub(super) fn creating() -> Self {
        Self {
            kind: "webauthn.create",
            challenge: b64(CHALLENGE),
            origin: "https://id.example.org:8443".to_owned(),
            more: Map::new(),
            rp_id: "id.example.org".to_owned(),
            flags: UP | UV | AT,
            sign_count: 0,
            key: None,
            tail: Vec::new(),
        }
    }

    pub(super) fn getting() -> Self {
        Self { kind: "webauthn.get", flags: UP | UV, ..Self::creating() }
    }

    pub(super) fn client_data(&self) -> Vec<u8> {
        let mut members = self.more.clone();
        members.insert("type".to_owned(), self.kind.into());
        members.insert("challenge".to_owned(), self.challenge.clone().into());
        members.insert("origin".to_owned(), self.origin.clone().into());
        serde_json::to_vec(&members).unwrap()
    }
}

impl Authenticator {
    pub(super) fn es256() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        Self { key: Key::Es256(pair), id: vec![0xe5; 32] }
    }

    pub(super) fn eddsa() -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
        Self { key: Key::EdDsa(pair), id: vec![0xed; 16] }
    }

    pub(super) fn algorithm(&self) -> u8 {
        match self.key {
            Key::Es256(_) => 0x26,
            Key::EdDsa(_) => 0x27,
        }
    }

    pub(super) fn cose_key(&self) -> Vec<u8> {
        match &self.key {
            Key::Es256(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = (bytes(&point[1..33]), bytes(&point[33..]));
                [vec![0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21], x, vec![0x22], y].concat()
            }
            Key::EdDsa(pair) => {
                let x = bytes(pair.public_key().as_ref());
                [vec![0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21], x].concat()
            }
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.key {
            Key::Es256(pair) => pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Key::EdDsa(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    pub(super) fn authenticator_data(&self, said: &Said) -> Vec<u8> {
        let mut data = sha256(said.rp_id.as_bytes()).to_vec();
        data.push(said.flags);
        data.extend(said.sign_count.to_be_bytes());
        if said.flags & AT != 0 {
            data.extend([0xaa; 16]);
            data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
            data.extend(&self.id);
            data.extend(said.key.clone().unwrap_or_else(|| self.cose_key()));
        }
        data.extend(&said.tail);
        data
    }

    /// `RegistrationResponseJSON` without attestation.
    pub(super) fn register(&self, said: &Said) -> Value {
        self.register_as(said, "none", &map(&[]))
    }

    /// `RegistrationResponseJSON` with this format and statement.
    pub(super) fn register_as(&self, said: &Said, format: &str, statement: &[u8]) -> Value {
        let object = map(&[
            text("fmt"),
            text(format),
            text("attStmt"),
            statement.to_vec(),
            text("authData"),
            bytes(&self.authenticator_data(said)),
        ]);
        json!({
            "id": b64(&self.id),
            "rawId": b64(&self.id),
            "type": "public-key",
            "response": { "clientDataJSON": b64(said.client_data()), "attestationObject": b64(object) },
            "clientExtensionResults": {},
        })
    }

    /// The signature of a `packed` statement that attests itself.
    pub(super) fn self_attestation(&self, said: &Said) -> Vec<u8> {
        self.sign(&[self.authenticator_data(said), sha256(&said.client_data()).to_vec()].concat())
    }

    /// `AuthenticationResponseJSON`.
    pub(super) fn sign_in(&self, said: &Said) -> Value {
        self.sign_in_by(said, |message| self.sign(message))
    }

    /// The same, signed by another key.
    pub(super) fn sign_in_by(&self, said: &Said, sign: impl Fn(&[u8]) -> Vec<u8>) -> Value {
        let data = self.authenticator_data(said);
        let client_data = said.client_data();
        let signature = sign(&[data.as_slice(), &sha256(&client_data)].concat());
        json!({
            "id": b64(&self.id),
            "rawId": b64(&self.id),
            "type": "public-key",
            "response": {
                "clientDataJSON": b64(client_data),
                "authenticatorData": b64(data),
                "signature": b64(signature),
                "userHandle": b64(user().as_str()),
            },
            "clientExtensionResults": {},
        })
    }

    /// The passkey as the store would keep it.
    pub(super) fn credential(&self) -> Credential {
        Credential {
            id: self.id.clone(),
            user: user(),
            public_key: self.cose_key(),
            sign_count: 0,
            backup_eligible: false,
        }
    }
}

/// Verifies a registration by JSON, as the server does.
pub(super) fn registered(response: Value) -> Result<VerifiedRegistration, Refused> {
    let response = serde_json::from_value(response).map_err(|_| Refused::Malformed("JSON"))?;
    registration::verify(&rp(), user(), &CHALLENGE, &response)
}

/// Verifies a sign-in by JSON, as the server does.
pub(super) fn signed_in(credential: &Credential, response: Value) -> Result<VerifiedAssertion, Refused> {
    let response = serde_json::from_value(response).map_err(|_| Refused::Malformed("JSON"))?;
    authentication::verify(&rp(), &CHALLENGE, credential, &response)
}
