//! The directory that holds a node's state.

use std::{
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use doorward_core::user::{Profile, Username};
use doorward_store::{DataDirectory, DataDirectoryError, Engine, OpenError, Settings, Store};
use doorward_testkit::{Scratch, SeededRandom};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().mode() & 0o777
}

#[test]
fn r_13_it_is_made_for_its_owner_only() {
    let scratch = Scratch::new("data").unwrap();
    let path = scratch.path().join("var").join("doorward");
    let directory = DataDirectory::open(&path).unwrap();
    assert_eq!(mode(&path), 0o700);
    let root = directory.root_secret(&SeededRandom::default()).unwrap();
    assert_eq!(mode(&path.join("root-secret")), 0o600);
    let engine = Engine::Sqlite { path: directory.database() };
    let random = std::sync::Arc::new(SeededRandom::default());
    let store = Store::open(Settings { engine, root: &root, random }).unwrap();
    for file in std::fs::read_dir(&path).unwrap() {
        let file = file.unwrap().path();
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    drop(store);
}

#[test]
fn r_13_one_that_was_open_to_others_is_closed() {
    let scratch = Scratch::new("data").unwrap();
    std::fs::set_permissions(scratch.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let _directory = DataDirectory::open(scratch.path()).unwrap();
    assert_eq!(mode(scratch.path()), 0o700);
}

#[test]
fn r_13_a_second_instance_is_locked_out_until_the_first_ends() {
    let scratch = Scratch::new("data").unwrap();
    let first = DataDirectory::open(scratch.path()).unwrap();
    assert!(matches!(DataDirectory::open(scratch.path()), Err(DataDirectoryError::Locked(_))));
    drop(first);
    assert!(DataDirectory::open(scratch.path()).is_ok());
}

/// It is held without a gap, from the start of the first process to the end of the last.
#[test]
fn r_13_a_successor_shares_the_lock_and_nobody_else_does() {
    let (scratch, other) = (Scratch::new("data").unwrap(), Scratch::new("data").unwrap());
    let first = DataDirectory::open(scratch.path()).unwrap();
    let handed = || first.lock().try_clone_to_owned().unwrap();
    let elsewhere = DataDirectory::open(other.path()).unwrap();
    let wrong = DataDirectory::take_over(other.path(), handed()).unwrap_err();
    assert!(wrong.to_string().contains("works in another directory"), "{wrong}");
    drop(elsewhere);
    let second = DataDirectory::take_over(scratch.path(), handed()).unwrap();
    drop(first);
    assert!(matches!(DataDirectory::open(scratch.path()), Err(DataDirectoryError::Locked(_))));
    drop(second);
    assert!(DataDirectory::open(scratch.path()).is_ok());
}

fn settings(path: &Path) -> (Engine, std::sync::Arc<SeededRandom>) {
    (Engine::Sqlite { path: path.join("doorward.db") }, std::sync::Arc::new(SeededRandom::default()))
}

/// While two processes work with one database, each notices what the other changes.
#[tokio::test]
async fn e_1_a_change_of_the_other_process_is_noticed() {
    let scratch = Scratch::new("data").unwrap();
    let root = super::world::root(b"a root secret for two processes");
    let (engine, random) = settings(scratch.path());
    let former = Store::open(Settings { engine, root: &root, random }).unwrap();
    former.follow().unwrap();
    let (engine, random) = settings(scratch.path());
    let successor = Store::open_beside(Settings { engine, root: &root, random }).unwrap();
    let user = |name: &str| doorward_store::NewUser {
        id: doorward_core::id::UserId::from_random([name.len().try_into().unwrap(); 16]),
        profile: Profile::new(Username::parse(name).unwrap(), name.to_owned()),
        groups: super::world::groups(&["users"]),
    };
    for (one, other, name) in [(&former, &successor, "ada"), (&successor, &former, "grace")] {
        let mut changes = other.changes();
        changes.mark_unchanged();
        one.create_user(user(name), super::world::NOW).await.unwrap();
        tokio::time::timeout(std::time::Duration::from_secs(20), changes.changed()).await.unwrap().unwrap();
    }
}

/// A version that changes the tables does not do so while the former one works with them.
#[test]
fn a_database_of_another_schema_is_not_taken_over() {
    let scratch = Scratch::new("data").unwrap();
    let root = super::world::root(b"a root secret for two processes");
    let (engine, random) = settings(scratch.path());
    drop(Store::open(Settings { engine, root: &root, random }).unwrap());
    let raw = rusqlite::Connection::open(scratch.path().join("doorward.db")).unwrap();
    for (change, older) in [("number - 1", true), ("number + 2", false)] {
        raw.execute_batch(&format!("UPDATE meta SET number = {change} WHERE key = 'schema'")).unwrap();
        let (engine, random) = settings(scratch.path());
        let Err(error) = Store::open_beside(Settings { engine, root: &root, random }) else {
            panic!("{change}")
        };
        assert_eq!(matches!(error, OpenError::Older { .. }), older, "{error}");
        assert_eq!(matches!(error, OpenError::Newer { .. }), !older, "{error}");
    }
}

#[test]
fn a_file_in_its_place_is_an_error() {
    let scratch = Scratch::new("data").unwrap();
    let path = scratch.path().join("file");
    std::fs::write(&path, "").unwrap();
    assert!(matches!(DataDirectory::open(&path), Err(DataDirectoryError::Io(..))));
}

#[test]
fn the_root_secret_is_made_once() {
    let scratch = Scratch::new("data").unwrap();
    let directory = DataDirectory::open(scratch.path()).unwrap();
    directory.root_secret(&SeededRandom::new(1)).unwrap();
    let made = std::fs::read(scratch.path().join("root-secret")).unwrap();
    assert_eq!(made.len(), 64, "256 bits in hexadecimal");
    directory.root_secret(&SeededRandom::new(2)).unwrap();
    assert_eq!(std::fs::read(scratch.path().join("root-secret")).unwrap(), made);
}

#[test]
fn r_5_no_new_root_secret_is_made_for_a_database_that_has_one() {
    let scratch = Scratch::new("data").unwrap();
    let directory = DataDirectory::open(scratch.path()).unwrap();
    std::fs::write(directory.database(), "sealed").unwrap();
    assert!(matches!(directory.root_secret(&SeededRandom::default()), Err(DataDirectoryError::Io(..))));
    assert!(!scratch.path().join("root-secret").exists());
}

#[test]
fn impossible_10_an_unfit_root_secret_is_refused() {
    let scratch = Scratch::new("data").unwrap();
    let directory = DataDirectory::open(scratch.path()).unwrap();
    for content in ["", "\n", "short", "CHANGEME-CHANGEME", "ENC[AES256_GCM,data:abc]"] {
        std::fs::write(scratch.path().join("root-secret"), content).unwrap();
        let outcome = directory.root_secret(&SeededRandom::default());
        assert!(matches!(outcome, Err(DataDirectoryError::RootSecret(..))), "{content:?}");
    }
}

/// A crash while the secret is being written must not leave half a secret that is later taken for a whole one.
#[test]
fn a_root_secret_that_was_not_finished_is_made_anew() {
    let scratch = Scratch::new("data").unwrap();
    let directory = DataDirectory::open(scratch.path()).unwrap();
    std::fs::write(scratch.path().join("root-secret.new"), "0123456789abcdef0123").unwrap();
    directory.root_secret(&SeededRandom::default()).unwrap();
    assert_eq!(std::fs::read(scratch.path().join("root-secret")).unwrap().len(), 64);
    assert!(!scratch.path().join("root-secret.new").exists());
}
