//! `inject`: credentials of ours that the application demands.

use std::path::Path;

use doorward_core::{
    http::headers,
    service::{Credential, CredentialValue, is_taken_header},
};
use http::{HeaderName, HeaderValue};

use super::{Closing, Context};
use crate::config::{
    read_secret,
    reader::{Section, Text},
    value,
};

pub(super) fn read(section: &mut Section<'_>, context: &Context<'_>, closing: &Closing) -> Vec<Credential> {
    let mut credentials: Vec<Credential> = Vec::new();
    for entry in section.tables(&["inject"]) {
        let place = entry.place.clone();
        let Some(new) = credential(entry, context, closing) else { continue };
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

fn credential(mut entry: Section<'_>, context: &Context<'_>, closing: &Closing) -> Option<Credential> {
    let name = entry.required(&["header"], "write the header that the application reads, such as X-Api-Key");
    let file = entry.required(&["value_file"], "name the file that holds the secret");
    let prefix = entry.text(&["prefix"]);
    let with_keys = entry.boolean("with_keys", false);
    if let Some(prefix) = prefix.as_ref().filter(|prefix| HeaderValue::from_str(&prefix.text).is_err()) {
        let message = format!("`{}` can't stand in a header", prefix.text.escape_debug());
        entry.findings.add("E005", &prefix.place, message, "such as \"Bearer \"");
    }
    let name = name.and_then(|name| header(&name, &entry));
    entry.finish();
    let prefix = prefix.map_or_else(String::new, |prefix| prefix.text);
    let (name, text) = (name?, file?);
    let file = value::file(context.source, &text);
    let (sought, from) = (name.clone(), file.clone());
    closing.read_later(text.place, "closed_inject_file", move |service| {
        let credentials = &mut service.disclosure.credentials;
        let found = credentials.iter_mut().find(|credential| credential.name == sought);
        found.map_or(Ok(()), |credential| fill(credential, &from))
    });
    Some(Credential { name, file, prefix, with_keys, value: None })
}

/// Reads what is to be lent.
fn fill(credential: &mut Credential, file: &Path) -> Result<(), String> {
    let secret = read_secret(file)?;
    let value = CredentialValue::new(&credential.prefix, &secret);
    let unfit = || format!("the secret {} has characters that can't stand in a header", file.display());
    credential.value = Some(value.ok_or_else(unfit)?);
    Ok(())
}

/// A name that the application may read a credential from. `Authorization` is one.
fn header(name: &Text, entry: &Section<'_>) -> Option<HeaderName> {
    let canonical = headers::canonical(&name.text);
    let fit = canonical == "authorization" || !is_taken_header(&canonical);
    let parsed = name.text.parse::<HeaderName>().ok().filter(|_| fit);
    if parsed.is_none() {
        let message = format!("`{}` can't carry a credential", name.text);
        let help = "take the header that the application reads, such as X-Api-Key or Authorization";
        entry.findings.add("E005", &name.place, message, help);
    }
    parsed
}
