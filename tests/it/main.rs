//! Tests across crates.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

mod architecture;
mod ceremonies;
mod door;
mod end_session;
mod endpoints;
mod handoff;
mod passkeys;
mod provider;
mod smoke;
mod tokens;
mod userinfo;
