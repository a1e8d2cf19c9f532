//! Tests across crates.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

mod acme;
mod addresses;
mod admin;
mod architecture;
mod asking;
mod ceremonies;
mod certificates;
mod client_credentials;
mod clients;
mod commands;
mod devices;
mod disclosure;
mod documents;
mod door;
mod end_session;
mod endpoints;
mod forward_auth;
mod handoff;
mod headers;
mod impossible;
mod live;
mod normalisers;
mod pages;
mod partition;
mod passkeys;
mod paths;
mod people;
mod personal_tokens;
mod process;
mod provider;
mod pushed;
mod response_modes;
mod restart;
mod robust;
mod secrecy;
mod service_manager;
mod services;
mod smoke;
mod step_up;
mod store;
mod token_state;
mod tokens;
mod userinfo;
mod wire;
