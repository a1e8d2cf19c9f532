//! Secrets of clients.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::{id::SecretId, time::UnixTime, token::HashedSecret};
use doorward_store::{SecretHash, StoredSecret};
use zeroize::Zeroizing;

use crate::environment::Environment;

/// Characters of a secret that stay readable, so that people can tell them apart.
const PREFIX: usize = 4;

/// A secret of 32 characters, and what is stored of it.
pub(crate) fn draw(
    environment: &Environment,
    now: UnixTime,
    expires_at: Option<UnixTime>,
) -> (Zeroizing<String>, StoredSecret) {
    let plain = Zeroizing::new(URL_SAFE_NO_PAD.encode(environment.draw::<24>()));
    let stored = stored(environment, &plain, now, expires_at);
    (plain, stored)
}

/// What is stored of a secret.
pub(crate) fn stored(
    environment: &Environment,
    plain: &str,
    now: UnixTime,
    expires_at: Option<UnixTime>,
) -> StoredSecret {
    StoredSecret {
        id: SecretId::from_random(environment.draw()).to_string(),
        prefix: plain.chars().take(PREFIX).collect(),
        hash: SecretHash::Quick(HashedSecret::of(plain.as_bytes())),
        created_at: now,
        expires_at,
    }
}
