//! What the tests need on the machine, installed where it is missing.

pub(crate) mod debian;
pub(crate) mod deny;
pub(crate) mod node;
pub(crate) mod python;
