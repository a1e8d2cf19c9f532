//! Sealing: authenticated encryption of what leaves our memory, under one key per purpose.
//!
//! Every key descends from the root secret by HKDF-SHA-256 (RFC 5869) with a label per purpose, so that what was
//! sealed for one purpose never opens for another. AES-256-GCM, a random 96-bit nonce in front of the ciphertext.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hkdf, hmac,
};
use zeroize::Zeroizing;

/// Bytes of randomness that each sealing needs.
pub const NONCE_LENGTH: usize = 12;

/// The secret that lives outside the database and from which all others are derived.
pub struct RootSecret(hkdf::Prk);

/// Why a root secret is refused.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum RootSecretError {
    /// Fewer than 16 bytes after trimming one trailing newline; 0 for nothing but blanks.
    TooShort(usize),
    /// The text of an undecrypted SOPS value (`ENC[…`).
    Undecrypted,
    /// A placeholder such as `CHANGEME`.
    Placeholder,
    /// A newline inside: two secrets in one file, or the wrong file.
    InteriorNewline,
}

impl fmt::Display for RootSecretError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort(length) => write!(
                formatter,
                "is {length} bytes long; at least 16 are needed, 32 are better (`openssl rand -base64 32`)"
            ),
            Self::Undecrypted => formatter
                .write_str("still holds an encrypted SOPS value (`ENC[…`); point to the decrypted file"),
            Self::Placeholder => formatter
                .write_str("holds a placeholder; write a random secret into it (`openssl rand -base64 32`)"),
            Self::InteriorNewline => {
                formatter.write_str("holds more than one line; it must hold the secret alone")
            }
        }
    }
}

impl std::error::Error for RootSecretError {}

impl RootSecret {
    /// Reads the content of a root secret file: one trailing newline is trimmed, 16 bytes or more must remain.
    pub fn from_file_content(content: &[u8]) -> Result<Self, RootSecretError> {
        let secret = trim_newline(content);
        if secret.starts_with(b"ENC[") {
            return Err(RootSecretError::Undecrypted);
        }
        if secret.to_ascii_uppercase().starts_with(b"CHANGEME") {
            return Err(RootSecretError::Placeholder);
        }
        if secret.trim_ascii().is_empty() {
            return Err(RootSecretError::TooShort(0));
        }
        if secret.len() < 16 {
            return Err(RootSecretError::TooShort(secret.len()));
        }
        if secret.contains(&b'\n') && secret.is_ascii() {
            return Err(RootSecretError::InteriorNewline);
        }
        Ok(Self(hkdf::Salt::new(hkdf::HKDF_SHA256, b"doorward root 1").extract(secret)))
    }

    /// The sealing key for one purpose.
    ///
    /// # Panics
    /// Never: 32 bytes are an AES-256 key.
    pub fn sealing_key(&self, purpose: Purpose) -> SealingKey {
        let bytes = self.derive(purpose.label());
        let key = UnboundKey::new(&AES_256_GCM, bytes.as_ref());
        SealingKey(Arc::new(LessSafeKey::new(key.expect("32 bytes are an AES-256 key"))))
    }

    /// The key of a keyed hash for one purpose, for look-ups of sealed values by equality (a blind index).
    pub fn index_key(&self, purpose: Purpose) -> IndexKey {
        let label = format!("{} index", purpose.label());
        IndexKey(hmac::Key::new(hmac::HMAC_SHA256, self.derive(&label).as_ref()))
    }

    fn derive(&self, label: &str) -> Zeroizing<[u8; 32]> {
        let mut bytes = Zeroizing::new([0; 32]);
        // 32 bytes are one HKDF-SHA-256 block: neither step can fail. A failure would leave zeros, so it must stop.
        let info = [label.as_bytes()];
        let filled = self.0.expand(&info, hkdf::HKDF_SHA256).and_then(|okm| okm.fill(bytes.as_mut()));
        assert!(filled.is_ok(), "HKDF of one block");
        bytes
    }
}

impl fmt::Debug for RootSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RootSecret")
    }
}

/// What a key is for. NEVER CHANGE A LABEL: what is sealed under it would be lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// Columns of the database.
    Storage,
    /// The value stored to recognise a wrong root secret.
    Canary,
    /// Private signing keys in the database.
    SigningKeys,
    /// WebAuthn ceremony state in the browser's cookie.
    Ceremony,
    /// Login transactions in the cookie of a service's host.
    LoginTransaction,
    /// How far an authorization request has come, in its query.
    Authorization,
}

impl Purpose {
    const fn label(self) -> &'static str {
        match self {
            Self::Storage => "storage 1",
            Self::Canary => "canary 1",
            Self::SigningKeys => "signing keys 1",
            Self::Ceremony => "ceremony 1",
            Self::LoginTransaction => "login transaction 1",
            Self::Authorization => "authorization 1",
        }
    }
}

/// Seals and opens bytes for one purpose.
#[derive(Clone)]
pub struct SealingKey(Arc<LessSafeKey>);

