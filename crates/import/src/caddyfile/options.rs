//! Global options, and what sites say about certificates.

use super::{Directive, matcher};
use crate::draft::{Certificate, Note, Parts};

/// Options that change neither who gets in nor where one listens.
const LEFT_OUT: [&str; 14] = [
    "admin",
    "auto_https",
    "debug",
    "default_bind",
    "default_sni",
    "email",
    "grace_period",
    "log",
    "ocsp_stapling",
    "on_demand_tls",
    "order",
    "persist_config",
    "shutdown_delay",
    "storage",
];

/// Reads what is for all sites.
pub(super) fn read(options: &[Directive], parts: &mut Parts) {
    for option in options {
        match option.name.as_str() {
            "security" => {}
            "email" if option.argument(0).contains('@') => {
                parts.acme.push(("email", option.argument(0).to_owned()));
            }
            "acme_ca" if option.argument(0).starts_with("https://") => {
                parts.acme.push(("directory", option.argument(0).to_owned()));
            }
            "acme_ca_root" => parts.acme.push(("ca_file", option.argument(0).to_owned())),
            "acme_dns" => dns(option, &option.arguments, parts),
            "local_certs" => parts.local_certificates = true,
            "servers" => servers(option, parts),
            "http_port" if option.argument(0) == "80" => {}
            "https_port" if option.argument(0) == "443" => {}
            name @ ("http_port" | "https_port") => {
                let text = format!("`{name} {}`: write the port into `listeners`", option.argument(0));
                say(parts, option, text);
            }
            name if LEFT_OUT.contains(&name) => {}
            _ => say(
                parts,
                option,
                format!("`{}` was left out: it is no option that has a counterpart", option.words()),
            ),
        }
    }
    let mut known = Vec::new();
    parts.acme.retain(|(key, _)| {
        !known.contains(key) && {
            known.push(*key);
            true
        }
    });
}

fn say(parts: &mut Parts, option: &Directive, text: String) {
    parts.notes.push(Note { line: option.line, about: "global options".to_owned(), text, closes: false });
}

fn servers(option: &Directive, parts: &mut Parts) {
    for line in option.block.iter().filter(|line| line.name == "trusted_proxies") {
        let networks = match line.arguments.split_first() {
            Some((kind, networks)) if kind == "static" => matcher::networks(networks),
            _ => None,
        };
        // Everywhere is no proxy.
        match networks.filter(|networks| !networks.iter().any(|network| network.ends_with("/0"))) {
            Some(networks) => parts.trusted_proxies.extend(networks),
            None => say(parts, line, format!("`{}`: these proxies are not believed", line.words())),
        }
    }
    parts.trusted_proxies.sort();
    parts.trusted_proxies.dedup();
}

fn dns(option: &Directive, words: &[String], parts: &mut Parts) {
    if words.first().map(String::as_str) == Some("cloudflare") {
        if parts.dns.is_empty() {
            parts.dns =
                vec![("provider", "cloudflare".to_owned()), ("token_file", "secrets/cloudflare".to_owned())];
            say(parts, option, "write the token for the DNS into secrets/cloudflare".to_owned());
        }
    } else {
        let provider = words.first().cloned().unwrap_or_default();
        say(
            parts,
            option,
            format!("the DNS provider `{provider}` is not known; see docs/tls.md for those that are"),
        );
    }
}

/// Reads what a site says about its certificate.
pub(super) fn tls(body: &[Directive], host: &str, parts: &mut Parts) {
    for line in body.iter().filter(|line| line.name == "tls") {
        match line.arguments.as_slice() {
            [word] if word == "internal" => parts.local_hosts.push(host.to_owned()),
            [email] if email.contains('@') => {
                if !parts.acme.iter().any(|(key, _)| *key == "email") {
                    parts.acme.push(("email", email.clone()));
                }
            }
            [certificate, key] if !certificate.contains('{') && !key.contains('{') => {
                let same = |known: &&mut Certificate| known.chain == *certificate;
                match parts.certificates.iter_mut().find(same) {
                    Some(known) if known.names.iter().any(|name| name == host) => {}
                    Some(known) => known.names.push(host.to_owned()),
                    None => parts.certificates.push(Certificate {
                        names: vec![host.to_owned()],
                        chain: certificate.clone(),
                        key: key.clone(),
                    }),
                }
            }
            [] => {}
            _ => say(parts, line, format!("`{}` was left out", line.words())),
        }
        for option in &line.block {
            if option.name == "dns" {
                dns(option, &option.arguments, parts);
            } else {
                say(parts, option, format!("`{}` of `tls` was left out", option.words()));
            }
        }
    }
}
