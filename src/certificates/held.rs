//! Certificates that we obtained or made, as the store has them, and temporary ones for those that are not there yet.

use std::collections::BTreeMap;

use doorward_acme::{Made, temporary};
use doorward_core::{
    certificate::{Facts, Wanted, facts},
    time::UnixTime,
};
use doorward_proxy::certificates::{self, Certificate, CertificateTable};
use doorward_store::StoredCertificate;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::{CertificateStatus, covered};

/// What is held, by identifier.
#[derive(Default)]
pub(super) struct Held {
    stored: BTreeMap<String, Stored>,
    temporary: BTreeMap<String, Certificate>,
}

/// What the store knows of a certificate.
pub(super) struct Stored {
    pub(super) certificate: Option<(Certificate, Facts)>,
    pub(super) renew_at: Option<UnixTime>,
    pub(super) failures: u32,
    pub(super) attempt_at: Option<UnixTime>,
    pub(super) last_error: Option<String>,
}

impl Stored {
    /// Whether it is time to obtain it, or another one.
    pub(super) fn is_due(&self, now: UnixTime) -> bool {
        let missing = self.certificate.is_none();
        let to_renew = self.renew_at.is_some_and(|renew_at| renew_at <= now);
        (missing || to_renew) && self.attempt_at.is_none_or(|attempt_at| attempt_at <= now)
    }
}

impl Held {
    /// Takes over what the store has.
    pub(super) fn replace(&mut self, rows: Vec<StoredCertificate>) {
        self.stored = rows.into_iter().map(|row| (row.id.clone(), read(row))).collect();
    }

    pub(super) fn find(&self, id: &str) -> Option<&Stored> {
        self.stored.get(id)
    }

    /// Adds the certificates of `wanted`; then others that are still valid, such as those from before a name was moved
    /// to a wildcard; then temporary ones for names that have none.
    pub(super) fn fill(&mut self, table: &mut CertificateTable, wanted: &[Wanted], now: UnixTime) {
        let mut missing = Vec::new();
        for wanted in wanted {
            match self.stored.get(&wanted.id()).and_then(|stored| stored.certificate.as_ref()) {
                Some((certificate, _)) => table.add(certificate),
                None => missing.push(wanted),
            }
        }
        if missing.is_empty() {
            return;
        }
        let is_missing = |id: &str| {
            let (_, names) = id.split_once(' ').unwrap_or_default();
            let names: Vec<String> = names.split(' ').map(str::to_owned).collect();
            missing.iter().flat_map(|wanted| &wanted.names).any(|name| covered(name, &names))
        };
        for (id, stored) in &self.stored {
            if let Some((certificate, facts)) = &stored.certificate
                && facts.not_after > now
                && is_missing(id)
            {
                table.add(certificate);
            }
        }
        for wanted in missing {
            let id = wanted.id();
            if !self.temporary.contains_key(&id) {
                match temporary(&wanted.names, now).and_then(usable) {
                    Ok((certificate, _)) => drop(self.temporary.insert(id.clone(), certificate)),
                    Err(cause) => {
                        tracing::error!(certificate = id, "no temporary certificate can be made: {cause}");
                    }
                }
            }
            if let Some(certificate) = self.temporary.get(&id) {
                table.add(certificate);
            }
        }
    }

    /// Forgets temporary certificates that nothing stands in for any more.
    pub(super) fn forget_temporary(&mut self, wanted: &[Wanted]) {
        let wanted: Vec<String> = wanted.iter().map(Wanted::id).collect();
        let stored = &self.stored;
        self.temporary.retain(|id, _| {
            let obtained = stored.get(id).is_some_and(|stored| stored.certificate.is_some());
            wanted.contains(id) && !obtained
        });
    }

    pub(super) fn status(&self, wanted: &Wanted) -> CertificateStatus {
        let stored = self.stored.get(&wanted.id());
        let facts = stored.and_then(|stored| stored.certificate.as_ref());
        CertificateStatus {
            names: wanted.names.clone(),
            not_after: facts.map(|(_, facts)| facts.not_after),
            source: wanted.issuer.as_str(),
            last_error: stored.and_then(|stored| stored.last_error.clone()),
        }
    }
}

fn read(row: StoredCertificate) -> Stored {
    let certificate = row.chain.and_then(|chain| {
        let read = usable(Made { chain: chain.chain, key: chain.key });
        // Obtained again, then: a certificate that can't be used is as good as none.
        read.inspect_err(|cause| {
            tracing::error!(certificate = row.id, "a stored certificate can't be used: {cause}");
        })
        .ok()
    });
    Stored {
        certificate,
        renew_at: row.renew_at,
        failures: row.failures,
        attempt_at: row.attempt_at,
        last_error: row.last_error,
    }
}

/// Makes a certificate ready to be presented.
pub(super) fn usable(made: Made) -> Result<(Certificate, Facts), String> {
    let leaf = made.chain.first().ok_or("there is no certificate in it")?;
    let facts = facts(leaf).map_err(|_| "it is malformed")?;
    let (chain, key) = parts(made);
    Ok((certificates::certificate(chain, key)?, facts))
}

/// Makes an answer to TLS-ALPN-01 ready to be presented.
pub(super) fn answering(made: Made) -> Result<Certificate, String> {
    let (chain, key) = parts(made);
    certificates::answering(chain, key)
}

fn parts(made: Made) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = made.chain.into_iter().map(CertificateDer::from).collect();
    (chain, PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.key)))
}
