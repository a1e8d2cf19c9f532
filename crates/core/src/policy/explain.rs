//! Why a decision came out as it did, for people.

use std::net::IpAddr;

use super::{Denial, Guard, Policy, TokenProblem};

/// One sentence that says why, without secrets.
pub fn explain(denial: &Denial) -> String {
    match denial {
        Denial::ServiceNetwork => "your address is not in a network that may reach this service".to_owned(),
        Denial::PolicyNetwork { policy } => format!("the policy “{policy}” does not let your network in"),
        Denial::Group { policy, any_of } if any_of.is_empty() => {
            format!("the policy “{policy}” lets nobody in: its list of groups is empty")
        }
        Denial::Group { policy, any_of } => {
            format!("the policy “{policy}” needs one of the groups: {}", any_of.join(", "))
        }
        Denial::Rule { .. } => "a rule closes this address to everybody".to_owned(),
        // Whoever guesses does not learn what was near.
        Denial::Key { header, .. } => {
            format!("what came as a key in `{header}` does not open this: it is wrong, expired or for something else")
        }
        Denial::CrossOrigin => {
            "another site started this request; open the service itself and try again".to_owned()
        }
        Denial::Expired => "your session has ended".to_owned(),
        Denial::Token(problem) => of_token(*problem).to_owned(),
        Denial::Quarantined { .. } => {
            "this service is closed until its declaration is in order; its administrator finds the reason in the log".to_owned()
        }
    }
}

const fn of_token(problem: TokenProblem) -> &'static str {
    match problem {
        TokenProblem::Unknown => {
            "this is no token that works here; look at the page for your tokens, or make another"
        }
        TokenProblem::Scope(_) => "this token is not good for this path and method; make one that is",
        TokenProblem::Person => "this needs a person with their passkey; a token is not enough",
    }
}

/// What a refusal was compared with, for the log: never a secret. Empty where the code says it all.
pub fn detail(guard: &Guard, denial: &Denial, client: IpAddr) -> String {
    match denial {
        Denial::ServiceNetwork => {
            let networks = guard.networks.iter().flatten().map(ToString::to_string).collect::<Vec<_>>();
            format!("{client} is in none of: {}", networks.join(", "))
        }
        Denial::PolicyNetwork { policy } => format!("{client} is outside the networks of policy {policy}"),
        Denial::Group { policy, any_of } => format!("policy {policy} needs one of: {}", any_of.join(", ")),
        Denial::Rule { index } => format!("rules[{index}]"),
        Denial::Key { header, name: Some(name), .. } => format!("key {name} in {header}"),
        Denial::Key { header, name: None, .. } => format!("what came in {header}"),
        _ => String::new(),
    }
}

/// Whom a policy lets in, in a few words.
pub fn describe(policy: &Policy) -> String {
    match &policy.allow {
        super::Allow::Anyone => "anyone who is signed in".to_owned(),
        super::Allow::AnyOf(groups) if groups.is_empty() => "nobody".to_owned(),
        super::Allow::AnyOf(groups) => format!("members of {}", groups.join(" or ")),
    }
}
