//! The commands.

pub mod check;
pub mod keys;
pub mod serve;
