//! What decisions are called, for people and for logs.

use super::*;

#[test]
fn each_denial_has_a_code_and_a_sentence() {
    let family = || "family".to_owned();
    let denials = [
        Denial::ServiceNetwork,
        Denial::PolicyNetwork { policy: family() },
        Denial::Group { policy: family(), any_of: vec!["users".to_owned(), "guests".to_owned()] },
        Denial::Group { policy: family(), any_of: Vec::new() },
        Denial::CrossOrigin,
        Denial::Expired,
        Denial::Quarantined { id: "closed_regex" },
        Denial::Token(TokenProblem::Unknown),
        Denial::Token(TokenProblem::Scope(Miss::Method)),
        Denial::Token(TokenProblem::Person),
    ];
    let told: Vec<String> =
        denials.iter().map(|denial| format!("{}: {}", denial.code(), explain(denial))).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    service_network: your address is not in a network that may reach this service
    policy_network: the policy “family” does not let your network in
    group: the policy “family” needs one of the groups: users, guests
    group: the policy “family” lets nobody in: its list of groups is empty
    cross_origin: another site started this request; open the service itself and try again
    expired: your session has ended
    closed_regex: this service is closed until its declaration is in order; its administrator finds the reason in the log
    token_unknown: this is no token that works here; look at the page for your tokens, or make another
    token_method: this token is not good for this path and method; make one that is
    token_person: this needs a person with their passkey; a token is not enough
    ");
}

#[test]
fn words_for_people_and_logs() {
    let describe = |allow| describe(&Policy { allow, ..policy() });
    assert_eq!(describe(Allow::Anyone), "anyone who is signed in");
    assert_eq!(describe(Allow::AnyOf(Vec::new())), "nobody");
    assert_eq!(describe(policy().allow), "members of users or guests");
    let words: Vec<&str> = [
        Posture::Sso(Arc::new(policy())),
        Posture::Public,
        Posture::NativeOidc,
        Posture::AppLogin,
        quarantined(),
    ]
    .iter()
    .map(Posture::word)
    .collect();
    assert_eq!(words, ["sso", "public", "native-oidc", "app-login", "quarantined"]);
    assert_eq!(Grounds::Bypass(2).to_string(), "bypass[2]");
}
