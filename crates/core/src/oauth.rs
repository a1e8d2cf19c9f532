//! OAuth 2.0 (RFC 6749) as data.

pub mod client;
pub mod client_auth;
pub mod error;
pub mod grant_type;
pub mod parameters;
pub mod pkce;
pub mod redirect_uri;
pub mod registration;
pub mod scope;
pub mod slow_secret;
