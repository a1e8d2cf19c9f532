//! Doorward, put together: the library behind the binary, so that tests compose the same server.

mod admin;
mod assertions;
mod bearers;
mod beside;
pub mod certificates;
pub mod cli;
pub mod clock;
pub mod command;
pub mod config;
mod control;
pub mod demo;
pub mod exit;
mod handover;
pub mod inherited;
mod jobs;
mod notify;
mod reload;
mod secrets;
pub mod selftest;
pub mod serve;
mod sessions;
pub mod signals;
pub mod signing;
pub mod telemetry;
pub mod terminal;
