//! Which requests a directive is about.

use std::collections::HashMap;

use super::parse::Directive;
use crate::draft::Scope;

/// What `private_ranges` stands for.
pub(super) const PRIVATE: [&str; 6] =
    ["192.168.0.0/16", "172.16.0.0/12", "10.0.0.0/8", "127.0.0.0/8", "fd00::/8", "::1/128"];

/// A condition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Match {
    Always,
    Never,
    /// Expressions, one of which the whole path must match.
    Path(Vec<String>),
    Method(Vec<String>),
    Network(Vec<String>),
    Host(Vec<String>),
    Not(Box<Match>),
    All(Vec<Match>),
    /// A condition that was not understood, as it is written.
    Unknown(String),
}

/// Named matchers of a site.
pub(super) type Named = HashMap<String, Match>;

/// The named matchers that hold among these directives: their own, and those of the blocks around them. A name that is
/// defined twice is not understood.
pub(super) fn named(body: &[Directive], around: &Named) -> Named {
    let mut own = Named::new();
    for directive in body {
        let Some(name) = directive.name.strip_prefix('@') else { continue };
        let one = definition(directive);
        let differs = own.get(name).is_some_and(|known| *known != one);
        own.insert(name.to_owned(), if differs { Match::Unknown(directive.words()) } else { one });
    }
    let mut found = around.clone();
    found.extend(own);
    found
}

/// The hosts that matchers in these directives name, at any depth.
pub(super) fn hosts(body: &[Directive]) -> Vec<String> {
    let own = named(body, &Named::new());
    let own = own.values().flat_map(Match::hosts);
    own.chain(body.iter().filter(|one| !one.name.starts_with('@')).flat_map(|one| hosts(&one.block)))
        .collect()
}

fn definition(directive: &Directive) -> Match {
    if directive.block.is_empty() {
        return match directive.arguments.split_first() {
            None => Match::Unknown(directive.words()),
            Some((kind, arguments)) => condition(kind, arguments),
        };
    }
    let inner = all(directive.block.iter().map(line).collect());
    match directive.arguments.as_slice() {
        [] => inner,
        [word] if word == "not" => not(inner),
        _ => Match::Unknown(directive.words()),
    }
}

fn line(line: &Directive) -> Match {
    if line.name == "not" && !line.block.is_empty() {
        return not(all(line.block.iter().map(self::line).collect()));
    }
    if line.block.is_empty() { condition(&line.name, &line.arguments) } else { Match::Unknown(line.words()) }
}

fn condition(kind: &str, arguments: &[String]) -> Match {
    let unknown = || Match::Unknown(format!("{kind} {}", arguments.join(" ")));
    if arguments.is_empty() {
        return unknown();
    }
    match kind {
        "path" => {
            let regexes: Option<Vec<String>> = arguments.iter().map(|pattern| path(pattern)).collect();
            match regexes {
                Some(regexes) if regexes.iter().any(|regex| regex == ".*") => Match::Always,
                Some(regexes) => Match::Path(regexes),
                None => unknown(),
            }
        }
        "method" if arguments.iter().all(|method| is_method(method)) => {
            Match::Method(arguments.iter().map(|method| method.to_ascii_uppercase()).collect())
        }
        "remote_ip" | "client_ip" => networks(arguments).map_or_else(unknown, Match::Network),
        "host" => Match::Host(arguments.iter().map(|host| host.to_ascii_lowercase()).collect()),
        "not" => match arguments.split_first() {
            Some((kind, arguments)) => not(condition(kind, arguments)),
            None => unknown(),
        },
        _ => unknown(),
    }
}

fn is_method(text: &str) -> bool {
    !text.is_empty() && text.len() < 20 && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// Networks as they are written here; `None` when one of them is none.
pub(super) fn networks(arguments: &[String]) -> Option<Vec<String>> {
    let mut found = Vec::new();
    for argument in arguments {
        if argument == "private_ranges" {
            found.extend(PRIVATE.map(str::to_owned));
        } else if let Ok(network) = argument.parse::<ipnet::IpNet>() {
            found.push(network.trunc().to_string());
        } else {
            found.push(argument.parse::<std::net::IpAddr>().ok()?.to_string());
        }
    }
    Some(found)
}

/// The pattern of a path as an expression; `None` for what could be read in two ways.
pub(super) fn path(pattern: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._~-@:+,=!&'*".contains(&byte);
    if !pattern.bytes().all(plain)
        || pattern.is_empty()
        || ["//", "/.", "**"].iter().any(|odd| pattern.contains(odd))
    {
        return None;
    }
    let rooted = pattern.starts_with('/');
    let bare = pattern.trim_matches('*');
    // `*` in the middle stops at a slash; `*.php` is any path that ends so.
    if bare.contains('*') || (!rooted && !pattern.starts_with('*')) {
        return None;
    }
    let before = if rooted { "" } else { ".*" };
    let after = if pattern.len() > 1 && pattern.ends_with('*') { ".*" } else { "" };
    let all = format!("{before}{}{after}", regex::escape(bare));
    Some(if matches!(all.as_str(), ".*" | ".*.*" | "/.*") { ".*".to_owned() } else { all })
}

/// The condition that this directive is about, and the arguments after it.
pub(super) fn of<'a>(directive: &'a Directive, named: &Named) -> (Match, &'a [String]) {
    let Some((first, rest)) = directive.arguments.split_first() else {
        return (Match::Always, &[]);
    };
    if first == "*" {
        return (Match::Always, rest);
    }
    if let Some(name) = first.strip_prefix('@') {
        let found = named.get(name).cloned();
        return (found.unwrap_or_else(|| Match::Unknown(first.clone())), rest);
    }
    if first.starts_with('/') {
        return (condition("path", std::slice::from_ref(first)), rest);
    }
    (Match::Always, &directive.arguments)
}

