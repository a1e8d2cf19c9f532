//! Secrets that came from elsewhere as bcrypt hashes. Each is compared once: then its quick hash is stored.

use std::fmt;

use bcrypt::HashParts;

use super::client_auth::Presented;
use crate::{time::UnixTime, token::HashedSecret};

/// Costs that are accepted: more would let a few requests keep a core busy.
const COST: std::ops::RangeInclusive<u32> = 4..=12;
/// Longest text that bcrypt tells apart, in bytes: of a longer one it would compare the beginning alone.
const LONGEST: usize = 72;

/// A bcrypt hash.
#[derive(Clone, PartialEq, Eq)]
pub struct SlowHash(String);

impl fmt::Debug for SlowHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SlowHash")
    }
}

impl SlowHash {
    /// Reads a bcrypt hash (`$2a$`, `$2b$`, `$2y$`). `None` for any other text, and for a cost that is not bearable.
    pub fn parse(text: &str) -> Option<Self> {
        let known = ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| text.starts_with(prefix));
        let parts: HashParts = text.parse().ok()?;
        (known && COST.contains(&parts.get_cost())).then(|| Self(text.to_owned()))
    }

    /// The text to store.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the hash of `secret`. Not for a thread that others wait for.
    pub fn matches(&self, secret: &[u8]) -> bool {
        secret.len() <= LONGEST && bcrypt::verify(secret, &self.0).unwrap_or(false)
    }
}

/// Such a secret of a client.
#[derive(Clone, Debug)]
pub struct SlowSecret {
    /// Its identifier.
    pub id: String,
    /// Its hash.
    pub hash: SlowHash,
    /// Until when it is good; `None` for as long as it is there.
    pub expires_at: Option<UnixTime>,
}

/// The live secret that was presented, with its quick hash. Not for a thread that others wait for.
pub fn find<'a>(
    secrets: &'a [SlowSecret],
    presented: &Presented,
    now: UnixTime,
) -> Option<(&'a SlowSecret, HashedSecret)> {
    let live = secrets.iter().filter(|secret| secret.expires_at.is_none_or(|end| end > now));
    live.flat_map(|secret| presented.secrets().map(move |text| (secret, text)))
        .find(|(secret, text)| secret.hash.matches(text.as_bytes()))
        .map(|(secret, text)| (secret, HashedSecret::of(text.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::parameters::Parameters;

    /// Of `s3cret`, by `htpasswd -nbBC 4`.
    fn hash() -> SlowHash {
        SlowHash::parse(
            &bcrypt::hash_with_result("s3cret", 4).unwrap().format_for_version(bcrypt::Version::TwoA),
        )
        .unwrap()
    }

    fn presented(secret: &str) -> Presented {
        let body = format!("client_id=wiki&client_secret={secret}");
        Presented::read(None, &Parameters::parse(body.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn only_a_live_secret_is_found() {
        let secret = |expires_at| SlowSecret { id: "1".to_owned(), hash: hash(), expires_at };
        let found = |secret: SlowSecret, text: &str| {
            find(&[secret], &presented(text), UnixTime(10)).map(|(_, quick)| quick)
        };
        assert!(found(secret(None), "s3cret").unwrap().matches(b"s3cret"));
        assert!(found(secret(Some(UnixTime(11))), "s3cret").is_some());
        assert_eq!(found(secret(Some(UnixTime(10))), "s3cret"), None);
        assert_eq!(found(secret(None), "s3cre"), None);
        assert_eq!(found(secret(None), ""), None);
    }

    #[test]
    fn a_text_longer_than_bcrypt_tells_apart_is_none() {
        let long = "a".repeat(72);
        let hash = bcrypt::hash_with_result(&long, 4).unwrap().format_for_version(bcrypt::Version::TwoB);
        let hash = SlowHash::parse(&hash).unwrap();
        assert!(hash.matches(long.as_bytes()) && !hash.matches(format!("{long}b").as_bytes()));
    }

    #[test]
    fn hashes_that_take_long_or_are_none_are_refused() {
        let text = hash().as_str().to_owned();
        assert!(SlowHash::parse(&text.replacen("$04$", "$12$", 1)).is_some());
        for unfit in [
            text.replacen("$04$", "$13$", 1),
            text.replacen("$2a$", "$2x$", 1),
            "x".to_owned(),
            String::new(),
        ] {
            assert_eq!(SlowHash::parse(&unfit), None, "{unfit}");
        }
        assert_eq!(format!("{:?}", hash()), "SlowHash");
    }
}
