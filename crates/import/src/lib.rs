//! What people come from, read as data.
//!
//! **Invariant:** bytes in, a draft or a plan out; no IO, no clock, no randomness. Nothing here decides about a request
//! and nothing here writes: a draft is a text that its reader checks, a plan is carried out by the store.
//!
//! **Invariant:** a draft opens nothing that was not open where it comes from. What isn't understood closes the service
//! that it is about.

pub mod caddyfile;
pub mod draft;
pub mod pocket_id;
mod toml;
mod zip;

pub use draft::{Draft, Note};
