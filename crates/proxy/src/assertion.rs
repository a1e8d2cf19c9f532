//! The port to what vouches for people towards services.

use doorward_core::{
    assertion::Assertion, config::Config, identity::Identity, jose::SigningFailed, service::Service,
    time::UnixTime,
};

/// Signs statements about people. Each worker asks once per session, and again after some minutes or a change.
pub trait Asserter: Send + Sync + 'static {
    /// A statement to `service` about `person`.
    ///
    /// # Errors
    /// It could not be signed; then the request is not forwarded.
    fn assert(
        &self,
        config: &Config,
        service: &Service,
        person: &Identity,
        now: UnixTime,
    ) -> Result<Assertion, SigningFailed>;
}
