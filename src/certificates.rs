//! The certificates of this process: which there are, where they come from, and what each listener presents.

mod files;
mod held;
mod keeper;
mod local;
mod obtain;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use doorward_core::{
    certificate::{Wanted, covers, plan},
    config::{CertificateFiles, CertificateSource, Config, Issuer, ListenerCertificates},
    http::host::Host,
    time::UnixTime,
};
use doorward_proxy::{
    ListenerTls,
    certificates::{Answers, Certificate, CertificateTable, Challenges, Resolver},
    tls::{self, TlsError},
};
use tokio::sync::watch;

pub(crate) use self::keeper::{Keeper, Settings as KeeperSettings};
use self::{files::Files, held::Held};

/// What is known about a certificate that is wanted, for metrics and people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateStatus {
    /// Its names.
    pub names: Vec<String>,
    /// Until when it is valid; `None` while a temporary one stands in for it.
    pub not_after: Option<UnixTime>,
    /// Where it comes from: `file`, `acme` or `local`.
    pub source: &'static str,
    /// Why the last attempt to obtain it failed, if it did.
    pub last_error: Option<String>,
}

/// The certificates of this process.
pub(crate) struct Certificates {
    /// What an authority is answered.
    pub(crate) challenges: Arc<Challenges>,
    /// For each listener, what it presents; `None` for clear text.
    resolvers: Vec<Option<Arc<Resolver>>>,
    files: Mutex<Files>,
    held: Mutex<Held>,
    /// Moves with each table that is presented.
    changes: watch::Sender<()>,
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
        Ok(Self { challenges, resolvers, files, held: Mutex::default(), changes: watch::Sender::default() })
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
    pub(crate) fn take_over(&self, prepared: Prepared, config: &Config, now: UnixTime) {
        *self.files() = prepared.0;
        self.present(config, now);
    }

    /// Reads the files again that have changed since, and presents what is in them.
    pub(crate) fn look_at_files(&self, config: &Config, now: UnixTime) {
        if self.files().look_again() {
            self.present(config, now);
        }
    }

    /// Gives each listener its table. Names without a certificate get a temporary one.
    pub(crate) fn present(&self, config: &Config, now: UnixTime) {
        let files = self.files();
        let mut held = self.held();
        let mut kept = Vec::new();
        for (listener, resolver) in config.listeners.iter().zip(&self.resolvers) {
            let (Some(source), Some(resolver)) = (&listener.tls, resolver) else { continue };
            let wanted = wanted_by(source, config);
            let mut table = of_files(source, config, &files);
            held.fill(&mut table, &wanted, now);
            table.prefer(config.portal.host.as_str());
            resolver.table.store(Arc::new(table));
            kept.extend(wanted);
        }
        held.forget_temporary(&kept);
        self.changes.send_replace(());
    }

    /// Moves with each table that is presented.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// What is known about each certificate that `config` wants.
    pub(crate) fn status(&self, config: &Config) -> Vec<CertificateStatus> {
        let held = self.held();
        let mut status = self.files().status();
        status.extend(wanted(config).iter().map(|wanted| held.status(wanted)));
        status
    }

    /// Answers an authority with these.
    pub(crate) fn answer(&self, answers: Answers) {
        self.challenges.set(answers);
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Files that were read for a configuration.
pub(crate) struct Prepared(Files);

/// Every certificate that some listener of `config` wants from an issuer.
pub(crate) fn wanted(config: &Config) -> Vec<Wanted> {
    let mut all: Vec<Wanted> = Vec::new();
    for source in config.listeners.iter().filter_map(|listener| listener.tls.as_ref()) {
        for wanted in wanted_by(source, config) {
            if !all.iter().any(|other| other.id() == wanted.id()) {
                all.push(wanted);
            }
        }
    }
    all
}

fn wanted_by(source: &ListenerCertificates, config: &Config) -> Vec<Wanted> {
    let issuer = match source {
        ListenerCertificates::Files(_) => return Vec::new(),
        ListenerCertificates::Auto => Issuer::Acme,
        ListenerCertificates::Local => Issuer::Local,
    };
    let of_services = config.services.iter().flat_map(|service| &service.hosts);
    let hosts = std::iter::once(&config.portal.host).chain(of_services).map(Host::as_str);
    plan(&config.certificates, hosts, issuer)
}

fn of_files(source: &ListenerCertificates, config: &Config, files: &Files) -> CertificateTable {
    let mut table = CertificateTable::default();
    let mut add = |certificate: Option<&Certificate>| {
        if let Some(certificate) = certificate {
            table.add(certificate);
        }
    };
    if let ListenerCertificates::Files(list) = source {
        for named in list {
            add(files.find(named));
        }
        return table;
    }
    for declared in &config.certificates.declared {
        if let CertificateSource::Files(named) = &declared.source {
            add(files.find(named));
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

/// Whether one of `names` covers every name of `wanted`.
fn covered(wanted: &str, names: &[String]) -> bool {
    names.iter().any(|name| covers(name, wanted))
}
