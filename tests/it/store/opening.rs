//! Opening a database, and refusing to.

use doorward_core::token::Setup;
use doorward_store::OpenError;

use super::world::{Kind, NOW, Place, World, later, open, race, root};

on_both_engines![
    an_empty_database_is_brought_up_to_date,
    r_5_a_wrong_root_secret_does_not_open,
    a_newer_database_does_not_open,
    everything_outlives_a_restart,
];

async fn an_empty_database_is_brought_up_to_date(world: World) {
    let raw = world.raw();
    for table in ["users", "sessions", "credentials", "refresh_tokens", "signing_keys", "meta"] {
        assert!(raw.tables().await.contains(&table.to_owned()), "{table}");
    }
    let schema = raw.value("SELECT number FROM meta WHERE key = 'schema'").await;
    let world = world.restart();
    assert_eq!(world.raw().value("SELECT number FROM meta WHERE key = 'schema'").await, schema);
    assert!(!world.store.setup_is_closed().await.unwrap());
}

async fn r_5_a_wrong_root_secret_does_not_open(world: World) {
    let person = world.person("grace", &["users"]).await;
    let World { store, place, .. } = world;
    drop(store);
    for _ in 0..2 {
        let outcome = place.open(&root(b"another secret, also long enough"));
        assert_eq!(outcome.map(drop), Err(OpenError::WrongRootSecret));
    }
    let store = place.open(&root(b"the root secret of these tests")).unwrap();
    assert!(store.user(person.id).await.unwrap().is_some());
}

async fn a_newer_database_does_not_open(world: World) {
    let raw = world.raw();
    let known: i64 = raw.value("SELECT number FROM meta WHERE key = 'schema'").await.parse().unwrap();
    raw.run(&format!("UPDATE meta SET number = {} WHERE key = 'schema'", known + 1)).await;
    let outcome = world.place.open(&root(b"the root secret of these tests"));
    assert_eq!(outcome.map(drop), Err(OpenError::Newer { found: known + 1, known }));
    let found = raw.value("SELECT number FROM meta WHERE key = 'schema'").await;
    assert_eq!(found, (known + 1).to_string(), "a refused database is left as it was");
}

async fn everything_outlives_a_restart(world: World) {
    let ada = world.administrator().await;
    let person = world.person("grace", &["users", "family"]).await;
    let portal = world.sign_in(&person).await;
    let notes = world.open_notes(portal.id).await;
    let (_, tokens) = world.tokens(person.id, portal.id, &["openid"]).await;
    let link = world.token().hash();
    world.store.issue_enrolment(link, ada.id, later(60)).await.unwrap();
    let before =
        (world.store.users(None, 10).await.unwrap(), world.store.credentials_of(person.id).await.unwrap());
    let world = world.restart();
    let after =
        (world.store.users(None, 10).await.unwrap(), world.store.credentials_of(person.id).await.unwrap());
    assert_eq!(before, after);
    assert!(world.portal(&portal, NOW).await.is_some());
    assert!(world.notes(&notes, NOW).await.is_some());
    assert!(world.store.access_token(tokens.access, NOW).await.unwrap().is_some());
    assert_eq!(world.store.enrolment(link, NOW).await.unwrap().unwrap().id, ada.id);
}

#[test]
fn sqlite_what_is_no_database_does_not_open() {
    let scratch = doorward_testkit::Scratch::new("no-database").unwrap();
    let file = scratch.path().join("doorward.db");
    std::fs::write(&file, "a letter to the editor, and quite a long one at that".repeat(100)).unwrap();
    for path in [file, scratch.path().join("missing").join("doorward.db")] {
        let outcome = open(path.to_str().unwrap(), &root(b"0123456789abcdef")).map(drop);
        assert!(matches!(outcome, Err(OpenError::Unavailable(_))), "{outcome:?}");
    }
}

#[test]
fn postgres_what_does_not_answer_does_not_open() {
    for url in ["postgresql://nobody@127.0.0.1:1/nothing", "postgresql://%%%", "postgresql://a@%2Fnowhere/x"]
    {
        let outcome = open(url, &root(b"0123456789abcdef")).map(drop);
        assert!(matches!(outcome, Err(OpenError::Unavailable(_))), "{outcome:?}");
    }
}

#[test]
fn postgres_nodes_that_start_together_on_an_empty_database_all_open() {
    for _ in 0..4 {
        let place = Place::new(Kind::Postgres);
        let opened = race(6, async |_| place.open(&root(b"0123456789abcdef")).map(drop));
        assert_eq!(opened, vec![Ok(()); 6]);
    }
}

#[test]
fn postgres_nodes_with_different_secrets_do_not_both_open_an_empty_database() {
    let place = Place::new(Kind::Postgres);
    let secrets = [b"0123456789abcdef", b"fedcba9876543210"];
    let opened = race(2, async |at| place.open(&root(secrets[at])).map(drop));
    assert_eq!(opened.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{opened:?}");
    assert!(opened.contains(&Err(OpenError::WrongRootSecret)));
}

#[test]
fn a_store_opens_and_closes_inside_a_runtime() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        super::world::run(kind, async |world: World| {
            assert!(world.store.issue_setup(world.token::<Setup>().hash(), later(60)).await.unwrap());
            drop(world.another_node());
            assert!(!world.store.setup_is_closed().await.unwrap());
        });
    }
}
