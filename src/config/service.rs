//! `[services.<name>]`.

use std::sync::Arc;

use doorward_core::{
    http::{host::Host, origin::Scheme, path},
    policy::{Guard, Posture},
    service::{Bypass, Service, Upstream, UpstreamScheme},
};

use super::{
    Source, identity_header, names,
    policy::{self, Policies},
    reader::{Findings, Place, Section, Text},
    suggest,
    tree::{Entry, Node},
    value,
};

const POSTURES: [&str; 4] = ["sso", "public", "native-oidc", "app-login"];
/// What services are read against.
pub(super) struct Context<'a> {
    pub(super) source: &'a Source,
    pub(super) findings: &'a Findings,
    pub(super) policies: &'a Policies,
    pub(super) domain: &'a str,
    pub(super) scheme: Scheme,
}

/// Reads one service. Its hosts come with their places, also when the rest has mistakes, so that each host that is
/// declared twice can be shown.
pub(super) fn read(
    place: &Place,
    entry: &Entry,
    context: &Context<'_>,
) -> (Option<Service>, Vec<(Host, Place)>) {
    let findings = context.findings;
    let fit = names::check(&entry.name, place, findings);
    let Some(mut section) = Section::new(place.clone(), &entry.node, findings) else {
        return (None, Vec::new());
    };
    let hosts = hosts(&mut section, fit.then_some(&entry.name), context);
    let title = section.text(&["title"]).map_or_else(|| capitalised(&entry.name), |text| text.text);
    let upstream = upstream(&mut section, context);
    let guard = guard(&mut section, context);
    let identity_headers = section.take(&["identity_headers"]);
    let identity_headers =
        identity_headers.map_or_else(Vec::new, |(place, node)| identity_header::read(&place, node, findings));
    section.finish();
    let service = upstream.zip(guard).map(|(upstream, guard)| Service {
        name: Arc::from(entry.name.as_str()),
        title,
        hosts: hosts.iter().map(|(host, _)| host.clone()).collect(),
        upstream,
        guard,
        identity_headers,
    });
    (service, hosts)
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

fn upstream(section: &mut Section<'_>, context: &Context<'_>) -> Option<Upstream> {
    let findings = section.findings;
    let original_host = match section.text(&["upstream_host"]) {
        None => true,
        Some(Text { text, .. }) if text == "original" => true,
        Some(Text { text, .. }) if text == "upstream" => false,
        Some(text) => {
            findings.add(
                "E005",
                &text.place,
                format!("`{}` is not possible here", text.text),
                suggest::help(&text.text, &["original", "upstream"]),
            );
            true
        }
    };
    let ca_file = section.text(&["upstream_ca_file"]).map(|text| value::file(context.source, &text));
    let verify = verify(section);
    let text = section
        .required(&["upstream"], "write where requests go, such as upstream = \"http://127.0.0.1:3000\"")?;
    let parsed = parse_upstream(&text.text);
    let Some((scheme, host, port)) = parsed else {
        findings.add(
            "E005",
            &text.place,
            format!("`{}` is no upstream", text.text),
            "write http:// or https://, a host, and perhaps a port; no path",
        );
        return None;
    };
    let local =
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if scheme == UpstreamScheme::Http && !local {
        findings.add(
            "W102",
            &text.place,
            format!("requests go to {host} without encryption"),
            "use https, or keep the network between them to yourself",
        );
    }
    Some(Upstream { scheme, host, port, original_host, ca_file, verify })
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

fn parse_upstream(text: &str) -> Option<(UpstreamScheme, String, u16)> {
    let (scheme, rest, default) = match text.split_once("://")? {
        ("http", rest) => (UpstreamScheme::Http, rest, 80),
        ("https", rest) => (UpstreamScheme::Https, rest, 443),
        _ => return None,
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, parse_port(port)?),
        _ => (rest, default),
    };
    if host.contains(':') && !host.starts_with('[') {
        return None;
    }
    Some((scheme, Host::parse(host).ok()?.as_str().to_owned(), port))
}

fn parse_port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}

