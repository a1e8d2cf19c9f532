//! The life of signing keys by the front door: overlap, revocation, several nodes.

use std::{sync::Arc, time::Duration};

use doorward_core::{
    jose::{Algorithm, jwk::PublicKey, jws},
    seal::RootSecret,
    time::Clock as _,
};
use doorward_store::{Engine, NewSigningKey, Settings, Store};
use doorward_testkit::{PostgresDatabase, Scratch, SeededRandom, TestClock};
use doorward_visitor::{Person, Request};
use http::Method;
use serde_json::Value;

use crate::{
    door::{Door, STANDARD},
    process::{Folder, Process},
    provider::{at, open},
    tokens::{id_token, tokens},
};

const DAY: i64 = 86_400;
const ROOT: &[u8] = b"root-secret-0123456789abcdef";
const BYE: &str = "http://wiki.localhost:9000/bye";

/// Keys that sign for ten days, in a configuration whose tokens live for one hour and sessions for thirty days.
fn quick() -> String {
    STANDARD.replacen(
        "[[listeners]]",
        "[signing_keys]\nrotate_every = \"10d\"\npublish_ahead = \"2d\"\n\n[[listeners]]",
        1,
    )
}

/// Days pass, and the server looks, as it does each minute.
async fn days(door: &Door, days: i64) {
    for _ in 0..days {
        door.clock.advance(DAY);
        door.running.look_at_signing_keys().await.unwrap();
    }
}

/// The published keys for RS256.
async fn published(door: &Door) -> Vec<PublicKey> {
    let request = Request::program(Method::GET, &door.url("id", "/.well-known/jwks.json")).unwrap();
    let page = door.client().send(request).await.unwrap();
    assert_eq!(page.header("cache-control"), Some("public, max-age=900"));
    let set: Value = page.json().unwrap();
    let keys = set["keys"].as_array().unwrap().iter().map(|key| PublicKey::from_jwk(key).unwrap());
    keys.filter(|key| key.algorithm() == Algorithm::Rs256).collect()
}

fn kid(token: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
}

/// Signs in anew, so that the session is always fresh, and has a token made.
async fn token(door: &Door, person: &mut Person) -> String {
    person.sign_in(None).await.unwrap();
    id_token(&tokens(door, person, &[("scope", "openid")]).await)
}

/// Whether the end-session endpoint believes an old ID token.
async fn is_believed(door: &Door, person: &mut Person, hint: &str) -> bool {
    let end = [("post_logout_redirect_uri", BYE), ("id_token_hint", hint)];
    let page = open(person, &at(door, "/api/oidc/end-session", &end)).await;
    page.header("location") == Some(BYE)
}

#[tokio::test]
async fn o_25_nothing_that_was_signed_in_the_overlap_stops_verifying() {
    let door = Door::with(&quick()).await;
    let mut ada = door.administrator().await;
    let first = token(&door, &mut ada).await;
    let [old] = &published(&door).await[..] else { panic!("one key") };
    assert_eq!(kid(&first), old.kid());

    days(&door, 8).await;
    let both = published(&door).await;
    let last_of_old = token(&door, &mut ada).await;
    assert_eq!((both.len(), kid(&last_of_old).as_str()), (2, old.kid()), "published ahead, and not used yet");

    days(&door, 2).await;
    let of_new = token(&door, &mut ada).await;
    assert_eq!(kid(&of_new), both[1].kid());
    for token in [&first, &last_of_old, &of_new] {
        assert!(jws::verify(token, &published(&door).await).is_ok());
        // Whoever kept the set of two days ago knows the new key.
        assert!(jws::verify(token, &both).is_ok());
    }
    // An ID token of a retired key still says whom to sign out.
    assert!(is_believed(&door, &mut ada, &last_of_old).await);

    days(&door, 30).await;
    assert!(published(&door).await.iter().any(|key| key.kid() == old.kid()), "a day longer than any session");
    days(&door, 1).await;
    assert!(published(&door).await.iter().all(|key| key.kid() != old.kid()));
    ada.sign_in(None).await.unwrap();
    assert!(!is_believed(&door, &mut ada, &last_of_old).await);
}

/// Asks until it is so, as another process changed something; every node looks four times a second.
async fn soon(what: impl AsyncFn() -> bool) {
    let asked = async { while !what().await {} };
    tokio::time::timeout(Duration::from_secs(20), asked).await.unwrap();
}

/// The database as a command opens it while the server runs.
fn beside(engine: Engine, root: &[u8]) -> Store {
    let (root, random) = (RootSecret::from_file_content(root).unwrap(), Arc::new(SeededRandom::new(7)));
    Store::open_beside(Settings { engine, root: &root, random }).unwrap()
}

fn new_key(algorithm: Algorithm) -> NewSigningKey {
    doorward::signing::new_key(algorithm).unwrap()
}

