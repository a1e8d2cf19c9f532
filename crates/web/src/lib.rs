//! The control plane: what browsers and OAuth clients call on the identity host, and the reserved path
//! `/.doorward/` on services' hosts.
//!
//! **Invariant:** a handler extracts, loads, asks the core, stores and responds, in that order. It decides nothing.

mod answers;
mod api_keys;
mod app;
mod assets;
mod callback;
mod ceremony;
mod clients;
mod enrolment;
mod environment;
mod extract;
mod groups;
mod handoff;
mod launcher;
mod limits;
mod login;
mod oidc;
mod page;
mod passkeys;
mod people;
mod personal_tokens;
mod refusal;
mod reply;
mod rest;
mod router;
mod same_origin;
mod session;
mod setup;
mod sign_out;
mod transaction;
mod well_known;

pub use app::{App, Demanded, Denied, Problem, ReplyBody, Settings};
