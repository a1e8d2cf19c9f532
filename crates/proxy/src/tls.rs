//! TLS of listeners, from files: certificates by name.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use doorward_core::config::CertificateFiles;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

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

/// What a listener offers: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1, the certificate that fits the name asked for.
pub fn server(files: &[CertificateFiles]) -> Result<Arc<ServerConfig>, TlsError> {
    let certificates = files.iter().map(certified_key).collect::<Result<Vec<_>, _>>()?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Unfit(PathBuf::new(), error.to_string()))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(ByName(certificates)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn certified_key(files: &CertificateFiles) -> Result<Arc<CertifiedKey>, TlsError> {
    let chain = certificates(&files.certificate_file)?;
    let key = PrivateKeyDer::from_pem_file(&files.key_file)
        .map_err(|error| TlsError::File(files.key_file.clone(), error.to_string()))?;
    let unfit = |error: rustls::Error| TlsError::Unfit(files.key_file.clone(), error.to_string());
    let key = CertifiedKey::from_der(chain, key, &provider()).map_err(unfit)?;
    Ok(Arc::new(key))
}

pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |cause: String| TlsError::File(path.to_owned(), cause);
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(error.to_string()))?;
    if chain.is_empty() { Err(unreadable("no certificate in it".to_owned())) } else { Ok(chain) }
}

/// The certificate that is valid for the name asked for; the first one when none is, or no name was sent.
#[derive(Debug)]
struct ByName(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let fits = |key: &&Arc<CertifiedKey>| hello.server_name().is_some_and(|name| is_valid_for(key, name));
        self.0.iter().find(fits).or_else(|| self.0.first()).cloned()
    }
}

fn is_valid_for(key: &CertifiedKey, name: &str) -> bool {
    let Ok(name) = ServerName::try_from(name) else {
        return false;
    };
    let leaf = key.cert.first().and_then(|leaf| webpki::EndEntityCert::try_from(leaf).ok());
    leaf.is_some_and(|leaf| leaf.verify_is_valid_for_subject_name(&name).is_ok())
}
