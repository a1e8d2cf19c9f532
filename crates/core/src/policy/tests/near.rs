//! What almost let a request pass.

use super::*;

fn request<'a>(method: &'a Method, path: &'a str, client: &str) -> Access<'a> {
    Access {
        method,
        path,
        client: client.parse().unwrap(),
        identity: None,
        credentials: Credential::default(),
        fetch: FetchMetadata { site: Site::Own, navigation: true, websocket: false },
        now: NOW,
    }
}

fn told(scope: Scope, method: &Method, path: &str, client: &str) -> Vec<String> {
    let guard = Guard { bypass: vec![scope], ..guard(Posture::AppLogin) };
    near_misses(&guard, &request(method, path, client)).iter().map(ToString::to_string).collect()
}

fn lan() -> Scope {
    Scope {
        networks: Some(networks(&["10.0.0.0/8", "fd00::/8"])),
        methods: Some(vec![Method::GET, Method::HEAD]),
        ..Scope::below(["/api"])
    }
}

#[test]
fn r_46_r_47_what_almost_fitted_is_told() {
    for (method, path, client, expected) in [
        (Method::GET, "/apis/x", "10.0.0.1", "bypass[0]: `/api` ends inside a segment of the path"),
        (Method::GET, "/API/x", "10.0.0.1", "bypass[0]: `/api` differs in upper and lower case"),
        (Method::GET, "/api/x", "192.0.2.1", "bypass[0]: 192.0.2.1 is in none of: 10.0.0.0/8, fd00::/8"),
        (Method::POST, "/api/x", "10.0.0.1", "bypass[0]: POST is none of: GET, HEAD"),
    ] {
        assert_eq!(told(lan(), &method, path, client), [expected]);
    }
    let regexes = vec![PathRegex::new("/v[0-9]+").unwrap()];
    let regex = Scope { paths: Paths::Some { prefixes: Vec::new(), regexes }, ..Scope::everything() };
    let anchored = "bypass[0]: `/v[0-9]+` matches a part of the path and must match all of it";
    assert_eq!(told(regex, &Method::GET, "/v1/users", "10.0.0.1"), [anchored]);
    let ended = Scope { expires_at: Some(UnixTime(1)), ..Scope::below(["/api"]) };
    assert_eq!(told(ended, &Method::GET, "/api", "10.0.0.1"), ["bypass[0]: it has ended"]);
}

#[test]
fn what_fits_or_is_far_is_not_told() {
    for (method, path, client) in [
        (Method::GET, "/api/x", "10.0.0.1"),
        (Method::GET, "/other", "10.0.0.1"),
        (Method::POST, "/api/x", "192.0.2.1"),
        (Method::POST, "/apis", "10.0.0.1"),
    ] {
        assert_eq!(told(lan(), &method, path, client), [""; 0], "{method} {path} {client}");
    }
    let everywhere = Scope { methods: Some(vec![Method::GET]), ..Scope::everything() };
    assert_eq!(told(everywhere, &Method::POST, "/x", "10.0.0.1"), [""; 0]);
}

#[test]
fn few_are_told_and_rules_are_among_them() {
    let rule = Rule { scope: Scope::below(["/api"]), effect: Effect::Deny };
    let guard = Guard { rules: vec![rule; 9], ..guard(Posture::AppLogin) };
    let access = request(&Method::GET, "/apis", "10.0.0.1");
    let near = near_misses(&guard, &access);
    let at: Vec<_> = near.iter().map(|near| (near.list, near.index)).collect();
    assert_eq!(at, [("rules", 0), ("rules", 1), ("rules", 2)]);
}

#[test]
fn r_46_r_47_the_detail_of_a_decision_has_the_lists_and_the_spelling() {
    let allowed = Policy { networks: Some(networks(&["192.168.0.0/16"])), ..policy() };
    let guard = Guard { bypass: vec![lan()], ..sso(allowed) };
    let access = request(&Method::GET, "/api/x", "192.0.2.1");
    assert_eq!(
        detail(&guard, Ok(&Demand::SignIn), &access, "/%61pi/x"),
        "bypass[0]: 192.0.2.1 is in none of: 10.0.0.0/8, fd00::/8; sent as /%61pi/x"
    );
    let denial = Denial::PolicyNetwork { policy: "family".to_owned() };
    assert_eq!(
        detail(&guard, Err(&denial), &request(&Method::GET, "/", "192.0.2.1"), "/"),
        "192.0.2.1 is in none of the networks of policy family: 192.168.0.0/16"
    );
    assert_eq!(detail(&guard, Err(&Denial::CrossOrigin), &access, "/api/x"), "");
}
