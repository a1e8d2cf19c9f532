//! Where a service's requests go.

mod target;

use std::time::Duration;

use doorward_core::{
    config::CertificateFiles,
    http::path,
    service::{Balance, HealthCheck, Target, Upstream, UpstreamTls},
};
use doorward_proxy::upstream_tls;

use super::{Context, closing::Closing};
use crate::config::{
    reader::{Findings, Place, Section, Text},
    suggest,
    tree::{Node, Value},
    value,
};

const HELP: &str = "write where requests go, such as upstream = \"http://127.0.0.1:3000\"";

pub(super) fn read(section: &mut Section<'_>, context: &Context<'_>, closing: &Closing) -> Option<Upstream> {
    let original_host = original_host(section);
    let tls = tls(section, context, closing);
    let balance = balance(section);
    let health = section.take(&["health"]).and_then(|(place, node)| health(place, node, section.findings));
    let targets = targets(section)?;
    if targets.len() < 2 && !section.lacks(&["balance"]) {
        let place = section.place_of("balance");
        section.findings.add(
            "E008",
            &place,
            "`balance` chooses between several upstreams",
            "name them in `upstreams`, or remove it",
        );
    }
    Some(Upstream { targets, balance, health, original_host, tls })
}

fn original_host(section: &mut Section<'_>) -> bool {
    match section.text(&["upstream_host"]) {
        None => true,
        Some(Text { text, .. }) if text == "original" => true,
        Some(Text { text, .. }) if text == "upstream" => false,
        Some(text) => {
            not_possible(&text, &["original", "upstream"], section.findings);
            true
        }
    }
}

fn balance(section: &mut Section<'_>) -> Balance {
    match section.text(&["balance"]) {
        None => Balance::default(),
        Some(Text { text, .. }) if text == "least-busy" => Balance::LeastBusy,
        Some(Text { text, .. }) if text == "round-robin" => Balance::RoundRobin,
        Some(text) => {
            not_possible(&text, &["least-busy", "round-robin"], section.findings);
            Balance::default()
        }
    }
}

fn not_possible(text: &Text, words: &[&str], findings: &Findings) {
    let message = format!("`{}` is not possible here", text.text);
    findings.add("E005", &text.place, message, suggest::help(&text.text, words));
}

/// One `upstream`, or several `upstreams`.
fn targets(section: &mut Section<'_>) -> Option<Vec<Target>> {
    let findings = section.findings;
    let several = section.texts(&["upstreams"]);
    let texts = match (section.text(&["upstream"]), several) {
        (Some(one), None) => vec![one],
        (None, Some((_, several))) if !several.is_empty() => several,
        (_, Some((place, _))) => {
            let message = "`upstreams` is empty, or beside `upstream`";
            findings.add("E008", &place, message, "write one of them, with at least one upstream");
            return None;
        }
        (None, None) => {
            if section.lacks(&["upstream", "upstreams"]) {
                section.missing("upstream", HELP);
            }
            return None;
        }
    };
    let mut targets = Vec::new();
    for text in &texts {
        let target = target::read(text, findings)?;
        if targets.contains(&target) {
            let message = format!("`{}` is here twice", text.text);
            findings.add("E007", &text.place, message, "");
        }
        targets.push(target);
    }
    Some(targets)
}

fn tls(section: &mut Section<'_>, context: &Context<'_>, closing: &Closing) -> UpstreamTls {
    let ca_file = section.text(&["upstream_ca_file"]).map(|text| {
        let file = value::file(context.source, &text);
        let tls = UpstreamTls { ca_file: Some(file.clone()), ..UpstreamTls::default() };
        read_later(closing, text.place, "closed_upstream_ca_file", tls);
        file
    });
    let server_name =
        section.text(&["upstream_server_name"]).and_then(|text| value::host(&text, section.findings));
    UpstreamTls {
        ca_file,
        server_name: server_name.map(|name| name.as_str().to_owned()),
        identity: identity(section, context, closing),
        verify: verify(section),
    }
}

/// The certificate that the upstream is shown, with its key.
fn identity(section: &mut Section<'_>, context: &Context<'_>, closing: &Closing) -> Option<CertificateFiles> {
    let certificate = section.text(&["upstream_certificate_file"]);
    let key = section.text(&["upstream_key_file"]);
    let (certificate, key) = match (certificate, key) {
        (Some(certificate), Some(key)) => (certificate, key),
        (None, None) => return None,
        (Some(one), None) | (None, Some(one)) => {
            let message = "a certificate is shown together with its key";
            let help = "write `upstream_certificate_file` and `upstream_key_file`";
            section.findings.add("E008", &one.place, message, help);
            return None;
        }
    };
    let files = CertificateFiles {
        certificate_file: value::file(context.source, &certificate),
        key_file: value::file(context.source, &key),
    };
    let tls = UpstreamTls { identity: Some(files.clone()), ..UpstreamTls::default() };
    read_later(closing, certificate.place, "closed_upstream_certificate", tls);
    Some(files)
}

/// Has files of the upstream tried when the configuration is loaded.
fn read_later(closing: &Closing, place: Place, id: &'static str, tls: UpstreamTls) {
    closing.read_later(place, id, move |_| {
        upstream_tls::check(&tls).map_err(|(key, error)| format!("{key}: {error}"))
    });
}

fn verify(section: &mut Section<'_>) -> bool {
    let Some((place, node)) = section.take(&["danger"]) else {
        return true;
    };
    let Some(mut danger) = Section::new(place.clone(), node, section.findings) else {
        return true;
    };
    let verify = danger.boolean("verify_upstream", true);
    danger.finish();
    if !verify {
        section.findings.add(
            "W105",
            &place,
            "the upstream's certificate is not checked",
            "name its authority with `upstream_ca_file` instead",
        );
    }
    verify
}

/// A path alone, or a table.
fn health(place: Place, node: &Node, findings: &Findings) -> Option<HealthCheck> {
    const INTERVAL: Duration = Duration::from_secs(10);
    if let Value::String(path) = &node.value {
        let path = check_path(Text { text: path.clone(), place }, findings)?;
        return Some(HealthCheck { path, interval: INTERVAL, expect: None });
    }
    let mut section = Section::new(place, node, findings)?;
    let path = section.required(&["path"], "write what to ask for, such as path = \"/health\"");
    let interval = value::duration(&mut section, "interval", (1, 3600));
    let expect = section.integer("expect").and_then(|(status, place)| {
        let status = u16::try_from(status).ok().filter(|status| (200..=599).contains(status));
        if status.is_none() {
            findings.add("E005", &place, "this is no status of an answer", "write a number from 200 to 599");
        }
        status
    });
    section.finish();
    let path = check_path(path?, findings)?;
    Some(HealthCheck { path, interval: interval.unwrap_or(INTERVAL), expect })
}

fn check_path(text: Text, findings: &Findings) -> Option<String> {
    let (path, query) = text.text.split_once('?').unwrap_or((&text.text, ""));
    if path::is_canonical(path) && query.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return Some(text.text);
    }
    let message = format!("`{}` is no path that can be asked for", text.text);
    findings.add("E005", &text.place, message, "begin with /, such as /health");
    None
}
