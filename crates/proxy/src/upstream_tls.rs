//! TLS towards upstreams: what they are checked against, and what they are shown.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use doorward_core::service::UpstreamTls;
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
};

use crate::tls::{TlsError, certificates, provider};

/// A key of a service, and why what it names can't be used.
pub type Unusable = (&'static str, TlsError);

/// What upstreams are checked against without `upstream_ca_file`, read once for all of them.
static SYSTEM: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    Arc::new(roots)
});

/// Whether everything is in order that a service's `https` targets need.
///
/// # Errors
/// The key whose file can't be read or used.
pub fn check(tls: &UpstreamTls) -> Result<(), Unusable> {
    client(tls).map(drop)
}

/// What is offered to `https` targets: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
pub(crate) fn client(tls: &UpstreamTls) -> Result<Arc<ClientConfig>, Unusable> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| ("upstream", TlsError::Unfit(PathBuf::new(), error.to_string())))?;
    let builder = if tls.verify {
        let roots = match &tls.ca_file {
            Some(file) => authorities(file).map_err(|error| ("upstream_ca_file", error))?,
            None => Arc::clone(&SYSTEM),
        };
        builder.with_root_certificates(roots)
    } else {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified(provider())))
    };
    let mut config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some(files) => {
            let chain = certificates(&files.certificate_file)
                .map_err(|error| ("upstream_certificate_file", error))?;
            let key = PrivateKeyDer::from_pem_file(&files.key_file).map_err(|error| {
                ("upstream_key_file", TlsError::File(files.key_file.clone(), error.to_string()))
            })?;
            builder.with_client_auth_cert(chain, key).map_err(|error| {
                ("upstream_key_file", TlsError::Unfit(files.key_file.clone(), error.to_string()))
            })?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn authorities(file: &Path) -> Result<Arc<RootCertStore>, TlsError> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates(file)?);
    if added == 0 {
        // Nothing would ever be believed.
        return Err(TlsError::Unfit(file.to_owned(), "it holds no certificate".to_owned()));
    }
    Ok(Arc::new(roots))
}

/// Believes every certificate: what `[danger] verify_upstream = false` asks for.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
