//! The certificates of this process: which there are, where they come from, and what each listener presents.

mod files;

use std::sync::{Arc, Mutex, PoisonError};

use doorward_core::config::{CertificateFiles, CertificateSource, Config, ListenerCertificates};
use doorward_proxy::{
    ListenerTls,
    certificates::{CertificateTable, Challenges, Resolver},
    tls::{self, TlsError},
};

use self::files::Files;

/// The certificates of this process.
pub(crate) struct Certificates {
    /// What an authority is answered.
    pub(crate) challenges: Arc<Challenges>,
    /// For each listener, what it presents; `None` for clear text.
    resolvers: Vec<Option<Arc<Resolver>>>,
    files: Mutex<Files>,
}

impl Certificates {
    /// Reads every file that `config` names.
    ///
    /// # Errors
    /// The first file that can't be read or used.
    pub(crate) fn open(config: &Config) -> Result<Self, TlsError> {
        let challenges = Arc::new(Challenges::default());
        let new = |_: &ListenerCertificates| {
            Arc::new(Resolver::new(CertificateTable::default(), Arc::clone(&challenges)))
        };
        let resolvers = config.listeners.iter().map(|listener| listener.tls.as_ref().map(new)).collect();
        let files = Mutex::new(Files::read(named(config))?);
        let certificates = Self { challenges, resolvers, files };
        certificates.present(config);
        Ok(certificates)
    }

    /// The TLS of each listener, in the order of the configuration.
    pub(crate) fn listeners(&self) -> Result<Vec<Option<ListenerTls>>, TlsError> {
        let tickets = tls::tickets()?;
        let offer = |resolver: &Arc<Resolver>| tls::server(Arc::clone(resolver), Arc::clone(&tickets));
        self.resolvers.iter().map(|resolver| resolver.as_ref().map(offer).transpose()).collect()
    }

    /// Reads the files that a new configuration names; nothing is presented yet.
    pub(crate) fn prepare(config: &Config) -> Result<Prepared, TlsError> {
        Files::read(named(config)).map(Prepared)
    }

    /// Presents what was prepared for `config`.
    pub(crate) fn take_over(&self, prepared: Prepared, config: &Config) {
        *self.files.lock().unwrap_or_else(PoisonError::into_inner) = prepared.0;
        self.present(config);
    }

    /// Reads the files again that have changed since, and presents what is in them.
    pub(crate) fn look_at_files(&self, config: &Config) {
        let changed = self.files.lock().unwrap_or_else(PoisonError::into_inner).look_again();
        if changed {
            self.present(config);
        }
    }

    /// Gives each listener its table.
    fn present(&self, config: &Config) {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        for (listener, resolver) in config.listeners.iter().zip(&self.resolvers) {
            if let (Some(source), Some(resolver)) = (&listener.tls, resolver) {
                resolver.table.store(Arc::new(table(source, &files)));
            }
        }
    }
}

/// Files that were read for a configuration.
pub(crate) struct Prepared(Files);

fn table(source: &ListenerCertificates, files: &Files) -> CertificateTable {
    let mut table = CertificateTable::default();
    if let ListenerCertificates::Files(list) = source {
        for certificate in list.iter().filter_map(|named| files.find(named)) {
            table.add(certificate);
        }
    }
    table
}

fn named(config: &Config) -> impl Iterator<Item = &CertificateFiles> {
    let of_listeners = config.listeners.iter().filter_map(|listener| match &listener.tls {
        Some(ListenerCertificates::Files(files)) => Some(files),
        _ => None,
    });
    let declared = config.certificates.declared.iter().filter_map(|declared| match &declared.source {
        CertificateSource::Files(files) => Some(files),
        CertificateSource::Issuer(_) => None,
    });
    of_listeners.flatten().chain(declared)
}
