//! The golden table of decisions, and each refusal with its words.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use ::http::Method;
use ipnet::IpNet;

use super::*;
use crate::{
    http::fetch::{FetchMetadata, Site},
    id::{SessionId, UserId},
    identity::{AuthContext, IdentityParts},
    user::{Profile, Username},
};

mod basic;
mod bearer;
mod keys;
mod near;
mod properties;
mod rules;
mod words;

const NOW: UnixTime = UnixTime(1_000);

fn networks(list: &[&str]) -> Vec<IpNet> {
    list.iter().map(|network| network.parse().unwrap()).collect()
}

fn policy() -> Policy {
    Policy {
        name: "family".to_owned(),
        allow: Allow::AnyOf(vec!["users".to_owned(), "guests".to_owned()]),
        networks: None,
    }
}

fn sso(policy: Policy) -> Guard {
    guard(Posture::Sso(Arc::new(policy)))
}

fn guard(posture: Posture) -> Guard {
    Guard::new(posture)
}

fn person(groups: &[&str]) -> Arc<Identity> {
    Arc::new(Identity::new(IdentityParts {
        subject: UserId::from_random([1; 16]),
        profile: Profile::new(Username::parse("ada").unwrap(), "Ada".to_owned()),
        groups: groups.iter().map(|group| (*group).to_owned()).collect::<BTreeSet<_>>(),
        context: AuthContext { auth_time: NOW, amr: Vec::new() },
        session: SessionId::from_random([2; 16]),
        portal_session: SessionId::from_random([3; 16]),
        expires_at: UnixTime(NOW.0 + 1),
    }))
}

fn quarantined() -> Posture {
    Posture::Quarantined(Quarantine::new("closed_regex", "services.x.bypass[0].regexes[0]", "unclosed group"))
}

/// A request in the words of the table.
#[derive(Clone)]
struct Case {
    method: Method,
    path: &'static str,
    client: &'static str,
    groups: Option<&'static [&'static str]>,
    site: Site,
    websocket: bool,
    now: UnixTime,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            method: Method::GET,
            path: "/",
            client: "192.0.2.1",
            groups: None,
            site: Site::Own,
            websocket: false,
            now: NOW,
        }
    }
}

impl Case {
    fn member() -> Self {
        Self { groups: Some(&["users"]), ..Self::default() }
    }

    fn ask(&self, guard: &Guard) -> Decision {
        self.ask_with(guard, Credential::default())
    }

    fn ask_with(&self, guard: &Guard, credentials: Credential<'_>) -> Decision {
        let identity = self.groups.map(person);
        decide(
            guard,
            &Access {
                method: &self.method,
                path: self.path,
                client: self.client.parse::<IpAddr>().unwrap(),
                identity: identity.as_ref(),
                credentials,
                fetch: FetchMetadata { site: self.site, navigation: false, websocket: self.websocket },
                now: self.now,
            },
        )
    }

    fn word(&self, guard: &Guard) -> String {
        word(&self.ask(guard))
    }
}

/// A decision in the words of the table.
fn word(decision: &Decision) -> String {
    {
        match decision {
            Decision::Permit(permit) => {
                let person = if permit.identity().is_some() { " as a person" } else { "" };
                format!("permit by {}{person}", permit.grounds())
            }
            Decision::Demand(Demand::SignIn) => "sign in".to_owned(),
            Decision::Demand(demand) => format!("demand: {}", demand.code()),
            Decision::Deny(denial) => format!("deny: {}", denial.code()),
        }
    }
}

fn bypassed() -> Guard {
    let open = Scope {
        networks: Some(networks(&["127.0.0.1/32"])),
        methods: Some(vec![Method::GET]),
        ..Scope::below(["/api"])
    };
    let hook = Scope::below(["/hook"]);
    Guard { bypass: vec![open, hook], ..sso(policy()) }
}

/// Impossible 1: each posture is enforced, and every way of knowing nothing ends in a refusal.
#[test]
fn impossible_1_the_golden_table() {
    let nobody = Case::default();
    let member = Case::member();
    let stranger = Case { groups: Some(&["admins"]), ..Case::default() };
    let groupless = Case { groups: Some(&[]), ..Case::default() };
    let empty = Policy { allow: Allow::AnyOf(Vec::new()), ..policy() };
    let anyone = Policy { allow: Allow::Anyone, ..policy() };
    let at_home = Policy { networks: Some(networks(&["10.0.0.0/8"])), ..policy() };
    let nowhere = Policy { networks: Some(Vec::new()), ..policy() };
    let lan = |posture| Guard { networks: Some(networks(&["10.0.0.0/8", "fd00::/8"])), ..guard(posture) };
    let from = |client, case: &Case| Case { client, ..case.clone() };
    for (what, guard, case, expected) in [
        ("sso, nobody", sso(policy()), &nobody, "sign in"),
        ("sso, member", sso(policy()), &member, "permit by session as a person"),
        ("sso, another group", sso(policy()), &stranger, "deny: group"),
        ("sso, no group", sso(policy()), &groupless, "deny: group"),
        ("sso, empty list", sso(empty), &member, "deny: group"),
        ("sso, anyone, nobody", sso(anyone.clone()), &nobody, "sign in"),
        ("sso, anyone, no group", sso(anyone), &groupless, "permit by session as a person"),
        ("policy network, outside", sso(at_home.clone()), &member, "deny: policy_network"),
        (
            "policy network, inside",
            sso(at_home.clone()),
            &from("10.1.2.3", &member),
            "permit by session as a person",
        ),
        ("policy network, nobody", sso(at_home), &nobody, "sign in"),
        ("policy network, empty", sso(nowhere), &from("10.1.2.3", &member), "deny: policy_network"),
        ("service network, member", lan(Posture::Sso(Arc::new(policy()))), &member, "deny: service_network"),
        (
            "service network, v6",
            lan(Posture::Sso(Arc::new(policy()))),
            &from("fd00::1", &member),
            "permit by session as a person",
        ),
        ("service network, public", lan(Posture::Public), &nobody, "deny: service_network"),
        (
            "service network, public, inside",
            lan(Posture::Public),
            &from("10.0.0.1", &nobody),
            "permit by open",
        ),
        ("public, nobody", guard(Posture::Public), &nobody, "permit by open"),
        ("public, member", guard(Posture::Public), &member, "permit by open"),
        ("native-oidc", guard(Posture::NativeOidc), &nobody, "permit by open"),
        ("redirect", guard(Posture::Redirect), &nobody, "permit by open"),
        ("basic, nobody", guard(Posture::Basic(basic::realm())), &nobody, "demand: no_password"),
        ("basic, a session", guard(Posture::Basic(basic::realm())), &member, "demand: no_password"),
        ("app-login", guard(Posture::AppLogin), &nobody, "permit by open"),
        ("quarantined, member", guard(quarantined()), &member, "deny: closed_regex"),
        ("quarantined, outside too", lan(quarantined()), &member, "deny: closed_regex"),
    ] {
        assert_eq!(case.word(&guard), expected, "{what}");
    }
}