fn guard(section: &mut Section<'_>, context: &Context<'_>) -> Option<Guard> {
    let networks = value::networks(section, &["networks", "allowedNetworks"]);
    let bypass = match section.take(&["bypass"]) {
        Some((place, node)) => bypasses(section, &place, node),
        None => Vec::new(),
    };
    let csrf_shield = section.boolean("csrf_shield", true);
    let policy = section.text(&["policy"]);
    let help = format!("a service says what it demands: {}", POSTURES.join(", "));
    let posture = section.required(&["posture"], &help);
    let open = posture.as_ref().and_then(|text| not_gated(&text.text));
    if let (Some(posture), Some(open)) = (&posture, open) {
        without_effect(section, &posture.text);
        return Some(Guard { posture: open, networks, bypass: Vec::new(), csrf_shield });
    }
    let policy = policy.and_then(|text| policy::find(context.policies, &text, section.findings));
    let posture = posture?;
    if posture.text != "sso" {
        let message = format!("there is no posture `{}`", posture.text);
        let help = suggest::help(&posture.text, &POSTURES);
        section.findings.add("E005", &posture.place, message, help);
        return None;
    }
    if section.lacks(&["policy"]) {
        let help = "write whom the service lets in, such as policy = \"users\"";
        section.missing("policy", help);
    }
    Some(Guard { posture: Posture::Sso(policy?), networks, bypass, csrf_shield })
}

fn not_gated(word: &str) -> Option<Posture> {
    match word {
        "public" => Some(Posture::Public),
        "native-oidc" => Some(Posture::NativeOidc),
        "app-login" => Some(Posture::AppLogin),
        _ => None,
    }
}

/// Reports what only a gate reads: whoever wrote it believes that there is one.
fn without_effect(section: &Section<'_>, posture: &str) {
    for key in ["policy", "bypass"] {
        if !section.lacks(&[key]) {
            let message = format!("`{key}` has no effect with the posture `{posture}`");
            let help = "remove it, or write posture = \"sso\"";
            section.findings.add("E008", &section.place_of(key), message, help);
        }
    }
}

fn bypasses(section: &Section<'_>, place: &Place, node: &Node) -> Vec<Bypass> {
    let items = section.items(place, node).unwrap_or_default();
    items
        .into_iter()
        .filter_map(|(place, item)| bypass(Section::new(place, item, section.findings)?))
        .collect()
}

fn bypass(mut section: Section<'_>) -> Option<Bypass> {
    let findings = section.findings;
    let place = section.place.clone();
    let paths = section.texts(&["paths"]);
    let networks = value::networks(&mut section, &["networks", "allowedNetworks"]);
    let methods = value::methods(&mut section);
    let public = section.boolean("public", false);
    let listed = paths.as_ref().is_some_and(|(_, paths)| !paths.is_empty());
    if !listed && (paths.is_some() || section.lacks(&["paths"])) {
        section.missing("paths", "write which paths are open, such as paths = [\"/api/health\"]");
    }
    section.finish();
    let paths: Vec<String> = paths?.1.into_iter().filter_map(|text| bypass_path(text, findings)).collect();
    match (&networks, public) {
        (None, false) => {
            let help = "write `networks = […]`, or `public = true` for everybody";
            findings.add("E009", &place, format!("{} would be open to everybody", paths.join(", ")), help);
        }
        (Some(_), true) => {
            findings.add("E008", &place, "`public = true` beside `networks`", "remove one of them");
        }
        (None, true) => findings.add(
            "W101",
            &place,
            format!("{} is open to everybody", paths.join(", ")),
            "limit it by `networks` if it is not meant so",
        ),
        (Some(networks), false) if networks.iter().any(|network| network.prefix_len() == 0) => findings.add(
            "W101",
            &place,
            format!("{} is open to everybody: a network of all addresses is no limit", paths.join(", ")),
            "name the networks that are meant",
        ),
        (Some(_), false) => {}
    }
    Some(Bypass { paths, networks, methods })
}

fn bypass_path(text: Text, findings: &Findings) -> Option<String> {
    if path::has_segment_prefix(&text.text, "/.doorward") {
        let message = format!("`{}` is reserved", text.text);
        findings.add(
            "E005",
            &text.place,
            message,
            "/.doorward/ belongs to the door on every host; open another path",
        );
        return None;
    }
    if path::is_canonical(&text.text) {
        return Some(text.text);
    }
    findings.add(
        "E005",
        &text.place,
        format!("`{}` is no path that a request can have", text.text),
        "begin with /, without //, dots as segments, escapes or ;",
    );
    None
}
