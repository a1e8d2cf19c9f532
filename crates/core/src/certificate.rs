//! Which names need which certificate, when it is renewed, and how long to wait after a failure.

mod der;
mod plan;
mod schedule;

pub use der::{Facts, Malformed, facts};
pub use plan::{Wanted, covers, identifier, plan};
pub use schedule::{Window, attempt_again_at, renewal_at};
