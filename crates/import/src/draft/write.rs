//! The parts of a draft as TOML.

use std::collections::BTreeSet;

use super::{Backend, Draft, Effect, NOWHERE, Parts, Posture, Rule, Scope, Service};
use crate::toml::{comment, string, strings};

impl Parts {
    /// Writes the draft.
    pub(crate) fn draft(mut self) -> Draft {
        self.notes.sort();
        self.notes.dedup();
        let mut lines = self.head();
        self.listeners(&mut lines);
        self.acme(&mut lines);
        for policy in &self.policies {
            lines.push(String::new());
            lines.push(format!("[policies.{}]", policy.name));
            lines.push(if policy.anyone {
                "anyone = true".to_owned()
            } else {
                format!("groups = {}", strings(&policy.groups))
            });
        }
        for service in &self.services {
            lines.push(String::new());
            write_service(service, &mut lines);
        }
        for client in &self.clients {
            lines.push(String::new());
            lines.extend(client.iter().cloned());
        }
        lines.push(String::new());
        Draft {
            text: lines.join("\n"),
            services: self.services.len(),
            closed: self.services.iter().filter(|service| service.closed).count(),
            notes: self.notes,
        }
    }

    fn head(&self) -> Vec<String> {
        let mut lines = vec![
            format!("# A draft, made from {}. Read it before you serve it: what could not be", self.origin),
            "# translated is closed, and the list that came with this file says why.".to_owned(),
            String::new(),
            format!("domain = {}", string(&self.domain)),
            "# openssl rand -base64 32 > root-secret".to_owned(),
            "root_secret_file = \"root-secret\"".to_owned(),
        ];
        if !self.trusted_proxies.is_empty() {
            lines.push(format!("trusted_proxies = {}", strings(&self.trusted_proxies)));
        }
        if let Some(host) = &self.portal_host {
            lines.push(String::new());
            lines.push("[portal]".to_owned());
            lines.push("# Passkeys belong to this name.".to_owned());
            lines.push(format!("host = {}", string(host)));
        }
        lines
    }

    fn listeners(&self, lines: &mut Vec<String>) {
        let tls = if self.local_certificates { "local" } else { "auto" };
        lines.extend([
            String::new(),
            "[[listeners]]".to_owned(),
            "address = \"0.0.0.0:443\"".to_owned(),
            format!("tls = \"{tls}\""),
            String::new(),
            "[[listeners]]".to_owned(),
            "address = \"0.0.0.0:80\"".to_owned(),
        ]);
        if self.forward_auth {
            lines.extend([
                String::new(),
                "[[listeners]]".to_owned(),
                "address = \"127.0.0.1:8444\"".to_owned(),
                "forward_auth = true".to_owned(),
            ]);
        }
        let here = self.made_here();
        if !here.is_empty() {
            lines.extend([
                String::new(),
                "[[certificates]]".to_owned(),
                format!("names = {}", strings(&here)),
                "issuer = \"local\"".to_owned(),
            ]);
        }
        for certificate in &self.certificates {
            lines.extend([
                String::new(),
                "[[certificates]]".to_owned(),
                format!("names = {}", strings(&certificate.names)),
                format!("certificate_file = {}", string(&certificate.chain)),
                format!("key_file = {}", string(&certificate.key)),
            ]);
        }
    }