/// A bypass needs path AND network AND method, ends at segments, and rests on no person.
#[test]
fn p_1_p_7_bypasses() {
    let local = Case { client: "127.0.0.1", path: "/api", ..Case::default() };
    for (case, expected) in [
        (local.clone(), "permit by bypass[0]"),
        (Case { path: "/api/x", ..local.clone() }, "permit by bypass[0]"),
        (Case { path: "/apis", ..local.clone() }, "sign in"),
        (Case { path: "/API", ..local.clone() }, "sign in"),
        (Case { path: "/", ..local.clone() }, "sign in"),
        (Case { path: "/x/api", ..local.clone() }, "sign in"),
        (Case { method: Method::POST, ..local.clone() }, "sign in"),
        (Case { client: "127.0.0.2", ..local.clone() }, "sign in"),
        (Case { client: "::1", ..local.clone() }, "sign in"),
        (Case { groups: Some(&["users"]), ..local.clone() }, "permit by bypass[0]"),
        (Case { path: "/hook/1", method: Method::DELETE, ..Case::default() }, "permit by bypass[1]"),
        (
            Case { path: "/hook", site: Site::Other, method: Method::POST, ..Case::default() },
            "permit by bypass[1]",
        ),
    ] {
        assert_eq!(case.word(&bypassed()), expected, "{} {} from {}", case.method, case.path, case.client);
    }
    let closed = Guard { networks: Some(networks(&["10.0.0.0/8"])), ..bypassed() };
    assert_eq!(
        local.word(&closed),
        "deny: service_network",
        "a bypass does not open the service's own networks"
    );
    let never =
        Guard { bypass: vec![Scope { networks: Some(Vec::new()), ..Scope::everything() }], ..bypassed() };
    assert_eq!(local.word(&never), "sign in", "no network is no bypass");
}

#[test]
fn e_16_the_shield_refuses_what_another_origin_starts() {
    let shielded = sso(policy());
    let off = Guard { csrf_shield: false, ..sso(policy()) };
    for (method, websocket, site, passes) in [
        (Method::POST, false, Site::Own, true),
        (Method::POST, false, Site::Unknown, true),
        (Method::POST, false, Site::Other, false),
        (Method::DELETE, false, Site::Other, false),
        (Method::from_bytes(b"PURGE").unwrap(), false, Site::Other, false),
        (Method::GET, false, Site::Other, true),
        (Method::HEAD, false, Site::Other, true),
        (Method::OPTIONS, false, Site::Other, true),
        (Method::GET, true, Site::Other, false),
        (Method::GET, true, Site::Own, true),
    ] {
        let case = Case { method: method.clone(), websocket, site, ..Case::member() };
        let expected = if passes { "permit by session as a person" } else { "deny: cross_origin" };
        assert_eq!(case.word(&shielded), expected, "{method} {site:?}");
        assert_eq!(case.word(&off), "permit by session as a person", "{method} {site:?}, off");
    }
    let nobody = Case { method: Method::POST, site: Site::Other, ..Case::default() };
    assert_eq!(nobody.word(&shielded), "sign in");
}

#[test]
fn e_3_expiry_is_read_at_each_decision() {
    let at = |seconds| Case { now: UnixTime(NOW.0 + seconds), ..Case::member() };
    assert_eq!(at(0).word(&sso(policy())), "permit by session as a person");
    assert_eq!(at(1).word(&sso(policy())), "deny: expired", "the last second is over when it begins");
    assert_eq!(at(9).word(&sso(policy())), "deny: expired");
}

/// The proof carries the person that was judged, and nobody where the judgement rested on none (W-1 of the audit).
#[test]
fn a_permit_names_its_person() {
    let Decision::Permit(permit) = Case::member().ask(&sso(policy())) else { panic!("a member may pass") };
    assert_eq!(permit.identity().unwrap().profile.username.as_str(), "ada");
    assert_eq!(*permit.grounds(), Grounds::Session);
    let Decision::Permit(permit) = Case::member().ask(&guard(Posture::Public)) else {
        panic!("public is public")
    };
    assert!(permit.identity().is_none());
}
