//! TLS: what listeners offer, and certificates from files.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use doorward_core::config::CertificateFiles;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::ProducesTickets,
};

use crate::certificates::{self, ACME_TLS, Certificate, Resolver};

/// Why TLS can't be set up.
#[derive(Debug)]
pub enum TlsError {
    /// A file can't be read, or holds no certificate or key.
    File(PathBuf, String),
    /// The certificate and the key do not belong together, or are of a kind that is not supported.
    Unfit(PathBuf, String),
}

impl fmt::Display for TlsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, cause) => write!(formatter, "{} can't be read: {cause}", path.display()),
            Self::Unfit(path, cause) => write!(formatter, "{} can't be used: {cause}", path.display()),
        }
    }
}

impl std::error::Error for TlsError {}

/// A key for session tickets, which rustls changes every six hours. All listeners share one, so that any of them, on any
/// worker, resumes what another began.
///
/// # Errors
/// The system gives no randomness.
pub fn tickets() -> Result<Arc<dyn ProducesTickets>, TlsError> {
    aws_lc_rs::Ticketer::new().map_err(|error| TlsError::Unfit(PathBuf::new(), error.to_string()))
}

/// What a listener offers: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1, and the certificate that `resolver` chooses.
///
/// # Errors
/// Never, with the protocols and ciphers that are compiled in.
pub fn server(
    resolver: Arc<Resolver>,
    tickets: Arc<dyn ProducesTickets>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Unfit(PathBuf::new(), error.to_string()))?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec(), ACME_TLS.to_vec()];
    config.ticketer = tickets;
    Ok(Arc::new(config))
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// The certificate and key in these files.
///
/// # Errors
/// Which file can't be read or used, and why.
pub fn from_files(files: &CertificateFiles) -> Result<Certificate, TlsError> {
    let chain = certificates(&files.certificate_file)?;
    let key = PrivateKeyDer::from_pem_file(&files.key_file)
        .map_err(|error| TlsError::File(files.key_file.clone(), error.to_string()))?;
    certificates::certificate(chain, key).map_err(|cause| TlsError::Unfit(files.key_file.clone(), cause))
}

pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |cause: String| TlsError::File(path.to_owned(), cause);
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(error.to_string()))?;
    if chain.is_empty() { Err(unreadable("no certificate in it".to_owned())) } else { Ok(chain) }
}
