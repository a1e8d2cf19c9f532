//! An archive of Pocket ID, brought over by the real binary and lived with through the front door.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use doorward_testkit::zip;
use doorward_visitor::{Authenticator, Client, Person};
use serde_json::{Value, json};

use super::{Ran, run};
use crate::process::{Folder, Process};

const ADA: &str = "f4b89dc2-62fb-46bf-9f5f-c34f4eafe93e";
const ORIGIN: &str = "http://id.localhost:8080";

/// A passkey that is registered "there": the authenticator, the identifier, and the COSE key.
fn registered() -> (Authenticator, Vec<u8>, Vec<u8>) {
    let mut authenticator = Authenticator::new();
    let url = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let options = json!({
        "challenge": url.encode([1; 32]),
        "rp": { "id": "id.localhost", "name": "there" },
        "user": { "id": url.encode(ADA), "name": "ada", "displayName": "Ada" },
        "pubKeyCredParams": [{ "type": "public-key", "alg": -7 }],
    });
    let made = authenticator.create(ORIGIN, &options).unwrap();
    let object = url.decode(made["response"]["attestationObject"].as_str().unwrap()).unwrap();
    let id = authenticator.passkeys[0].id.clone();
    // The key follows the identifier and is the last thing in the authenticator's data.
    let at = object.windows(id.len()).position(|part| part == id).unwrap() + id.len();
    let key = object[at..].to_vec();
    (authenticator, id, key[..cose_length(&key)].to_vec())
}

/// An ES256 key ends with the 32 bytes of its second coordinate.
fn cose_length(key: &[u8]) -> usize {
    let y = key.windows(3).position(|three| three == [0x22, 0x58, 0x20]).unwrap();
    y + 3 + 32
}

fn archive(version: i64, id: &[u8], key: &[u8]) -> Vec<u8> {
    let time = "2025-11-25T12:39:02Z";
    let group = "c7ae7c01-28a3-4f3c-9572-1ee734ea8368";
    let database = json!({ "provider": "sqlite", "version": version, "tables": {
        "users": [{ "id": ADA, "created_at": time, "username": "ada", "email": "ada@example.org", "first_name": "Ada",
            "last_name": "Lovelace", "display_name": "Ada Lovelace", "is_admin": true, "disabled": false }],
        "user_groups": [{ "id": group, "created_at": time, "friendly_name": "Users", "name": "users" }],
        "user_groups_users": [{ "user_id": ADA, "user_group_id": group }],
        "webauthn_credentials": [{ "id": "x", "created_at": time, "name": "Her phone", "user_id": ADA,
            "credential_id": STANDARD.encode(id), "public_key": STANDARD.encode(key),
            "transport": STANDARD.encode("[\"internal\"]"), "backup_eligible": false, "backup_state": false }],
    } });
    zip(&[("database.json", database.to_string().as_bytes())])
}

fn import(folder: &Folder, more: &[&str]) -> Ran {
    let arguments = [["import", "pocket-id", "export.zip"].as_slice(), more].concat();
    run(&folder.scratch, &arguments)
}

const INTO: [&str; 3] = ["--config", "doorward.toml", "--yes"];

/// The passkey that was registered there signs in here, the second import changes nothing, and nobody is asked to set up.
#[tokio::test]
async fn d_20_a_passkey_that_was_registered_there_signs_in_here() {
    let folder = Folder::new();
    let config = folder.config("", "");
    let (authenticator, id, key) = registered();
    std::fs::write(folder.scratch.path().join("export.zip"), archive(20_260_814_120_000, &id, &key)).unwrap();
    let planned = import(&folder, &["--json"]);
    let plan: Value = serde_json::from_str(&planned.out).unwrap();
    assert_eq!((planned.code, &plan["release"]), (0, &"2.14".into()));
    assert_eq!(plan["administrators"], json!([{ "username": "ada", "why": "an administrator there" }]));
    // Nobody answers here, so nothing happens.
    let asked = import(&folder, &["--config", "doorward.toml"]);
    assert_eq!(asked.code, 1, "{}", asked.err);
    assert!(!folder.scratch.path().join("state").exists());
    let first = import(&folder, &INTO);
    assert_eq!(first.code, 0, "{}", first.err);
    assert!(first.err.contains("1 people and 1 groups were brought over"), "{}", first.err);
    let second = import(&folder, &INTO);
    assert!(second.code == 0 && second.err.contains("0 people and 0 groups"), "{}", second.err);

    let mut process = Process::start(&["serve", "--config", &config.display().to_string()]);
    process.until(|process| process.out.contains("Serving http://id.localhost:8080"));
    let client = Client::new(([127, 0, 0, 1], folder.port).into());
    let mut ada = Person::new(client, ORIGIN).unwrap();
    ada.authenticator = authenticator;
    ada.sign_in(None).await.unwrap();
    let page = ada.open(&format!("{ORIGIN}/admin/people")).await.unwrap();
    assert_eq!(page.status, 200);
    assert!(page.text().contains("Ada Lovelace"));
    // While it runs, nothing is changed under its feet.
    let locked = import(&folder, &INTO);
    assert_eq!(locked.code, 7, "{}", locked.err);
}

#[test]
fn an_archive_of_a_newer_release_or_a_part_of_one_changes_nothing() {
    let folder = Folder::new();
    folder.config("", "");
    let (_, id, key) = registered();
    let file = folder.scratch.path().join("export.zip");
    let newer = archive(20_990_101_000_000, &id, &key);
    let whole = archive(20_260_814_120_000, &id, &key);
    for (content, words) in
        [(newer.as_slice(), "newer release"), (&whole[..whole.len() / 2], "no ZIP archive")]
    {
        std::fs::write(&file, content).unwrap();
        let ran = import(&folder, &INTO);
        assert_eq!((ran.code, ran.out.as_str()), (4, ""));
        assert!(ran.err.contains(words) && ran.err.contains("nothing was changed"), "{}", ran.err);
    }
    assert!(!folder.scratch.path().join("state").exists());
}
