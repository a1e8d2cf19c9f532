//! Whatever comes: a gate opens to a session, a key, a password or a bypass, and to nothing else.

use ::http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;
use crate::token::HashedSecret;

const SECRET: &str = "kq3v9ZbT0Ye4Xw7LmNc2Rf";

fn gate(networks_of_service: bool) -> Guard {
    let key = Key {
        name: "backup".into(),
        header: HeaderName::from_static("x-api-key"),
        secret: HashedSecret::of(SECRET.as_bytes()),
        scope: Scope::below(["/api"]),
    };
    let admins = Policy { allow: Allow::AnyOf(vec!["admins".to_owned()]), ..policy() };
    let rules = vec![
        Rule { scope: Scope::below(["/closed"]), effect: Effect::Deny },
        Rule {
            scope: Scope::below(["/admin"]),
            effect: Effect::Require { policy: Some(Arc::new(admins)), step_up: Some(Lifetime(60)) },
        },
    ];
    let networks = networks_of_service.then(|| networks(&["10.0.0.0/8"]));
    Guard { networks, rules, keys: vec![key], ..bypassed() }
}

fn paths() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("/".to_owned()),
        Just("/api".to_owned()),
        "/(api|hook|admin|closed|x)(/[a-z.~-]{0,4}){0,2}",
        "/[!-~]{0,12}",
    ]
}

fn keys() -> impl Strategy<Value = Vec<String>> {
    prop_oneof![
        Just(Vec::new()),
        Just(vec![SECRET.to_owned()]),
        Just(vec![SECRET.to_owned(), SECRET.to_owned()]),
        proptest::collection::vec("[!-~]{0,40}", 1..3),
    ]
}

fn groups() -> impl Strategy<Value = Option<Vec<&'static str>>> {
    proptest::option::of(proptest::sample::subsequence(vec!["users", "guests", "admins", "Users", ""], 0..4))
}

proptest! {
    /// Impossible 1, T-5, T-10: what each permission rests on is true of the request.
    #[test]
    fn impossible_1_t_5_t_10_no_request_opens_a_gate_without_grounds(
        path in paths(),
        sent in keys(),
        groups in groups(),
        client in any::<u32>(),
        method in proptest::sample::select(vec![Method::GET, Method::POST, Method::DELETE]),
        other_site in any::<bool>(),
        signed_in in 0_i64..2_000,
        limited in any::<bool>(),
    ) {
        let guard = gate(limited);
        let mut headers = HeaderMap::new();
        for key in &sent {
            headers.append("x-api-key", HeaderValue::from_str(key).unwrap());
        }
        let presented = presented_keys(&guard, &headers);
        let identity = groups.as_ref().map(|groups| {
            let mut identity = (*person(groups)).clone();
            identity.context.auth_time = UnixTime(signed_in);
            Arc::new(identity)
        });
        let client = IpAddr::V4(client.into());
        let site = if other_site { Site::Other } else { Site::Own };
        let access = Access {
            method: &method,
            path: &path,
            client,
            identity: identity.as_ref(),
            credentials: Credential { keys: &presented, user: None },
            fetch: FetchMetadata { site, navigation: false, websocket: false },
            now: NOW,
        };
        let below = |prefix| crate::http::path::has_segment_prefix(&path, prefix);
        let in_group = |group| groups.as_ref().is_some_and(|groups| groups.contains(&group));
        if let Decision::Permit(permit) = decide(&guard, &access) {
            prop_assert!(!limited || within(guard.networks.as_deref(), client));
            prop_assert!(!below("/closed"));
            match permit.grounds() {
                Grounds::Key(_) => prop_assert!(sent == [SECRET] && below("/api")),
                Grounds::Bypass(index) => {
                    prop_assert!(sent.is_empty());
                    prop_assert!(guard.bypass[*index].covers(&access));
                }
                Grounds::Session => {
                    prop_assert!(sent.is_empty());
                    prop_assert!(!other_site || method == Method::GET);
                    if below("/admin") {
                        prop_assert!(in_group("admins") && NOW.0 - signed_in <= 60);
                    } else {
                        prop_assert!(in_group("users") || in_group("guests"));
                    }
                }
                Grounds::Basic | Grounds::Open | Grounds::Token(_) => prop_assert!(false, "nothing of this gate is open"),
            }
        }
    }
}
