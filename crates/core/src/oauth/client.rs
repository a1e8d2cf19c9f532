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
