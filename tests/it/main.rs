//! Tests across crates.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

mod architecture;
mod ceremonies;
mod door;
mod endpoints;
mod passkeys;
mod smoke;