#[tokio::test]
async fn o_25_nodes_make_one_key_and_a_revoked_one_stops_on_all() {
    let (database, shared) = (PostgresDatabase::new().unwrap(), Scratch::new("nodes").unwrap());
    let folder = shared.path();
    std::fs::write(folder.join("url"), database.url()).unwrap();
    std::fs::write(folder.join("root-secret"), ROOT).unwrap();
    let text = format!(
        "root_secret_file = \"{0}/root-secret\"\n{1}",
        folder.display(),
        quick().replacen(
            "[[listeners]]",
            &format!(
                "[database]\nkind = \"postgres\"\nurl_file = \"{}/url\"\n\n[[listeners]]",
                folder.display()
            ),
            1
        )
    );
    let clock = TestClock::default();
    let two = Door::at(&text, &[], clock.clone()).await;
    let one = Door::at(&text, &[], clock.clone()).await;
    // The link of the last start is the one that works.
    let mut ada = one.administrator().await;
    let same =
        |a: &[PublicKey], b: &[PublicKey]| a.iter().map(PublicKey::kid).eq(b.iter().map(PublicKey::kid));
    assert!(same(&published(&one).await, &published(&two).await));

    // Both find at the same moment that the next key is due.
    clock.advance(8 * DAY);
    let looked = tokio::join!(one.running.look_at_signing_keys(), two.running.look_at_signing_keys());
    assert!(looked.0.is_ok() && looked.1.is_ok());
    soon(async || published(&one).await.len() == 2 && published(&two).await.len() == 2).await;
    assert!(same(&published(&one).await, &published(&two).await));

    // One revokes; the other one is not told by anything but the database.
    let before = token(&one, &mut ada).await;
    let store = beside(Engine::Postgres { url: database.url() }, ROOT);
    let now = clock.now();
    assert!(store.revoke_signing_key(&kid(&before), new_key(Algorithm::Rs256), now).await.unwrap());
    for node in [&one, &two] {
        soon(async || published(node).await.len() == 1).await;
        assert!(jws::verify(&before, &published(node).await).is_err());
    }
    let after = token(&one, &mut ada).await;
    assert_eq!(kid(&after), published(&two).await[0].kid());
    assert!(!is_believed(&one, &mut ada, &before).await);
}

#[tokio::test]
async fn a_key_of_another_provider_takes_over_while_the_server_runs() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let ours = token(&door, &mut ada).await;
    let theirs = NewSigningKey { kid: "Yz0BUVZ3cJc".to_owned(), ..new_key(Algorithm::Rs256) };
    let now = door.clock.now();
    let state = door.scratch.path().join("state");
    let root = std::fs::read(state.join("root-secret")).unwrap();
    let store = beside(Engine::Sqlite { path: state.join("doorward.db") }, &root);
    assert!(store.import_signing_key(theirs, now).await.unwrap());
    soon(async || published(&door).await.len() == 2).await;
    let after = token(&door, &mut ada).await;
    assert_eq!(kid(&after), "Yz0BUVZ3cJc");
    for token in [&ours, &after] {
        assert!(jws::verify(token, &published(&door).await).is_ok());
    }
    assert!(is_believed(&door, &mut ada, &ours).await);
}

/// Runs `doorward keys` with the door's configuration: exit code and what it printed.
fn keys(door: &Door, arguments: &[&str]) -> (i32, String) {
    let config = ["--config", door.config_file.to_str().unwrap()];
    let mut process = Process::start(&[&["keys"], arguments, &config].concat());
    let code = process.code();
    (code, format!("{}{}", process.out, process.err))
}

fn listed(door: &Door) -> Vec<(String, String, String)> {
    let (code, out) = keys(door, &["list", "--json"]);
    assert_eq!(code, 0, "{out}");
    let answer: Value = serde_json::from_str(&out).unwrap();
    let text = |key: &Value, name: &str| key[name].as_str().unwrap().to_owned();
    let of = |key: &Value| (text(key, "alg"), text(key, "state"), text(key, "kid"));
    answer["keys"].as_array().unwrap().iter().map(of).collect()
}

#[tokio::test]
async fn keys_are_looked_at_and_changed_while_the_server_runs() {
    let door = Door::open().await;
    let [first] = &published(&door).await[..] else { panic!("one key") };
    let of_rs256 = |door: &Door| -> Vec<(String, String)> {
        let listed = listed(door).into_iter().filter(|(alg, ..)| alg == "RS256");
        listed.map(|(_, state, kid)| (state, kid)).collect()
    };
    assert_eq!(of_rs256(&door), [("active".to_owned(), first.kid().to_owned())]);
    let (code, table) = keys(&door, &["list"]);
    assert_eq!(code, 0);
    assert!(table.starts_with("ALGORITHM  STATE      SIGNS FROM            KEY\n"), "{table}");
    assert_eq!(table.lines().count(), 4, "{table}");

    // Twice is once.
    for _ in 0..2 {
        let (code, out) = keys(&door, &["rotate", "--alg", "RS256"]);
        assert_eq!(code, 0, "{out}");
        assert!(out.contains(" is published and signs from "), "{out}");
        soon(async || published(&door).await.len() == 2).await;
    }
    let states: Vec<_> = of_rs256(&door).into_iter().map(|(state, _)| state).collect();
    assert_eq!(states, ["active", "published"]);

    let (code, out) = keys(&door, &["revoke", first.kid()]);
    assert_eq!(code, 0, "{out}");
    soon(async || published(&door).await.iter().all(|key| key.kid() != first.kid())).await;
    let states: Vec<_> = of_rs256(&door).into_iter().map(|(state, _)| state).collect();
    assert_eq!(states, ["revoked", "active"]);

    for (arguments, code, word) in [
        (vec!["revoke", first.kid()], 10, "is revoked already"),
        (vec!["revoke", "nothing"], 10, "does not exist"),
        (vec!["rotate", "--alg", "HS256"], 2, "one of RS256"),
    ] {
        let (found, out) = keys(&door, &arguments);
        assert_eq!(found, code, "{out}");
        assert!(out.contains(word), "{out}");
    }
}

#[tokio::test]
async fn there_are_no_keys_before_the_first_start() {
    let folder = Folder::new();
    let config = folder.config("", "");
    let mut process = Process::start(&["keys", "list", "--config", config.to_str().unwrap()]);
    assert_eq!(process.code(), 8);
    assert!(process.err.contains("start the server once"), "{}", process.err);
}
