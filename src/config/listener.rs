//! `[[listeners]]`.

use std::net::SocketAddr;

use doorward_core::{
    config::{Address, CertificateFiles, Listener, ListenerCertificates, UnixAddress},
    http::origin::Scheme,
};

use super::{
    Source,
    reader::{Findings, Place, Section, Text},
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
        let any_port = matches!(read.address, Address::Tcp(address) if address.port() == 0);
        if !any_port && listeners.iter().any(|other| other.address == read.address) {
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
    let mode = section.text(&["mode"]);
    let proxy_protocol = value::peers(&mut section, "proxy_protocol");
    let findings = section.findings;
    if proxy_protocol.as_ref().is_some_and(Vec::is_empty) {
        let place = section.place_of("proxy_protocol");
        let help = "name the balancers in front of this one";
        findings.add("E004", &place, "`proxy_protocol` names nobody", help);
    }
    section.finish();
    let address = parse_address(&address?, mode, source, findings)?;
    let proxy_protocol = proxy_protocol.unwrap_or_default();
    // What speaks clear text to a socket in the file system is a proxy beside us, not a browser.
    let redirect = redirect.or_else(|| matches!(address, Address::Unix(_)).then_some(false));
    let listener = Listener { address, tls, redirect: redirect.unwrap_or(false), proxy_protocol };
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
    match word {
        "auto" => Some(ListenerCertificates::Auto),
        "local" => Some(ListenerCertificates::Local),
        other => {
            findings.add("E005", place, format!("`{other}` makes no certificates"), WORDS);
            None
        }
    }
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

/// `0.0.0.0:443`, `unix:/run/doorward.sock` or `systemd:name`.
pub(super) fn parse_address(
    text: &Text,
    mode: Option<Text>,
    source: &Source,
    findings: &Findings,
) -> Option<Address> {
    let unix = text.text.strip_prefix("unix:");
    if let (Some(mode), None) = (&mode, unix) {
        findings.add("E008", &mode.place, "only a unix socket has a mode", "remove it");
    }
    if let Some(path) = unix {
        // Others may not connect unless it is written down.
        let mode = mode.map_or(Some(0o660), |mode| parse_mode(&mode, findings))?;
        let file = value::file(source, &Text { text: path.to_owned(), place: text.place.clone() });
        // The kernel's limit (`sun_path` of unix(7)), with the zero at its end.
        if path.is_empty() || file.as_os_str().len() > 107 {
            let message = format!("`{path}` can't be the path of a socket");
            findings.add(
                "E005",
                &text.place,
                message,
                "write 1 to 107 bytes, such as unix:/run/doorward/http.sock",
            );
            return None;
        }
        return Some(Address::Unix(UnixAddress { path: file, mode }));
    }
    if let Some(name) = text.text.strip_prefix("systemd:") {
        // The characters that systemd allows in FileDescriptorName=.
        let fits = (1..=255).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
        if !fits {
            let message = format!("`{name}` is no name of a socket");
            findings.add("E005", &text.place, message, "write the FileDescriptorName= of the .socket unit");
        }
        return fits.then(|| Address::Systemd(name.to_owned()));
    }
    let parsed = text.text.parse::<SocketAddr>().ok();
    if parsed.is_none() {
        let message = format!("`{}` is no address with a port", text.text);
        let help = "such as 0.0.0.0:443, [::]:443, unix:/run/doorward/http.sock or systemd:http";
        findings.add("E005", &text.place, message, help);
    }
    parsed.map(Address::Tcp)
}

/// Permissions in octal digits, as `chmod` takes them.
fn parse_mode(text: &Text, findings: &Findings) -> Option<u32> {
    let octal =
        (3..=4).contains(&text.text.len()) && text.text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    let mode = octal.then(|| u32::from_str_radix(&text.text, 8).ok()).flatten().filter(|mode| *mode <= 0o777);
    if mode.is_none() {
        let message = format!("`{}` are no permissions", text.text);
        findings.add("E005", &text.place, message, "write octal digits, such as \"0660\"");
    }
    mode
}

pub(super) fn certificate(mut section: Section<'_>, source: &Source) -> Option<CertificateFiles> {
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
