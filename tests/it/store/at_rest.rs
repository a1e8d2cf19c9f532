//! What somebody learns who has a copy of the database.

use doorward_core::jose::Algorithm;
use doorward_core::token::{Access, Code, Enrolment, Handoff, Kind, Plain, Refresh, Session, Setup};
use doorward_store::{NewCredential, NewSigningKey, StoreError};

use super::{
    raw::{Raw, hex},
    world::{CLIENT, NOW, Place, World, later},
};

on_both_engines![
    d_1_people_and_keys_are_sealed,
    e_7_tokens_are_kept_as_hashes_only,
    a_4_a_sealed_value_that_was_changed_is_an_error,
    a_11_a_sealed_value_in_another_row_is_an_error,
    equal_values_look_different,
    a_signing_key_in_another_row_is_an_error,
];

async fn everything(world: &World) -> String {
    let (raw, mut all) = (world.raw(), String::new());
    for table in raw.tables().await {
        all += &raw.dump(&table).await;
    }
    assert!(all.len() > 1000, "there is something to search");
    all
}

/// Neither in the tables nor, where we can read them, in the files.
async fn assert_absent(world: &World, secrets: &[String]) {
    let all = everything(world).await;
    for secret in secrets {
        assert!(!all.contains(secret), "{secret} is readable");
        assert!(!all.contains(&hex(secret.as_bytes())), "{secret} is readable");
    }
    let Place::Sqlite(scratch) = &world.place else {
        return;
    };
    for entry in std::fs::read_dir(scratch.path()).unwrap() {
        let (path, mut seen) = (entry.unwrap().path(), 0);
        let content = std::fs::read(&path).unwrap();
        for secret in secrets {
            seen += content.windows(secret.len()).filter(|window| *window == secret.as_bytes()).count();
        }
        assert_eq!(seen, 0, "{}", path.display());
    }
}

async fn d_1_people_and_keys_are_sealed(world: World) {
    let person = world.person("countess.of.lovelace", &["users"]).await;
    let registration = world.passkey(person.id).registration();
    let label = "Drawer in the study".to_owned();
    let new = NewCredential { registration, label: label.clone() };
    assert!(world.store.add_credential(new, world.challenge(), NOW).await.unwrap());
    let portal = world.sign_in(&person).await;
    world.open_notes(portal.id).await;
    world.tokens(person.id, portal.id, &["openid"]).await;
    let private = "private part of a signing key".to_owned();
    let key = NewSigningKey {
        kid: "kid".to_owned(),
        algorithm: Algorithm::Es256,
        private: private.clone().into_bytes(),
    };
    assert!(world.store.import_signing_key(key, NOW).await.unwrap());
    world
        .store
        .rename_credential(person.id, person.passkey.id.clone(), "Pocket of the coat".to_owned())
        .await
        .unwrap();

    let words = [
        "countess.of.lovelace",
        "The Honourable",
        "@example.org",
        "Gecko of the tests",
        "nonce of the wiki",
        "Pocket of the coat",
        "the root secret of these tests",
        &label,
        &private,
    ];
    assert_absent(&world, &words.map(str::to_owned)).await;
    assert!(!everything(&world).await.contains(&hex(&person.passkey.public_key())));
}

async fn e_7_tokens_are_kept_as_hashes_only(world: World) {
    let mut secrets = Vec::new();
    let mut hashes = Vec::new();
    let setup = draw::<Setup>(&world, &mut secrets, &mut hashes);
    world.store.issue_setup(setup.hash(), later(60)).await.unwrap();
    let person = world.person("grace", &["users"]).await;
    let enrolment = draw::<Enrolment>(&world, &mut secrets, &mut hashes);
    world.store.issue_enrolment(enrolment.hash(), person.id, later(60)).await.unwrap();
    let (mut sign_in, portal) = world.sign_in_of(&person);
    sign_in.session.token = draw::<Session>(&world, &mut secrets, &mut hashes).hash();
    assert!(world.store.complete_login(sign_in, NOW).await.unwrap());
    let (mut handoff, mut session) = world.handoff_of(portal.id);
    handoff.code = draw::<Handoff>(&world, &mut secrets, &mut hashes).hash();
    session.token = draw::<Session>(&world, &mut secrets, &mut hashes).hash();
    let code = handoff.code;
    world.store.issue_handoff(handoff).await.unwrap();
    assert!(world.store.redeem_handoff(code, session, NOW).await.unwrap());
    let mut new = world.new_code(person.id, portal.id, &["openid"]);
    new.code = draw::<Code>(&world, &mut secrets, &mut hashes).hash();
    let (family, code) = (new.family, new.code);
    world.store.issue_code(new, NOW).await.unwrap();
    assert!(world.store.consume_code(code, CLIENT, NOW).await.unwrap().is_some());
    let mut tokens = world.new_tokens();
    tokens.access = draw::<Access>(&world, &mut secrets, &mut hashes).hash();
    tokens.refresh = draw::<Refresh>(&world, &mut secrets, &mut hashes).hash();
    assert!(world.store.issue_tokens(family, tokens).await.unwrap());

    let all = everything(&world).await;
    for hash in &hashes {
        assert!(all.contains(hash), "the hash is what is kept");
    }
    assert_absent(&world, &secrets).await;
}

