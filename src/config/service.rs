//! `[services.<name>]`.

use std::sync::Arc;

use doorward_core::{
    http::{headers, host::Host, path},
    identity::Property,
    policy::{Guard, Posture},
    service::{Bypass, IdentityHeader, Service, Upstream, UpstreamScheme},
};
use http::HeaderName;

use super::{
    Source, names,
    policy::{self, Policies},
    reader::{Findings, Place, Section, Text},
    suggest,
    tree::{Entry, Node, Value},
    value,
};

const POSTURES: [&str; 4] = ["sso", "public", "native-oidc", "app-login"];
/// The headers that `identity_headers = true` stands for.
const REMOTE: [(&str, Property); 4] = [
    ("remote-user", Property::Username),
    ("remote-email", Property::Email),
    ("remote-name", Property::Name),
    ("remote-groups", Property::Groups),
];
/// Names that an identity header can't have: they mean something else on the way.
const NOT_OURS_TO_SET: [&str; 12] = [
    "host",
    "cookie",
    "authorization",
    "content-length",
    "content-type",
    "connection",
    "transfer-encoding",
    "upgrade",
    "te",
    "trailer",
    "origin",
    "forwarded",
];

/// What services are read against.
pub(super) struct Context<'a> {
    pub(super) source: &'a Source,
    pub(super) findings: &'a Findings,
    pub(super) policies: &'a Policies,
    pub(super) domain: &'a str,
}

/// Reads one service; its hosts come with their places so that duplicates can be shown.
pub(super) fn read(
    place: &Place,
    entry: &Entry,
    context: &Context<'_>,
) -> Option<(Service, Vec<(Host, Place)>)> {
    let findings = context.findings;
    if !names::check(&entry.name, place, findings) {
        return None;
    }
    let mut section = Section::new(place.clone(), &entry.node, findings)?;
    let hosts = hosts(&mut section, &entry.name, context);
    let title = section
        .text(&["title"])
        .map_or_else(|| capitalised(&entry.name), |text| text.text);
    let upstream = upstream(&mut section, context);
    let guard = guard(&mut section, context);
    let identity_headers = section.take(&["identity_headers"]);
    let identity_headers = identity_headers.map_or_else(Vec::new, |(place, node)| {
        read_identity_headers(&place, node, findings)
    });
    section.finish();
    let service = Service {
        name: Arc::from(entry.name.as_str()),
        title,
        hosts: hosts.iter().map(|(host, _)| host.clone()).collect(),
        upstream: upstream?,
        guard: guard?,
        identity_headers,
    };
    Some((service, hosts))
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_ascii_uppercase().to_string() + letters.as_str()
    })
}

fn hosts(section: &mut Section<'_>, name: &str, context: &Context<'_>) -> Vec<(Host, Place)> {
    let one = section.text(&["host", "hostName"]);
    let several = section.texts(&["hosts"]);
    let texts = match (one, several) {
        (Some(one), None) => vec![one],
        (None, Some((_, several))) if !several.is_empty() => several,
        (None, None) => vec![Text {
            text: format!("{name}.{}", context.domain),
            place: section.place.clone(),
        }],
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
        .filter_map(|text| Some((value::host(text, context.findings)?, text.place.clone())))
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
    let ca_file = section
        .text(&["upstream_ca_file"])
        .map(|text| value::file(context.source, &text));
    let verify = verify(section);
    let text = section.required(
        &["upstream"],
        "write where requests go, such as upstream = \"http://127.0.0.1:3000\"",
    )?;
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
    let local = host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    if scheme == UpstreamScheme::Http && !local {
        findings.add(
            "W102",
            &text.place,
            format!("requests go to {host} without encryption"),
            "use https, or keep the network between them to yourself",
        );
    }
    Some(Upstream {
        scheme,
        host,
        port,
        original_host,
        ca_file,
        verify,
    })
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
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok().filter(|port| *port != 0)?),
        _ => (rest, default),
    };
    Some((scheme, Host::parse(host).ok()?.as_str().to_owned(), port))
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
    let posture = section.required(&["posture"], &help)?;
    if posture.text != "sso" {
        let open = not_gated(&posture, section.findings)?;
        let needless = policy.map(|text| text.place).into_iter();
        for place in needless {
            let message = format!("a service with the posture `{}` has no policy", posture.text);
            section
                .findings
                .add("E008", &place, message, "remove it, or write posture = \"sso\"");
        }
        return Some(Guard {
            posture: open,
            networks,
            bypass: Vec::new(),
            csrf_shield,
        });
    }
    let Some(policy) = policy else {
        section.missing(
            "policy",
            "write whom the service lets in, such as policy = \"users\"",
        );
        return None;
    };
    let policy = policy::find(context.policies, &policy, section.findings)?;
    Some(Guard {
        posture: Posture::Sso(policy),
        networks,
        bypass,
        csrf_shield,
    })
}

