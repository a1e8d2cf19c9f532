use std::fmt::Write as _;

use super::*;
use crate::{
    oauth::client::TokenLifetimes,
    oidc::fixtures::{HERE, NOW, issuer, person, request, sent, user},
    policy::{Allow, Policy},
    time::Lifetime,
};

/// Seconds before [`NOW`].
fn ago(seconds: i64) -> UnixTime {
    UnixTime(NOW.0 - seconds)
}

fn name(step: &Step) -> String {
    match step {
        Step::SignIn { reauthenticate: false } => "sign in".to_owned(),
        Step::SignIn { reauthenticate: true } => "sign in again".to_owned(),
        Step::Choose => "choose".to_owned(),
        Step::Consent(question) => format!("consent to {}", question.requested),
        Step::Issue(grant) => format!("issue {}", grant.scope),
        Step::Refuse(response) => response.code().as_str().to_owned(),
        Step::Denied { denial, .. } => format!("denied: {}", denial.code()),
    }
}

/// Somebody who signed in 100 seconds ago and whom the policy lets in.
fn here(identity: &Arc<Identity>) -> Situation<'_> {
    Situation {
        identity: Some(identity),
        hinted: None,
        consented: ScopeSet::parse("openid email"),
        progress: None,
        client: HERE,
        now: NOW,
    }
}

fn step(changes: &str, situation: &Situation<'_>) -> String {
    name(&next_step(&request(changes), situation))
}

fn situations<'a>(member: &'a Arc<Identity>, stranger: &'a Arc<Identity>) -> Vec<(&'a str, Situation<'a>)> {
    let ready = here(member);
    let started = |seconds| Situation { progress: Some(Progress::begin(ago(seconds))), ..ready };
    let consented =
        |byte| Situation { progress: Some(Progress::begin(ago(100)).with_consent(user(byte))), ..ready };
    let expected = |situation| Situation { hinted: Some(user(2)), ..situation };
    let nobody = Situation { identity: None, ..ready };
    let partly = Situation { consented: ScopeSet::parse("openid"), ..ready };
    let over = Situation { now: UnixTime(NOW.0 + 3600), ..ready };
    vec![
        ("nobody", nobody),
        ("signed in", ready),
        ("no consent", partly),
        ("not in group", here(stranger)),
        ("session over", over),
        ("signed in before the request", started(99)),
        ("signed in for the request", started(100)),
        ("signed in for it, consented to it", consented(1)),
        ("somebody else consented to it", consented(2)),
        (
            "chose the account",
            Situation { progress: Some(Progress::begin(NOW).with_choice(user(1))), ..ready },
        ),
        ("somebody else expected", expected(ready)),
        ("somebody else again", expected(started(100))),
    ]
}

const ASKED: [&str; 11] = [
    "",
    "prompt=none",
    "prompt=login",
    "prompt=select_account",
    "prompt=consent",
    "prompt=login+consent",
    "max_age=100",
    "max_age=99",
    "max_age=99&prompt=none",
    "max_age=0",
    "max_age=0&prompt=none",
];