    /// Hosts whose certificate no public authority gives, or that ask for one of our own.
    fn made_here(&self) -> Vec<String> {
        const PRIVATE: [&str; 8] =
            ["localhost", "local", "lan", "internal", "home.arpa", "test", "invalid", "localdomain"];
        if self.local_certificates {
            return Vec::new();
        }
        let public = self.acme.iter().any(|(key, _)| *key == "directory");
        let below = |host: &str, suffix: &str| {
            host.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        let private =
            |host: &str| !public && (!host.contains('.') || PRIVATE.iter().any(|suffix| below(host, suffix)));
        let all = self.services.iter().flat_map(|service| &service.hosts).chain(&self.portal_host);
        let wanted: BTreeSet<&String> = all.filter(|host| private(host)).chain(&self.local_hosts).collect();
        let of_files = |host: &String| self.certificates.iter().any(|one| one.names.contains(host));
        wanted.into_iter().filter(|host| !of_files(host)).cloned().collect()
    }

    fn acme(&self, lines: &mut Vec<String>) {
        if !self.acme.is_empty() || !self.dns.is_empty() {
            lines.extend([String::new(), "[acme]".to_owned()]);
            lines.extend(self.acme.iter().map(|(key, value)| format!("{key} = {}", string(value))));
        }
        if !self.dns.is_empty() {
            lines.extend([String::new(), "[acme.dns]".to_owned()]);
            lines.extend(self.dns.iter().map(|(key, value)| format!("{key} = {}", string(value))));
        }
    }
}

fn write_service(service: &Service, lines: &mut Vec<String>) {
    lines.extend(service.comments.iter().map(|text| comment(text)));
    lines.push(format!("[services.{}]", service.name));
    match service.hosts.as_slice() {
        [host] => lines.push(format!("host = {}", string(host))),
        hosts => lines.push(format!("hosts = {}", strings(hosts))),
    }
    let redirect = matches!(service.backend, Backend::Redirect { .. });
    write_backend(&service.backend, lines);
    match &service.posture {
        _ if redirect => {}
        Posture::Sso(policy) if service.backend == Backend::Elsewhere => {
            lines.extend(["posture = \"forward-auth\"".to_owned(), format!("policy = {}", string(policy))]);
        }
        Posture::Sso(policy) => {
            lines.extend(["posture = \"sso\"".to_owned(), format!("policy = {}", string(policy))]);
        }
        Posture::Basic(file) => lines.extend([
            "posture = \"basic\"".to_owned(),
            format!("basic = {{ users_file = {} }}", string(file)),
        ]),
        Posture::Public => lines.push("posture = \"public\"".to_owned()),
    }
    if let Some(networks) = &service.networks {
        lines.push(format!("networks = {}", strings(networks)));
    }
    lines.extend(service.lines.iter().cloned());
    if service.closed {
        lines.push(comment("closed until somebody has read why; take the rule away to open it"));
    }
    list("rules", service.rules.iter().map(rule), lines);
    list("bypass", service.bypass.iter().map(bypass), lines);
}

fn write_backend(backend: &Backend, lines: &mut Vec<String>) {
    match backend {
        Backend::Unknown => lines.push(format!("upstream = {}", string(NOWHERE))),
        Backend::Upstreams(all) => match all.as_slice() {
            [one] => lines.push(format!("upstream = {}", string(one))),
            all => lines.push(format!("upstreams = {}", strings(all))),
        },
        Backend::Files { directory, fallback } => {
            let fallback =
                fallback.as_ref().map_or_else(String::new, |name| format!(", fallback = {}", string(name)));
            lines.push(format!("static = {{ directory = {}{fallback} }}", string(directory)));
        }
        Backend::Redirect { to, permanent } => {
            lines.extend(["posture = \"redirect\"".to_owned(), format!("redirect_to = {}", string(to))]);
            if *permanent {
                lines.push("permanent = true".to_owned());
            }
        }
        Backend::Elsewhere => {}
    }
}

fn list(key: &str, entries: impl Iterator<Item = String>, lines: &mut Vec<String>) {
    let entries: Vec<String> = entries.map(|entry| format!("    {entry},")).collect();
    if !entries.is_empty() {
        lines.push(format!("{key} = ["));
        lines.extend(entries);
        lines.push("]".to_owned());
    }
}

fn rule(rule: &Rule) -> String {
    let mut parts = scope(&rule.scope);
    parts.push(match &rule.effect {
        Effect::Deny => "deny = true".to_owned(),
        Effect::Policy(policy) => format!("policy = {}", string(policy)),
    });
    format!("{{ {} }}", parts.join(", "))
}

fn bypass(bypass: &Scope) -> String {
    let mut parts = scope(bypass);
    if bypass.networks.is_none() {
        parts.push("public = true".to_owned());
    }
    format!("{{ {} }}", parts.join(", "))
}

fn scope(scope: &Scope) -> Vec<String> {
    let mut parts = Vec::new();
    // What is about every path says so: an entry that names nothing is a mistake.
    let every = [".*".to_owned()];
    let regexes = if scope.regexes.is_empty() { &every[..] } else { &scope.regexes };
    parts.push(format!("regexes = {}", strings(regexes)));
    if !scope.methods.is_empty() {
        parts.push(format!("methods = {}", strings(&scope.methods)));
    }
    if let Some(networks) = &scope.networks {
        parts.push(format!("networks = {}", strings(networks)));
    }
    parts
}
