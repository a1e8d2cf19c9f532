use super::*;
use crate::{
    oidc::fixtures::{NOW, clients, issuer, person, token},
    user::claims::{CustomClaims, WrittenClaims},
};

fn pretty(claims: &Map<String, Value>) -> String {
    serde_json::to_string_pretty(claims).unwrap()
}

fn id_token(scope: &str, nonce: Option<&str>) -> Map<String, Value> {
    let (ada, clients, access) = (person(1, &["users", "admins"], UnixTime(999_000)), clients(), token(1));
    let scope = ScopeSet::parse(scope);
    let (issuer, client) = (issuer(), &clients[0]);
    IdToken { issuer: &issuer, client, identity: &ada, scope, nonce, access_token: &access, now: NOW }
        .claims()
}

#[test]
fn an_id_token_with_every_scope() {
    insta::assert_snapshot!(pretty(&id_token("openid profile email groups offline_access", Some("n"))));
}

#[test]
fn o_16_without_a_scope_there_are_none_of_its_claims() {
    let names = |scope: &str| {
        let claims = of_person(&clients()[0], &person(1, &["users"], NOW), ScopeSet::parse(scope));
        claims.keys().cloned().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names("openid"), "sub");
    assert_eq!(names("openid offline_access"), "sub");
    assert_eq!(names("openid profile"), "display_name family_name given_name name preferred_username sub");
    assert_eq!(names("openid email"), "email email_verified sub");
    assert_eq!(names("openid groups"), "groups sub");
}

#[test]
fn every_claim_is_announced() {
    let claims = id_token("openid profile email groups", Some("n"));
    let mut announced = SUPPORTED.to_vec();
    announced.sort_unstable();
    assert_eq!(claims.keys().map(String::as_str).collect::<Vec<_>>(), announced);
    assert!(!id_token("openid", None).contains_key("nonce"));
}

#[test]
fn a_24_what_administrators_add_comes_with_profile_and_replaces_nothing() {
    let written = |pairs: &[(&str, &str)]| {
        WrittenClaims::new(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))).unwrap()
    };
    let own = written(&[("quota", "5"), ("team", "red")]);
    let claims = CustomClaims::merge(&own, [&written(&[("team", "blue")])]);
    let ada = (*person(1, &[], NOW)).clone().with_custom_claims(claims);
    let told = |scope| of_person(&clients()[0], &ada, ScopeSet::parse(scope));
    assert_eq!(
        (&told("openid profile")["quota"], &told("openid profile")["team"]),
        (&json!(5), &json!("red"))
    );
    assert_eq!(told("openid email groups").get("quota"), None);
}

#[test]
fn an_address_is_verified_when_we_know_it() {
    let mut ada = (*person(1, &[], NOW)).clone();
    let told = |ada: &Identity| of_person(&clients()[0], ada, ScopeSet::parse("openid email"));
    assert_eq!(told(&ada)["email_verified"], true);
    ada.profile.email_verified = false;
    assert_eq!(told(&ada)["email_verified"], false);
}

#[test]
fn nobody_has_an_address_that_is_not_known() {
    let mut ada = (*person(1, &[], NOW)).clone();
    ada.profile.email = None;
    assert_eq!(of_person(&clients()[0], &ada, ScopeSet::parse("openid email groups"))["groups"], json!([]));
    assert!(!of_person(&clients()[0], &ada, ScopeSet::parse("openid email")).contains_key("email_verified"));
}

/// Computed by `printf %s TOKEN | openssl dgst -sha256 -binary | head -c16 | base64`, and with `-sha512` and `-c32`.
#[test]
fn o_28_at_hash_is_by_the_hash_of_the_algorithm() {
    let access = token(1);
    assert_eq!(access.expose(), "dw_a_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEFIgwAa");
    let sha512 = "mUDru97zWnNJZjvmID1MPFfdo6akXQVB2KwC4joPdQ0";
    assert_eq!(at_hash(Algorithm::Rs256, &access), "Rs8mq2vUZRfU9vQlUX0ChA");
    assert_eq!(at_hash(Algorithm::Es256, &access), "Rs8mq2vUZRfU9vQlUX0ChA");
    assert_eq!(at_hash(Algorithm::EdDsa, &access), sha512);
}