#[test]
fn o_28_each_prompt_in_each_situation() {
    let (member, stranger) = (person(1, &["users"], ago(100)), person(2, &["guests"], ago(100)));
    let mut table = String::new();
    for changes in ASKED {
        writeln!(table, "[{changes}]").unwrap();
        for (situation_name, situation) in situations(&member, &stranger) {
            writeln!(table, "{situation_name:35} {}", step(changes, &situation)).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

/// Whoever does what the step says reaches an end: no request asks for the same thing twice.
#[test]
fn prompt_login_consent_and_max_age_do_not_loop() {
    for prompt in ["", "login", "consent", "select_account", "login consent select_account"] {
        // Somebody who is signed in already chooses, once.
        let member = person(1, &["users"], ago(100));
        let choosing = request(&format!("prompt={prompt}"));
        let chosen = Situation { progress: Some(Progress::begin(NOW).with_choice(user(1))), ..here(&member) };
        assert_eq!(name(&next_step(&choosing, &here(&member))) == "choose", prompt == "select_account");
        assert_ne!(name(&next_step(&choosing, &chosen)), "choose");
        for max_age in ["", "0", "1", "1000"] {
            let request = request(&format!("prompt={prompt}&max_age={max_age}"));
            let mut now = NOW;
            let mut identity = None;
            let mut consented = ScopeSet::default();
            let mut progress: Option<Progress> = None;
            let mut done = Vec::new();
            loop {
                let situation = Situation {
                    identity: identity.as_ref(),
                    hinted: None,
                    consented,
                    progress,
                    client: HERE,
                    now,
                };
                let started = progress.unwrap_or(Progress::begin(now));
                now = UnixTime(now.0 + 5);
                match next_step(&request, &situation) {
                    Step::SignIn { .. } => {
                        identity = Some(person(1, &["users"], now));
                        progress = Some(started);
                        done.push("sign in");
                    }
                    Step::Consent(question) => {
                        consented = question.if_granted;
                        progress = Some(started.with_consent(user(1)));
                        done.push("consent");
                    }
                    Step::Issue(_) => break,
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(done, ["sign in", "consent"], "prompt={prompt} max_age={max_age}");
        }
    }
}

#[test]
fn o_17_a_code_rests_on_the_policy_of_the_client() {
    let member = person(1, &["users"], ago(100));
    let network = |networks: &[&str]| {
        let mut request = request("");
        let networks = networks.iter().map(|network| network.parse().unwrap()).collect();
        let policy = Policy {
            name: "near".to_owned(),
            allow: Allow::AnyOf(vec!["users".to_owned()]),
            networks: Some(networks),
        };
        let client = crate::oauth::client::Client { policy: Arc::new(policy), ..(*request.client).clone() };
        request.client = Arc::new(client);
        name(&next_step(&request, &here(&member)))
    };
    assert_eq!(network(&["192.0.2.0/24"]), "issue openid email");
    assert_eq!(network(&["10.0.0.0/8"]), "denied: policy_network");
    assert_eq!(network(&[]), "denied: policy_network");
}

#[test]
fn a_code_holds_everything_that_redeeming_it_is_compared_with() {
    let member = person(1, &["users"], ago(100));
    let Step::Issue(grant) = next_step(&request("scope=openid"), &here(&member)) else { panic!("no code") };
    assert_eq!(
        (grant.client_id.as_str(), grant.target.redirect_uri()),
        ("wiki", "https://wiki.test/callback")
    );
    assert_eq!((grant.user, grant.session), (member.subject, member.portal_session));
    assert_eq!((grant.nonce.as_deref(), grant.context.auth_time), (Some("n"), ago(100)));
    assert!(grant.code_challenge.is_some());
    assert_eq!(grant.expires_at, UnixTime(NOW.0 + 60));
    assert_eq!(grant.family_expires_at, UnixTime(NOW.0 + 30 * 86_400));
}

#[test]
fn a_client_can_demand_a_passkey_each_time() {
    let member = person(1, &["users"], ago(5));
    let asked = |prompt: &str, progress: Option<Progress>| {
        let mut request = request(&format!("prompt={prompt}"));
        let client = crate::oauth::client::Client { reauthenticate: true, ..(*request.client).clone() };
        request.client = Arc::new(client);
        name(&next_step(&request, &Situation { progress, ..here(&member) }))
    };
    assert_eq!(asked("", None), "sign in again");
    assert_eq!(asked("none", None), "login_required");
    // A passkey that was used before this request began is not the answer to it.
    assert_eq!(asked("", Some(Progress::begin(ago(1)))), "sign in again");
    assert_eq!(asked("", Some(Progress::begin(ago(5)))), "issue openid email");
}

#[test]
fn o_28_an_essential_acr_demands_a_passkey() {
    let passkey = person(1, &["users"], ago(100));
    let mut weaker = (*passkey).clone();
    weaker.context.amr = vec!["otp".to_owned()];
    let weaker = Arc::new(weaker);
    let essential = "claims={\"id_token\":{\"acr\":{\"essential\":true,\"values\":[\"phr\"]}}}";
    for (changes, by_passkey, by_other) in [
        ("", "issue openid email", "issue openid email"),
        ("acr_values=phr", "issue openid email", "issue openid email"),
        (essential, "issue openid email", "sign in again"),
    ] {
        assert_eq!(step(changes, &here(&passkey)), by_passkey, "{changes}");
        assert_eq!(step(changes, &here(&weaker)), by_other, "{changes}");
    }
    assert_eq!(step(&format!("{essential}&prompt=none"), &here(&weaker)), "login_required");
}

#[test]
fn o_28_a_client_can_be_held_to_pushing() {
    let member = person(1, &["users"], ago(100));
    let asked = |identity: Option<&Arc<Identity>>, progress: Option<Progress>| {
        let mut request = request("");
        let client = crate::oauth::client::Client { require_par: true, ..(*request.client).clone() };
        request.client = Arc::new(client);
        name(&next_step(&request, &Situation { identity, progress, ..here(&member) }))
    };
    assert_eq!(asked(None, None), "invalid_request", "before anybody has to sign in");
    assert_eq!(asked(Some(&member), Some(Progress::begin(ago(1)))), "invalid_request");
    assert_eq!(asked(None, Some(Progress::of_pushed(NOW))), "sign in");
    assert_eq!(asked(Some(&member), Some(Progress::of_pushed(NOW))), "issue openid email");
}

#[test]
fn tokens_descend_from_a_sign_in_as_long_as_the_client_says() {
    let member = person(1, &["users"], ago(100));
    for (access, refresh, scope, expected) in [
        (60, 7200, "openid", 7200),
        // An access token that outlives the refresh token is as good as it says.
        (7200, 60, "openid", 7200),
        (60, 7200, "openid+offline_access", 365 * 86_400),
    ] {
        let mut request = request(&format!("scope={scope}"));
        let mut client = (*request.client).clone();
        client.consent = false;
        client.lifetimes =
            TokenLifetimes { access: Lifetime(access), refresh: Lifetime(refresh), id: Lifetime(60) };
        request.client = Arc::new(client);
        let Step::Issue(grant) = next_step(&request, &here(&member)) else { panic!("no code") };
        assert_eq!(grant.family_expires_at, UnixTime(NOW.0 + expected), "{scope}");
    }
}

#[test]
fn a_client_that_needs_no_consent_can_still_ask_for_it() {
    let member = person(1, &["users"], ago(100));
    for (prompt, expected) in [("", "issue openid email"), ("consent", "consent to openid email")] {
        let mut request = request(&format!("prompt={prompt}"));
        let client = crate::oauth::client::Client { consent: false, ..(*request.client).clone() };
        request.client = Arc::new(client);
        let situation = Situation { consented: ScopeSet::default(), ..here(&member) };
        assert_eq!(name(&next_step(&request, &situation)), expected);
    }
}

#[test]
fn earlier_consent_is_kept_when_more_is_asked_for() {
    let member = person(1, &["users"], ago(100));
    let situation = Situation { consented: ScopeSet::parse("openid groups"), ..here(&member) };
    let Step::Consent(question) = next_step(&request(""), &situation) else { panic!("no question") };
    assert_eq!(question.requested.to_string(), "openid email");
    assert_eq!(question.if_granted.to_string(), "openid email groups");
}

#[test]
fn a_denied_person_can_go_back_to_the_client() {
    let stranger = person(2, &[], ago(100));
    let Step::Denied { response, .. } = next_step(&request(""), &here(&stranger)) else { panic!("let in") };
    assert_eq!(
        sent(&response.delivery(&issuer())),
        "https://wiki.test/callback?error=access_denied&error_description=the+person+may+not+use+this+application\
         &state=s+1&iss=https%3A%2F%2Fid.example.org"
    );
}
