//! `[[services.<name>.rules]]`: what holds for some requests in place of the service's policy.

use doorward_core::{
    policy::{Effect, Paths, Rule, Scope},
    time::Lifetime,
};

use crate::config::{
    policy,
    reader::{Section, Text},
    service::{Context, closing::Closing, scope},
    value,
};

/// Seconds that a sign-in may be old at least and at most, where a rule asks for a fresh one.
const STEP_UP: (u32, u32) = (30, 86_400);

pub(super) fn read(
    section: &mut Section<'_>,
    context: &Context<'_>,
    closing: &Closing,
    posture: Option<&Text>,
) -> Vec<Rule> {
    let posture = posture.map_or("", |text| text.text.as_str());
    let rules = section.tables(&["rules"]).into_iter();
    rules.filter_map(|section| rule(section, context, closing, posture)).collect()
}

fn rule(mut section: Section<'_>, context: &Context<'_>, closing: &Closing, posture: &str) -> Option<Rule> {
    let findings = section.findings;
    let place = section.place.clone();
    let paths = scope::paths(&mut section, (&["paths"], &["regexes"]), closing);
    let networks = value::networks(&mut section, &["networks", "allowedNetworks"]);
    let methods = value::methods(&mut section);
    let about_nothing = section.lacks(&["paths", "regexes", "networks", "allowedNetworks", "methods"]);
    let effect = effect(&mut section, context, posture);
    section.finish();
    if about_nothing {
        let help = "write `paths`, `regexes`, `methods` or `networks`; for everything there is `policy` of the service";
        findings.add("E004", &place, "the rule does not say what it is about", help);
    }
    let scope = Scope { paths: paths.unwrap_or(Paths::All), networks, methods, expires_at: None };
    Some(Rule { scope, effect: effect? })
}

fn effect(section: &mut Section<'_>, context: &Context<'_>, posture: &str) -> Option<Effect> {
    let findings = section.findings;
    let place = section.place.clone();
    let deny = section.boolean("deny", false);
    let policy = section.text(&["policy"]);
    let named = policy.is_some();
    let policy = policy.and_then(|text| policy::find(context.policies, &text, findings));
    let step_up = (!section.lacks(&["step_up"])).then_some(Lifetime::minutes(10));
    let longest = value::lifetime(section, "step_up", STEP_UP, Lifetime::minutes(10));
    let step_up = step_up.map(|_| longest);
    let (message, help) = match (deny, named, step_up.is_some()) {
        (true, false, false) => return Some(Effect::Deny),
        (true, ..) => ("`deny = true` beside `policy` or `step_up`", "remove one of them"),
        (false, false, false) => (
            "the rule does not say what it demands",
            "write policy = \"…\", step_up = \"10m\" or deny = true",
        ),
        (false, ..) if posture == "basic" => (
            "nobody has a session at a service with the posture `basic`",
            "write deny = true, or posture = \"sso\"",
        ),
        (false, false, true) if posture != "sso" => (
            "`step_up` alone has no effect where no policy asks who somebody is",
            "write the policy beside it: policy = \"users\"",
        ),
        (false, true, _) if policy.is_none() => return None,
        (false, ..) => return Some(Effect::Require { policy, step_up }),
    };
    findings.add(if deny || named || step_up.is_some() { "E008" } else { "E004" }, &place, message, help);
    None
}