fn not_gated(posture: &Text, findings: &Findings) -> Option<Posture> {
    match posture.text.as_str() {
        "public" => Some(Posture::Public),
        "native-oidc" => Some(Posture::NativeOidc),
        "app-login" => Some(Posture::AppLogin),
        other => {
            findings.add(
                "E005",
                &posture.place,
                format!("there is no posture `{other}`"),
                suggest::help(other, &POSTURES),
            );
            None
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
    if paths.as_ref().is_none_or(|(_, paths)| paths.is_empty()) {
        section.missing(
            "paths",
            "write which paths are open, such as paths = [\"/api/health\"]",
        );
    }
    section.finish();
    let paths: Vec<String> = paths?
        .1
        .into_iter()
        .filter_map(|text| bypass_path(text, findings))
        .collect();
    match (&networks, public) {
        (None, false) => {
            let help = "write `networks = […]`, or `public = true` for everybody";
            findings.add(
                "E009",
                &place,
                format!("{} would be open to everybody", paths.join(", ")),
                help,
            );
        }
        (Some(_), true) => findings.add(
            "E008",
            &place,
            "`public = true` beside `networks`",
            "remove one of them",
        ),
        (None, true) => findings.add(
            "W101",
            &place,
            format!("{} is open to everybody", paths.join(", ")),
            "limit it by `networks` if it is not meant so",
        ),
        (Some(_), false) => {}
    }
    Some(Bypass {
        paths,
        networks,
        methods,
    })
}

fn bypass_path(text: Text, findings: &Findings) -> Option<String> {
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

fn read_identity_headers(place: &Place, node: &Node, findings: &Findings) -> Vec<IdentityHeader> {
    match &node.value {
        Value::Boolean(true) => REMOTE
            .into_iter()
            .map(|(name, property)| IdentityHeader {
                name: HeaderName::from_static(name),
                property,
            })
            .collect(),
        Value::Boolean(false) => Vec::new(),
        Value::Table(entries) => {
            let mut headers: Vec<IdentityHeader> = Vec::new();
            for entry in entries {
                let place = Place {
                    key: format!("{}.{}", place.key, entry.name),
                    span: entry.name_span.clone(),
                };
                headers.extend(identity_header(&place, entry, findings, &headers));
            }
            headers
        }
        other => {
            let message = format!("true, false or a table is needed here, found {}", other.kind());
            findings.add(
                "E003",
                place,
                message,
                "such as identity_headers = { \"X-WEBAUTH-USER\" = \"username\" }",
            );
            Vec::new()
        }
    }
}

fn identity_header(
    place: &Place,
    entry: &Entry,
    findings: &Findings,
    others: &[IdentityHeader],
) -> Option<IdentityHeader> {
    let words: Vec<&str> = Property::ALL.iter().map(|(_, word)| *word).collect();
    let word = if let Value::String(word) = &entry.node.value {
        word.as_str()
    } else {
        ""
    };
    let Some((property, _)) = Property::ALL.into_iter().find(|(_, known)| *known == word) else {
        findings.add(
            "E005",
            place,
            format!("`{word}` is nothing that a header can carry"),
            suggest::help(word, &words),
        );
        return None;
    };
    let canonical = headers::canonical(&entry.name);
    let forbidden = NOT_OURS_TO_SET.contains(&canonical.as_str()) || canonical.starts_with("x-forwarded-");
    let name = entry.name.parse::<HeaderName>().ok().filter(|_| !forbidden);
    let Some(name) = name else {
        findings.add(
            "E005",
            place,
            format!("`{}` can't be an identity header", entry.name),
            "take a name of its own, such as X-WEBAUTH-USER",
        );
        return None;
    };
    if others
        .iter()
        .any(|other| headers::canonical(other.name.as_str()) == canonical)
    {
        findings.add(
            "E007",
            place,
            format!("`{}` is here twice: upstreams read - and _ alike", entry.name),
            "",
        );
        return None;
    }
    Some(IdentityHeader { name, property })
}
