//! The commands.

pub mod check;
pub mod import;
pub mod keys;
pub mod serve;
