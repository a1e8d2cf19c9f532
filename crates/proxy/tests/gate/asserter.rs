//! Statements about people, signed by nobody, and counted.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use doorward_core::{
    assertion::{Assertion, Statement},
    config::Config,
    identity::Identity,
    jose::{Signer, SigningFailed, jwk::PublicKey},
    service::Service,
    time::UnixTime,
};
use doorward_proxy::assertion::Asserter;

pub(crate) struct Counted {
    key: PublicKey,
    pub(crate) signed: Arc<AtomicUsize>,
    /// Whether the next signature fails.
    pub(crate) down: Arc<AtomicBool>,
}

impl Default for Counted {
    fn default() -> Self {
        let key = PublicKey::from_ed25519(&[1; 32]).expect("32 bytes are a key");
        Self { key, signed: Arc::default(), down: Arc::default() }
    }
}

impl Signer for Counted {
    fn public_key(&self) -> &PublicKey {
        &self.key
    }

    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        self.signed.fetch_add(1, Ordering::SeqCst);
        if self.down.load(Ordering::SeqCst) { Err(SigningFailed) } else { Ok(vec![0; 64]) }
    }
}

impl Asserter for Counted {
    fn assert(
        &self,
        config: &Config,
        service: &Service,
        person: &Identity,
        now: UnixTime,
    ) -> Result<Assertion, SigningFailed> {
        let (issuer, audience) = (&config.portal.origin, config.origin_of(&service.hosts[0]));
        Assertion::sign(&Statement { issuer, audience: &audience, service, person, now }, self)
    }
}
