//! Rules for some paths: stricter or different, never open.

use super::*;

fn require(policy: Option<Policy>, step_up: Option<u32>) -> Effect {
    Effect::Require { policy: policy.map(Arc::new), step_up: step_up.map(Lifetime) }
}

fn admins() -> Policy {
    Policy { name: "admins".to_owned(), allow: Allow::AnyOf(vec!["admins".to_owned()]), networks: None }
}

/// `/admin` is for administrators, except `/admin/status`; `/pay` needs a passkey of the last minute; nobody deletes;
/// `/secret` is closed.
fn ruled() -> Guard {
    let rule = |scope, effect| Rule { scope, effect };
    let deleting = Scope { methods: Some(vec![Method::DELETE]), ..Scope::everything() };
    let rules = vec![
        rule(Scope::below(["/secret"]), Effect::Deny),
        rule(deleting, Effect::Deny),
        rule(Scope::below(["/admin/status"]), require(None, None)),
        rule(Scope::below(["/admin"]), require(Some(admins()), None)),
        rule(Scope::below(["/pay"]), require(None, Some(60))),
        rule(Scope::below(["/pay"]), Effect::Deny),
    ];
    Guard { rules, bypass: vec![Scope::below(["/secret", "/open"])], ..sso(policy()) }
}

#[test]
fn impossible_1_the_first_rule_that_is_about_a_request_counts() {
    let member = Case::member();
    let admin = Case { groups: Some(&["admins"]), ..Case::default() };
    let later = UnixTime(NOW.0 + 61);
    let at = |path, case: &Case| Case { path, ..case.clone() };
    for (case, expected) in [
        (at("/", &member), "permit by session as a person"),
        (at("/", &admin), "deny: group"),
        (at("/admin", &member), "deny: group"),
        (at("/admin/x", &admin), "permit by session as a person"),
        (at("/admin/status", &member), "permit by session as a person"),
        (at("/admins", &member), "permit by session as a person"),
        (at("/admin", &Case::default()), "sign in"),
        (at("/pay", &member), "permit by session as a person"),
        (at("/pay", &Case::default()), "sign in"),
        (at("/pay", &admin), "deny: group"),
        (at("/secret", &member), "deny: rule"),
        (at("/open", &Case::default()), "permit by bypass[0]"),
        (Case { method: Method::DELETE, ..at("/", &member) }, "deny: rule"),
        (Case { method: Method::DELETE, ..at("/open", &member) }, "deny: rule"),
        (Case { site: Site::Other, method: Method::POST, ..at("/admin", &admin) }, "deny: cross_origin"),
        (Case { now: later, ..at("/secret", &member) }, "deny: rule"),
    ] {
        assert_eq!(case.word(&ruled()), expected, "{} {}", case.method, case.path);
    }
}

fn someone(signed_in: i64, now: i64) -> String {
    let mut identity = (*person(&["users"])).clone();
    identity.context.auth_time = UnixTime(signed_in);
    identity.expires_at = UnixTime(now + 1);
    let access = Access {
        method: &Method::GET,
        path: "/pay",
        client: "192.0.2.1".parse().unwrap(),
        identity: Some(&Arc::new(identity)),
        credentials: Credential::default(),
        fetch: FetchMetadata { site: Site::Own, navigation: true, websocket: false },
        now: UnixTime(now),
    };
    word(&decide(&ruled(), &access))
}

#[test]
fn w_7_a_rule_asks_for_a_passkey_that_was_used_within_its_time() {
    assert_eq!(someone(1000, 1060), "permit by session as a person");
    assert_eq!(someone(1000, 1061), "demand: step_up");
    assert_eq!(someone(0, 1_000_000), "demand: step_up");
}

/// A public service may have a part that is not.
#[test]
fn a_rule_gates_a_part_of_an_open_service() {
    for posture in [Posture::Public, Posture::NativeOidc, Posture::AppLogin] {
        let rules = vec![Rule { scope: Scope::below(["/admin"]), effect: require(Some(admins()), None) }];
        let guard = Guard { rules, ..guard(posture) };
        let admin = Case { groups: Some(&["admins"]), path: "/admin", ..Case::default() };
        assert_eq!(Case::default().word(&guard), "permit by open");
        assert_eq!(Case { path: "/admin", ..Case::default() }.word(&guard), "sign in");
        assert_eq!(Case { path: "/admin", ..Case::member() }.word(&guard), "deny: group");
        assert_eq!(admin.word(&guard), "permit by session as a person");
    }
}

#[test]
fn whom_any_part_of_a_service_lets_in_may_sign_in_there() {
    let admits = |guard: &Guard, groups: &[&str]| {
        let admitted = guard.admits(&person(groups), "192.0.2.1".parse().unwrap(), NOW);
        admitted.map(|admitted| admitted.map_or_else(|denial| denial.code(), |_| "admitted"))
    };
    assert_eq!(admits(&ruled(), &["users"]), Some("admitted"));
    assert_eq!(admits(&ruled(), &["admins"]), Some("admitted"), "a rule lets them in");
    assert_eq!(admits(&ruled(), &["others"]), Some("group"));
    assert_eq!(admits(&sso(policy()), &["admins"]), Some("group"));
    assert_eq!(admits(&guard(Posture::Public), &["admins"]), None, "nobody is asked for");
    let closed = Guard { posture: quarantined(), ..ruled() };
    assert_eq!(admits(&closed, &["users", "admins"]), None);
}

/// Where nobody is asked who they are, a demand for a fresh passkey can be met by nobody: it does not vanish.
#[test]
fn impossible_1_a_demand_that_nobody_can_meet_closes() {
    for posture in [Posture::Public, Posture::NativeOidc, Posture::AppLogin] {
        let rules = vec![Rule { scope: Scope::below(["/pay"]), effect: require(None, Some(60)) }];
        let guard = Guard { rules, ..guard(posture) };
        for case in [Case::member(), Case::default()] {
            assert_eq!(Case { path: "/pay", ..case.clone() }.word(&guard), "deny: rule");
            assert_eq!(case.word(&guard), "permit by open");
        }
    }
}
