//! A site's reading as a service, or as one that is closed.

use super::{
    Context,
    matcher::{self, Match},
    proxying::{Content, Proxy},
    site::{Branch, Gate, Reading},
};
use crate::{
    draft::{Backend, Effect, Posture, Rule, Scope, Service},
    toml::string,
};

/// The set `x-token`.
const X_TOKEN: [&str; 4] =
    ["x-token-subject", "x-token-user-name", "x-token-user-email", "x-token-user-roles"];

/// Carries out a reading. `None` when there is nothing to serve: the portal is here already.
pub(super) fn service(
    mut service: Service,
    mut reading: Reading,
    context: &Context<'_>,
) -> Option<(Service, Vec<Said>)> {
    let mut work = Work {
        service: &mut service,
        context,
        said: Vec::new(),
        edits: reading.edits.clone(),
        headers: Vec::new(),
        claims: false,
    };
    reading.branches.retain(|branch| branch.content != Content::Portal || branch.on == Match::Always);
    if !reading.branches.is_empty() && reading.branches.iter().all(|branch| branch.content == Content::Portal)
    {
        return None;
    }
    reading.branches.retain(|branch| branch.content != Content::Portal);
    for remark in &reading.remarks {
        work.say(remark.line, remark.text.clone(), remark.closes);
    }
    work.lines(&reading);
    work.branches(&reading);
    let said = work.said;
    if said.iter().any(|said| said.closes) {
        service.close();
    }
    Some((service, said))
}

/// Something to look at about a service.
pub(super) struct Said {
    pub(super) line: usize,
    pub(super) text: String,
    pub(super) closes: bool,
}

struct Work<'a> {
    service: &'a mut Service,
    context: &'a Context<'a>,
    said: Vec<Said>,
    edits: super::proxying::Edits,
    /// Headers that tell who somebody is, and whether the claims are told too.
    headers: Vec<(String, String)>,
    claims: bool,
}

/// What is demanded of one branch.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Demand {
    Open,
    Policy(String),
    Basic,
    Asked,
    /// What was not understood.
    Unclear(String),
}

