//! A Caddyfile as a draft.

mod lexer;
mod matcher;
mod options;
mod parse;
mod proxying;
mod security;
mod service;
mod site;

use std::collections::{BTreeMap, BTreeSet};

use doorward_core::http::host::Host;

use self::{
    parse::{Directive, Site},
    security::Security,
};
use crate::draft::{self, Backend, Draft, Note, Parts, Policy, Service, Unreadable};

/// Hosts of one file.
const HOSTS_MAX: usize = 2_000;

/// Reads a Caddyfile.
///
/// # Errors
/// The first line that is no Caddyfile's.
pub fn draft(text: &str) -> Result<Draft, Unreadable> {
    let file = parse::file(text)?;
    let security = security::read(&file.options);
    let mut parts = Parts { origin: "a Caddyfile", notes: security.notes.clone(), ..Parts::default() };
    options::read(&file.options, &mut parts);
    for import in &file.unknown {
        let text = "files are not read from here: put what is in it in its place, and try again";
        note(&mut parts, (import.line, &import.words()), text, false);
    }
    let context = Context { security: &security };
    let mut sites = Sites { context: &context, taken: BTreeSet::new(), hosts: BTreeMap::new() };
    let portal = security.providers.iter().find(|host| is_name(host)).cloned();
    parts.domain = domain(portal.as_deref(), &file.sites);
    if security.providers.len() > 1 {
        let text = "several providers: the first one's host is the identity host here";
        note(&mut parts, (0, "security"), text, false);
    }
    for site in &file.sites {
        sites.site(site, portal.as_deref(), &mut parts)?;
    }
    parts.portal_host = Some(portal.unwrap_or_else(|| sites.free(&parts.domain)));
    policies(&security, &mut parts);
    Ok(parts.draft())
}

/// What every site is read against.
pub(crate) struct Context<'a> {
    security: &'a Security,
}

struct Sites<'a> {
    context: &'a Context<'a>,
    taken: BTreeSet<String>,
    /// Each host with the place of its service.
    hosts: BTreeMap<String, usize>,
}

fn note(parts: &mut Parts, (line, about): (usize, &str), text: &str, closes: bool) {
    parts.notes.push(Note { line, about: about.to_owned(), text: text.to_owned(), closes });
}

impl Sites<'_> {
    /// A host for the portal that no service has.
    fn free(&self, domain: &str) -> String {
        let names = ["id", "login", "doorward", "sign-in"].map(|name| format!("{name}.{domain}"));
        let free = names.iter().find(|name| !self.hosts.contains_key(*name));
        free.cloned().unwrap_or_else(|| format!("doorward-portal.{domain}"))
    }

    fn site(&mut self, site: &Site, portal: Option<&str>, parts: &mut Parts) -> Result<(), Unreadable> {
        for host in Self::hosts_of(site, parts) {
            if self.hosts.len() > HOSTS_MAX {
                let problem = format!("there are more than {HOSTS_MAX} hosts");
                return Err(Unreadable { line: site.line, problem });
            }
            if portal == Some(host.as_str()) {
                note(
                    parts,
                    (site.line, &host),
                    "Doorward answers here itself: this site is not needed any more",
                    false,
                );
                continue;
            }
            let reading = site::read(&site.body, &host);
            if only_to_https(&reading, &host) {
                continue;
            }
            options::tls(&site.body, &host, parts);
            let again = self.hosts.get(&host).copied();
            let name = match again {
                Some(_) => String::new(),
                None => draft::name(label(&host, &parts.domain), &mut self.taken),
            };
            let made = service::service(Service::new(name, vec![host.clone()]), reading, self.context);
            let Some((service, said)) = made else {
                note(parts, (site.line, &host), "the portal: people sign in at the identity host", false);
                continue;
            };
            self.keep((service, again), &host, site.line, parts);
            parts.notes.extend(said.into_iter().map(|said| Note {
                line: if said.line == 0 { site.line } else { said.line },
                about: host.clone(),
                text: said.text,
                closes: said.closes,
            }));
        }
        Ok(())
    }

    fn keep(
        &mut self,
        (service, again): (Service, Option<usize>),
        host: &str,
        line: usize,
        parts: &mut Parts,
    ) {
        if let Some(first) = again.and_then(|at| parts.services.get_mut(at)) {
            // The same host by another scheme or port: which one is meant is not in the file.
            first.close();
            note(parts, (line, host), "this host is in several sites, so it is closed", true);
        } else {
            self.hosts.insert(host.to_owned(), parts.services.len());
            parts.services.push(service);
        }
    }

    /// The hosts of a site: those of its addresses, and for wildcards those that its matchers name.
    fn hosts_of(site: &Site, parts: &mut Parts) -> Vec<String> {
        let mut hosts = Vec::new();
        for address in &site.addresses {
            let host = match address_host(address) {
                Ok(host) => host,
                Err(why) => {
                    note(parts, (site.line, address), why, false);
                    continue;
                }
            };
            if host.starts_with("*.") {
                let below: BTreeSet<String> = matcher::hosts(&site.body)
                    .into_iter()
                    .filter(|name| matcher::covers(&host, name) && is_name(name))
                    .collect();
                let text =
                    "hosts are named one by one: those that a matcher names are brought over, and no other";
                note(parts, (site.line, address), text, false);
                hosts.extend(below);
            } else {
                hosts.push(host);
            }
        }
        hosts.dedup();
        hosts
    }
}

