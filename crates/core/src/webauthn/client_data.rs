//! The client data (Web Authentication Level 3 section 5.8.1): what the browser vouches for.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

use super::{Refused, RelyingParty};
use crate::token::sha256;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: bool,
    top_origin: Option<String>,
}

/// Checks the client data of a ceremony of `kind` and returns its SHA-256.
pub(super) fn check(
    json: &[u8],
    kind: &str,
    challenge: &[u8; 32],
    rp: &RelyingParty,
) -> Result<[u8; 32], Refused> {
    let data: ClientData = serde_json::from_slice(json).map_err(|_| Refused::Malformed("client data"))?;
    if data.kind != kind {
        return Err(Refused::Type);
    }
    let sent = URL_SAFE_NO_PAD.decode(&data.challenge).map_err(|_| Refused::Challenge)?;
    if !bool::from(sent.ct_eq(challenge)) {
        return Err(Refused::Challenge);
    }
    // The whole origin, compared as text: no suffixes, no hosts without port (W-3, W-4).
    if !rp.origins.iter().any(|origin| origin.as_str() == data.origin) {
        return Err(Refused::Origin);
    }
    if data.cross_origin || data.top_origin.is_some() {
        return Err(Refused::CrossOrigin);
    }
    Ok(sha256(json))
}
