//! OAuth 2.0 (RFC 6749) as data.

pub mod client;
