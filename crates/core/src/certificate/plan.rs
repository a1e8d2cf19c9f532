//! Which names need which certificate.

use crate::config::{CertificateSource, Certificates, Issuer};

/// A certificate that shall be there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Its names, hosts and wildcards.
    pub names: Vec<String>,
    /// Who makes it.
    pub issuer: Issuer,
}

impl Wanted {
    /// What it is called in logs, in the database and towards people: issuer and names.
    pub fn id(&self) -> String {
        identifier(self.issuer, &self.names)
    }

    /// Whether only a record in the DNS can prove one of its names (RFC 8555 section 7.1.3).
    pub fn has_wildcard(&self) -> bool {
        self.names.iter().any(|name| name.starts_with("*."))
    }
}

/// See [`Wanted::id`].
pub fn identifier(issuer: Issuer, names: &[String]) -> String {
    let mut names = names.to_vec();
    names.sort();
    names.dedup();
    format!("{} {}", issuer.as_str(), names.join(" "))
}

/// Whether a certificate for `name` is valid for `host`: itself, or one label in place of the star (RFC 6125 section
/// 6.4.3).
pub fn covers(name: &str, host: &str) -> bool {
    let Some(parent) = name.strip_prefix("*.") else {
        return name == host;
    };
    host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent)
}

/// Every certificate that is declared, and one for each of `hosts` that none of them covers, by `issuer`.
pub fn plan<'a>(
    declared: &Certificates,
    hosts: impl IntoIterator<Item = &'a str>,
    issuer: Issuer,
) -> Vec<Wanted> {
    let is_covered = |host: &str| {
        declared.declared.iter().flat_map(|certificate| &certificate.names).any(|name| covers(name, host))
    };
    let mut wanted: Vec<Wanted> = declared
        .declared
        .iter()
        .filter_map(|certificate| match certificate.source {
            CertificateSource::Issuer(issuer) => Some(Wanted { names: certificate.names.clone(), issuer }),
            CertificateSource::Files(_) => None,
        })
        .collect();
    for host in hosts {
        let one = Wanted { names: vec![host.to_owned()], issuer };
        if !is_covered(host) && !wanted.contains(&one) {
            wanted.push(one);
        }
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{CertificateFiles, DeclaredCertificate};

    fn declared(names: &[&str], source: CertificateSource) -> DeclaredCertificate {
        DeclaredCertificate { names: names.iter().map(|name| (*name).to_owned()).collect(), source }
    }

    #[test]
    fn a_star_stands_for_one_label() {
        for (name, host, expected) in [
            ("a.test", "a.test", true),
            ("a.test", "b.a.test", false),
            ("*.a.test", "b.a.test", true),
            ("*.a.test", "a.test", false),
            ("*.a.test", "c.b.a.test", false),
            ("*.a.test", ".a.test", false),
            ("*.a.test", "ba.test", false),
            ("*", "test", false),
        ] {
            assert_eq!(covers(name, host), expected, "{name} {host}");
        }
    }

    #[test]
    fn hosts_that_nothing_covers_get_a_certificate_each() {
        let files = CertificateFiles { certificate_file: "a".into(), key_file: "b".into() };
        let certificates = Certificates {
            declared: vec![
                declared(&["*.example.org", "example.org"], CertificateSource::Issuer(Issuer::Acme)),
                declared(&["*.example.com"], CertificateSource::Files(files)),
                declared(&["printer.example.org"], CertificateSource::Issuer(Issuer::Local)),
            ],
            ..Certificates::default()
        };
        let hosts =
            ["id.example.org", "a.b.example.org", "x.example.com", "www.example.net", "www.example.net"];
        let wanted = plan(&certificates, hosts, Issuer::Acme);
        let ids: Vec<String> = wanted.iter().map(Wanted::id).collect();
        assert_eq!(
            ids,
            [
                "acme *.example.org example.org",
                "local printer.example.org",
                "acme a.b.example.org",
                "acme www.example.net"
            ]
        );
        assert!(wanted[0].has_wildcard() && !wanted[2].has_wildcard());
    }

    /// The row of a certificate is found again however its names are written down.
    #[test]
    fn the_order_of_names_changes_no_identifier() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let one = identifier(Issuer::Acme, &names(&["b.test", "a.test"]));
        assert_eq!(one, identifier(Issuer::Acme, &names(&["a.test", "b.test", "a.test"])));
        assert_ne!(one, identifier(Issuer::Local, &names(&["a.test", "b.test"])));
    }
}
