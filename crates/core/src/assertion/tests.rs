use super::*;
use crate::{
    http::{host::Host, origin::Scheme},
    id::{SessionId, UserId},
    identity::{AuthContext, IdentityParts},
    jose::key_ring::tests::TestSigner,
    policy::{Guard, Posture},
    service::{Backend, Role, Upstream, UpstreamScheme},
    user::{Profile, Username},
};

fn origin(host: &str) -> Origin {
    Origin::new(Scheme::Https, &Host::parse(host).unwrap(), 443)
}

fn person(expires_at: i64) -> Identity {
    Identity::new(IdentityParts {
        subject: UserId::from_random([1; 16]),
        profile: Profile {
            email: Some("ada@example.org".to_owned()),
            ..Profile::new(Username::parse("ada").unwrap(), "Ada Löve".to_owned())
        },
        groups: ["users", "admins"].map(str::to_owned).into(),
        context: AuthContext { auth_time: UnixTime(900), amr: vec!["hwk".to_owned(), "user".to_owned()] },
        session: SessionId::from_random([2; 16]),
        portal_session: SessionId::from_random([3; 16]),
        expires_at: UnixTime(expires_at),
    })
}

fn service() -> Service {
    let backend = Backend::Upstream(Upstream::new(UpstreamScheme::Http, "127.0.0.1", 1));
    let hosts = vec![Host::parse("notes.example.org").unwrap()];
    let mut service = Service::new("notes", hosts, Guard::new(Posture::Public), backend);
    service.disclosure.roles = vec![Role { name: "Admin".to_owned(), groups: vec!["admins".to_owned()] }];
    service
}

fn with<T>(expires_at: i64, now: i64, use_it: impl FnOnce(&Statement<'_>) -> T) -> T {
    let (issuer, audience) = (origin("id.example.org"), origin("notes.example.org"));
    let (service, person) = (service(), person(expires_at));
    let now = UnixTime(now);
    use_it(&Statement { issuer: &issuer, audience: &audience, service: &service, person: &person, now })
}

/// The claims.
fn claims(expires_at: i64, now: i64) -> Map<String, Value> {
    let mut claims = Map::new();
    with(expires_at, now, |statement| claims = statement.claims());
    claims
}

#[test]
fn what_is_stated() {
    let claims = claims(i64::MAX, 1000);
    insta::assert_snapshot!(serde_json::to_string_pretty(&claims).unwrap());
}

/// It is no ID token, and an ID token is none of it (H-13).
#[test]
fn h_13_a_statement_and_an_id_token_are_no_substitutes() {
    let signer = TestSigner::new(1);
    let assertion = with(i64::MAX, 1000, |statement| Assertion::sign(statement, &signer)).unwrap();
    let token = assertion.value().to_str().unwrap();
    assert!(jws::verify_as(TYPE, token, [signer.public_key()]).unwrap().is_for("https://notes.example.org"));
    assert_eq!(jws::verify(token, [signer.public_key()]), Err(jws::VerifyError::Malformed));
    let id_token = jws::sign(&signer, &claims(i64::MAX, 1000)).unwrap();
    assert_eq!(jws::verify_as(TYPE, &id_token, [signer.public_key()]), Err(jws::VerifyError::Malformed));
    assert_eq!(format!("{:?}", assertion.value()), "Sensitive");
}

#[test]
fn it_is_renewed_at_half_time_and_never_outlives_the_session() {
    let sign = |expires_at, now| {
        with(expires_at, now, |statement| Assertion::sign(statement, &TestSigner::new(1))).unwrap()
    };
    let assertion = sign(i64::MAX, 1000);
    assert!(assertion.is_fresh(UnixTime(1000)) && assertion.is_fresh(UnixTime(1149)));
    assert!(!assertion.is_fresh(UnixTime(1150)), "renewed in time");
    assert!(!assertion.is_fresh(UnixTime(999)), "a clock that was set back");
    assert!(!sign(1100, 1000).is_fresh(UnixTime(1050)));
    assert_eq!(claims(1100, 1000)["exp"], json!(1100));
    assert_eq!(claims(i64::MAX, 1000)["exp"], json!(1300));
}
