//! Registering a passkey (Web Authentication Level 3 section 7.1).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Refused, RelyingParty,
    authentication::VerifiedAssertion,
    authenticator_data::{Attested, AuthenticatorData},
    cbor::{self, Item},
    client_data,
    cose::ALGORITHMS,
};
use crate::id::UserId;

/// For whom a passkey is registered.
#[derive(Clone, Copy, Debug)]
pub struct NewCredentialUser<'a> {
    /// The identifier; its 36 ASCII bytes are the user handle.
    pub id: UserId,
    /// The user name.
    pub name: &'a str,
    /// The name to show.
    pub display_name: &'a str,
}

/// `PublicKeyCredentialCreationOptionsJSON` for a discoverable, user-verifying passkey (R42). `existing` are the
/// identifiers of the person's passkeys, so that a provider does not make a second one.
pub fn options(
    rp: &RelyingParty,
    user: NewCredentialUser<'_>,
    existing: &[Vec<u8>],
    challenge: &[u8; 32],
) -> Value {
    let exclude: Vec<Value> =
        existing.iter().map(|id| json!({ "type": "public-key", "id": URL_SAFE_NO_PAD.encode(id) })).collect();
    let algorithms: Vec<Value> =
        ALGORITHMS.iter().map(|alg| json!({ "type": "public-key", "alg": alg })).collect();
    json!({
        "rp": { "id": rp.id, "name": rp.name },
        "user": { "id": URL_SAFE_NO_PAD.encode(user.id.as_str()), "name": user.name, "displayName": user.display_name },
        "challenge": URL_SAFE_NO_PAD.encode(challenge),
        "pubKeyCredParams": algorithms,
        "timeout": 300_000,
        "excludeCredentials": exclude,
        "authenticatorSelection": { "residentKey": "required", "requireResidentKey": true, "userVerification": "required" },
        "attestation": "none",
        "extensions": { "credProps": true },
    })
}

/// `RegistrationResponseJSON` as browsers make it.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationResponse {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    response: AttestationResponse,
    #[serde(default)]
    client_extension_results: Extensions,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
struct AttestationResponse {
    #[serde(rename = "clientDataJSON")]
    client_data_json: String,
    attestation_object: String,
    #[serde(default)]
    transports: Vec<String>,
}

#[derive(Deserialize, Debug, Default)]
#[serde(rename_all = "camelCase")]
struct Extensions {
    cred_props: Option<CredentialProperties>,
}

#[derive(Deserialize, Debug)]
struct CredentialProperties {
    rk: Option<bool>,
}

/// Proof that this person's provider made a passkey for us just now, with the person verified.
#[derive(Debug)]
pub struct VerifiedRegistration {
    user: UserId,
    id: Vec<u8>,
    public_key: Vec<u8>,
    sign_count: u32,
    aaguid: [u8; 16],
    backup_eligible: bool,
    backed_up: bool,
    discoverable: Option<bool>,
    transports: Vec<String>,
}

impl VerifiedRegistration {
    /// Whose it is.
    pub const fn user(&self) -> UserId {
        self.user
    }

    /// The credential's identifier.
    pub fn id(&self) -> &[u8] {
        &self.id
    }

    /// The COSE public key as registered.
    pub fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// The signature counter.
    pub const fn sign_count(&self) -> u32 {
        self.sign_count
    }

    /// The provider's model; zeros when it does not say.
    pub const fn aaguid(&self) -> [u8; 16] {
        self.aaguid
    }

    /// Whether it can be synced.
    pub const fn backup_eligible(&self) -> bool {
        self.backup_eligible
    }

    /// Whether it is synced.
    pub const fn backed_up(&self) -> bool {
        self.backed_up
    }

    /// What `credProps` said about discoverability; `None` when it said nothing.
    pub const fn discoverable(&self) -> Option<bool> {
        self.discoverable
    }

    /// How the browser reached the authenticator: at most eight short words.
    pub fn transports(&self) -> &[String] {
        &self.transports
    }

    /// The person was verified by the passkey that was just made: as good a proof as signing in with it.
    pub fn as_assertion(&self) -> VerifiedAssertion {
        VerifiedAssertion::of_registration(self)
    }
}

/// Verifies the response to [`options`] for `user` and the challenge that was drawn.
///
/// No attestation is asked for, so none is believed: a self-signed `packed` statement must hold, statements that
/// need a chain to a vendor's root say nothing to us and are not read (W-5).
pub fn verify(
    rp: &RelyingParty,
    user: UserId,
    challenge: &[u8; 32],
    response: &RegistrationResponse,
) -> Result<VerifiedRegistration, Refused> {
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| Refused::Malformed("base64url"));
    if response.kind != "public-key" {
        return Err(Refused::Malformed("credential type"));
    }
    let client_data = decode(&response.response.client_data_json)?;
    let client_data_hash = client_data::check(&client_data, "webauthn.create", challenge, rp)?;
    let object = decode(&response.response.attestation_object)?;
    let (object, rest) = cbor::read(&object).ok_or(Refused::Malformed("attestation object"))?;
    if !rest.is_empty() {
        return Err(Refused::Malformed("attestation object"));
    }
    let bytes =
        object.field("authData").and_then(Item::bytes).ok_or(Refused::Malformed("authenticator data"))?;
    let data = AuthenticatorData::read(bytes, rp)?;
    let attested = data.attested.as_ref().ok_or(Refused::Malformed("no new credential"))?;
    check_attestation(&object, attested, bytes, &client_data_hash)?;
    if decode(&response.id)? != attested.id {
        return Err(Refused::Malformed("credential id"));
    }
    let discoverable =
        response.client_extension_results.cred_props.as_ref().and_then(|properties| properties.rk);
    if discoverable == Some(false) {
        return Err(Refused::NotDiscoverable);
    }
    Ok(VerifiedRegistration {
        user,
        id: attested.id.to_vec(),
        public_key: attested.key_bytes.to_vec(),
        sign_count: data.sign_count,
        aaguid: attested.aaguid,
        backup_eligible: data.backup_eligible,
        backed_up: data.backed_up,
        discoverable,
        transports: transports(&response.response.transports),
    })
}

fn check_attestation(
    object: &Item<'_>,
    attested: &Attested<'_>,
    data: &[u8],
    client_data_hash: &[u8; 32],
) -> Result<(), Refused> {
    let format = object.field("fmt").and_then(Item::text).ok_or(Refused::Malformed("attestation format"))?;
    let statement = object.field("attStmt").ok_or(Refused::Malformed("attestation statement"))?;
    if format != "packed" || statement.field("x5c").is_some() {
        return Ok(());
    }
    let algorithm = statement.field("alg").and_then(Item::integer);
    let signature = statement.field("sig").and_then(Item::bytes).ok_or(Refused::Attestation)?;
    let message = [data, client_data_hash].concat();
    let holds = algorithm == Some(attested.key.algorithm()) && attested.key.verifies(&message, signature);
    if holds { Ok(()) } else { Err(Refused::Attestation) }
}

pub(super) fn transports(sent: &[String]) -> Vec<String> {
    let word = |text: &&String| {
        text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    sent.iter().filter(word).take(8).cloned().collect()
}
