//! `[[certificates]]` and `[acme]`.

mod acme;
mod dns;

use doorward_core::{
    certificate::plan,
    config::{
        CertificateFiles, CertificateSource, Certificates, Challenge, DeclaredCertificate, Issuer,
        LETS_ENCRYPT, Listener, ListenerCertificates, is_in,
    },
    http::host::Host,
};

use super::{
    Source,
    reader::{Findings, Section, Text},
    suggest, value,
};

/// Names that no public authority issues for.
const PRIVATE: [&str; 8] =
    ["localhost", "local", "lan", "internal", "home.arpa", "test", "invalid", "localdomain"];

fn uses(listeners: &[Listener], source: &ListenerCertificates) -> bool {
    listeners.iter().any(|listener| listener.tls.as_ref() == Some(source))
}

/// Reads both, given the listeners that use them.
pub(super) fn read(section: &mut Section<'_>, source: &Source, listeners: &[Listener]) -> Certificates {
    let (auto, local) =
        (uses(listeners, &ListenerCertificates::Auto), uses(listeners, &ListenerCertificates::Local));
    let acme = acme::read(section, source, listeners);
    let declared = declared(section, source, if local && !auto { Issuer::Local } else { Issuer::Acme });
    for (key, used) in [("acme", auto), ("certificates", auto || local)] {
        if !used && !section.lacks(&[key]) {
            let help = "write tls = \"auto\" in [[listeners]]";
            section.findings.add("E008", &section.place_of(key), format!("no listener uses `{key}`"), help);
        }
    }
    Certificates { declared, acme }
}

fn declared(section: &mut Section<'_>, source: &Source, default: Issuer) -> Vec<DeclaredCertificate> {
    let findings = section.findings;
    let mut declared: Vec<DeclaredCertificate> = Vec::new();
    for section in section.tables(&["certificates"]) {
        let place = section.place.clone();
        let Some(read) = one(section, source, default) else { continue };
        let mut others = declared.iter().flat_map(|other| &other.names);
        if let Some(name) = others.find(|name| read.names.contains(name)) {
            let message = format!("{name} is in another certificate already");
            findings.add("E007", &place, message, "write each name once");
        }
        declared.push(read);
    }
    declared
}

fn one(mut section: Section<'_>, source: &Source, default: Issuer) -> Option<DeclaredCertificate> {
    let findings = section.findings;
    let names = section.texts(&["names"]);
    if names.as_ref().is_none_or(|(_, names)| names.is_empty()) {
        section.missing("names", "such as names = [\"example.org\", \"*.example.org\"]");
    }
    let names: Vec<String> =
        names.into_iter().flat_map(|(_, names)| names).filter_map(|text| name(&text, findings)).collect();
    let issuer = section.text(&["issuer"]);
    let issuer_place = section.place_of("issuer");
    let chain = section.text(&["certificate_file"]);
    let key = section.text(&["key_file"]);
    let files = match (chain, key) {
        (Some(chain), Some(key)) => Some(CertificateFiles {
            certificate_file: value::file(source, &chain),
            key_file: value::file(source, &key),
        }),
        (None, None) => None,
        _ => {
            section.missing("key_file", "`certificate_file` and `key_file` go together");
            None
        }
    };
    section.finish();
    let issuer_source = match (files, issuer.as_ref().map(|text| text.text.as_str())) {
        (Some(files), None) => CertificateSource::Files(files),
        (Some(_), Some(_)) => {
            findings.add(
                "E008",
                &issuer_place,
                "`issuer` is for certificates without files",
                "keep one of them",
            );
            return None;
        }
        (None, None) => CertificateSource::Issuer(default),
        (None, Some("acme")) => CertificateSource::Issuer(Issuer::Acme),
        (None, Some("local")) => CertificateSource::Issuer(Issuer::Local),
        (None, Some(other)) => {
            let help = suggest::help(other, &["acme", "local"]);
            findings.add("E005", &issuer_place, format!("there is no issuer `{other}`"), help);
            return None;
        }
    };
    Some(DeclaredCertificate { names, source: issuer_source })
}

/// A host, or a wildcard for the hosts directly below one.
fn name(text: &Text, findings: &Findings) -> Option<String> {
    let Some(parent) = text.text.strip_prefix("*.") else {
        return value::name(text, findings).map(|host| host.to_string());
    };
    let parent = Text { text: parent.to_owned(), place: text.place.clone() };
    value::name(&parent, findings).map(|host| format!("*.{host}"))
}

/// Whether each certificate that the configuration asks for can be had the way that it says.
pub(super) fn check<'a>(
    section: &Section<'_>,
    certificates: &Certificates,
    listeners: &[Listener],
    hosts: impl Iterator<Item = &'a Host>,
) {
    if !uses(listeners, &ListenerCertificates::Auto) {
        return;
    }
    let acme = &certificates.acme;
    let declared = !section.lacks(&["certificates"]);
    let place = section.place_of(if declared { "certificates" } else { "listeners" });
    for wanted in plan(certificates, hosts.map(Host::as_str), Issuer::Acme) {
        if wanted.issuer != Issuer::Acme {
            continue;
        }
        let wildcard = wanted.names.iter().find(|name| name.starts_with("*."));
        let by_dns = wildcard.is_some() || acme.challenges.contains(&Challenge::Dns01);
        let orphan = wanted.names.iter().find(|name| acme.dns_for(name).is_none());
        match (wildcard, orphan) {
            (Some(wildcard), Some(_)) => {
                let message = format!("{wildcard} can only be proved by a record in the DNS");
                let help = "say who changes it in [acme.dns], or name the hosts in place of the wildcard";
                section.findings.add("E008", &place, message, help);
            }
            (None, Some(orphan)) if by_dns => {
                let message = format!("nobody changes the DNS of {orphan}");
                let help = "add its zone to `zones` in [acme.dns], or another entry for it";
                section.findings.add("E008", &place, message, help);
            }
            _ => {}
        }
        let private =
            |name: &&String| PRIVATE.iter().any(|suffix| is_in(name, suffix)) || !name.contains('.');
        if acme.directory == LETS_ENCRYPT
            && let Some(name) = wanted.names.iter().find(private)
        {
            let message = format!("no public authority has certificates for {name}");
            let help = "write tls = \"local\", or name an authority of your own by `directory` in [acme]";
            section.findings.add("E008", &place, message, help);
        }
    }
}
