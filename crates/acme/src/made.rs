//! Certificates that we sign ourselves: temporary ones, answers to TLS-ALPN-01, and those of the local authority.

use aws_lc_rs::digest::{SHA256, digest};
use doorward_core::time::{Lifetime, UnixTime};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use time::OffsetDateTime;

/// How long a temporary certificate is valid. It is never stored.
const TEMPORARY: Lifetime = Lifetime::days(7);
/// How long a certificate of the local authority is valid: as long as Apple's devices allow for one that people trust
/// themselves is 825 days, and shorter costs nothing, since it is renewed by itself.
const LEAF: Lifetime = Lifetime::days(90);
/// How long the local authority is valid: whoever installs it does not want to do so again soon.
const ROOT: Lifetime = Lifetime::days(3650);
/// How much earlier than now certificates are valid, for clocks that are behind.
const EARLIER: i64 = 3600;

/// A certificate and its key.
#[derive(Clone)]
pub struct Made {
    /// The chain in DER, leaf first.
    pub chain: Vec<Vec<u8>>,
    /// The private key, PKCS #8.
    pub key: Vec<u8>,
}

fn params(names: &[String], now: UnixTime, lifetime: Lifetime) -> Result<CertificateParams, String> {
    let mut params = CertificateParams::new(names.to_vec()).map_err(|error| error.to_string())?;
    params.distinguished_name = DistinguishedName::new();
    let moment = |time: i64| OffsetDateTime::from_unix_timestamp(time).map_err(|error| error.to_string());
    params.not_before = moment(now.0.saturating_sub(EARLIER))?;
    params.not_after = moment(now.after(lifetime).0)?;
    Ok(params)
}

fn key_pair() -> Result<KeyPair, String> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|error| error.to_string())
}

/// A certificate that nobody believes, for as long as there is no other: encrypted, and honest about being temporary.
///
/// # Errors
/// A name that can't be in a certificate.
pub fn temporary(names: &[String], now: UnixTime) -> Result<Made, String> {
    let mut params = params(names, now, TEMPORARY)?;
    params.distinguished_name.push(DnType::CommonName, "Doorward temporary certificate");
    sign_itself(&params)
}

/// The certificate that answers TLS-ALPN-01 for `host` (RFC 8737 section 3).
///
/// # Errors
/// A name that can't be in a certificate.
pub fn handshake_answer(host: &str, key_authorization: &str, now: UnixTime) -> Result<Made, String> {
    let mut params = params(&[host.to_owned()], now, TEMPORARY)?;
    let digest = digest(&SHA256, key_authorization.as_bytes());
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest.as_ref())];
    sign_itself(&params)
}

fn sign_itself(params: &CertificateParams) -> Result<Made, String> {
    let key = key_pair()?;
    let certificate = params.self_signed(&key).map_err(|error| error.to_string())?;
    Ok(Made { chain: vec![certificate.der().to_vec()], key: key.serialize_der() })
}

/// A signing request for `names`, in DER, and the key that it is for.
pub(crate) fn request(names: &[String]) -> Result<(Vec<u8>, Vec<u8>), String> {
    let words = |error: rcgen::Error| error.to_string();
    let mut params = CertificateParams::new(names.to_vec()).map_err(words)?;
    params.distinguished_name = DistinguishedName::new();
    let key = key_pair()?;
    let request = params.serialize_request(&key).map_err(words)?;
    Ok((request.der().to_vec(), key.serialize_der()))
}

/// The local authority, which only those believe who install its root.
pub struct LocalRoot {
    certificate: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl LocalRoot {
    /// Makes one.
    ///
    /// # Errors
    /// The cryptographic library could not.
    pub fn make(now: UnixTime) -> Result<Made, String> {
        let key = key_pair()?;
        let mut params = root_params(&key);
        let moment = |time: i64| OffsetDateTime::from_unix_timestamp(time).map_err(|error| error.to_string());
        params.not_before = moment(now.0.saturating_sub(EARLIER))?;
        params.not_after = moment(now.after(ROOT).0)?;
        let certificate = params.self_signed(&key).map_err(|error| error.to_string())?;
        Ok(Made { chain: vec![certificate.der().to_vec()], key: key.serialize_der() })
    }

    /// Takes one that was made before.
    ///
    /// # Errors
    /// It is none.
    pub fn from_made(made: &Made) -> Result<Self, String> {
        let certificate = made.chain.first().cloned().ok_or("the local authority has no certificate")?;
        let key = KeyPair::try_from(made.key.as_slice()).map_err(|error| error.to_string())?;
        let issuer = Issuer::new(root_params(&key), key);
        Ok(Self { certificate, issuer })
    }

    /// Its certificate, in DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// A certificate for `names`.
    ///
    /// # Errors
    /// A name that can't be in a certificate.
    pub fn issue(&self, names: &[String], now: UnixTime) -> Result<Made, String> {
        let mut params = params(names, now, LEAF)?;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = key_pair()?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(|error| error.to_string())?;
        Ok(Made {
            chain: vec![certificate.der().to_vec(), self.certificate.clone()],
            key: key.serialize_der(),
        })
    }
}

/// The name is derived from the key: two authorities never share one, and it is the same whenever it is built.
fn root_params(key: &KeyPair) -> CertificateParams {
    let digest = digest(&SHA256, key.public_key_raw());
    let mark = digest.as_ref().iter().take(4).fold(0_u32, |mark, byte| mark << 8 | u32::from(*byte));
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("Doorward local authority {mark:08x}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}
