//! `[services.<name>]`.

mod backend;
mod closing;
mod disclosure;
mod guard;
mod redirect;
mod relay;
mod scope;
mod static_site;
mod upstream;

use std::sync::Arc;

pub use closing::ServiceFile;
pub(super) use closing::read_files;
use doorward_core::{
    config::Listener,
    http::{headers, host::Host, origin::Scheme},
    service::{IdentityHeader, Service},
};

use ipnet::IpNet;

use self::closing::Closing;
use super::{
    Source, names,
    policy::Policies,
    reader::{Findings, Place, Section, Text},
    tree::Entry,
    value,
};

/// What services are read against.
pub(super) struct Context<'a> {
    pub(super) source: &'a Source,
    pub(super) findings: &'a Findings,
    pub(super) policies: &'a Policies,
    pub(super) domain: &'a str,
    pub(super) scheme: Scheme,
    pub(super) asked: Asked,
}

/// What there is for other proxies that ask about requests.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    /// Somebody who may ask.
    pub(super) proxies: bool,
    /// A listener for the questions.
    pub(super) listener: bool,
}

impl Asked {
    pub(super) fn of(listeners: &[Listener], trusted: &[IpNet]) -> Self {
        let listener = listeners.iter().any(|listener| listener.forward_auth);
        Self { proxies: !trusted.is_empty(), listener }
    }
}

/// What one service's table holds.
#[derive(Default)]
pub(super) struct Read {
    /// The service, unless it has mistakes.
    pub(super) service: Option<Service>,
    /// The files that it needs.
    pub(super) files: Vec<ServiceFile>,
    /// Its hosts with their places, also when the rest has mistakes, so that each host that is declared twice can be
    /// shown.
    pub(super) hosts: Vec<(Host, Place)>,
}

/// Reads one service.
pub(super) fn read(place: &Place, entry: &Entry, context: &Context<'_>) -> Read {
    let findings = context.findings;
    let fit = names::check(&entry.name, place, findings);
    let Some(mut section) = Section::new(place.clone(), &entry.node, findings) else {
        return Read::default();
    };
    let closing = Closing::default();
    let hosts = hosts(&mut section, fit.then_some(&entry.name), context);
    let title = section.text(&["title"]).map_or_else(|| capitalised(&entry.name), |text| text.text);
    let backend = backend::read(&mut section, context, &closing);
    let relay = relay::read(&mut section, context, &closing);
    let guard = guard::read(&mut section, context, &closing);
    let disclosure = disclosure::read(&mut section, context, &closing);
    if let Some(guard) = guard.as_ref().filter(|guard| !guard.asks_who()) {
        disclosure::without_effect(&section, &guard.posture);
    }
    for (name, _) in &relay.request.set {
        let alike = |header: &IdentityHeader| headers::are_alike(header.name.as_str(), name.as_str());
        if disclosure.headers.iter().any(alike) {
            let message = format!("`{name}` is an identity header and set for everybody at once");
            findings.add("E008", &section.place_of("request_headers"), message, "remove one of them");
        }
    }
    section.finish();
    let mut service = backend.zip(guard).map(|(backend, guard)| Service {
        name: Arc::from(entry.name.as_str()),
        title,
        hosts: hosts.iter().map(|(host, _)| host.clone()).collect(),
        guard,
        backend,
        disclosure,
        relay,
    });
    let files = service.as_mut().map_or_else(Vec::new, |service| closing.apply(service));
    Read { service, files, hosts }
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

fn hosts(section: &mut Section<'_>, name: Option<&String>, context: &Context<'_>) -> Vec<(Host, Place)> {
    let one = section.text(&["host", "hostName"]);
    let several = section.texts(&["hosts"]);
    let texts = match (one, several) {
        (Some(one), None) => vec![one],
        (None, Some((_, several))) if !several.is_empty() => several,
        (None, None) if section.lacks(&["host", "hostName", "hosts"]) => name
            .map(|name| Text { text: format!("{name}.{}", context.domain), place: section.place.clone() })
            .into_iter()
            .collect(),
        (None, None) => Vec::new(),
        (_, Some((place, _))) => {
            context.findings.add(
                "E008",
                &place,
                "`hosts` is empty, or beside `host`",
                "write one of them, with at least one host",
            );
            Vec::new()
        }
    };
    texts
        .iter()
        .filter_map(|text| {
            let host = value::host(text, context.findings)?;
            value::check_scheme(context.scheme, &host, &text.place, context.findings);
            Some((host, text.place.clone()))
        })
        .collect()
}
