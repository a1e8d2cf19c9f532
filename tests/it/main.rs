//! Tests across crates.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

mod addresses;
mod architecture;
mod door;
mod headers;
mod paths;
mod smoke;
mod wire;
