//! What is declared about certificates.

use std::{net::SocketAddr, path::PathBuf};

use crate::time::Lifetime;

/// Where the certificates of a listener come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ListenerCertificates {
    /// From files. The first is the default for clients without SNI.
    Files(Vec<CertificateFiles>),
    /// From an authority that speaks ACME (RFC 8555): one for each host that is served.
    Auto,
    /// From our own authority.
    Local,
}

/// A certificate and its key, PEM files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateFiles {
    /// The chain, leaf first.
    pub certificate_file: PathBuf,
    /// The private key.
    pub key_file: PathBuf,
}

/// Everything about certificates that is not a listener's own.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Certificates {
    /// Names that share a certificate. Hosts that none of them covers get one each.
    pub declared: Vec<DeclaredCertificate>,
    /// How the authority is asked.
    pub acme: Acme,
}

/// A certificate that is declared by its names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeclaredCertificate {
    /// Hosts and wildcards, in lower case.
    pub names: Vec<String>,
    /// Where it comes from.
    pub source: CertificateSource,
}

/// Where a certificate comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CertificateSource {
    /// Files.
    Files(CertificateFiles),
    /// Whoever makes it.
    Issuer(Issuer),
}

/// Who makes a certificate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Issuer {
    /// An authority that speaks ACME.
    Acme,
    /// Our own authority, which only those believe who install its root.
    Local,
}

impl Issuer {
    /// The word for it, in the configuration and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acme => "acme",
            Self::Local => "local",
        }
    }
}

/// The directory of Let's Encrypt.
pub const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// How an authority is asked for certificates (RFC 8555).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Acme {
    /// Its directory.
    pub directory: String,
    /// What its own certificate is checked against; `None` for the system's authorities.
    pub ca_file: Option<PathBuf>,
    /// Whom it may write to.
    pub email: Option<String>,
    /// How names are proved to be ours, first choice first. Never empty.
    pub challenges: Vec<Challenge>,
    /// An account that was made elsewhere (section 7.3.4).
    pub external_account: Option<ExternalAccount>,
    /// Who changes the DNS, for the challenge DNS-01.
    pub dns: Vec<Dns>,
    /// Which chain is taken where the authority offers several: the one whose topmost certificate an issuer of this
    /// common name signed (section 7.4.2).
    pub preferred_chain: Option<String>,
}

impl Default for Acme {
    fn default() -> Self {
        Self {
            directory: LETS_ENCRYPT.to_owned(),
            ca_file: None,
            email: None,
            challenges: vec![Challenge::TlsAlpn01],
            external_account: None,
            dns: Vec::new(),
            preferred_chain: None,
        }
    }
}

impl Acme {
    /// Who changes the DNS for `name`: the entry with the longest zone that it is in; without zones, any name.
    pub fn dns_for(&self, name: &str) -> Option<&Dns> {
        let name = name.strip_prefix("*.").unwrap_or(name);
        let fit = |dns: &Dns| -> Option<usize> {
            if dns.zones.is_empty() {
                return Some(0);
            }
            let zones = dns.zones.iter().filter(|zone| is_in(name, zone));
            zones.map(String::len).max()
        };
        self.dns
            .iter()
            .filter_map(|dns| Some((fit(dns)?, dns)))
            .max_by_key(|(length, _)| *length)
            .map(|fit| fit.1)
    }
}

/// Whether `name` is `zone` or below it.
pub fn is_in(name: &str, zone: &str) -> bool {
    name.strip_suffix(zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// How a name is proved to be ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Challenge {
    /// By an answer on port 80 (RFC 8555 section 8.3).
    Http01,
    /// By a handshake on port 443 (RFC 8737).
    TlsAlpn01,
    /// By a record in the DNS (RFC 8555 section 8.4).
    Dns01,
}

impl Challenge {
    /// Its registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
            Self::Dns01 => "dns-01",
        }
    }
}

/// An account that was made elsewhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExternalAccount {
    /// Its identifier.
    pub key_id: String,
    /// File of its key, base64url.
    pub key_file: PathBuf,
}

/// Who changes the DNS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dns {
    /// The names that it is for: these and those below. Empty for all.
    pub zones: Vec<String>,
    /// How records are changed.
    pub provider: DnsProvider,
    /// Servers that are asked whether a record is visible; empty for those that are responsible for the zone.
    pub resolvers: Vec<SocketAddr>,
    /// How long to wait for a record to become visible.
    pub wait: Lifetime,
}

/// How records are changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DnsProvider {
    /// Cloudflare's interface, version 4.
    Cloudflare {
        /// File of the token.
        token_file: PathBuf,
        /// Address of the interface.
        api: String,
    },
    /// A dynamic update (RFC 2136), signed with TSIG (RFC 8945).
    Rfc2136 {
        /// The server that takes updates.
        server: SocketAddr,
        /// The key's name.
        key_name: String,
        /// How it signs.
        algorithm: TsigAlgorithm,
        /// File of the key, base64.
        key_file: PathBuf,
    },
    /// An acme-dns server, where the challenge's name is an alias to.
    AcmeDns {
        /// Address of the server.
        server: String,
        /// JSON file of the accounts by name.
        accounts_file: PathBuf,
    },
    /// A program: it is called with `present` or `cleanup`, the record's name and its value.
    Exec {
        /// The program and its first arguments.
        command: Vec<String>,
    },
}

/// How a TSIG key signs (RFC 8945 section 6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TsigAlgorithm {
    /// HMAC with SHA-256.
    HmacSha256,
    /// HMAC with SHA-512.
    HmacSha512,
}
