//! Tests across crates.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

mod addresses;
mod architecture;
mod commands;
mod documents;
mod door;
mod headers;
mod impossible;
mod live;
mod paths;
mod process;
mod secrecy;
mod smoke;
mod store;
mod wire;