impl SealingKey {
    /// Seals `plaintext`. `context` is authenticated, not stored: opening needs the same, so a value sealed for one
    /// row or cookie does not open in another's place. `nonce` is [`NONCE_LENGTH`] fresh random bytes.
    ///
    /// # Panics
    /// When `plaintext` has more than 64 GiB.
    pub fn seal(&self, nonce: [u8; NONCE_LENGTH], context: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(NONCE_LENGTH + plaintext.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(&nonce);
        let mut body = plaintext.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let done = self.0.seal_in_place_append_tag(nonce, Aad::from(context), &mut body);
        assert!(done.is_ok(), "sealing a value of ordinary length");
        sealed.extend_from_slice(&body);
        sealed
    }

    /// Opens what [`Self::seal`] made with the same key and context; `None` for anything else.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LENGTH)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut body = Zeroizing::new(body.to_vec());
        let length = self.0.open_in_place(nonce, Aad::from(context), &mut body).ok()?.len();
        body.truncate(length);
        Some(body)
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SealingKey")
    }
}

/// A keyed hash: equal values have equal hashes, and without the key nothing can be tried out.
#[derive(Clone)]
pub struct IndexKey(hmac::Key);

impl IndexKey {
    /// The index of `value`.
    pub fn index(&self, value: &[u8]) -> [u8; 32] {
        let mut index = [0; 32];
        index.copy_from_slice(hmac::sign(&self.0, value).as_ref());
        index
    }
}

impl fmt::Debug for IndexKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("IndexKey")
    }
}

/// `content` without one trailing newline (`\n` or `\r\n`).
pub fn trim_newline(content: &[u8]) -> &[u8] {
    let content = content.strip_suffix(b"\n").unwrap_or(content);
    content.strip_suffix(b"\r").unwrap_or(content)
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::*;

    fn root(content: &[u8]) -> RootSecret {
        RootSecret::from_file_content(content).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_only_with_the_same_key_and_context() {
        let key = root(b"0123456789abcdef\n").sealing_key(Purpose::Storage);
        let sealed = key.seal([1; 12], b"users/email/1", b"ada@example.org");
        assert_eq!(key.open(b"users/email/1", &sealed).unwrap().as_slice(), b"ada@example.org");
        assert!(key.open(b"users/email/2", &sealed).is_none());
        assert!(
            root(b"0123456789abcdef")
                .sealing_key(Purpose::Ceremony)
                .open(b"users/email/1", &sealed)
                .is_none()
        );
        assert!(
            root(b"0123456789abcdeX").sealing_key(Purpose::Storage).open(b"users/email/1", &sealed).is_none()
        );
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.open(b"users/email/1", &changed).is_none());
            assert!(key.open(b"users/email/1", &sealed[..at]).is_none());
        }
    }

    #[test]
    fn impossible_10_an_empty_or_placeholder_secret_is_refused() {
        let refused = |content: &[u8]| RootSecret::from_file_content(content).unwrap_err();
        assert_eq!(refused(b""), RootSecretError::TooShort(0));
        assert_eq!(refused(b"\n"), RootSecretError::TooShort(0));
        assert_eq!(refused(b"short\n"), RootSecretError::TooShort(5));
        assert_eq!(refused(b"ENC[AES256_GCM,data:abc]"), RootSecretError::Undecrypted);
        assert_eq!(refused(b"changeme-changeme-changeme"), RootSecretError::Placeholder);
        assert_eq!(refused(b"0123456789abcdef\n0123456789abcdef\n"), RootSecretError::InteriorNewline);
    }

    const PURPOSES: [Purpose; 6] = [
        Purpose::Storage,
        Purpose::Canary,
        Purpose::SigningKeys,
        Purpose::Ceremony,
        Purpose::LoginTransaction,
        Purpose::Authorization,
    ];

    #[test]
    fn a_8_what_is_sealed_for_one_purpose_opens_for_no_other() {
        let root = root(b"0123456789abcdef");
        for purpose in PURPOSES {
            let sealed = root.sealing_key(purpose).seal([1; 12], b"", b"x");
            for other in PURPOSES {
                let opened = root.sealing_key(other).open(b"", &sealed);
                assert_eq!(opened.is_some(), purpose == other, "{purpose:?} {other:?}");
            }
            let of = |purpose| root.index_key(purpose).index(b"x");
            assert_eq!(PURPOSES.into_iter().filter(|other| of(*other) == of(purpose)).count(), 1);
        }
    }

    /// The labels are for ever: a value that was sealed before an update opens after it.
    #[test]
    fn yesterdays_seals_open() {
        let root = root(b"a root secret of yesterday");
        let seals: Vec<String> = PURPOSES
            .into_iter()
            .map(|purpose| {
                let sealed = root.sealing_key(purpose).seal([7; 12], b"row", b"value");
                format!("{purpose:?} {}", URL_SAFE_NO_PAD.encode(sealed))
            })
            .collect();
        insta::assert_snapshot!(seals.join("\n"));
    }

    #[test]
    fn impossible_12_keys_do_not_print() {
        let root = root(b"0123456789abcdef");
        let printed = format!(
            "{root:?} {:?} {:?}",
            root.sealing_key(Purpose::Storage),
            root.index_key(Purpose::Storage)
        );
        assert_eq!(printed, "RootSecret SealingKey IndexKey");
    }

    #[test]
    fn one_newline_is_trimmed() {
        for (content, trimmed) in [
            (b"a\n".as_slice(), b"a".as_slice()),
            (b"a\r\n", b"a"),
            (b"a\n\n", b"a\n"),
            (b" a ", b" a "),
            (b"", b""),
        ] {
            assert_eq!(trim_newline(content), trimmed);
        }
    }
}
