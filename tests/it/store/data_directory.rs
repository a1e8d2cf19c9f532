//! The directory that holds a node's state.

use std::{
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use doorward_store::{DataDirectory, DataDirectoryError, Engine, Settings, Store};
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
