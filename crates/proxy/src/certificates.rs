//! The certificates that listeners present, by name, and the answers to an authority that asks whether a name is ours.
//! Both are swapped in while connections are open.

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use rustls::{
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

/// The protocol of TLS-ALPN-01 (RFC 8737 section 3).
pub(crate) const ACME_TLS: &[u8] = b"acme-tls/1";

/// A certificate that is ready to be presented, with its key.
pub type Certificate = Arc<CertifiedKey>;

/// Puts a chain, leaf first, and its key together.
///
/// # Errors
/// A sentence: they do not belong together, or are of a kind that is not supported.
pub fn certificate(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Certificate, String> {
    let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
    key.map(Arc::new).map_err(|error| error.to_string())
}

/// The same for a certificate that we made ourselves to answer TLS-ALPN-01. Its extension is critical and known to
/// authorities alone (RFC 8737 section 3), so it can't be looked into here.
///
/// # Errors
/// A sentence: the key is of a kind that is not supported.
pub fn answering(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Certificate, String> {
    let key = aws_lc_rs::default_provider().key_provider.load_private_key(key);
    key.map(|key| Arc::new(CertifiedKey::new(chain, key))).map_err(|error| error.to_string())
}

/// The names that a certificate is valid for, in lower case.
pub fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let leaf = webpki::EndEntityCert::try_from(certificate).ok();
    let names = leaf.iter().flat_map(|leaf| leaf.valid_dns_names());
    names.map(|name| name.trim_end_matches('.').to_ascii_lowercase()).collect()
}

/// Certificates by name. A look-up is one hash, or two for a wildcard.
#[derive(Clone, Default, Debug)]
pub struct CertificateTable {
    names: HashMap<String, Certificate>,
    first: Option<Certificate>,
}

impl CertificateTable {
    /// Adds a certificate for the names that it is valid for. What was added earlier keeps its names, and the very first
    /// is for clients that ask for none of ours.
    pub fn add(&mut self, certificate: &Certificate) {
        for name in certificate.cert.first().map(names).unwrap_or_default() {
            self.names.entry(name).or_insert_with(|| Arc::clone(certificate));
        }
        self.first.get_or_insert_with(|| Arc::clone(certificate));
    }

    /// Presents the certificate for `name` to clients that ask for none of ours.
    pub fn prefer(&mut self, name: &str) {
        self.first = self.find(Some(name)).cloned();
    }

    /// The certificate that is valid for `name`; the first one when none is, or no name was sent.
    fn find(&self, name: Option<&str>) -> Option<&Certificate> {
        let name = name.map(|name| name.trim_end_matches('.').to_ascii_lowercase());
        let found = name.and_then(|name| {
            let wildcard = || {
                let (_, parent) = name.split_once('.')?;
                self.names.get(&format!("*.{parent}"))
            };
            self.names.get(&name).or_else(wildcard)
        });
        found.or(self.first.as_ref())
    }
}

/// What a listener presents. Storing another table changes what the next handshakes meet.
#[derive(Debug, Default)]
pub struct Resolver {
    /// The certificates.
    pub table: ArcSwap<CertificateTable>,
    challenges: Arc<Challenges>,
}

impl Resolver {
    /// A resolver that also answers TLS-ALPN-01.
    pub fn new(table: CertificateTable, challenges: Arc<Challenges>) -> Self {
        Self { table: ArcSwap::from_pointee(table), challenges }
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Certificate> {
        // An authority offers this protocol alone; one that is offered among others is no question of this kind.
        if hello
            .alpn()
            .is_some_and(|mut offered| offered.next() == Some(ACME_TLS) && offered.next().is_none())
        {
            let name = hello.server_name()?.to_ascii_lowercase();
            return self.challenges.answers.load().handshakes.get(&name).cloned();
        }
        self.table.load().find(hello.server_name()).cloned()
    }
}

/// What an authority is answered at the moment.
#[derive(Debug, Default)]
pub struct Challenges {
    answers: ArcSwap<Answers>,
}

/// Answers by what they are asked for.
#[derive(Debug, Default)]
pub struct Answers {
    /// Key authorizations by token (RFC 8555 section 8.3).
    pub tokens: HashMap<String, String>,
    /// Certificates by host (RFC 8737 section 3).
    pub handshakes: HashMap<String, Certificate>,
}

impl Challenges {
    /// Replaces all answers.
    pub fn set(&self, answers: Answers) {
        self.answers.store(Arc::new(answers));
    }

    /// The answer to a request for `path`, if it is a question that is open.
    pub(crate) fn answer(&self, path: &str) -> Option<String> {
        let token = path.strip_prefix("/.well-known/acme-challenge/")?;
        self.answers.load().tokens.get(token).cloned()
    }
}
