//! Signing in with a passkey (Web Authentication Level 3 section 7.2), usernameless.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Credential, Refused, RelyingParty, authenticator_data::AuthenticatorData, client_data, cose::PublicKey,
    registration::VerifiedRegistration,
};
use crate::id::UserId;

/// `PublicKeyCredentialRequestOptionsJSON` that any of our discoverable passkeys can answer. The list of allowed
/// credentials is empty for everybody: it tells nobody who has an account.
pub fn options(rp: &RelyingParty, challenge: &[u8; 32]) -> Value {
    json!({
        "rpId": rp.id,
        "challenge": URL_SAFE_NO_PAD.encode(challenge),
        "timeout": 300_000,
        "userVerification": "required",
        "allowCredentials": [],
    })
}

/// `AuthenticationResponseJSON` as browsers make it.
#[derive(Deserialize, Debug)]
pub struct AuthenticationResponse {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    response: AssertionResponse,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
struct AssertionResponse {
    #[serde(rename = "clientDataJSON")]
    client_data_json: String,
    authenticator_data: String,
    signature: String,
    user_handle: Option<String>,
}

impl AuthenticationResponse {
    /// The identifier of the passkey that answered, to look it up by. At most 1023 bytes.
    pub fn credential_id(&self) -> Result<Vec<u8>, Refused> {
        let id = URL_SAFE_NO_PAD.decode(&self.id).map_err(|_| Refused::Malformed("credential id"))?;
        if id.is_empty() || id.len() > 1023 { Err(Refused::Malformed("credential id")) } else { Ok(id) }
    }
}

/// Proof that a passkey of this person signed our challenge just now, with the person verified.
#[derive(Debug)]
pub struct VerifiedAssertion {
    user: UserId,
    credential: Vec<u8>,
    sign_count: u32,
    backup_eligible: bool,
    backed_up: bool,
}

impl VerifiedAssertion {
    /// Whose passkey it was.
    pub const fn user(&self) -> UserId {
        self.user
    }

    /// The passkey's identifier.
    pub fn credential(&self) -> &[u8] {
        &self.credential
    }

    /// The counter to store.
    pub const fn sign_count(&self) -> u32 {
        self.sign_count
    }

    /// Whether it can be synced, as it says now.
    pub const fn backup_eligible(&self) -> bool {
        self.backup_eligible
    }

    /// Whether it is synced, as it says now.
    pub const fn backed_up(&self) -> bool {
        self.backed_up
    }

    /// Authentication method references (RFC 8176): the person was verified (`user`), by a key that stays in
    /// hardware (`hwk`) or one that can be synced (`swk`).
    pub fn amr(&self) -> Vec<String> {
        let key = if self.backup_eligible { "swk" } else { "hwk" };
        vec!["user".to_owned(), key.to_owned()]
    }

    pub(super) fn of_registration(registration: &VerifiedRegistration) -> Self {
        Self {
            user: registration.user(),
            credential: registration.id().to_vec(),
            sign_count: registration.sign_count(),
            backup_eligible: registration.backup_eligible(),
            backed_up: registration.backed_up(),
        }
    }
}

/// Verifies the response to [`options`] against the stored `credential`.
///
/// A counter that does not advance is refused, but for zero after zero: synced passkeys never count. A changed
/// backup-eligible flag is accepted and recorded: some providers, and imports, get it wrong at registration.
pub fn verify(
    rp: &RelyingParty,
    challenge: &[u8; 32],
    credential: &Credential,
    response: &AuthenticationResponse,
) -> Result<VerifiedAssertion, Refused> {
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| Refused::Malformed("base64url"));
    if response.kind != "public-key" || response.credential_id()? != credential.id {
        return Err(Refused::Malformed("credential"));
    }
    let handle = response.response.user_handle.as_deref().ok_or(Refused::UserHandle)?;
    if decode(handle)? != credential.user.as_str().as_bytes() {
        return Err(Refused::UserHandle);
    }
    let client_data = decode(&response.response.client_data_json)?;
    let client_data_hash = client_data::check(&client_data, "webauthn.get", challenge, rp)?;
    let bytes = decode(&response.response.authenticator_data)?;
    let data = AuthenticatorData::read(&bytes, rp)?;
    let (key, rest) = PublicKey::read(&credential.public_key).ok_or(Refused::Algorithm)?;
    let message = [bytes.as_slice(), &client_data_hash].concat();
    if !rest.is_empty() || !key.verifies(&message, &decode(&response.response.signature)?) {
        return Err(Refused::Signature);
    }
    if (data.sign_count != 0 || credential.sign_count != 0) && data.sign_count <= credential.sign_count {
        return Err(Refused::Counter);
    }
    Ok(VerifiedAssertion {
        user: credential.user,
        credential: credential.id.clone(),
        sign_count: data.sign_count,
        backup_eligible: data.backup_eligible,
        backed_up: data.backed_up,
    })
}
