use std::fmt::Write as _;

use super::*;
use crate::{
    jose::{Algorithm, jws, key_ring::tests::ring},
    oauth::scope::ScopeSet,
    oidc::{
        claims::IdToken,
        fixtures::{NOW, clients, issuer, parameters, person, token},
    },
    time::UnixTime,
};

/// An ID token about person `about` for client `client`, long expired, by key `key`.
fn id_token(about: u8, client: usize, key: u8) -> String {
    let (identity, access) = (person(about, &[], NOW), token(1));
    let claims = IdToken {
        issuer: &issuer(),
        client: &clients()[client],
        identity: &identity,
        scope: ScopeSet::parse("openid"),
        nonce: None,
        access_token: &access,
        now: UnixTime(0),
    }
    .claims();
    jws::sign(ring(&[key]).signer(Algorithm::EdDsa).unwrap(), &claims).unwrap()
}

fn outcome(text: &str, signed_in: bool, confirmed: bool) -> String {
    let (issuer, keys, clients, ada) = (issuer(), ring(&[1, 2]), clients(), person(1, &[], NOW));
    let identity = signed_in.then_some(&*ada);
    let situation = Situation { issuer: &issuer, keys: &keys, clients: &clients, identity, confirmed };
    match decide(&parameters(text), &situation) {
        EndSession::Confirm => "confirm".to_owned(),
        EndSession::End(Destination::SignedOut) => "end, our page".to_owned(),
        EndSession::End(Destination::Client(uri)) => format!("end, {uri}"),
    }
}

#[test]
fn r_9_o_28_where_signing_out_leads() {
    let to = |uri: &str| format!("&post_logout_redirect_uri={uri}&state=a+b");
    let (mine, old, others) = (id_token(1, 0, 2), id_token(1, 0, 1), id_token(2, 0, 2));
    let (spas, foreign) = (id_token(1, 1, 2), id_token(1, 0, 3));
    let good = to("https://wiki.test/bye");
    let mut table = String::new();
    for (name, text) in [
        ("nothing", String::new()),
        ("client_id", format!("client_id=wiki{good}")),
        ("hint", format!("id_token_hint={mine}{good}")),
        ("hint by an older key", format!("id_token_hint={old}{good}")),
        ("hint and client_id", format!("id_token_hint={mine}&client_id=wiki{good}")),
        ("hint and another client_id", format!("id_token_hint={mine}&client_id=spa{good}")),
        ("hint of another client", format!("id_token_hint={spas}{good}")),
        ("hint about another person", format!("id_token_hint={others}{good}")),
        ("hint by a foreign key", format!("id_token_hint={foreign}{good}")),
        ("broken hint", format!("id_token_hint=x&client_id=wiki{good}")),
        ("hint, no URI", format!("id_token_hint={mine}")),
        ("longer URI", format!("id_token_hint={mine}{}", to("https://wiki.test/bye/more"))),
        (
            "redirect_uri is no logout URI",
            format!("id_token_hint={mine}{}", to("https://wiki.test/callback")),
        ),
        ("user information", format!("id_token_hint={mine}{}", to("https://wiki.test@evil.test/bye"))),
        ("another host", format!("id_token_hint={mine}{}", to("https://evil.test/bye"))),
        ("script", format!("id_token_hint={mine}{}", to("javascript:alert(1)"))),
        ("unknown client", format!("client_id=evil{good}")),
    ] {
        writeln!(table, "[{name}]").unwrap();
        for (situation, signed_in, confirmed) in
            [("signed in", true, false), ("confirmed", true, true), ("signed out", false, false)]
        {
            writeln!(table, "{situation:10} {}", outcome(&text, signed_in, confirmed)).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}
