//! Near misses: what almost let a request pass, for whoever looks why it did not (R46, R47).

use std::{fmt, net::IpAddr};

use ::http::Method;
use ipnet::IpNet;

use super::{Access, Demand, Denial, Guard, Paths, Scope};
use crate::http::path;

/// Near misses that are told about one request at most.
const TOLD: usize = 3;

/// A rule that is about a request but for one part, or about a path that looks like the request's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NearMiss<'a> {
    /// The list of the declaration that it stands in: `bypass` or `rules`.
    pub list: &'static str,
    /// Its index there.
    pub index: usize,
    /// The part that does not fit.
    pub part: Part<'a>,
}

/// The part of a rule that does not fit a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part<'a> {
    /// The path begins with the same letters, and the prefix ends inside of a segment.
    Boundary(&'a str),
    /// The path is one of the prefixes but for upper and lower case.
    Case(&'a str),
    /// The expression matches a part of the path; it must match all of it.
    Anchored(&'a str),
    /// The client comes from elsewhere.
    Network(IpAddr, &'a [IpNet]),
    /// The method is another.
    Method(&'a Method, &'a [Method]),
    /// It has ended.
    Expired,
}

impl fmt::Display for NearMiss<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}[{}]: ", self.list, self.index)?;
        match &self.part {
            Part::Boundary(prefix) => write!(formatter, "`{prefix}` ends inside a segment of the path"),
            Part::Case(prefix) => write!(formatter, "`{prefix}` differs in upper and lower case"),
            Part::Anchored(regex) => {
                write!(formatter, "`{regex}` matches a part of the path and must match all of it")
            }
            Part::Network(client, networks) => {
                write!(formatter, "{client} is in none of: {}", listed(networks))
            }
            Part::Method(method, methods) => {
                write!(formatter, "{method} is none of: {}", listed(methods))
            }
            Part::Expired => formatter.write_str("it has ended"),
        }
    }
}

/// Values with commas between.
fn listed<T: ToString>(values: &[T]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What was near to open this request, or to demand something else of it, in the order of the declaration; at most a
/// few. A rule that covers the request is no near miss.
pub fn near_misses<'a>(guard: &'a Guard, access: &Access<'a>) -> Vec<NearMiss<'a>> {
    let bypass = guard.bypass.iter().enumerate().map(|(index, scope)| ("bypass", index, scope));
    let rules = guard.rules.iter().enumerate().map(|(index, rule)| ("rules", index, &rule.scope));
    let near = |(list, index, scope): (&'static str, usize, &'a Scope)| {
        near(scope, access).map(|part| NearMiss { list, index, part })
    };
    bypass.chain(rules).filter_map(near).take(TOLD).collect()
}

/// The one part of a scope that misses the request.
fn near<'a>(scope: &'a Scope, access: &Access<'a>) -> Option<Part<'a>> {
    let expired = scope.expires_at.is_some_and(|end| end <= access.now).then_some(Part::Expired);
    let network = (!scope.allows_network(access.client))
        .then(|| Part::Network(access.client, scope.networks.as_deref().unwrap_or_default()));
    let methods = scope.methods.as_deref().filter(|methods| !methods.contains(access.method));
    let method = methods.map(|methods| Part::Method(access.method, methods));
    let mut others = [expired, network, method].into_iter().flatten();
    match (scope.paths.contain(access.path), others.next(), others.next()) {
        // A path that is nobody's in particular is near to nothing.
        (true, Some(part), None) if scope.paths != Paths::All => Some(part),
        (false, None, _) => near_path(&scope.paths, access.path),
        _ => None,
    }
}

fn near_path<'a>(paths: &'a Paths, asked: &str) -> Option<Part<'a>> {
    let Paths::Some { prefixes, regexes } = paths else { return None };
    let starts = |prefix: &&String| prefix.len() > 1 && asked.starts_with(prefix.as_str());
    if let Some(prefix) = prefixes.iter().find(starts) {
        return Some(Part::Boundary(prefix));
    }
    let lower = asked.to_ascii_lowercase();
    let but_for_case = |prefix: &&String| path::has_segment_prefix(&lower, &prefix.to_ascii_lowercase());
    if let Some(prefix) = prefixes.iter().find(but_for_case) {
        return Some(Part::Case(prefix));
    }
    regexes.iter().find(|regex| regex.matches_part(asked)).map(|regex| Part::Anchored(regex.as_str()))
}

/// What a decision was compared with, for the log and for administrators: never a secret. Empty where the code says it
/// all. `sent` is the path as it came, which may be spelled otherwise than the one that was decided on.
pub fn detail(guard: &Guard, why: Result<&Demand, &Denial>, access: &Access<'_>, sent: &str) -> String {
    let compared =
        why.err().map(|denial| compared(guard, denial, access.client)).filter(|text| !text.is_empty());
    let looked_for = matches!(
        why,
        Ok(Demand::SignIn | Demand::Password) | Err(Denial::Group { .. } | Denial::PolicyNetwork { .. })
    );
    let near = if looked_for { near_misses(guard, access) } else { Vec::new() };
    let spelled = (sent != access.path).then(|| format!("sent as {sent}"));
    let parts = compared.into_iter().chain(near.iter().map(ToString::to_string)).chain(spelled);
    parts.collect::<Vec<_>>().join("; ")
}

fn compared(guard: &Guard, denial: &Denial, client: IpAddr) -> String {
    match denial {
        Denial::ServiceNetwork => {
            format!("{client} is in none of: {}", listed(guard.networks.as_deref().unwrap_or_default()))
        }
        Denial::PolicyNetwork { policy } => {
            let networks = guard
                .policies()
                .find(|known| known.name == *policy)
                .and_then(|known| known.networks.as_deref());
            format!(
                "{client} is in none of the networks of policy {policy}: {}",
                listed(networks.unwrap_or_default())
            )
        }
        Denial::Group { policy, any_of } => format!("policy {policy} needs one of: {}", any_of.join(", ")),
        Denial::Rule { index } => format!("rules[{index}]"),
        Denial::Key { header, name: Some(name), .. } => format!("key {name} in {header}"),
        Denial::Key { header, name: None, .. } => format!("what came in {header}"),
        _ => String::new(),
    }
}