impl Work<'_> {
    fn say(&mut self, line: usize, text: impl Into<String>, closes: bool) {
        self.said.push(Said { line, text: text.into(), closes });
    }

    fn lines(&mut self, reading: &Reading) {
        for line in &reading.lines {
            if !self.service.lines.contains(line) && !self.has(line) {
                self.service.lines.push(line.clone());
            }
        }
    }

    /// Whether the key of this line is written already.
    fn has(&self, line: &str) -> bool {
        let key = |line: &str| line.split(" = ").next().map(str::to_owned);
        self.service.lines.iter().any(|known| key(known) == key(line))
    }

    fn branches(&mut self, reading: &Reading) {
        let Some(base) = self.base(&reading.branches) else { return };
        // What is about all requests is the base, or nothing that anybody reaches.
        let others: Vec<&Branch> = reading
            .branches
            .iter()
            .filter(|branch| !std::ptr::eq(*branch, base) && branch.on != Match::Always)
            .collect();
        self.backend(base, reading);
        match self.demand(base, true) {
            Demand::Open => self.service.posture = Posture::Public,
            Demand::Policy(policy) => self.service.posture = Posture::Sso(policy),
            Demand::Basic => {
                let file = format!("{}.users", self.service.name);
                let text = format!(
                    "write the names and hashes of `basic_auth` into {file}, one `name:hash` in a line; until then the service \
                     is closed"
                );
                self.say(base.line, text, false);
                self.service.posture = Posture::Basic(file);
            }
            Demand::Asked => self.asked(base.line),
            Demand::Unclear(why) => self.say(base.line, why, true),
        }
        for branch in others {
            self.other(branch, base);
        }
        self.order();
        self.identity();
    }

    fn asked(&mut self, line: usize) {
        self.say(
            line,
            "`forward_auth`: whom the other server lets in is not in this file. Name it by `policy`, and take the rule away",
            true,
        );
    }

    /// The branch of all requests that no other one is about.
    fn base<'b>(&mut self, branches: &'b [Branch]) -> Option<&'b Branch> {
        let mut whole = branches.iter().filter(|branch| branch.on == Match::Always);
        let first = whole.next();
        if let Some(second) = whole.find(|branch| {
            first.is_some_and(|first| first.content != branch.content || first.gates != branch.gates)
        }) {
            self.say(
                second.line,
                "several directives answer all requests; which one does was not understood",
                true,
            );
            return None;
        }
        let rest: Vec<&Branch> = branches.iter().filter(|branch| branch.on != Match::Always).collect();
        match (first, rest.as_slice()) {
            (Some(first), _) if first.content != Content::Refuse => Some(first),
            // Open for some networks, and refused to everybody else.
            (_, [only]) if only.content != Content::Refuse => {
                if let Match::Network(networks) = &only.on {
                    self.service.networks = Some(networks.clone());
                    Some(only)
                } else {
                    self.say(
                        only.line,
                        "only some requests are answered, and a service answers all of them",
                        true,
                    );
                    None
                }
            }
            _ => {
                let line = branches.first().map_or(0, |branch| branch.line);
                self.say(line, "nothing was understood that answers all requests", true);
                None
            }
        }
    }

    fn backend(&mut self, base: &Branch, reading: &Reading) {
        let backend = match &base.content {
            Content::Proxy(proxy) => {
                self.proxy(proxy);
                if proxy.upstreams.is_empty() {
                    Backend::Unknown
                } else {
                    Backend::Upstreams(proxy.upstreams.clone())
                }
            }
            Content::Files(Some(directory)) => {
                Backend::Files { directory: directory.clone(), fallback: reading.fallback() }
            }
            Content::Redirect { to, permanent } => {
                if !base.gates.is_empty() || reading.branches.len() > 1 {
                    self.say(base.line, "a redirect beside other directives was not understood", true);
                }
                self.service.lines.clear();
                self.edits = super::proxying::Edits::default();
                Backend::Redirect { to: to.clone(), permanent: *permanent }
            }
            _ => {
                self.say(base.line, "what answers was not understood", true);
                Backend::Unknown
            }
        };
        self.service.backend = backend;
        for line in [self.edits.request.line("request_headers"), self.edits.response.line("response_headers")]
        {
            self.service.lines.extend(line);
        }
    }

    fn proxy(&mut self, proxy: &Proxy) {
        for line in &proxy.lines {
            if !self.has(line) {
                self.service.lines.push(line.clone());
            }
        }
        if proxy.upstream_host {
            self.service.lines.push("upstream_host = \"upstream\"".to_owned());
        }
        if proxy.unchecked {
            self.service.lines.push("danger = { verify_upstream = false }".to_owned());
        }
        self.edits.request.also(&proxy.edits.request);
        self.edits.response.also(&proxy.edits.response);
        self.tell(&proxy.identity);
    }

    /// Headers that tell who somebody is. What an application would read as one is there once.
    fn tell(&mut self, headers: &[(String, String)]) {
        for (name, told) in headers {
            if !self.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                self.headers.push((name.clone(), told.clone()));
            }
        }
    }

    fn identity(&mut self) {
        let own = |(name, _): &&(String, String)| {
            !self.claims || !X_TOKEN.contains(&name.to_ascii_lowercase().as_str())
        };
        let own: Vec<String> = self
            .headers
            .iter()
            .filter(own)
            .map(|(name, told)| format!("{} = {}", string(name), string(told)))
            .collect();
        let line = match (own.is_empty(), self.claims) {
            (true, false) => return,
            (true, true) => "identity_headers = [\"x-token\"]".to_owned(),
            (false, true) => format!("identity_headers = {{ sets = [\"x-token\"], {} }}", own.join(", ")),
            (false, false) => format!("identity_headers = {{ {} }}", own.join(", ")),
        };
        let of_people = |rule: &Rule| rule.effect != Effect::Deny;
        let asks =
            matches!(self.service.posture, Posture::Sso(_)) || self.service.rules.iter().any(of_people);
        if asks && !matches!(self.service.backend, Backend::Redirect { .. }) {
            self.service.lines.push(line);
        }
    }

    /// What a branch demands. Gates that are about some requests are about all of them, but for what is certain.
    /// What a policy tells and opens besides counts where it is the service's own.
    fn demand(&mut self, branch: &Branch, base: bool) -> Demand {
        let mut gates: Vec<&(Match, Gate)> = branch.gates.iter().collect();
        gates.dedup();
        let (on, gate) = match gates.as_slice() {
            [] => return Demand::Open,
            [(on, gate)] => (on, gate),
            [..] => {
                return Demand::Unclear(
                    "several gates stand one behind the other; a service has one".to_owned(),
                );
            }
        };
        let demand = match gate {
            Gate::Basic => Demand::Basic,
            Gate::Asked => Demand::Asked,
            Gate::Policy(name) => match self.context.security.policies.get(name) {
                None => return Demand::Unclear(format!("there is no policy `{name}` in the file")),
                Some(policy) => {
                    if let Some(why) = &policy.closed {
                        return Demand::Unclear(why.clone());
                    }
                    if base {
                        self.policy(policy);
                    }
                    Demand::Policy(policy.name.clone())
                }
            },
        };
        if *on != Match::Always {
            self.conditional(branch, on);
        }
        demand
    }

    fn policy(&mut self, policy: &super::security::Policy) {
        if !policy.bypass.is_empty() && self.service.bypass.iter().all(|scope| scope.regexes != policy.bypass)
        {
            self.service.bypass.push(Scope { regexes: policy.bypass.clone(), ..Scope::default() });
        }
        self.tell(&policy.headers);
        self.claims |= policy.tells_claims;
    }

    /// A gate that is about some requests only: the others are opened if it is certain which they are.
    fn conditional(&mut self, branch: &Branch, on: &Match) {
        let open = matcher::not(on.clone()).scopes().filter(|_| branch.on == Match::Always);
        match open {
            Some(scopes) => self.service.bypass.extend(scopes),
            None => self.say(
                branch.line,
                "the gate was about some requests only, and which ones can't be said here: all of them are gated",
                false,
            ),
        }
    }

    /// A branch beside the base.
    fn other(&mut self, branch: &Branch, base: &Branch) {
        if branch.content == Content::Refuse || branch.content != base.content {
            return self.refuse(branch);
        }
        let posture = self.service.posture.clone();
        match (self.demand(branch, false), &posture) {
            (Demand::Policy(policy), Posture::Sso(known)) if policy == *known => {}
            (Demand::Open, Posture::Public) | (Demand::Basic, Posture::Basic(_)) => {}
            (Demand::Open, Posture::Sso(_) | Posture::Basic(_)) => match branch.on.scopes() {
                Some(scopes) => self.service.bypass.extend(scopes),
                None => self.say(
                    branch.line,
                    "which requests were open here can't be said, so they are not",
                    false,
                ),
            },
            (Demand::Policy(policy), Posture::Sso(_) | Posture::Public) => match branch.on.scopes() {
                Some(scopes) => {
                    let rule =
                        |scope| Rule { scope: any_case(scope), effect: Effect::Policy(policy.clone()) };
                    self.service.rules.extend(scopes.into_iter().map(rule));
                }
                None => self.refuse(branch),
            },
            (Demand::Unclear(why), _) => {
                self.say(branch.line, format!("{why}, so these paths are closed"), false);
                self.refuse(branch);
            }
            (Demand::Asked | Demand::Basic | Demand::Policy(_), _) => {
                self.say(
                    branch.line,
                    "one service can't demand this of some paths only, so these are closed",
                    false,
                );
                self.refuse(branch);
            }
        }
    }

    /// Closes what a branch is about, and more where that can't be said.
    fn refuse(&mut self, branch: &Branch) {
        if let (Match::Not(inner), None, Content::Refuse) =
            (&branch.on, &self.service.networks, &branch.content)
            && let Match::Network(networks) = inner.as_ref()
        {
            self.service.networks = Some(networks.clone());
            return;
        }
        let scope = branch.on.wider();
        if scope == Scope::default() {
            self.say(branch.line, "what is refused here can't be said, so everything is", true);
            return;
        }
        if branch.content != Content::Refuse {
            self.say(
                branch.line,
                "something else answers these paths: they are closed. Give it a host of its own",
                false,
            );
        }
        self.service.rules.push(Rule { scope: any_case(scope), effect: Effect::Deny });
    }

    /// Rules that refuse come first. A bypass is asked before a policy, so beside another policy nothing is opened.
    fn order(&mut self) {
        let policies = self.service.rules.iter().filter(|rule| rule.effect != Effect::Deny);
        let (mut several, mut conditions) = (0, false);
        for rule in policies {
            several += 1;
            conditions |= rule.scope.networks.is_some() || !rule.scope.methods.is_empty();
        }
        if several > 0 && !self.service.bypass.is_empty() {
            self.service.bypass.clear();
            self.say(0, "paths that were open beside paths with a policy of their own are not opened", false);
        }
        if several > 1 && conditions {
            self.say(0, "which of several policies counts depends on more than the path", true);
        }
        // The longest path counts first, as it does there.
        let length = |rule: &Rule| rule.scope.regexes.iter().map(String::len).max().unwrap_or(0);
        self.service.rules.sort_by_key(|rule| (rule.effect != Effect::Deny, std::cmp::Reverse(length(rule))));
        let redirect = matches!(self.service.backend, Backend::Redirect { .. });
        if matches!(self.service.posture, Posture::Public) || redirect {
            self.service.bypass.clear();
        }
    }
}

/// What closes is read without regard to case, as it is there; what opens is read as it is written.
fn any_case(mut scope: Scope) -> Scope {
    for regex in &mut scope.regexes {
        if regex != ".*" {
            *regex = format!("(?i){regex}");
        }
    }
    scope
}
