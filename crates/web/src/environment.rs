//! What handlers work with.

use std::sync::Arc;

use arc_swap::ArcSwap;
use doorward_core::{
    config::Config,
    jose::key_ring::KeyRing,
    seal::{Purpose, SealingKey},
    time::{Random, draw},
    token::{Kind, Plain},
    webauthn::RelyingParty,
};
use doorward_store::Store;

use crate::{app::Settings, assets::Assets, limits::Limits};

/// What handlers work with. Shared by all requests.
pub(crate) struct Environment {
    config: Arc<ArcSwap<Config>>,
    pub(crate) store: Store,
    pub(crate) ceremonies: SealingKey,
    pub(crate) transactions: SealingKey,
    pub(crate) authorizations: SealingKey,
    keys: Arc<ArcSwap<KeyRing>>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) limits: Limits,
    pub(crate) assets: Assets,
}

impl Environment {
    pub(crate) fn new(settings: Settings<'_>) -> Self {
        Self {
            ceremonies: settings.root.sealing_key(Purpose::Ceremony),
            authorizations: settings.root.sealing_key(Purpose::Authorization),
            keys: settings.keys,
            transactions: settings.root.sealing_key(Purpose::LoginTransaction),
            config: settings.config,
            store: settings.store,
            random: settings.random,
            limits: Limits::default(),
            assets: Assets::new(),
        }
    }

    /// The configuration of now.
    pub(crate) fn config(&self) -> Arc<Config> {
        self.config.load_full()
    }

    /// The keys of now.
    pub(crate) fn keys(&self) -> Arc<KeyRing> {
        self.keys.load_full()
    }

    /// Us, as WebAuthn sees us.
    pub(crate) fn relying_party(&self) -> RelyingParty {
        let config = self.config();
        let portal = &config.portal;
        let origins = std::iter::once(&portal.origin).chain(&portal.related_origins).cloned().collect();
        RelyingParty { id: portal.host.to_string(), name: portal.title.clone(), origins }
    }

    /// A fresh token.
    pub(crate) fn token<K: Kind>(&self) -> Plain<K> {
        Plain::from_random(self.draw())
    }

    /// Fresh random bytes.
    pub(crate) fn draw<const N: usize>(&self) -> [u8; N] {
        draw(&*self.random)
    }
}
