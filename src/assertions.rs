//! The data plane's view of the signing keys: it has statements signed, and sees no key.

use doorward_core::{
    assertion::{Assertion, Statement},
    config::Config,
    identity::Identity,
    jose::{Algorithm, SigningFailed, key_ring::KeyRing},
    service::Service,
    time::UnixTime,
};
use doorward_proxy::assertion::Asserter;

/// The keys behind the data plane's port.
pub(crate) struct Assertions(pub(crate) KeyRing);

impl Asserter for Assertions {
    fn assert(
        &self,
        config: &Config,
        service: &Service,
        person: &Identity,
        now: UnixTime,
    ) -> Result<Assertion, SigningFailed> {
        let signer = self.0.signer(Algorithm::Es256).ok_or(SigningFailed)?;
        let audience = config.origin_of(service.hosts.first().ok_or(SigningFailed)?);
        let issuer = &config.portal.origin;
        Assertion::sign(&Statement { issuer, audience: &audience, service, person, now }, signer)
    }
}
