//! Doorward, put together: the library behind the binary, so that tests compose the same server.

pub mod config;
