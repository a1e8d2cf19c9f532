//! `identity_headers`: whole conventions by their names, and headers one by one.

use doorward_core::{
    http::headers,
    identity::Property,
    service::{HeaderSet, IdentityHeader, is_taken_header},
};
use http::HeaderName;

use crate::config::{
    reader::{Findings, Place, Section},
    suggest,
    tree::{Entry, Node, Value},
};

const KEY: &str = "identity_headers";
/// The key that lists sets, beside headers one by one.
const SETS: &str = "sets";
/// The forwarding names that are about people, by convention.
const ABOUT_PEOPLE: [&str; 5] = [
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-name",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
];

pub(super) fn read(section: &mut Section<'_>) -> Vec<IdentityHeader> {
    let Some((place, node)) = section.take(&[KEY]) else {
        return Vec::new();
    };
    let findings = section.findings;
    match &node.value {
        Value::Boolean(true) => of_set(HeaderSet::DEFAULT).collect(),
        Value::Boolean(false) => Vec::new(),
        Value::List(_) => sets(section, &place, node),
        Value::Table(entries) => table(section, &place, entries),
        other => {
            let message = format!("true, false, a list or a table is needed here, found {}", other.kind());
            let help = "such as identity_headers = { \"X-WEBAUTH-USER\" = \"username\" }";
            findings.add("E003", &place, message, help);
            Vec::new()
        }
    }
}

/// Whether the file names a header for roles, rather than a set that has one besides others.
pub(super) fn asks_for_roles(section: &mut Section<'_>) -> bool {
    let Some((_, Node { value: Value::Table(entries), .. })) = section.take(&[KEY]) else {
        return false;
    };
    let is_role =
        |node: &Node| matches!(&node.value, Value::String(word) if word == "role" || word == "roles");
    entries.iter().any(|entry| is_role(&entry.node))
}

fn of_set(set: HeaderSet) -> impl Iterator<Item = IdentityHeader> {
    let header = |(name, property): &(&'static str, Property)| IdentityHeader {
        name: HeaderName::from_static(name),
        property: *property,
    };
    set.headers.iter().map(header)
}

/// The headers of the sets that a list names.
fn sets<'a>(section: &Section<'a>, place: &Place, node: &'a Node) -> Vec<IdentityHeader> {
    let words = HeaderSet::ALL.map(|set| set.word);
    let mut headers: Vec<IdentityHeader> = Vec::new();
    for (place, item) in section.items(place, node).unwrap_or_default() {
        let word = if let Value::String(word) = &item.value { word.as_str() } else { "" };
        let Some(set) = HeaderSet::ALL.into_iter().find(|set| set.word == word) else {
            let message = format!("there is no set of headers `{word}`");
            section.findings.add("E005", &place, message, suggest::help(word, &words));
            continue;
        };
        if of_set(set).any(|header| headers.contains(&header)) {
            section.findings.add("E007", &place, format!("`{word}` is here twice"), "keep one of them");
            continue;
        }
        headers.extend(of_set(set));
    }
    headers
}

fn table<'a>(section: &Section<'a>, place: &Place, entries: &'a [Entry]) -> Vec<IdentityHeader> {
    let below =
        |entry: &Entry| Place { key: format!("{}.{}", place.key, entry.name), span: entry.name_span.clone() };
    let (whole, single): (Vec<&Entry>, Vec<&Entry>) = entries.iter().partition(|entry| entry.name == SETS);
    let mut headers: Vec<IdentityHeader> =
        whole.into_iter().flat_map(|entry| sets(section, &below(entry), &entry.node)).collect();
    for entry in single {
        headers.extend(header(&below(entry), entry, section.findings, &headers));
    }
    headers
}

fn header(
    place: &Place,
    entry: &Entry,
    findings: &Findings,
    others: &[IdentityHeader],
) -> Option<IdentityHeader> {
    let words: Vec<&str> = Property::ALL.iter().map(|(_, word)| *word).collect();
    let word = if let Value::String(word) = &entry.node.value { word.as_str() } else { "" };
    let Some((property, _)) = Property::ALL.into_iter().find(|(_, known)| *known == word) else {
        let message = format!("`{word}` is nothing that a header can carry");
        findings.add("E005", place, message, suggest::help(word, &words));
        return None;
    };
    let name = name(&entry.name, place, findings)?;
    if others.iter().any(|other| headers::are_alike(other.name.as_str(), name.as_str())) {
        let message = format!("`{}` is here twice: upstreams read - and _ alike", entry.name);
        findings.add("E007", place, message, "");
        return None;
    }
    Some(IdentityHeader { name, property })
}

/// A header's name that may tell the application who somebody is.
pub(in crate::config::service) fn name(text: &str, place: &Place, findings: &Findings) -> Option<HeaderName> {
    let name = text.parse::<HeaderName>().ok().filter(|_| is_ours_to_set(&headers::canonical(text)));
    if name.is_none() {
        let message = format!("`{text}` can't be an identity header");
        findings.add("E005", place, message, "take a name of its own, such as X-WEBAUTH-USER");
    }
    name
}

fn is_ours_to_set(canonical: &str) -> bool {
    !is_taken_header(canonical) || ABOUT_PEOPLE.contains(&canonical)
}
