//! Opaque tokens: 256 random bits that grant something to whoever holds them.
//!
//! A token has two types and neither prints: [`Plain`] is what the holder presents, [`Hashed`] is what we store
//! and compare. Each kind of token has its own type, prefix and table, so that one can never be used as another.

use std::{fmt, marker::PhantomData};

use aws_lc_rs::{digest, hmac};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroize as _;

/// One kind of token.
pub trait Kind {
    /// What every token of this kind begins with. NEVER CHANGE ONE: issued tokens and secret scanners know it.
    const PREFIX: &'static str;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum $name {}
        impl Kind for $name {
            const PREFIX: &'static str = $prefix;
        }
    )+};
}

kinds! {
    /// A session cookie's value.
    Session = "dw_s_",
    /// An authorization code (RFC 6749 section 4.1.2).
    Code = "dw_c_",
    /// A refresh token (RFC 6749 section 1.5).
    Refresh = "dw_r_",
    /// An access token (RFC 6749 section 1.4).
    Access = "dw_a_",
    /// The code that hands a portal session over to one service's host.
    Handoff = "dw_h_",
    /// A one-time link to enrol a passkey.
    Enrolment = "dw_e_",
    /// The one-time link to set up an empty installation.
    Setup = "dw_i_",
    /// A token that a person made for one service.
    Personal = "dw_k_",
    /// A key by which a program administers in the place of its owner.
    ApiKey = "dw_y_",
    /// What names a pushed authorization request (RFC 9126 section 2.2).
    Pushed = "dw_p_",
    /// An access token of a client for itself (RFC 6749 section 4.4.3).
    Machine = "dw_m_",
    /// A device code (RFC 8628 section 3.2).
    Device = "dw_d_",
}

const SECRET_LENGTH: usize = 32;
const SECRET_CHARACTERS: usize = 43;
const CHECKSUM_CHARACTERS: usize = 6;

/// A token as its holder presents it.
pub struct Plain<K: Kind> {
    text: String,
    kind: PhantomData<K>,
}

impl<K: Kind> Plain<K> {
    /// The token made of these random bytes.
    pub fn from_random(bytes: [u8; SECRET_LENGTH]) -> Self {
        let mut text = String::with_capacity(K::PREFIX.len() + SECRET_CHARACTERS + CHECKSUM_CHARACTERS);
        text.push_str(K::PREFIX);
        URL_SAFE_NO_PAD.encode_string(bytes, &mut text);
        let checksum = checksum(&text);
        text.push_str(&checksum);
        Self { text, kind: PhantomData }
    }

    /// Reads a token of this kind. `None` for any other text: a wrong prefix, length, alphabet or checksum.
    pub fn parse(text: &str) -> Option<Self> {
        let expected = K::PREFIX.len() + SECRET_CHARACTERS + CHECKSUM_CHARACTERS;
        if text.len() != expected || !text.is_ascii() || !text.starts_with(K::PREFIX) {
            return None;
        }
        let (body, found) = text.split_at(text.len() - CHECKSUM_CHARACTERS);
        URL_SAFE_NO_PAD.decode(&body[K::PREFIX.len()..]).ok()?;
        // The checksum is no secret: it spares the store a look-up for what was mistyped or guessed blindly.
        (checksum(body) == found).then(|| Self { text: text.to_owned(), kind: PhantomData })
    }

    /// The text to hand to the holder. Never log it.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// What the store keeps.
    pub fn hash(&self) -> Hashed<K> {
        Hashed::of_text(&self.text)
    }
}

impl<K: Kind> Drop for Plain<K> {
    fn drop(&mut self) {
        self.text.zeroize();
    }
}

impl<K: Kind> fmt::Debug for Plain<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Plain({}…)", K::PREFIX)
    }
}

/// The SHA-256 of a token: what the store keeps and what look-ups compare.
pub struct Hashed<K: Kind> {
    digest: [u8; 32],
    kind: PhantomData<K>,
}

impl<K: Kind> Hashed<K> {
    /// Hashes what might be a token's text, well-formed or not. The digest of an ill-formed text matches nothing.
    pub fn of_text(text: &str) -> Self {
        Self { digest: sha256(text.as_bytes()), kind: PhantomData }
    }

    /// Reads a stored hash.
    pub fn from_stored(digest: [u8; 32]) -> Self {
        Self { digest, kind: PhantomData }
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.digest
    }
}

impl<K: Kind> Clone for Hashed<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K: Kind> Copy for Hashed<K> {}

impl<K: Kind> PartialEq for Hashed<K> {
    fn eq(&self, other: &Self) -> bool {
        self.digest.ct_eq(&other.digest).into()
    }
}

