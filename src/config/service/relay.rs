//! What is changed about requests and answers on their way.

use doorward_core::{
    http::{
        headers::{ReservedHeaders, are_alike, canonical},
        origin::Scheme,
        path,
    },
    service::{HeaderEdits, Limits, PathMap, QueryRule, Relay},
};
use http::{HeaderName, HeaderValue, header};

use super::{Context, closing::Closing, scope};
use crate::config::{
    reader::{Findings, Place, Section, Text},
    tree::{Node, Value},
    value,
};

/// A year: what browsers remember.
const HSTS: &str = "max-age=31536000";
/// The preset of `security_headers`.
const SECURITY: [(&str, &str); 3] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "strict-origin-when-cross-origin"),
    ("x-frame-options", "SAMEORIGIN"),
];
/// What frames messages or belongs to one hop, and what is set elsewhere.
const NEVER: [&str; 13] = [
    "host",
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-request-id",
];
/// What holds a secret or a session.
const SECRETS: [&str; 3] = ["authorization", "cookie", "set-cookie"];

pub(super) fn read(section: &mut Section<'_>, context: &Context<'_>, closing: &Closing) -> Relay {
    let strip = prefix(section, "strip_prefix");
    let add = prefix(section, "add_prefix");
    let request = edits(section, "request_headers");
    let mut response = edits(section, "response_headers");
    if section.boolean("security_headers", false) {
        for (name, value) in SECURITY {
            unless_set(&mut response, &HeaderName::from_static(name), value);
        }
    }
    // Without subdomains: what else is below an apex domain is not ours to promise.
    if section.boolean("hsts", true) && context.scheme == Scheme::Https {
        unless_set(&mut response, &header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    Relay {
        request,
        response,
        paths: PathMap { strip, add },
        queries: queries(section, closing),
        limits: limits(section),
        compress: section.boolean("compress", false),
    }
}

fn unless_set(edits: &mut HeaderEdits, name: &HeaderName, value: &'static str) {
    let decided = edits.remove.contains(name) || edits.set.iter().any(|(set, _)| set == name);
    if !decided {
        edits.set.push((name.clone(), HeaderValue::from_static(value)));
    }
}

/// A prefix of paths, without a slash at its end.
fn prefix(section: &mut Section<'_>, name: &'static str) -> Option<String> {
    let text = section.text(&[name])?;
    let bare = text.text.strip_suffix('/').unwrap_or(&text.text);
    let reserved = path::has_segment_prefix(&bare.to_ascii_lowercase(), "/.doorward");
    if !bare.is_empty() && path::is_canonical(&text.text) && !reserved {
        return Some(bare.to_owned());
    }
    let message = format!("`{}` is no beginning of paths", text.text);
    section.findings.add("E005", &text.place, message, "write one such as /app");
    None
}

fn edits(section: &mut Section<'_>, name: &'static str) -> HeaderEdits {
    let request = name == "request_headers";
    let Some((place, node)) = section.take(&[name]) else {
        return HeaderEdits::default();
    };
    let Some(mut section) = Section::new(place, node, section.findings) else {
        return HeaderEdits::default();
    };
    let findings = section.findings;
    let removed = section.texts(&["remove"]).map_or_else(Vec::new, |(_, texts)| texts);
    let remove = removed.iter().filter_map(|text| header_name(text, (request, false), findings)).collect();
    let set =
        section.take(&["set"]).map_or_else(Vec::new, |(place, node)| set(place, node, request, findings));
    section.finish();
    HeaderEdits { remove, set }
}

fn set(place: Place, node: &Node, request: bool, findings: &Findings) -> Vec<(HeaderName, HeaderValue)> {
    let Some(section) = Section::new(place, node, findings) else {
        return Vec::new();
    };
    let mut found: Vec<(HeaderName, HeaderValue)> = Vec::new();
    for (place, entry) in section.all() {
        let text = Text { text: entry.name.clone(), place: place.clone() };
        let Some(name) = header_name(&text, (request, true), findings) else { continue };
        let Value::String(value) = &entry.node.value else {
            let message = format!("a text is needed here, found {}", entry.node.value.kind());
            findings.add("E003", &place, message, "");
            continue;
        };
        let Ok(value) = HeaderValue::from_str(value) else {
            findings.add(
                "E005",
                &place,
                "this can't be the value of a header",
                "write visible ASCII in one line",
            );
            continue;
        };
        let same = |(other, _): &(HeaderName, HeaderValue)| are_alike(other.as_str(), name.as_str());
        if found.iter().any(same) {
            let message = format!("`{}` is here twice: applications read - and _ alike", entry.name);
            findings.add("E007", &place, message, "");
            continue;
        }
        found.push((name, value));
    }
    found
}

/// A name that may be set or removed. Names are compared as applications read them.
fn header_name(text: &Text, (request, sets): (bool, bool), findings: &Findings) -> Option<HeaderName> {
    let name = text.text.parse::<HeaderName>().ok();
    let plain = canonical(&text.text);
    let ours = |name: &HeaderName| request && ReservedHeaders::default().contains(name);
    let secret = sets && SECRETS.contains(&plain.as_str());
    match name {
        Some(name) if !NEVER.contains(&plain.as_str()) && !ours(&name) && !secret => Some(name),
        _ => {
            let message = format!("`{}` can't be changed here", text.text);
            let help = if secret {
                "secrets come from files and sessions from people; neither is written into the configuration"
            } else {
                "names that frame messages, say who somebody is, or say where a request comes from are set by the door"
            };
            findings.add("E005", &text.place, message, help);
            None
        }
    }
}

fn queries(section: &mut Section<'_>, closing: &Closing) -> Vec<QueryRule> {
    let rules = section.tables(&["query"]).into_iter().filter_map(|mut section| {
        let paths = scope::paths(&mut section, (&["paths"], &["regexes"]), closing);
        if paths.is_none() && section.lacks(&["paths", "regexes"]) {
            section.missing("paths", "write for which paths, such as paths = [\"/login\"]");
        }
        let set = section.take(&["set"]).map(|(place, node)| parameters(place, node, section.findings));
        if set.is_none() {
            section.missing("set", "write which parameters, such as set = { lang = \"en\" }");
        }
        section.finish();
        Some(QueryRule { paths: paths?, set: set? })
    });
    rules.collect()
}

fn parameters(place: Place, node: &Node, findings: &Findings) -> Vec<(String, String)> {
    let Some(section) = Section::new(place, node, findings) else {
        return Vec::new();
    };
    let plain = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'))
    };
    let mut found = Vec::new();
    for (place, entry) in section.all() {
        match &entry.node.value {
            Value::String(value) if plain(value) && plain(&entry.name) => {
                found.push((entry.name.clone(), value.clone()));
            }
            _ => {
                let help = "name and value are texts of letters, digits and -._~";
                findings.add("E005", &place, "this parameter is not possible", help);
            }
        }
    }
    found
}

fn limits(section: &mut Section<'_>) -> Limits {
    let Some((place, node)) = section.take(&["limits"]) else {
        return Limits::default();
    };
    let Some(mut section) = Section::new(place, node, section.findings) else {
        return Limits::default();
    };
    let body = value::size(&mut section, "body");
    let duration = value::duration(&mut section, "duration", (1, 7 * 86_400));
    section.finish();
    Limits { body, duration }
}
