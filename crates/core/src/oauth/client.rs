//! An OAuth client (RFC 6749 section 2).

use std::sync::Arc;

use crate::{policy::Policy, token::HashedSecret};

/// An application that signs people in through us.
#[derive(Clone, Debug)]
pub struct Client {
    /// The name in the configuration: `[clients.<name>]`.
    pub name: String,
    /// The identifier that the application sends.
    pub client_id: String,
    /// What people see when asked for consent.
    pub title: String,
    /// Its secret; `None` for a public client, which must use PKCE.
    pub secret: Option<HashedSecret>,
    /// Where authorization responses may go: compared exactly.
    pub redirect_uris: Vec<String>,
    /// Where sign-out may lead: compared exactly.
    pub post_logout_redirect_uris: Vec<String>,
    /// Who may use it.
    pub policy: Arc<Policy>,
    /// Whether people are asked before their data is handed over.
    pub consent: bool,
    /// Whether PKCE is demanded of a confidential client as well.
    pub require_pkce: bool,
    /// The algorithm of its ID tokens.
    pub id_token_alg: crate::jose::Algorithm,
}

impl Client {
    /// Whether authorization requests must carry a PKCE challenge: always for a public client, which has no other
    /// proof that the code is its own (RFC 9700 section 2.1.1).
    pub const fn needs_pkce(&self) -> bool {
        self.require_pkce || self.secret.is_none()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{jose::Algorithm, policy::Allow};

    pub(crate) fn confidential(client_id: &str, secret: &str) -> Client {
        Client {
            name: client_id.to_owned(),
            client_id: client_id.to_owned(),
            title: client_id.to_uppercase(),
            secret: Some(HashedSecret::of(secret.as_bytes())),
            redirect_uris: vec![format!("https://{client_id}.test/callback")],
            post_logout_redirect_uris: vec![format!("https://{client_id}.test/bye")],
            policy: Arc::new(Policy {
                name: "users".to_owned(),
                allow: Allow::AnyOf(vec!["users".to_owned()]),
                networks: None,
            }),
            consent: true,
            require_pkce: false,
            id_token_alg: Algorithm::Rs256,
        }
    }

    pub(crate) fn public(client_id: &str) -> Client {
        Client { secret: None, ..confidential(client_id, "") }
    }
}