/// Whether a site only leads from http to https of the same host, which happens by itself.
fn only_to_https(reading: &site::Reading, host: &str) -> bool {
    let to = format!("https://{host}");
    matches!(reading.branches.as_slice(), [branch] if matches!(&branch.content,
        proxying::Content::Redirect { to: target, .. } if *target == to || target == "https://{host}"))
}

fn address_host(address: &str) -> Result<String, &'static str> {
    let rest =
        address.strip_prefix("https://").or_else(|| address.strip_prefix("http://")).unwrap_or(address);
    let (host, port) = rest.rsplit_once(':').unwrap_or((rest, ""));
    if host.contains('/') || port.contains('/') {
        return Err("a site for some paths of a host is not brought over");
    }
    if host.contains('{') || port.contains('{') {
        return Err("the host is in an environment variable: write it down and try again");
    }
    let host = host.to_ascii_lowercase();
    if host.is_empty() {
        return Err("a site for every host is not brought over: services name their hosts");
    }
    let name = host.strip_prefix("*.").unwrap_or(&host);
    if is_name(name) { Ok(host) } else { Err("this is no host with a name") }
}

/// Whether this is a host, in the spelling that it has here.
fn is_host(text: &str) -> bool {
    Host::parse(text).is_ok_and(|host| host.as_str() == text)
}

/// Whether this is a host that has a name.
fn is_name(text: &str) -> bool {
    let last = text.rsplit('.').next().unwrap_or_default();
    let local = text == "localhost" || text.ends_with(".localhost");
    is_host(text) && !text.contains(':') && !last.bytes().all(|byte| byte.is_ascii_digit()) && !local
}

/// The domain: what is above the identity host, or above the first site.
fn domain(portal: Option<&str>, sites: &[Site]) -> String {
    let first =
        sites.iter().flat_map(|site| &site.addresses).filter_map(|address| address_host(address).ok());
    let host = portal.map(str::to_owned).into_iter().chain(first).next();
    let host = host.unwrap_or_else(|| "example.org".to_owned());
    match host.split_once('.') {
        Some((_, above)) if above.contains('.') => above.to_owned(),
        _ => host,
    }
}

/// What a service is called: its host without the domain.
fn label<'a>(host: &'a str, domain: &str) -> &'a str {
    host.strip_suffix(domain).and_then(|name| name.strip_suffix('.')).unwrap_or(host)
}

/// Those policies that something uses, and those that nothing was wrong with.
fn policies(security: &Security, parts: &mut Parts) {
    for policy in security.policies.values().filter(|policy| policy.closed.is_none()) {
        parts.policies.push(Policy {
            name: policy.name.clone(),
            groups: policy.groups.clone(),
            anyone: false,
        });
    }
    let uses = |service: &Service| matches!(service.backend, Backend::Unknown) && !service.closed;
    for service in parts.services.iter_mut().filter(|service| uses(service)) {
        service.close();
    }
}

#[cfg(test)]
mod tests;