fn draw<K: Kind>(world: &World, secrets: &mut Vec<String>, hashes: &mut Vec<String>) -> Plain<K> {
    let token = world.token::<K>();
    secrets.push(token.expose()[K::PREFIX.len()..].to_owned());
    hashes.push(hex(token.hash().as_bytes()));
    token
}

async fn a_4_a_sealed_value_that_was_changed_is_an_error(world: World) {
    let person = world.person("grace", &["users"]).await;
    let portal = world.sign_in(&person).await;
    let raw = world.raw();
    let sealed = raw.value("SELECT profile FROM users").await;
    let sealed = sealed.trim_start_matches("\\x");
    for at in [0, 30, sealed.len() - 1] {
        let mut changed = sealed.as_bytes().to_vec();
        changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
        let changed: Vec<u8> = changed
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        raw.run(&format!("UPDATE users SET profile = {}", raw.literal(&changed))).await;
        let corrupt = StoreError::Corrupt { table: "users", column: "profile" };
        assert_eq!(world.store.user(person.id).await, Err(corrupt.clone()));
        let session = world.store.session(&portal.token, super::world::PORTAL, super::world::IDLE, NOW).await;
        assert_eq!(session.map(drop), Err(corrupt));
    }
}

/// Who can write to the database can't make one person look like another.
async fn a_11_a_sealed_value_in_another_row_is_an_error(world: World) {
    let (person, thief) = (world.person("grace", &["users"]).await, world.person("eve", &["users"]).await);
    let raw = world.raw();
    let copy = format!("(SELECT profile FROM users WHERE id = '{}')", person.id);
    raw.run(&format!("UPDATE users SET profile = {copy} WHERE id = '{}'", thief.id)).await;
    let corrupt = StoreError::Corrupt { table: "users", column: "profile" };
    assert_eq!(world.store.user(thief.id).await, Err(corrupt));
    let key = |id: &[u8]| format!("(SELECT public_key FROM credentials WHERE id = {})", raw.literal(id));
    let target = raw.literal(&person.passkey.id);
    raw.run(&format!("UPDATE credentials SET public_key = {} WHERE id = {target}", key(&thief.passkey.id)))
        .await;
    let corrupt = StoreError::Corrupt { table: "credentials", column: "public_key" };
    assert_eq!(world.store.credential(person.passkey.id).await.map(drop), Err(corrupt));
}

async fn equal_values_look_different(world: World) {
    let person = world.person("grace", &["users"]).await;
    for _ in 0..2 {
        world.sign_in(&person).await;
    }
    let raw = world.raw();
    assert_eq!(raw.value("SELECT COUNT(DISTINCT user_agent) FROM sessions").await, "2");
}

async fn a_signing_key_in_another_row_is_an_error(world: World) {
    for (kid, algorithm) in [("a", Algorithm::Es256), ("b", Algorithm::EdDsa)] {
        let new = NewSigningKey { kid: kid.to_owned(), algorithm, private: kid.as_bytes().to_vec() };
        assert!(world.store.import_signing_key(new, NOW).await.unwrap());
    }
    let raw: Raw = world.raw();
    raw.run(
        "UPDATE signing_keys SET private_key = (SELECT k.private_key FROM signing_keys k WHERE k.kid = 'a')",
    )
    .await;
    let corrupt = StoreError::Corrupt { table: "signing_keys", column: "private_key" };
    assert_eq!(world.store.signing_keys().await.map(drop), Err(corrupt));
}
