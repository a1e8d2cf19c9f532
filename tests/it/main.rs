//! Tests across crates.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

mod addresses;
mod architecture;
mod commands;
mod door;
mod headers;
mod live;
mod paths;
mod process;
mod smoke;
mod wire;
