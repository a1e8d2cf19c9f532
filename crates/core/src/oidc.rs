//! OpenID Connect Core as data and decisions.
//!
//! `/authorize` is one dispatcher: [`authorization::parse`] reads the request, [`interaction::next_step`] says the one
//! thing to do, and whatever that is (sign in, consent) comes back to `/authorize` with the same query and its
//! [`progress`]. The token endpoint is [`grant`], the rest is a file per endpoint.

pub mod authorization;
pub mod claim_rule;
pub mod claims;
pub mod claims_request;
pub mod device;
pub mod discovery;
pub mod end_session;
pub mod grant;
pub mod hint;
pub mod interaction;
pub mod issue;
pub mod progress;
pub mod prompt;
pub mod pushed;
pub mod response;
pub mod token_state;
pub mod userinfo;
pub mod webfinger;

#[cfg(test)]
pub(crate) mod fixtures;