pub(super) fn not(one: Match) -> Match {
    match one {
        Match::Always => Match::Never,
        Match::Never => Match::Always,
        Match::Not(inner) => *inner,
        other => Match::Not(Box::new(other)),
    }
}

pub(super) fn all(parts: Vec<Match>) -> Match {
    let mut flat = Vec::new();
    for part in parts {
        match part {
            Match::Always => {}
            Match::Never => return Match::Never,
            Match::All(inner) => flat.extend(inner),
            other => flat.push(other),
        }
    }
    match flat.len() {
        0 => Match::Always,
        1 => flat.remove(0),
        _ => Match::All(flat),
    }
}

impl Match {
    /// What is left of it for one host.
    pub(super) fn at(&self, host: &str) -> Self {
        match self {
            Self::Host(hosts) => {
                if hosts.iter().any(|one| covers(one, host)) {
                    Self::Always
                } else {
                    Self::Never
                }
            }
            Self::Not(inner) => not(inner.at(host)),
            Self::All(parts) => all(parts.iter().map(|part| part.at(host)).collect()),
            other => other.clone(),
        }
    }

    /// The hosts that it names.
    pub(super) fn hosts(&self) -> Vec<String> {
        match self {
            Self::Host(hosts) => hosts.clone(),
            Self::Not(inner) => inner.hosts(),
            Self::All(parts) => parts.iter().flat_map(Self::hosts).collect(),
            _ => Vec::new(),
        }
    }

    /// Exactly these requests, as scopes of which one must cover a request; `None` when scopes can't say it.
    pub(super) fn scopes(&self) -> Option<Vec<Scope>> {
        match self {
            Self::Always => Some(vec![Scope::default()]),
            Self::Never => Some(Vec::new()),
            Self::Not(inner) => match inner.as_ref() {
                // Not all of them: one of them not.
                Self::All(parts) => {
                    let each: Option<Vec<Vec<Scope>>> =
                        parts.iter().map(|part| not(part.clone()).scopes()).collect();
                    each.map(|each| each.into_iter().flatten().collect())
                }
                _ => None,
            },
            Self::All(parts) => {
                let mut scope = Scope::default();
                parts.iter().try_for_each(|part| part.narrow(&mut scope))?;
                Some(vec![scope])
            }
            one => {
                let mut scope = Scope::default();
                one.narrow(&mut scope)?;
                Some(vec![scope])
            }
        }
    }

    /// At least these requests: what can't be said as a scope is left out, which makes it wider.
    pub(super) fn wider(&self) -> Scope {
        let mut scope = Scope::default();
        match self {
            Self::All(parts) => {
                for part in parts {
                    // What does not narrow leaves the scope as wide as it is.
                    let _ = part.narrow(&mut scope);
                }
            }
            one => {
                let _ = one.narrow(&mut scope);
            }
        }
        scope
    }

    fn narrow(&self, scope: &mut Scope) -> Option<()> {
        match self {
            Self::Always => Some(()),
            Self::Path(regexes) if scope.regexes.is_empty() => {
                scope.regexes.clone_from(regexes);
                Some(())
            }
            Self::Method(methods) if scope.methods.is_empty() => {
                scope.methods.clone_from(methods);
                Some(())
            }
            Self::Network(networks) if scope.networks.is_none() => {
                scope.networks = Some(networks.clone());
                Some(())
            }
            _ => None,
        }
    }
}

/// Whether a host, perhaps with a wildcard for its first label, is about this one.
pub(super) fn covers(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(rest) => host.split_once('.').is_some_and(|(_, after)| after == rest),
        None => pattern == host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_paths() {
        for (pattern, expected) in [
            ("/api/*", Some("/api/.*")),
            ("/api*", Some("/api.*")),
            ("/api", Some("/api")),
            ("/*", Some(".*")),
            ("*", Some(".*")),
            ("*.php", Some(r".*\.php")),
            ("/a.b", Some(r"/a\.b")),
            ("/a/*/b", None),
            ("/a**", None),
            ("api", None),
            ("/a b", None),
            ("/a%2fb", None),
            ("/a//b", None),
            ("/a/../b", None),
            ("", None),
        ] {
            assert_eq!(path(pattern).as_deref(), expected, "{pattern}");
        }
    }

    #[test]
    fn what_is_negated_twice_and_what_can_be_said() {
        let path = Match::Path(vec!["/a".to_owned()]);
        let lan = Match::Network(vec!["10.0.0.0/8".to_owned()]);
        assert_eq!(not(not(path.clone())), path);
        // Not (not the path and not the network): the path, or the network.
        let both = not(all(vec![not(path.clone()), not(lan.clone())]));
        assert_eq!(both.scopes().map(|scopes| scopes.len()), Some(2));
        assert_eq!(not(path.clone()).scopes(), None);
        assert_eq!(all(vec![path.clone(), Match::Unknown("x".to_owned())]).scopes(), None);
        assert_eq!(all(vec![path.clone(), not(lan)]).wider().regexes, ["/a"]);
        let host = all(vec![Match::Host(vec!["*.test".to_owned()]), path.clone()]);
        assert_eq!((host.at("a.test"), host.at("test")), (path, Match::Never));
    }
}
