//! The data plane's view of the signing keys: it has statements signed, and sees no key.

use std::sync::Arc;

use arc_swap::ArcSwap;
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
pub(crate) struct Assertions(pub(crate) Arc<ArcSwap<KeyRing>>);

impl Asserter for Assertions {
    fn assert(
        &self,
        config: &Config,
        service: &Service,
        person: &Identity,
        now: UnixTime,
    ) -> Result<Assertion, SigningFailed> {
        let keys = self.0.load();
        let signer = keys.signer(Algorithm::Es256).ok_or(SigningFailed)?;
        let audience = config.origin_of(service.hosts.first().ok_or(SigningFailed)?);
        let issuer = &config.portal.origin;
        Assertion::sign(&Statement { issuer, audience: &audience, service, person, now }, signer)
    }
}
