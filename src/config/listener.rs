//! `[[listeners]]`.

use std::net::SocketAddr;

use doorward_core::{
    config::{CertificateFiles, Listener},
    http::origin::Scheme,
};

use super::{Source, reader::Section, tree::Value, value};

const HELP: &str = "write where to listen: [[listeners]] with address = \"0.0.0.0:443\"";

pub(super) fn read(section: &mut Section<'_>, source: &Source) -> Vec<Listener> {
    let Some((place, node)) = section.take(&["listeners"]) else {
        section.missing("listeners", HELP);
        return Vec::new();
    };
    let Some(items) = section.items(&place, node) else {
        return Vec::new();
    };
    if items.is_empty() {
        section.findings.add("E004", &place, "there is no listener", HELP);
    }
    let mut listeners: Vec<Listener> = Vec::new();
    for (place, item) in items {
        let read =
            Section::new(place.clone(), item, section.findings).and_then(|section| listener(section, source));
        let Some(read) = read else { continue };
        if read.address.port() != 0 && listeners.iter().any(|other| other.address == read.address) {
            let message = format!("{} is listened on twice", read.address);
            section.findings.add("E007", &place, message, "keep one of them");
        }
        listeners.push(read);
    }
    listeners
}

fn listener(mut section: Section<'_>, source: &Source) -> Option<Listener> {
    let findings = section.findings;
    let address = section.required(&["address"], "such as address = \"0.0.0.0:443\" or \"[::]:443\"");
    let tls = section.take(&["tls"]).map(|(place, node)| match &node.value {
        Value::Table(_) => vec![(place, node)],
        Value::List(items) if items.is_empty() => {
            findings.add("E004", &place, "`tls` names no certificate", "write certificate_file and key_file");
            Vec::new()
        }
        _ => section.items(&place, node).unwrap_or_default(),
    });
    section.finish();
    let certificates = tls.map(|items| {
        let sections = items.into_iter().filter_map(|(place, node)| Section::new(place, node, findings));
        sections.filter_map(|section| certificate(section, source)).collect()
    });
    let address = address?;
    let Ok(parsed) = address.text.parse::<SocketAddr>() else {
        let message = format!("`{}` is no address with a port", address.text);
        findings.add("E005", &address.place, message, "such as 0.0.0.0:443 or [::]:443");
        return None;
    };
    Some(Listener { address: parsed, tls: certificates })
}

fn certificate(mut section: Section<'_>, source: &Source) -> Option<CertificateFiles> {
    let certificate = section.required(&["certificate_file"], "name the PEM file of the chain, leaf first");
    let key = section.required(&["key_file"], "name the PEM file of the private key");
    section.finish();
    Some(CertificateFiles {
        certificate_file: value::file(source, &certificate?),
        key_file: value::file(source, &key?),
    })
}

pub(super) fn check(section: &Section<'_>, listeners: &[Listener], scheme: Scheme, nobody_trusted: bool) {
    let clear = listeners.iter().all(|listener| listener.tls.is_none());
    if clear && scheme == Scheme::Https && nobody_trusted {
        let help = "add `tls` to a listener, or name the proxy that does TLS in `trusted_proxies`";
        section.findings.add(
            "W104",
            &section.place,
            "the public scheme is https, but no listener speaks it",
            help,
        );
    }
}
