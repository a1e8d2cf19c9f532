//! Why a decision came out as it did, for people.

use super::{Denial, Policy, TokenProblem};

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

/// Whom a policy lets in, in a few words.
pub fn describe(policy: &Policy) -> String {
    match &policy.allow {
        super::Allow::Anyone => "anyone who is signed in".to_owned(),
        super::Allow::AnyOf(groups) if groups.is_empty() => "nobody".to_owned(),
        super::Allow::AnyOf(groups) => format!("members of {}", groups.join(" or ")),
    }
}
