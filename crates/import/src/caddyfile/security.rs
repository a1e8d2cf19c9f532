//! The `security` block: who may sign in, and who is let in where.

use std::collections::{BTreeMap, BTreeSet};

use super::parse::Directive;
use crate::draft::{self, Note, is_group};

/// What there is in the block.
#[derive(Default, Debug)]
pub(super) struct Security {
    /// Hosts of identity providers that the portal asks.
    pub(super) providers: Vec<String>,
    /// Policies by the name that they have in the file.
    pub(super) policies: BTreeMap<String, Policy>,
    pub(super) notes: Vec<Note>,
    /// Roles that the portal gives to everybody, with the line.
    given: Vec<(String, usize)>,
}

/// An authorization policy.
#[derive(Clone, Default, Debug)]
pub(super) struct Policy {
    /// Its name here.
    pub(super) name: String,
    pub(super) groups: Vec<String>,
    /// Why whatever uses it is closed.
    pub(super) closed: Option<String>,
    /// Expressions of paths that it opens to everybody.
    pub(super) bypass: Vec<String>,
    /// Whether it tells the claims in `X-Token-…`.
    pub(super) tells_claims: bool,
    /// Headers and what they tell.
    pub(super) headers: Vec<(String, String)>,
}

/// Lines of a policy that are about how the portal works, and have no counterpart: the gate is the portal.
const OF_THE_PORTAL: [&str; 12] = [
    "set auth url",
    "set forbidden url",
    "set token sources",
    "set user identity",
    "set redirect",
    "crypto key",
    "crypto default",
    "enable strip token",
    "enable js redirect",
    "disable auth redirect",
    "validate bearer header",
    "enable additional scopes",
];

/// Reads `security` blocks of the global options.
pub(super) fn read(options: &[Directive]) -> Security {
    let mut security = Security::default();
    let mut taken = BTreeSet::new();
    for one in options.iter().filter(|one| one.name == "security").flat_map(|one| &one.block) {
        let kind = format!("{} {} {}", one.name, one.argument(0), one.argument(1));
        match kind.as_str() {
            kind if kind.starts_with("authorization policy") => {
                let policy = policy(one, &mut taken, &mut security.notes);
                if security.policies.insert(one.argument(1).to_owned(), policy).is_some() {
                    security.close(one, "it is there twice");
                }
            }
            kind if kind.starts_with("authentication portal") => security.portal(one),
            "oauth identity provider" => security.provider(one),
            _ => security.note(
                one,
                "it has no counterpart: people sign in with passkeys, and applications are clients",
            ),
        }
    }
    security.everybody();
    security
}

impl Security {
    fn note(&mut self, one: &Directive, text: &str) {
        let about = format!("security: {}", one.words());
        self.notes.push(Note { line: one.line, about, text: text.to_owned(), closes: false });
    }

    fn close(&mut self, one: &Directive, why: &str) {
        if let Some(policy) = self.policies.get_mut(one.argument(1)) {
            policy.closed = Some(why.to_owned());
        }
    }

    fn provider(&mut self, one: &Directive) {
        let hosts =
            one.block.iter().filter(|line| matches!(line.name.as_str(), "base_auth_url" | "metadata_url"));
        let hosts: Vec<String> = hosts.filter_map(|line| host_of(line.argument(0))).collect();
        match hosts.first() {
            Some(host) if hosts.iter().all(|other| other == host) => self.providers.push(host.clone()),
            _ => self.note(one, "its address was not found, so accounts of it are not known here"),
        }
    }

    fn portal(&mut self, one: &Directive) {
        for line in &one.block {
            let words = line.words();
            if words.starts_with("enable identity store") {
                self.note(
                    line,
                    "people with a name and a password get an enrolment link for a passkey instead",
                );
            } else if words == "transform user" {
                self.transform(line);
            }
        }
    }

    fn transform(&mut self, transform: &Directive) {
        let words: Vec<String> = transform.block.iter().map(Directive::words).collect();
        let matches: Vec<&String> = words.iter().filter(|words| words.contains("match ")).collect();
        let whole_realm =
            matches.iter().all(|words| words.contains("match realm") || words.contains("match origin"));
        for line in &transform.block {
            let words = line.words();
            let Some(roles) =
                words.strip_prefix("action add role ").or_else(|| words.strip_prefix("action add roles "))
            else {
                continue;
            };
            let roles: Vec<String> = roles.split_whitespace().map(str::to_owned).collect();
            if whole_realm {
                self.given.extend(roles.into_iter().map(|role| (role, line.line)));
            } else {
                self.note(
                    line,
                    "nobody has this role by itself here: put the people into the group of that name",
                );
            }
        }
    }

    /// Everybody of a provider had the role, but who could sign in there is not in this file.
    fn everybody(&mut self) {
        for (role, line) in std::mem::take(&mut self.given) {
            for policy in self.policies.values().filter(|policy| policy.groups.contains(&role)) {
                let text = format!(
                    "the portal gave the role `{role}` to everybody who signed in; here it is a group, and nobody is in it by \
                     itself. Put the people into it, or write `anyone = true` in place of `groups` if everybody with an \
                     account is meant"
                );
                self.notes.push(Note { line, about: format!("policy {}", policy.name), text, closes: false });
            }
        }
    }
}

