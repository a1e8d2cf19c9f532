//! `inject`: credentials of ours that the application demands.

use doorward_core::{http::headers, service::Credential};
use http::{HeaderName, HeaderValue};

use super::{Context, headers::is_taken};
use crate::config::{
    reader::{Section, Text},
    value,
};

pub(super) fn read(section: &mut Section<'_>, context: &Context<'_>) -> Vec<Credential> {
    let Some((place, node)) = section.take(&["inject"]) else {
        return Vec::new();
    };
    let mut credentials: Vec<Credential> = Vec::new();
    for (place, item) in section.items(&place, node).unwrap_or_default() {
        let Some(entry) = Section::new(place.clone(), item, section.findings) else { continue };
        let Some(new) = credential(entry, context) else { continue };
        let alike = |other: &Credential| headers::are_alike(other.name.as_str(), new.name.as_str());
        if credentials.iter().any(alike) {
            let message = format!("`{}` is here twice: upstreams read - and _ alike", new.name);
            section.findings.add("E007", &place, message, "keep one of them");
            continue;
        }
        credentials.push(new);
    }
    credentials
}

fn credential(mut entry: Section<'_>, context: &Context<'_>) -> Option<Credential> {
    let name = entry.required(&["header"], "write the header that the application reads, such as X-Api-Key");
    let file = entry.required(&["value_file"], "name the file that holds the secret");
    let prefix = entry.text(&["prefix"]);
    if let Some(prefix) = prefix.as_ref().filter(|prefix| HeaderValue::from_str(&prefix.text).is_err()) {
        let message = format!("`{}` can't stand in a header", prefix.text.escape_debug());
        entry.findings.add("E005", &prefix.place, message, "such as \"Bearer \"");
    }
    let name = name.and_then(|name| header(&name, &entry));
    entry.finish();
    let prefix = prefix.map_or_else(String::new, |prefix| prefix.text);
    Some(Credential { name: name?, file: value::file(context.source, &file?), prefix, value: None })
}

/// A name that the application may read a credential from. `Authorization` is one.
fn header(name: &Text, entry: &Section<'_>) -> Option<HeaderName> {
    let canonical = headers::canonical(&name.text);
    let fit = canonical == "authorization" || !is_taken(&canonical);
    let parsed = name.text.parse::<HeaderName>().ok().filter(|_| fit);
    if parsed.is_none() {
        let message = format!("`{}` can't carry a credential", name.text);
        let help = "take the header that the application reads, such as X-Api-Key or Authorization";
        entry.findings.add("E005", &name.place, message, help);
    }
    parsed
}
