//! Every security decision of Doorward, as pure functions from data to data.
//!
//! **Invariant:** no IO, no async, no clock, no randomness and no logging in this crate. The shell passes in
//! `now`, random bytes and loaded rows; the core returns decisions with their reasons. A byte can only go
//! upstream, and an authorization code can only be issued, with a [`policy::Permit`], and only
//! [`policy::decide`] makes one.

pub mod assertion;
pub mod attempts;
pub mod certificate;
pub mod config;
pub mod http;
pub mod id;
pub mod identity;
pub mod jose;
pub mod login;
pub mod oauth;
pub mod oidc;
pub mod policy;
pub mod proxy_protocol;
pub mod return_to;
pub mod rfc3339;
pub mod route;
pub mod seal;
pub mod service;
pub mod time;
pub mod token;
pub mod user;
pub mod webauthn;
