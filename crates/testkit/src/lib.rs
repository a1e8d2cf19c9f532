//! What tests are made of: a clock that they advance and randomness that repeats.

mod clock;
mod random;
mod scratch;

pub use clock::TestClock;
pub use random::SeededRandom;
pub use scratch::Scratch;
