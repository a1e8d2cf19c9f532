//! `[acme.dns]`: one table, or a list of them for several zones.

use std::net::{IpAddr, SocketAddr};

use doorward_core::{
    config::{Dns, DnsProvider, TsigAlgorithm},
    time::Lifetime,
};

use super::{super::tree::Value, Section, Source, Text, acme::address, suggest, value};

const PROVIDERS: [&str; 4] = ["cloudflare", "rfc2136", "acme-dns", "exec"];
const CLOUDFLARE: &str = "https://api.cloudflare.com/client/v4";
/// Bounds of `wait`, in seconds. The longest is shorter than the lease that one node holds while it orders.
const WAIT: (u32, u32) = (5, 300);

pub(super) fn read(acme: &mut Section<'_>, source: &Source) -> Vec<Dns> {
    let Some((place, node)) = acme.take(&["dns"]) else {
        return Vec::new();
    };
    let items = match &node.value {
        Value::Table(_) => vec![(place, node)],
        _ => acme.items(&place, node).unwrap_or_default(),
    };
    let sections = items.into_iter().filter_map(|(place, node)| Section::new(place, node, acme.findings));
    sections.filter_map(|section| one(section, source)).collect()
}

fn one(mut section: Section<'_>, source: &Source) -> Option<Dns> {
    let findings = section.findings;
    let zones = section.texts(&["zones"]).map(|(_, texts)| texts).unwrap_or_default();
    let zones =
        zones.iter().filter_map(|text| value::name(text, findings)).map(|host| host.to_string()).collect();
    let resolvers = section.texts(&["resolvers"]).map(|(_, texts)| texts).unwrap_or_default();
    let resolvers = resolvers.iter().filter_map(|text| server(&section, text)).collect();
    let wait = value::lifetime(&mut section, "wait", WAIT, Lifetime::minutes(2));
    let help = "\"cloudflare\", \"rfc2136\", \"acme-dns\" or \"exec\"";
    let provider =
        section.required(&["provider"], help).and_then(|text| provider(&mut section, source, &text));
    section.finish();
    Some(Dns { zones, provider: provider?, resolvers, wait })
}

/// Takes every key that some provider has, and says which ones are another's.
fn provider(section: &mut Section<'_>, source: &Source, text: &Text) -> Option<DnsProvider> {
    let mine: &[&str] = match text.text.as_str() {
        "cloudflare" => &["token_file", "api"],
        "rfc2136" => &["server", "key_name", "key_algorithm", "key_file"],
        "acme-dns" => &["server", "accounts_file"],
        "exec" => &["command"],
        other => {
            let help = suggest::help(other, &PROVIDERS);
            section.findings.add("E005", &text.place, format!("there is no provider `{other}`"), help);
            &[]
        }
    };
    let of_others =
        ["token_file", "api", "server", "key_name", "key_algorithm", "key_file", "accounts_file", "command"];
    for key in of_others {
        if section.take(&[key]).is_some() && !mine.is_empty() && !mine.contains(&key) {
            let message = format!("`{key}` is not for the provider `{}`", text.text);
            section.findings.add("E008", &section.place_of(key), message, "remove it");
        }
    }
    match text.text.as_str() {
        "cloudflare" => cloudflare(section, source),
        "rfc2136" => rfc2136(section, source),
        "acme-dns" => acme_dns(section, source),
        "exec" => exec(section, source),
        _ => None,
    }
}

fn cloudflare(section: &mut Section<'_>, source: &Source) -> Option<DnsProvider> {
    let token =
        section.required(&["token_file"], "name the file of a token that may edit the DNS of the zones");
    let api =
        section.text(&["api"]).map_or_else(|| Some(CLOUDFLARE.to_owned()), |text| address(section, &text));
    Some(DnsProvider::Cloudflare { token_file: value::file(source, &token?), api: api? })
}

fn rfc2136(section: &mut Section<'_>, source: &Source) -> Option<DnsProvider> {
    let named = section.required(&["server"], "such as server = \"192.0.2.1:53\"");
    let server = named.and_then(|text| server(section, &text));
    let key_name = section.required(&["key_name"], "write the name of the TSIG key");
    let key_file = section.required(&["key_file"], "name the file of the TSIG key, base64");
    let algorithm = match section.text(&["key_algorithm"]) {
        None => Some(TsigAlgorithm::HmacSha256),
        Some(Text { text, .. }) if text == "hmac-sha256" => Some(TsigAlgorithm::HmacSha256),
        Some(Text { text, .. }) if text == "hmac-sha512" => Some(TsigAlgorithm::HmacSha512),
        Some(text) => {
            let help = suggest::help(&text.text, &["hmac-sha256", "hmac-sha512"]);
            section.findings.add("E005", &text.place, format!("there is no algorithm `{}`", text.text), help);
            None
        }
    };
    Some(DnsProvider::Rfc2136 {
        server: server?,
        key_name: key_name?.text,
        algorithm: algorithm?,
        key_file: value::file(source, &key_file?),
    })
}

fn acme_dns(section: &mut Section<'_>, source: &Source) -> Option<DnsProvider> {
    let server = section.required(&["server"], "write the address of the acme-dns server");
    let accounts = section.required(&["accounts_file"], "name the JSON file of the accounts");
    let server = server.and_then(|text| address(section, &text));
    Some(DnsProvider::AcmeDns { server: server?, accounts_file: value::file(source, &accounts?) })
}

fn exec(section: &mut Section<'_>, source: &Source) -> Option<DnsProvider> {
    let Some((place, words)) = section.texts(&["command"]) else {
        section.missing("command", "such as command = [\"/usr/local/bin/change-dns\"]");
        return None;
    };
    let Some((program, arguments)) = words.split_first() else {
        section.findings.add("E004", &place, "`command` names no program", "write its path first");
        return None;
    };
    // A path, never a name that is looked for: nobody else's directory decides what runs.
    let program = value::file(source, program).display().to_string();
    let arguments = arguments.iter().map(|text| text.text.clone());
    Some(DnsProvider::Exec { command: std::iter::once(program).chain(arguments).collect() })
}

/// An address, with the port 53 unless another is written.
fn server(section: &Section<'_>, text: &Text) -> Option<SocketAddr> {
    let alone = || text.text.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, 53));
    let found = text.text.parse().ok().or_else(alone);
    if found.is_none() {
        let message = format!("`{}` is no address of a server", text.text);
        section.findings.add("E005", &text.place, message, "such as 192.0.2.1 or 192.0.2.1:5353");
    }
    found
}
