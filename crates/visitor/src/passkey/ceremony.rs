//! `navigator.credentials.create()` and `.get()`, with the JSON forms of WebAuthn section 5.1.8 to 5.1.10.

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use aws_lc_rs::{
    digest::{SHA256, digest},
    rand,
};
use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::{Value, json};
use url::{Host, Url};

use super::{Authenticator, Key, Passkey};
use crate::{cbor::Writer, client::is_secure};

const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);
/// Flag AT: attested credential data follows.
const ATTESTED: u8 = 0x40;
const CREDENTIAL_ID_LEN: usize = 32;

impl Authenticator {
    /// Makes a passkey for `publicKey` (PublicKeyCredentialCreationOptionsJSON) on a page of `origin`, and returns
    /// RegistrationResponseJSON with attestation `none`.
    ///
    /// As with CTAP2, a passkey of the same RP ID and user handle is replaced.
    ///
    /// # Errors
    /// Where a browser refuses: a malformed option, an RP ID that is not the origin's, an insecure origin, an
    /// algorithm that is not offered, a passkey of this authenticator in `excludeCredentials`.
    pub fn create(&mut self, origin: &str, public_key: &Value) -> Result<Value> {
        let challenge = decode(public_key, "/challenge")?;
        let rp_id = rp_id(origin, public_key.pointer("/rp/id"))?;
        let user_handle = decode(public_key, "/user/id")?;
        ensure!((1..=64).contains(&user_handle.len()), "user.id must have 1 to 64 bytes.");
        let user_name = text(public_key, "/user/name")?.to_owned();
        text(public_key, "/user/displayName")?;
        text(public_key, "/rp/name")?;
        self.check_offered(public_key)?;
        if self.candidates(&rp_id, &descriptors(public_key, "excludeCredentials")?).next().is_some() {
            bail!("InvalidStateError: this authenticator already holds one of excludeCredentials.");
        }

        let mut id = vec![0; CREDENTIAL_ID_LEN];
        rand::fill(&mut id).map_err(|_| anyhow!("No random credential ID could be drawn."))?;
        let key = Key::generate(self.algorithm)?;
        let passkey = Passkey { id, rp_id, user_handle, user_name, sign_count: self.next_count(0), key };
        let client_data = self.client_data("webauthn.create", &challenge, origin);
        let response = self.registration(&passkey, &client_data)?;
        self.passkeys.retain(|held| held.rp_id != passkey.rp_id || held.user_handle != passkey.user_handle);
        self.passkeys.push(passkey);
        Ok(response)
    }

    /// Signs `publicKey` (PublicKeyCredentialRequestOptionsJSON) on a page of `origin` with the newest passkey that
    /// fits, and returns AuthenticationResponseJSON with its user handle.
    ///
    /// # Errors
    /// Where a browser refuses: a malformed option, an RP ID that is not the origin's, an insecure origin, no passkey.
    pub fn get(&mut self, origin: &str, public_key: &Value) -> Result<Value> {
        let challenge = decode(public_key, "/challenge")?;
        let rp_id = rp_id(origin, public_key.get("rpId"))?;
        let allowed = descriptors(public_key, "allowCredentials")?;
        let chosen = if allowed.is_empty() {
            self.passkeys.iter().rposition(|held| held.rp_id == rp_id)
        } else {
            self.candidates(&rp_id, &allowed).last()
        };
        let chosen = chosen.with_context(|| format!("NotAllowedError: there is no passkey for {rp_id}."))?;
        let count = self.next_count(self.passkeys[chosen].sign_count);
        self.passkeys[chosen].sign_count = count;
        let client_data = self.client_data("webauthn.get", &challenge, origin);
        self.assertion(&self.passkeys[chosen], &client_data)
    }

    /// The places of the passkeys of `rp_id` that `descriptors` name.
    fn candidates(&self, rp_id: &str, descriptors: &[Vec<u8>]) -> impl Iterator<Item = usize> {
        (0..self.passkeys.len()).filter(move |&place| {
            let held = &self.passkeys[place];
            held.rp_id == rp_id && descriptors.contains(&held.id)
        })
    }

    fn check_offered(&self, public_key: &Value) -> Result<()> {
        let offered = public_key.get("pubKeyCredParams").and_then(Value::as_array);
        let offered = offered.context("pubKeyCredParams must be a list.")?;
        let wanted = self.algorithm.cose();
        let found = offered.iter().any(|one| {
            one.get("type").and_then(Value::as_str) == Some("public-key")
                && one.get("alg").and_then(Value::as_i64) == Some(wanted)
        });
        // An empty list means ES256 and RS256 (WebAuthn section 5.1.3 step 9).
        ensure!(
            found || (offered.is_empty() && wanted == -7),
            "NotSupportedError: pubKeyCredParams does not offer algorithm {wanted}."
        );
        Ok(())
    }