impl<K: Kind> Eq for Hashed<K> {}

impl<K: Kind> std::hash::Hash for Hashed<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

impl<K: Kind> fmt::Debug for Hashed<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Hashed({}…)", K::PREFIX)
    }
}

/// A secret that somebody else chose, such as an OAuth client's, kept as its SHA-256 and compared in constant time.
///
/// Fit for generated secrets only: a fast hash does not protect what people invent.
#[derive(Clone, PartialEq, Eq)]
pub struct HashedSecret([u8; 32]);

impl HashedSecret {
    /// Hashes `secret`.
    pub fn of(secret: &[u8]) -> Self {
        Self(sha256(secret))
    }

    /// Reads a stored hash.
    pub const fn from_stored(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The bytes to store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether both are hashes of one secret, in constant time.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// Whether `presented` is the secret.
    pub fn matches(&self, presented: &[u8]) -> bool {
        self.0.ct_eq(&sha256(presented)).into()
    }
}

impl fmt::Debug for HashedSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HashedSecret")
    }
}

/// HMAC-SHA-256 of `bytes`: nobody without the key can tell what was hashed by trying.
pub fn keyed_hash(key: &[u8; 32], bytes: &[u8]) -> [u8; 32] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let mut tag = [0; 32];
    tag.copy_from_slice(hmac::sign(&key, bytes).as_ref());
    tag
}

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    digest
}

fn checksum(text: &str) -> String {
    let mut encoded = URL_SAFE_NO_PAD.encode(&sha256(text.as_bytes())[..6]);
    encoded.truncate(CHECKSUM_CHARACTERS);
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_and_hashes_alike() {
        let token = Plain::<Session>::from_random([9; 32]);
        let read = Plain::<Session>::parse(token.expose()).unwrap();
        assert_eq!(read.hash(), token.hash());
        assert!(token.expose().starts_with("dw_s_"));
    }

    #[test]
    fn one_kind_is_never_another() {
        let token = Plain::<Code>::from_random([9; 32]);
        assert!(Plain::<Refresh>::parse(token.expose()).is_none());
        assert!(Plain::<Session>::parse(token.expose()).is_none());
    }

    /// O-26: a token that was flipped, truncated or extended anywhere is no token.
    #[test]
    fn o_26_changed_tokens_are_refused() {
        let token = Plain::<Access>::from_random([3; 32]);
        let text = token.expose();
        for at in 0..text.len() {
            assert!(Plain::<Access>::parse(&text[..at]).is_none());
            let mut changed = text.as_bytes().to_vec();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(Plain::<Access>::parse(&changed).is_none(), "{at}");
        }
        assert!(Plain::<Access>::parse(&format!("{text}A")).is_none());
        assert!(Plain::<Access>::parse(&format!("{text}é")).is_none());
    }

    #[test]
    fn neither_type_prints_the_secret() {
        let token = Plain::<Session>::from_random([9; 32]);
        assert_eq!(format!("{token:?} {:?}", token.hash()), "Plain(dw_s_…) Hashed(dw_s_…)");
    }

    #[test]
    fn every_kind_has_a_prefix_of_its_own() {
        let prefixes = [
            Session::PREFIX,
            Code::PREFIX,
            Refresh::PREFIX,
            Access::PREFIX,
            Handoff::PREFIX,
            Enrolment::PREFIX,
            Setup::PREFIX,
            Personal::PREFIX,
            ApiKey::PREFIX,
            Pushed::PREFIX,
            Machine::PREFIX,
            Device::PREFIX,
        ];
        for (index, prefix) in prefixes.iter().enumerate() {
            assert!(!prefixes[index + 1..].contains(prefix), "{prefix}");
        }
    }

    #[test]
    fn a_stored_hash_is_the_hash_of_the_token() {
        let token = Plain::<Session>::from_random([9; 32]);
        let stored = Hashed::<Session>::from_stored(*token.hash().as_bytes());
        assert_eq!(Hashed::of_text(token.expose()), stored);
        assert_ne!(Plain::<Session>::from_random([8; 32]).hash(), stored);
        assert!(!token.expose().as_bytes().windows(32).any(|part| part == stored.as_bytes()));
    }

    #[test]
    fn d_7_a_secret_matches_itself_and_nothing_else() {
        let secret = HashedSecret::of(b"correct horse battery");
        assert!(secret.matches(b"correct horse battery"));
        for other in
            [b"".as_slice(), b"correct horse batter", b"correct horse battery ", b"Correct horse battery"]
        {
            assert!(!secret.matches(other));
        }
        assert_eq!(format!("{secret:?}"), "HashedSecret");
    }
}
