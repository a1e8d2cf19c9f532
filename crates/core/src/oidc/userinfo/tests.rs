use super::*;
use crate::{
    oauth::scope::ScopeSet,
    oidc::fixtures::{NOW, clients, parameters, person, token},
    token::{Refresh, Session},
};

#[test]
fn o_4_a_bearer_is_an_access_token_in_one_place() {
    let access = token::<Access>(1);
    let bearer = |text: &str| format!("Bearer {text}").into_bytes();
    let form = parameters("").with("access_token", access.expose());
    let read = |header: Option<Vec<u8>>, form: Option<&Parameters>| {
        read_bearer(header.as_deref(), form).map(|token| token.expose().to_owned())
    };
    let good = Ok(access.expose().to_owned());
    assert_eq!(read(Some(bearer(access.expose())), None), good);
    assert_eq!(read(Some(format!("bEARER {}", access.expose()).into_bytes()), Some(&parameters(""))), good);
    assert_eq!(read(None, Some(&form)), good);
    assert_eq!(read(None, None), Err(BearerError::Missing));
    assert_eq!(read(None, Some(&parameters("access_token="))), Err(BearerError::Missing));
    assert_eq!(read(Some(bearer(access.expose())), Some(&form)), Err(BearerError::Malformed));
    for (header, expected) in [
        (b"".to_vec(), BearerError::Malformed),
        (b"Basic d2lraTpz".to_vec(), BearerError::Malformed),
        (b"Bearer \xff".to_vec(), BearerError::Malformed),
        (bearer(""), BearerError::Invalid),
        (bearer(&access.expose()[1..]), BearerError::Invalid),
        (bearer(token::<Refresh>(1).expose()), BearerError::Invalid),
        (bearer(token::<Session>(1).expose()), BearerError::Invalid),
    ] {
        assert_eq!(read(Some(header.clone()), None), Err(expected), "{header:?}");
    }
}

#[test]
fn o_17_o_27_e_2_a_token_tells_no_more_than_its_client_and_person_may() {
    let clients = clients();
    let answered = |groups: &[&str], client: Option<&Client>, now: UnixTime| {
        let ada = person(1, groups, NOW);
        let granted = Granted { client_id: "wiki", identity: &ada, scope: ScopeSet::parse("openid email") };
        answer(&granted, client, now)
    };
    let wiki = Some(&*clients[0]);
    let claims = answered(&["users"], wiki, NOW).unwrap();
    assert_eq!(claims.keys().collect::<Vec<_>>(), ["email", "email_verified", "sub"]);
    assert_eq!(answered(&["guests"], wiki, NOW), Err(BearerError::Invalid));
    assert_eq!(answered(&["users"], None, NOW), Err(BearerError::Invalid));
    assert_eq!(answered(&["users"], Some(&*clients[1]), NOW), Err(BearerError::Invalid));
    assert_eq!(answered(&["users"], wiki, UnixTime(NOW.0 + 3600)), Err(BearerError::Invalid));
}

#[test]
fn each_refusal_says_as_much_as_rfc_6750_wants() {
    let of = |error: BearerError| (error.status(), error.www_authenticate());
    assert_eq!(of(BearerError::Missing), (401, r#"Bearer realm="userinfo""#));
    assert_eq!(of(BearerError::Malformed), (400, r#"Bearer realm="userinfo", error="invalid_request""#));
    assert_eq!(of(BearerError::Invalid), (401, r#"Bearer realm="userinfo", error="invalid_token""#));
}
