//! What tests are made of: a clock that they advance, randomness that repeats, directories and databases of their own.

mod archive;
mod clock;
mod postgres;
pub mod properties;
mod random;
mod scratch;

pub use archive::zip;
pub use clock::TestClock;
pub use postgres::{PostgresDatabase, PostgresError};
pub use random::SeededRandom;
pub use scratch::Scratch;
