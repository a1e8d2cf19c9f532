//! The key that signs tokens, opened with the key that it is encrypted by.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    digest::{SHA3_256, digest},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::{SecretKey, Skipped, rows::Database};

/// Where the key is.
const KEY: &str = "jwt_private_key.json";
/// The block of SHA3-256, in bytes (FIPS 202).
const BLOCK: usize = 136;

/// How many keys there are.
pub(super) fn found(database: &Database) -> usize {
    usize::from(database.value(KEY, "").is_some())
}

/// Opens the key.
pub(super) fn signing_key(
    database: &Database,
    encryption_key: Option<&[u8]>,
    skipped: &mut Vec<Skipped>,
) -> Result<Option<SecretKey>, String> {
    let mut skip = |why: &str| {
        skipped.push(Skipped { what: "the signing key".to_owned(), why: why.to_owned() });
        Ok(None)
    };
    let Some(sealed) = database.value(KEY, "") else {
        return skip("it is not in the archive: applications fetch the new one by themselves");
    };
    let Some(encryption_key) = encryption_key else {
        return skip(
            "name the file of ENCRYPTION_KEY by --encryption-key-file to keep it; else applications fetch the new one",
        );
    };
    let instance = database.value("instance_id", "instanceId").unwrap_or_default();
    let kek = hmac(encryption_key, format!("pocketid/{instance}/jwk-kek").as_bytes());
    let opened = open(sealed, &kek);
    let jwk = opened.and_then(|text| serde_json::from_slice(&text).ok());
    match jwk {
        Some(jwk) => Ok(Some(SecretKey(jwk))),
        None => Err("the encryption key does not open the signing key in it: is it the one of this archive?"
            .to_owned()),
    }
}

/// HMAC (RFC 2104) with SHA3-256, which no library at hand offers whole.
pub(super) fn hmac(key: &[u8], message: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut block = Zeroizing::new(vec![0; BLOCK]);
    let short = if key.len() > BLOCK { digest(&SHA3_256, key).as_ref().to_vec() } else { key.to_vec() };
    for (to, from) in block.iter_mut().zip(&short) {
        *to = *from;
    }
    let padded = |pad: u8, rest: &[u8]| {
        let mut bytes: Zeroizing<Vec<u8>> = Zeroizing::new(block.iter().map(|byte| byte ^ pad).collect());
        bytes.extend_from_slice(rest);
        digest(&SHA3_256, &bytes)
    };
    let inner = padded(0x36, message);
    Zeroizing::new(padded(0x5c, inner.as_ref()).as_ref().to_vec())
}

/// Nonce, ciphertext and tag, in base64.
fn open(sealed: &str, key: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(STANDARD.decode(sealed.trim()).ok()?);
    let (nonce, content) = bytes.split_at_mut_checked(12)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
    let plain = key.open_in_place(nonce, Aad::empty(), content).ok()?;
    Some(Zeroizing::new(plain.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of NIST's examples for HMAC-SHA3-256.
    #[test]
    fn the_examples_of_nist() {
        let hex = |bytes: &[u8]| {
            let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            digits.concat()
        };
        let key = |length: u8| (0..length).collect::<Vec<u8>>();
        let shorter = hmac(&key(32), b"Sample message for keylen<blocklen");
        assert_eq!(hex(&shorter), "4fe8e202c4f058e8dddc23d8c34e467343e23555e24fc2f025d598f558f67205");
        let equal = hmac(&key(136), b"Sample message for keylen=blocklen");
        assert_eq!(hex(&equal), "68b94e2e538a9be4103bebb5aa016d47961d4d1aa906061313b557f8af2c3faa");
        let longer = hmac(&key(168), b"Sample message for keylen>blocklen");
        assert_eq!(hex(&longer), "9bcf2c238e235c3ce88404e813bd2f3a97185ac6f238c63d6229a00b07974258");
    }
}
