//! Claims that an administrator adds to people and groups.

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

use super::is_label;
use crate::oidc::claim_rule::RESERVED;

/// Claims that one person or group has at most.
pub const CLAIMS_MAX: usize = 100;
/// Longest name of a claim, in characters.
pub const KEY_MAX: usize = 255;
/// Longest value, in bytes.
pub const VALUE_MAX: usize = 4096;

/// Claims that say who a person is, besides those that say what a token proves: they come from the profile and the
/// memberships.
const OF_PEOPLE: [&str; 7] =
    ["given_name", "family_name", "name", "preferred_username", "display_name", "groups", "type"];

/// Names and values, as an administrator wrote them.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct WrittenClaims(BTreeMap<String, String>);

/// Why claims are refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClaimsError {
    /// The claim is one that we write ourselves.
    Reserved(String),
    /// No name, one that is too long, or with control characters.
    Key(String),
    /// The value of this claim is longer than [`VALUE_MAX`].
    Value(String),
    /// The claim is there twice.
    Twice(String),
    /// There are more than [`CLAIMS_MAX`].
    TooMany,
}

impl fmt::Display for ClaimsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reserved(key) => {
                write!(formatter, "the claim {key:?} is one that is written for each person")
            }
            Self::Key(key) => {
                write!(formatter, "{key:?} can't be the name of a claim: 1 to {KEY_MAX} characters")
            }
            Self::Value(key) => write!(formatter, "the value of {key:?} is longer than {VALUE_MAX} bytes"),
            Self::Twice(key) => write!(formatter, "the claim {key:?} is there twice"),
            Self::TooMany => write!(formatter, "there are more than {CLAIMS_MAX} claims"),
        }
    }
}

impl std::error::Error for ClaimsError {}

/// Whether no administrator can write this claim.
pub fn is_reserved(key: &str) -> bool {
    RESERVED.contains(&key) || OF_PEOPLE.contains(&key)
}

impl WrittenClaims {
    /// Checks claims as they came.
    ///
    /// # Errors
    /// See [`ClaimsError`].
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, ClaimsError> {
        let mut claims = BTreeMap::new();
        for (key, value) in pairs {
            if is_reserved(&key) {
                return Err(ClaimsError::Reserved(key));
            }
            if key.trim().is_empty() || !is_label(&key, KEY_MAX) {
                return Err(ClaimsError::Key(key));
            }
            if value.len() > VALUE_MAX {
                return Err(ClaimsError::Value(key));
            }
            if claims.contains_key(&key) {
                return Err(ClaimsError::Twice(key));
            }
            claims.insert(key, value);
            if claims.len() > CLAIMS_MAX {
                return Err(ClaimsError::TooMany);
            }
        }
        Ok(Self(claims))
    }

    /// Names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What a person's tokens say besides the claims that everybody has.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct CustomClaims(BTreeMap<String, Value>);

impl CustomClaims {
    /// The person's own claims, and those of their groups, in the order of the groups' names. The person's own count
    /// before a group's, and the first group's before another's. A value that is JSON is that value, any other a text.
    pub fn merge<'a>(own: &'a WrittenClaims, groups: impl IntoIterator<Item = &'a WrittenClaims>) -> Self {
        let mut merged = BTreeMap::new();
        for (key, value) in std::iter::once(own).chain(groups).flat_map(WrittenClaims::iter) {
            let read = || serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
            merged.entry(key.to_owned()).or_insert_with(read);
        }
        Self(merged)
    }

    /// Names and values. What is reserved is left out, wherever it came from.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value)).filter(|(key, _)| !is_reserved(key))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(pairs: &[(&str, &str)]) -> Result<WrittenClaims, ClaimsError> {
        WrittenClaims::new(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn a_24_no_custom_claim_says_who_a_person_is_or_what_a_token_proves() {
        for key in RESERVED.iter().chain(&OF_PEOPLE) {
            assert_eq!(written(&[(key, "x")]), Err(ClaimsError::Reserved((*key).to_owned())));
        }
        let smuggled = CustomClaims(BTreeMap::from([("email_verified".to_owned(), json!(true))]));
        assert_eq!(smuggled.iter().count(), 0);
    }

    #[test]
    fn claims_are_bounded_and_named_once() {
        assert!(matches!(written(&[("", "x")]), Err(ClaimsError::Key(_))));
        assert!(matches!(written(&[("a\nb", "x")]), Err(ClaimsError::Key(_))));
        assert!(matches!(written(&[(&"k".repeat(256), "x")]), Err(ClaimsError::Key(_))));
        assert!(matches!(written(&[("k", &"v".repeat(4097))]), Err(ClaimsError::Value(_))));
        assert!(matches!(written(&[("k", "1"), ("k", "2")]), Err(ClaimsError::Twice(_))));
        let many: Vec<_> = (0..=CLAIMS_MAX).map(|at| (at.to_string(), String::new())).collect();
        assert_eq!(WrittenClaims::new(many), Err(ClaimsError::TooMany));
    }

    #[test]
    fn a_person_counts_before_a_group_and_json_is_read() {
        let own = written(&[("quota", "5"), ("team", "red")]).unwrap();
        let first = written(&[("team", "blue"), ("roles", r#"["a","b"]"#), ("shell", "/bin/sh")]).unwrap();
        let second = written(&[("shell", "none"), ("broken", "{")]).unwrap();
        let merged = CustomClaims::merge(&own, [&first, &second]);
        let told: BTreeMap<_, _> = merged.iter().map(|(key, value)| (key, value.clone())).collect();
        let expected = BTreeMap::from([
            ("quota", json!(5)),
            ("team", json!("red")),
            ("roles", json!(["a", "b"])),
            ("shell", json!("/bin/sh")),
            ("broken", json!("{")),
        ]);
        assert_eq!(told, expected);
    }
}
