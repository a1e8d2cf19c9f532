//! Credentials of ours that an application demands, which people and clients never see.

use std::{fmt, path::PathBuf};

use ::http::{HeaderMap, HeaderName, HeaderValue};

use super::Disclosure;
use crate::{
    http::headers,
    policy::{Grounds, Permit},
};

/// A header with a credential from a file, set on requests that rest on a person or, where that is declared, on a key.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The header.
    pub name: HeaderName,
    /// The file that holds the secret.
    pub file: PathBuf,
    /// What stands in front of it, such as `Bearer `.
    pub prefix: String,
    /// Whether it goes along too with requests that a key of the service opened.
    pub with_keys: bool,
    /// The value, once the file was read. Without one the service is closed.
    pub value: Option<CredentialValue>,
}

/// A header's value that does not print.
#[derive(Clone)]
pub struct CredentialValue(HeaderValue);

impl CredentialValue {
    /// The prefix and the secret as one value; `None` if that can't stand in a header.
    pub fn new(prefix: &str, secret: &[u8]) -> Option<Self> {
        let mut value = HeaderValue::from_bytes(&[prefix.as_bytes(), secret].concat()).ok()?;
        value.set_sensitive(true);
        Some(Self(value))
    }
}

impl fmt::Debug for CredentialValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CredentialValue")
    }
}

impl Disclosure {
    /// Puts the credentials in place of whatever the client sent under their names, in any spelling. On a request that
    /// rests on no person and on no name with its password, and on no key where keys are declared to count, what the
    /// client sent is removed and nothing is set: what is open to everybody lends nobody our rights (R91).
    pub fn lend(&self, headers: &mut HeaderMap, permit: &Permit) {
        for credential in &self.credentials {
            let name = credential.name.as_str();
            headers::remove_names(headers, |found, _| headers::are_alike(found.as_str(), name));
            let by_key = credential.with_keys && matches!(permit.grounds(), Grounds::Key(_));
            let by_somebody = permit.identity().is_some() || permit.user().is_some();
            if (by_somebody || by_key)
                && let Some(CredentialValue(value)) = &credential.value
            {
                headers.insert(credential.name.clone(), value.clone());
            }
        }
    }
}