fn policy(one: &Directive, taken: &mut BTreeSet<String>, notes: &mut Vec<Note>) -> Policy {
    let name = draft::name(one.argument(1), taken);
    let mut policy = Policy { name, ..Policy::default() };
    for line in &one.block {
        if let Err(why) = policy.line(line) {
            let closes = why.closes;
            if closes {
                policy
                    .closed
                    .get_or_insert_with(|| format!("its policy {} has `{}`", policy.name, line.words()));
            }
            let text = format!("`{}`: {}", line.words(), why.text);
            notes.push(Note { line: line.line, about: format!("policy {}", policy.name), text, closes });
        }
    }
    if policy.groups.is_empty() && policy.closed.is_none() {
        policy.closed = Some(format!("its policy {} does not say whom it lets in", policy.name));
        let text = "it does not say by roles whom it lets in".to_owned();
        notes.push(Note { line: one.line, about: format!("policy {}", policy.name), text, closes: true });
    }
    policy
}

struct Why {
    text: &'static str,
    closes: bool,
}

const NOT_UNDERSTOOD: Why =
    Why { text: "this was not understood, so everything that uses the policy is closed", closes: true };

impl Policy {
    fn line(&mut self, line: &Directive) -> Result<(), Why> {
        let words = line.words();
        if let Some(roles) = words.strip_prefix("allow roles ").or_else(|| words.strip_prefix("allow role "))
        {
            return self.roles(roles);
        }
        match line.name.as_str() {
            "acl" => self.acl(line),
            "bypass" => self.bypass(line),
            "inject" => self.inject(line),
            "with" => Err(Why {
                text: "this way in is not taken over: give programs a key or a token of their own",
                closes: false,
            }),
            _ if OF_THE_PORTAL.iter().any(|known| words.starts_with(known)) => Ok(()),
            _ => Err(NOT_UNDERSTOOD),
        }
    }

    fn roles(&mut self, roles: &str) -> Result<(), Why> {
        let roles: Vec<&str> = roles.split_whitespace().collect();
        // `allow roles a with get to /x` is about methods and paths.
        if roles.is_empty() || roles.iter().any(|role| matches!(*role, "with" | "to") || !is_group(role)) {
            return Err(NOT_UNDERSTOOD);
        }
        for role in roles {
            if !self.groups.iter().any(|group| group == role) {
                self.groups.push(role.to_owned());
            }
        }
        Ok(())
    }

    fn acl(&mut self, acl: &Directive) -> Result<(), Why> {
        if acl.words() == "acl default deny" {
            return Ok(());
        }
        if acl.argument(0) != "rule" || acl.block.is_empty() {
            return Err(NOT_UNDERSTOOD);
        }
        let mut roles = None;
        let mut allows = false;
        for line in &acl.block {
            let words = line.words();
            if line.name == "comment" {
                continue;
            }
            let matched = words.strip_prefix("match role ").or_else(|| words.strip_prefix("match roles "));
            if let (Some(matched), None) = (matched, &roles) {
                roles = Some(matched.to_owned());
            } else if line.name == "allow" && line.arguments.iter().all(|word| is_logging(word)) {
                allows = true;
            } else {
                return Err(NOT_UNDERSTOOD);
            }
        }
        roles.filter(|_| allows).map_or(Err(NOT_UNDERSTOOD), |roles| self.roles(&roles))
    }

    fn bypass(&mut self, line: &Directive) -> Result<(), Why> {
        let [uri, kind, path] = line.arguments.as_slice() else {
            return Err(Why { text: "this was not understood, and opens nothing here", closes: false });
        };
        let plain = path.starts_with('/')
            && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._~-".contains(&byte))
            && !["//", "/.", "/.doorward"].iter().any(|odd| path.contains(odd));
        match (uri.as_str(), kind.as_str()) {
            ("uri", "exact") if plain => self.bypass.push(regex::escape(path)),
            ("uri", "prefix") if plain => self.bypass.push(format!("{}.*", regex::escape(path))),
            _ => {
                return Err(Why {
                    text: "only exact paths and prefixes are opened: name in `bypass` what is meant",
                    closes: false,
                });
            }
        }
        Ok(())
    }

    fn inject(&mut self, line: &Directive) -> Result<(), Why> {
        let words: Vec<&str> = line.arguments.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["headers", "with", "claims"] => self.tells_claims = true,
            ["header", name, "from", claim] => {
                match told(claim).filter(|_| super::proxying::is_identity_header(name)) {
                    Some(told) => self.headers.push(((*name).to_owned(), told.to_owned())),
                    None => return Err(Why { text: "no header here tells this", closes: false }),
                }
            }
            _ => return Err(Why { text: "this header is not sent", closes: false }),
        }
        Ok(())
    }
}

fn is_logging(word: &str) -> bool {
    matches!(word, "stop" | "log" | "counter" | "debug" | "info" | "warn" | "error" | "tag")
        || word.starts_with("tag")
}

/// What a claim is called in `identity_headers`.
pub(super) fn told(claim: &str) -> Option<&'static str> {
    let claim = claim.trim_start_matches("userinfo|").trim_start_matches("http.auth.user.");
    match claim {
        "sub" => Some("sub"),
        "id" | "preferred_username" | "username" | "claims.preferred_username" => Some("username"),
        "email" | "mail" => Some("email"),
        "name" => Some("name"),
        "roles" | "groups" => Some("groups"),
        _ => None,
    }
}

/// The host of an address.
pub(super) fn host_of(address: &str) -> Option<String> {
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"))?;
    let host = rest.split(['/', ':', '?']).next().unwrap_or_default().to_ascii_lowercase();
    super::is_host(&host).then_some(host)
}