    /// CollectedClientData in the order and form of WebAuthn section 5.8.1.1.
    fn client_data(&self, kind: &str, challenge: &[u8], origin: &str) -> String {
        let tamper = &self.tamper;
        let challenge = tamper.challenge.clone().unwrap_or_else(|| BASE64URL.encode(challenge));
        format!(
            r#"{{"type":{},"challenge":{},"origin":{},"crossOrigin":{}}}"#,
            json!(tamper.client_data_type.as_deref().unwrap_or(kind)),
            json!(challenge),
            json!(tamper.origin.as_deref().unwrap_or(origin)),
            self.cross_origin
        )
    }

    fn registration(&self, passkey: &Passkey, client_data: &str) -> Result<Value> {
        let mut data = self.data(&passkey.rp_id, ATTESTED, passkey.sign_count);
        data.extend(self.aaguid);
        let id_len = u16::try_from(passkey.id.len()).context("The credential ID is too long.")?;
        data.extend(id_len.to_be_bytes());
        data.extend(&passkey.id);
        data.extend(passkey.key.cose_key());
        let attestation = Writer::default()
            .map(3)
            .text("fmt")
            .text("none")
            .text("attStmt")
            .map(0)
            .text("authData")
            .bytes(&data);
        let id = BASE64URL.encode(&passkey.id);
        Ok(json!({
            "id": id,
            "rawId": id,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": { "credProps": { "rk": true } },
            "response": {
                "clientDataJSON": BASE64URL.encode(client_data),
                "attestationObject": BASE64URL.encode(attestation.finish()),
                "authenticatorData": BASE64URL.encode(&data),
                "publicKey": BASE64URL.encode(passkey.key.subject_public_key_info()?),
                "publicKeyAlgorithm": passkey.algorithm().cose(),
                "transports": self.transports,
            },
        }))
    }

    fn assertion(&self, passkey: &Passkey, client_data: &str) -> Result<Value> {
        let data = self.data(&passkey.rp_id, 0, passkey.sign_count);
        let mut signed = data.clone();
        signed.extend(digest(&SHA256, client_data.as_bytes()).as_ref());
        let mut signature = passkey.key.sign(&signed)?;
        if let (true, Some(last)) = (self.tamper.signature, signature.last_mut()) {
            *last ^= 1;
        }
        let mut response = json!({
            "clientDataJSON": BASE64URL.encode(client_data),
            "authenticatorData": BASE64URL.encode(data),
            "signature": BASE64URL.encode(signature),
        });
        let honest = Some(passkey.user_handle.clone());
        if let Some(user_handle) = self.tamper.user_handle.clone().unwrap_or(honest) {
            response["userHandle"] = BASE64URL.encode(user_handle).into();
        }
        let id = BASE64URL.encode(&passkey.id);
        Ok(json!({
            "id": id,
            "rawId": id,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": response,
        }))
    }
}

/// The RP ID that a page of `origin` may use: its host, or a parent domain of two labels or more (WebAuthn section
/// 5.1.3 step 8). A browser asks the public suffix list instead of counting labels.
fn rp_id(origin: &str, claimed: Option<&Value>) -> Result<String> {
    let url = Url::parse(origin).with_context(|| format!("{origin} is not an origin."))?;
    ensure!(url.origin().ascii_serialization() == origin, "{origin} is not written as an origin.");
    ensure!(is_secure(&url), "SecurityError: {origin} is not a secure context.");
    let Some(Host::Domain(host)) = url.host() else {
        bail!("SecurityError: the host of {origin} is not a domain name.");
    };
    let Some(claimed) = claimed.filter(|value| !value.is_null()) else {
        return Ok(host.to_owned());
    };
    let claimed = claimed.as_str().context("The RP ID must be a string.")?;
    let parent = host.strip_suffix(claimed).is_some_and(|rest| rest.ends_with('.')) && claimed.contains('.');
    ensure!(claimed == host || parent, "SecurityError: a page of {origin} may not use the RP ID {claimed}.");
    Ok(claimed.to_owned())
}

fn text<'a>(public_key: &'a Value, pointer: &str) -> Result<&'a str> {
    let value = public_key.pointer(pointer).and_then(Value::as_str);
    value.with_context(|| format!("The option {pointer} must be a string."))
}

fn decode(public_key: &Value, pointer: &str) -> Result<Vec<u8>> {
    let decoded = BASE64URL.decode(text(public_key, pointer)?);
    decoded.with_context(|| format!("The option {pointer} must be base64url without padding."))
}

/// The credential IDs in a list of PublicKeyCredentialDescriptorJSON, which may be absent.
fn descriptors(public_key: &Value, name: &str) -> Result<Vec<Vec<u8>>> {
    let Some(list) = public_key.get(name) else {
        return Ok(Vec::new());
    };
    let list = list.as_array().with_context(|| format!("The option {name} must be a list."))?;
    list.iter().map(|descriptor| decode(descriptor, "/id")).collect()
}
