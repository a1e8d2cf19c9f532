//! `[[listeners]]`.

use std::net::SocketAddr;

use doorward_core::{
    config::{CertificateFiles, Listener, ListenerCertificates},
    http::origin::Scheme,
};

use super::{
    Source,
    reader::{Findings, Place, Section},
    tree::Value,
    value,
};

const WORDS: &str =
    "write tls = \"auto\" for certificates by ACME, \"local\" for our own authority, or the files";
const HELP: &str = "write where to listen: [[listeners]] with address = \"0.0.0.0:443\"";

pub(super) fn read(section: &mut Section<'_>, source: &Source, scheme: Scheme) -> Vec<Listener> {
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
    let mut undecided = Vec::new();
    for (place, item) in items {
        let read = Section::new(place.clone(), item, section.findings)
            .and_then(|section| listener(section, source, scheme));
        let Some((read, redirect)) = read else { continue };
        if read.address.port() != 0 && listeners.iter().any(|other| other.address == read.address) {
            let message = format!("{} is listened on twice", read.address);
            section.findings.add("E007", &place, message, "keep one of them");
        }
        if redirect.is_none() {
            undecided.push(listeners.len());
        }
        listeners.push(read);
    }
    // Beside a listener that speaks TLS, clear text is for finding the way there.
    let beside_tls = scheme == Scheme::Https && listeners.iter().any(|listener| listener.tls.is_some());
    for at in undecided {
        listeners[at].redirect = beside_tls && listeners[at].tls.is_none();
    }
    listeners
}

/// A listener, and what is written about its redirect.
fn listener(mut section: Section<'_>, source: &Source, scheme: Scheme) -> Option<(Listener, Option<bool>)> {
    let address = section.required(&["address"], "such as address = \"0.0.0.0:443\" or \"[::]:443\"");
    let tls = certificates(&mut section, source);
    let redirect = redirect(&mut section, tls.is_some() || scheme == Scheme::Http);
    let findings = section.findings;
    section.finish();
    let address = address?;
    let Ok(parsed) = address.text.parse::<SocketAddr>() else {
        let message = format!("`{}` is no address with a port", address.text);
        findings.add("E005", &address.place, message, "such as 0.0.0.0:443 or [::]:443");
        return None;
    };
    let listener = Listener { address: parsed, tls, redirect: redirect.unwrap_or(false) };
    Some((listener, redirect))
}

/// `tls`: a word for who makes the certificates, or their files.
fn certificates(section: &mut Section<'_>, source: &Source) -> Option<ListenerCertificates> {
    let findings = section.findings;
    let (place, node) = section.take(&["tls"])?;
    let items = match &node.value {
        Value::String(word) => return by_word(word, &place, findings),
        Value::Table(_) => vec![(place, node)],
        Value::List(items) if items.is_empty() => {
            findings.add("E004", &place, "`tls` names no certificate", "write certificate_file and key_file");
            Vec::new()
        }
        Value::List(_) => section.items(&place, node).unwrap_or_default(),
        other => {
            let message = format!("a text, a table or a list is needed here, found {}", other.kind());
            findings.add("E003", &place, message, WORDS);
            Vec::new()
        }
    };
    let sections = items.into_iter().filter_map(|(place, node)| Section::new(place, node, findings));
    let files = sections.filter_map(|section| certificate(section, source)).collect();
    Some(ListenerCertificates::Files(files))
}

fn by_word(word: &str, place: &Place, findings: &Findings) -> Option<ListenerCertificates> {
    findings.add("E003", place, format!("`{word}` is a text; a table or a list is needed here"), WORDS);
    None
}

/// `redirect`, if it is written.
fn redirect(section: &mut Section<'_>, nowhere: bool) -> Option<bool> {
    let written = !section.lacks(&["redirect"]);
    let redirect = section.boolean("redirect", false);
    if redirect && nowhere {
        let message = "a redirect leads from clear text to https";
        let help = "remove it: this listener speaks TLS, or there is no https";
        section.findings.add("E008", &section.place_of("redirect"), message, help);
    }
    written.then_some(redirect)
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
