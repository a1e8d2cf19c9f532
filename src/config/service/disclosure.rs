//! What a service's upstream learns about the person.

use doorward_core::{
    http::headers,
    identity::Property,
    service::{Disclosure, IdentityHeader},
};
use http::HeaderName;

use crate::config::{
    reader::{Findings, Place, Section},
    suggest,
    tree::{Entry, Node, Value},
};

/// The headers that `identity_headers = true` stands for.
const REMOTE: [(&str, Property); 4] = [
    ("remote-user", Property::Username),
    ("remote-email", Property::Email),
    ("remote-name", Property::Name),
    ("remote-groups", Property::Groups),
];
/// Names that an identity header can't have: they mean something else on the way.
const NOT_OURS_TO_SET: [&str; 25] = [
    "host",
    "cookie",
    "set-cookie",
    "authorization",
    "content-length",
    "content-type",
    "content-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "transfer-encoding",
    "upgrade",
    "te",
    "trailer",
    "expect",
    "range",
    "origin",
    "referer",
    "forwarded",
    "via",
    "x-forwarded",
    "x-real-ip",
    "x-http-method-override",
    "x-request-id",
];
/// Beginnings of such names.
const NOT_OURS_TO_BEGIN: [&str; 4] = ["x-forwarded-", "x-original-", "sec-", "x-doorward-"];
/// The forwarding names that are about people, by convention.
const ABOUT_PEOPLE: [&str; 5] = [
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-name",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
];

pub(super) fn read(section: &mut Section<'_>) -> Disclosure {
    let declared = section.take(&["identity_headers"]);
    let headers =
        declared.map_or_else(Vec::new, |(place, node)| identity_headers(&place, node, section.findings));
    Disclosure { headers }
}

fn identity_headers(place: &Place, node: &Node, findings: &Findings) -> Vec<IdentityHeader> {
    match &node.value {
        Value::Boolean(true) => REMOTE
            .into_iter()
            .map(|(name, property)| IdentityHeader { name: HeaderName::from_static(name), property })
            .collect(),
        Value::Boolean(false) => Vec::new(),
        Value::Table(entries) => {
            let mut headers: Vec<IdentityHeader> = Vec::new();
            for entry in entries {
                let place =
                    Place { key: format!("{}.{}", place.key, entry.name), span: entry.name_span.clone() };
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
    let word = if let Value::String(word) = &entry.node.value { word.as_str() } else { "" };
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
    let name = entry.name.parse::<HeaderName>().ok().filter(|_| is_ours_to_set(&canonical));
    let Some(name) = name else {
        findings.add(
            "E005",
            place,
            format!("`{}` can't be an identity header", entry.name),
            "take a name of its own, such as X-WEBAUTH-USER",
        );
        return None;
    };
    if others.iter().any(|other| headers::canonical(other.name.as_str()) == canonical) {
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

fn is_ours_to_set(canonical: &str) -> bool {
    let taken = NOT_OURS_TO_SET.contains(&canonical)
        || NOT_OURS_TO_BEGIN.iter().any(|beginning| canonical.starts_with(beginning));
    !taken || ABOUT_PEOPLE.contains(&canonical)
}
