//! Signatures of DNS messages with a shared key (RFC 8945).

use std::{fmt, path::Path};

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use doorward_core::{config::TsigAlgorithm, time::UnixTime};

use super::message::write_name;

const TSIG: u16 = 250;
const ANY: u16 = 255;
/// How many seconds the server's clock may differ from ours.
const FUDGE: u16 = 300;

/// A key.
pub(super) struct Key {
    name: Vec<u8>,
    algorithm: Vec<u8>,
    secret: hmac::Key,
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key")
    }
}

impl Key {
    /// Reads a key from its file, base64.
    pub(super) fn read(name: &str, algorithm: TsigAlgorithm, file: &Path) -> Result<Self, String> {
        let secret = STANDARD
            .decode(super::read_secret(file)?)
            .map_err(|_| format!("the key {} is not base64", file.display()))?;
        Self::new(name, algorithm, &secret)
    }

    pub(super) fn new(name: &str, algorithm: TsigAlgorithm, secret: &[u8]) -> Result<Self, String> {
        let (registered, hash) = match algorithm {
            TsigAlgorithm::HmacSha256 => ("hmac-sha256", hmac::HMAC_SHA256),
            TsigAlgorithm::HmacSha512 => ("hmac-sha512", hmac::HMAC_SHA512),
        };
        let wire = |name: &str| {
            let mut bytes = Vec::new();
            write_name(name, &mut bytes)
                .map(|()| bytes)
                .ok_or_else(|| format!("`{name}` is no name of a key"))
        };
        Ok(Self { name: wire(name)?, algorithm: wire(registered)?, secret: hmac::Key::new(hash, secret) })
    }

    /// Appends the signature to a message (section 4.3.3).
    pub(super) fn sign(&self, message: &mut Vec<u8>, now: UnixTime) {
        let seconds = u64::try_from(now.0).unwrap_or(0).to_be_bytes();
        let time = &seconds[2..];
        let mut context = hmac::Context::with_key(&self.secret);
        context.update(message);
        let (class, fudge) = (ANY.to_be_bytes(), FUDGE.to_be_bytes());
        // Name, class, time to live, algorithm, time, fudge, error and other data.
        for part in [&self.name[..], &class, &[0; 4], &self.algorithm, time, &fudge, &[0; 4]] {
            context.update(part);
        }
        let tag = context.sign();
        let tag = tag.as_ref();
        let length = |count: usize| u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes();
        let id = [message[0], message[1]];
        let data = [&self.algorithm[..], time, &fudge, &length(tag.len()), tag, &id, &[0; 4]].concat();
        message.extend(&self.name);
        message.extend(TSIG.to_be_bytes());
        message.extend(class);
        message.extend([0; 4]);
        message.extend(length(data.len()));
        message.extend(data);
        // One more record in the additional section.
        let count = u16::from_be_bytes([message[10], message[11]]) + 1;
        message[10..12].copy_from_slice(&count.to_be_bytes());
    }
}
