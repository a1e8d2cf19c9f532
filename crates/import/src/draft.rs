//! A draft of a configuration, and how it is written.

mod write;

use std::collections::BTreeSet;

/// A configuration to read through, and what could not be brought over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Draft {
    /// The configuration, as TOML.
    pub text: String,
    /// What could not be translated, and why.
    pub notes: Vec<Note>,
    /// How many services are in it.
    pub services: usize,
    /// How many of them are closed until somebody has looked at them.
    pub closed: usize,
}

/// Something that somebody must look at.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Note {
    /// The line of the file that it is about; 0 for the file as a whole.
    pub line: usize,
    /// The service or policy that it is about, or what the file calls the thing.
    pub about: String,
    /// What it is, why it was not translated, and what to do.
    pub text: String,
    /// Whether it closes the service that it is about.
    pub closes: bool,
}

/// Why there is no draft.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreadable {
    /// The line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => formatter.write_str(&self.problem),
            line => write!(formatter, "line {line}: {}", self.problem),
        }
    }
}

impl std::error::Error for Unreadable {}

/// What a configuration is written from.
#[derive(Clone, Default, Debug)]
pub(crate) struct Parts {
    pub(crate) origin: &'static str,
    pub(crate) domain: String,
    pub(crate) portal_host: Option<String>,
    pub(crate) trusted_proxies: Vec<String>,
    /// Whether every certificate is made here, and hosts whose one is.
    pub(crate) local_certificates: bool,
    pub(crate) local_hosts: Vec<String>,
    pub(crate) forward_auth: bool,
    pub(crate) acme: Vec<(&'static str, String)>,
    pub(crate) dns: Vec<(&'static str, String)>,
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) policies: Vec<Policy>,
    pub(crate) services: Vec<Service>,
    pub(crate) clients: Vec<Vec<String>>,
    pub(crate) notes: Vec<Note>,
}

/// A certificate of files.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) names: Vec<String>,
    pub(crate) chain: String,
    pub(crate) key: String,
}

/// A policy by the groups that it lets in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Policy {
    pub(crate) name: String,
    pub(crate) groups: Vec<String>,
    pub(crate) anyone: bool,
}

/// A service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) hosts: Vec<String>,
    pub(crate) comments: Vec<String>,
    pub(crate) backend: Backend,
    pub(crate) posture: Posture,
    pub(crate) networks: Option<Vec<String>>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) bypass: Vec<Scope>,
    /// Further lines of its table, as TOML.
    pub(crate) lines: Vec<String>,
    /// Why it is closed.
    pub(crate) closed: bool,
}

/// What answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Backend {
    /// Nothing that was understood.
    Unknown,
    /// Applications.
    Upstreams(Vec<String>),
    /// Files.
    Files { directory: String, fallback: Option<String> },
    /// Another origin.
    Redirect { to: String, permanent: bool },
    /// Another proxy forwards.
    Elsewhere,
}

/// What is demanded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Posture {
    /// A session that this policy lets in.
    Sso(String),
    /// A name and a password of this file.
    Basic(String),
    /// Nothing.
    Public,
}

/// A rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Rule {
    pub(crate) scope: Scope,
    pub(crate) effect: Effect,
}

/// What a rule does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    Deny,
    Policy(String),
}

/// Which requests: all parts must agree.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Scope {
    /// Expressions for whole paths; empty for every path.
    pub(crate) regexes: Vec<String>,
    /// Empty for all.
    pub(crate) methods: Vec<String>,
    /// `None` for anywhere.
    pub(crate) networks: Option<Vec<String>>,
}

/// The upstream of a service for which none was understood. Nothing listens there.
pub(crate) const NOWHERE: &str = "http://127.0.0.1:9";

impl Service {
    /// A service of which nothing is known yet but its hosts.
    pub(crate) fn new(name: String, hosts: Vec<String>) -> Self {
        Self {
            name,
            hosts,
            comments: Vec::new(),
            backend: Backend::Unknown,
            posture: Posture::Sso("admins".to_owned()),
            networks: None,
            rules: Vec::new(),
            bypass: Vec::new(),
            lines: Vec::new(),
            closed: false,
        }
    }

    /// Closes the service: whoever takes the rule away has read why it is there.
    pub(crate) fn close(&mut self) {
        if !matches!(self.posture, Posture::Sso(_)) {
            self.posture = Posture::Sso("admins".to_owned());
        }
        if matches!(self.backend, Backend::Redirect { .. }) {
            self.backend = Backend::Unknown;
        }
        if self.backend == Backend::Unknown {
            let of_an_upstream = ["upstream_", "danger", "balance", "health"];
            self.lines.retain(|line| !of_an_upstream.iter().any(|start| line.starts_with(start)));
        }
        self.bypass.clear();
        self.rules = vec![Rule {
            scope: Scope { regexes: vec![".*".to_owned()], ..Scope::default() },
            effect: Effect::Deny,
        }];
        self.closed = true;
    }
}

/// A name for policies and services: what can't be in one becomes `-`, and a number follows what is taken.
pub(crate) fn name(wanted: &str, taken: &mut BTreeSet<String>) -> String {
    let fit = |letter: char| match letter {
        'a'..='z' | '0'..='9' | '_' => letter,
        'A'..='Z' => letter.to_ascii_lowercase(),
        _ => '-',
    };
    let base: String = wanted.trim_matches('-').chars().map(fit).take(56).collect();
    let base = base.trim_matches('-');
    let base = if base.is_empty() { "unnamed" } else { base };
    let mut name = base.to_owned();
    let mut number = 2;
    while !taken.insert(name.clone()) {
        name = format!("{base}-{number}");
        number += 1;
    }
    name
}

/// Whether this can be a group here: 1 to 63 visible characters without comma.
pub(crate) fn is_group(text: &str) -> bool {
    doorward_core::user::is_group_name(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_fit_and_different() {
        let mut taken = BTreeSet::new();
        assert_eq!(name("Grafana.example", &mut taken), "grafana-example");
        assert_eq!(name("grafana-example", &mut taken), "grafana-example-2");
        assert_eq!(name("--", &mut taken), "unnamed");
        assert_eq!(name(&"ä".repeat(90), &mut taken), "unnamed-2");
    }
}
