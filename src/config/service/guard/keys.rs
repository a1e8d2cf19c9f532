//! `[[services.<name>.keys]]`: what programs present in place of a session.

use std::sync::Arc;

use doorward_core::{
    http::headers,
    policy::{Key, Paths, Scope, check_key},
    rfc3339,
    time::UnixTime,
    token::HashedSecret,
};
use http::{HeaderName, header};

use crate::config::{
    names, read_secret,
    reader::{Findings, Section, Text},
    service::{Context, closing::Closing, scope},
    tree::Value,
    value,
};

/// The header of a key for which none is written.
const HEADER: &str = "x-api-key";
/// Names that no key can have: something else is in them, or we set them ourselves.
const NOT_FOR_KEYS: [&str; 8] = [
    "host",
    "cookie",
    "connection",
    "content-length",
    "content-type",
    "origin",
    "referer",
    "proxy-authorization",
];

/// Reads the keys of a service. They are completed when their files are read.
pub(super) fn read(section: &mut Section<'_>, context: &Context<'_>, closing: &Closing) {
    let mut names: Vec<String> = Vec::new();
    for section in section.tables(&["keys"]) {
        let Some(name) = key(section, context, closing) else { continue };
        if names.contains(&name.text) {
            let message = format!("the key `{}` is here twice", name.text);
            context.findings.add("E007", &name.place, message, "the log tells keys apart by their names");
        }
        names.push(name.text);
    }
}

fn key(mut section: Section<'_>, context: &Context<'_>, closing: &Closing) -> Option<Text> {
    let findings = section.findings;
    let name = section.required(&["name"], "write what the log shall call it, such as name = \"backup\"");
    let fit = name.as_ref().is_some_and(|name| names::check(&name.text, &name.place, findings));
    let file = section.required(&["key_file", "keyFile"], "name the file that holds the key");
    let header = section.text(&["header"]);
    let header = header.map_or(Some(HeaderName::from_static(HEADER)), |text| header_name(&text, findings));
    let paths = scope::paths(&mut section, (&["paths"], &["regexes"]), closing).unwrap_or(Paths::All);
    let methods = value::methods(&mut section);
    let networks = value::networks(&mut section, &["networks", "allowedNetworks"]);
    let expires_at = expires(&mut section);
    section.finish();
    let (name, file, header) = (name.filter(|_| fit)?, file?, header?);
    let scope = Scope { paths, networks, methods, expires_at };
    let path = value::file(context.source, &file);
    let named: Arc<str> = Arc::from(name.text.as_str());
    closing.read_later(file.place, "closed_key_file", move |service| {
        let secret = read_secret(&path)?;
        check_key(&secret).map_err(|problem| format!("the key {} {problem}", path.display()))?;
        let secret = HashedSecret::of(&secret);
        if service.guard.keys.iter().any(|key| key.secret.is_same_as(&secret)) {
            return Err(format!("the key {} is one of this service already", path.display()));
        }
        service.guard.keys.push(Key { name: named, header, secret, scope });
        Ok(())
    });
    Some(name)
}

fn header_name(text: &Text, findings: &Findings) -> Option<HeaderName> {
    let name: Option<HeaderName> = text.text.parse().ok();
    let ours = |name: &HeaderName| {
        *name != header::AUTHORIZATION
            && (NOT_FOR_KEYS.contains(&headers::canonical(name.as_str()).as_str())
                || headers::ReservedHeaders::default().contains(name))
    };
    match name {
        Some(name) if !ours(&name) => Some(name),
        _ => {
            let message = format!("`{}` can't carry a key", text.text);
            let help = "use X-Api-Key, Authorization (as a Bearer token), or a name of your own";
            findings.add("E005", &text.place, message, help);
            None
        }
    }
}

/// The moment from which something is refused, if one is written.
fn expires(section: &mut Section<'_>) -> Option<UnixTime> {
    let (place, node) = section.take(&["expires"])?;
    let text = match &node.value {
        Value::String(text) | Value::Date(text) => text.as_str(),
        _ => "",
    };
    let found = rfc3339::parse(text);
    if found.is_none() {
        let message = format!("`{text}` is no date");
        let help = "write a date such as 2027-01-31, or a moment such as 2027-01-31T12:00:00Z";
        section.findings.add("E005", &place, message, help);
    }
    found
}
