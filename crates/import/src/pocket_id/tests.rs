//! Archives of every shape, and archives that are none.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use doorward_testkit::zip;
use serde_json::{Value, json};

use super::{Administrator, NEWEST, Plan, plan, secret};

const ADA: &str = "f4b89dc2-62fb-46bf-9f5f-c34f4eafe93e";
const BOB: &str = "1cd19686-f9a6-43f4-a41f-14a0bf5b4036";
const ADMINS: &str = "c7ae7c01-28a3-4f3c-9572-1ee734ea8368";

/// An ES256 key in the order of members that authenticators write, which is not the canonical one.
fn cose() -> String {
    let mut key = vec![0xa5, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
    // The base point of P-256, so that it is a point of the curve.
    key.extend(hex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"));
    key.extend([0x22, 0x58, 0x20]);
    key.extend(hex("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"));
    key.extend([0x01, 0x02]);
    STANDARD.encode(key)
}

fn hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// A database of two people as a release with this schema writes it.
fn database(version: i64) -> Value {
    let time = "2025-11-25T12:39:02Z";
    let mut ada = json!({ "id": ADA, "created_at": time, "username": "Ada", "email": "ada@example.org",
        "first_name": "Ada", "last_name": "Lovelace", "is_admin": true, "ldap_id": null, "locale": "en", "disabled": false });
    let bob = json!({ "id": BOB, "created_at": time, "username": "bob", "email": null, "first_name": "Bob",
        "last_name": "", "is_admin": 0, "disabled": 1 });
    if version >= 20_250_917_170_000 {
        ada["display_name"] = "Countess".into();
    }
    if version >= 20_260_109_090_200 {
        ada["email_verified"] = true.into();
    }
    let scope = if version >= 20_260_708_120_000 {
        STANDARD.encode("[\"openid\",\"email\",\"https://api\\u001fread\"]")
    } else {
        "openid email".to_owned()
    };
    let instance = json!([{ "key": "instanceId", "value": "one" }]);
    let mut tables = json!({
        "users": [ada, bob],
        "webauthn_credentials": [{ "id": "x", "created_at": time, "name": "1Password", "user_id": ADA,
            "credential_id": STANDARD.encode([7; 20]), "public_key": cose(), "attestation_type": "none",
            "transport": STANDARD.encode("[\"internal\",\"hybrid\"]"), "backup_eligible": true, "backup_state": 1 }],
        "user_groups": [{ "id": ADMINS, "created_at": time, "friendly_name": "Administrators", "name": "admins" }],
        "user_groups_users": [{ "user_id": BOB, "user_group_id": ADMINS }],
        "custom_claims": [
            { "id": "c", "key": "tier", "value": "gold", "user_id": ADA, "user_group_id": null },
            { "id": "d", "key": "sub", "value": "root", "user_id": BOB, "user_group_id": null },
            { "id": "e", "key": "floor", "value": "2", "user_id": null, "user_group_id": ADMINS },
        ],
        "user_authorized_oidc_clients": [{ "user_id": ADA, "client_id": "wiki", "scope": scope, "last_used_at": time }],
        "oidc_clients": [{ "id": "wiki", "name": "Wiki" }],
        "kv": [{ "key": "jwt_private_key.json", "value": sealed("one", b"an encryption key") }],
    });
    if version < 20_260_708_130_000 {
        tables["app_config_variables"] = instance;
    } else {
        tables["kv"].as_array_mut().unwrap().push(json!({ "key": "instance_id", "value": "one" }));
    }
    json!({ "provider": "sqlite", "version": version, "tableOrder": ["users"], "tables": tables })
}

/// A private key, encrypted as the other side does.
fn sealed(instance: &str, key: &[u8]) -> String {
    let kek = secret::hmac(key, format!("pocketid/{instance}/jwk-kek").as_bytes());
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &kek).unwrap());
    let mut content = json!({ "kty": "OKP", "kid": "there" }).to_string().into_bytes();
    let nonce = Nonce::assume_unique_for_key([3; 12]);
    key.seal_in_place_append_tag(nonce, Aad::empty(), &mut content).unwrap();
    STANDARD.encode([[3; 12].as_slice(), &content].concat())
}

fn archive(database: &Value) -> Vec<u8> {
    let picture = ("uploads/profile-pictures/x.png", b"png".as_slice());
    zip(&[("database.json", database.to_string().as_bytes()), picture, ("francis.bin", b"")])
}

fn read(database: &Value) -> Result<Plan, String> {
    plan(&archive(database), Some(b"an encryption key"))
}

const SHAPES: [(i64, &str); 4] = [
    (20_250_628_000_000, "1.0"),
    (20_251_229_173_100, "2.0"),
    (20_260_708_120_000, "2.10"),
    (NEWEST, "2.14"),
];

#[test]
fn every_shape_is_read() {
    for (version, release) in SHAPES {
        let plan = read(&database(version)).unwrap();
        assert_eq!((plan.release, plan.version), (release, version));
        let [ada, bob] = plan.people.as_slice() else { panic!("{:?}", plan.people) };
        assert_eq!((ada.id.as_str(), bob.id.as_str()), (ADA, BOB));
        let shown = if release == "1.0" { "Ada Lovelace" } else { "Countess" };
        assert_eq!((ada.profile.username.as_str(), ada.profile.display_name.as_str()), ("Ada", shown));
        assert_eq!(ada.profile.email_verified, !matches!(release, "1.0" | "2.0"));
        let passkey = &ada.passkeys[0];
        assert_eq!(
            (passkey.id(), passkey.transports()),
            ([7; 20].as_slice(), ["internal", "hybrid"].map(str::to_owned).as_slice())
        );
        assert!(passkey.backup_eligible() && passkey.backed_up());
        assert_eq!(ada.consents[0].scopes, ["openid", "email"]);
        assert_eq!(ada.claims.iter().collect::<Vec<_>>(), [("tier", "gold")]);
        assert_eq!(plan.groups[0].claims.iter().collect::<Vec<_>>(), [("floor", "2")]);
        assert!(bob.disabled && !ada.disabled && bob.claims.is_empty());
        assert_eq!(plan.signing_key.as_ref().unwrap().0["kid"], "there");
    }
}

/// A group of that name there says nothing about who administers, and here it does: the plan says so.
#[test]
fn d_20_who_becomes_an_administrator_is_in_the_plan() {
    let plan = read(&database(NEWEST)).unwrap();
    let why: Vec<_> = plan.people.iter().map(|person| person.administrator).collect();
    assert_eq!(why, [Some(Administrator::There), Some(Administrator::ByGroup)]);
    assert!(plan.people.iter().all(|person| person.groups.contains("admins")));
}

#[test]
fn what_is_left_is_said() {
    let plan = plan(&archive(&database(NEWEST)), None).unwrap();
    assert!(plan.signing_key.is_none());
    for part in [
        "the signing key",
        "1 applications",
        "1 pictures",
        "a claim of \"bob\"",
        "a way to sign in for \"bob\"",
    ] {
        assert!(plan.skipped.iter().any(|skipped| skipped.what == part), "{part}: {:?}", plan.skipped);
    }
    assert!(!format!("{plan:?}").contains("OKP"));
}

#[test]
fn what_can_not_be_told_apart_or_is_newer_is_refused() {
    let refused = |change: fn(&mut Value)| {
        let mut database = database(NEWEST);
        change(&mut database);
        read(&database).unwrap_err()
    };
    assert!(refused(|all| all["version"] = (NEWEST + 1).into()).contains("newer release"));
    assert!(refused(|all| all["version"] = 0.into()).contains("which release"));
    assert!(refused(|all| all["version"] = Value::Null).contains("no version"));
    assert!(refused(|all| all["tables"] = 7.into()).contains("no tables"));
    assert!(refused(|all| all["tables"]["users"] = json!(["x"])).contains("no table"));
    assert!(refused(|all| all["tables"]["users"][1]["id"] = ADA.into()).contains("twice"));
    assert!(refused(|all| all["tables"]["users"][1]["username"] = "aDA".into()).contains("twice"));
    assert!(refused(|all| all["tables"]["users"][1]["id"] = "../x".into()).contains("which is none"));
    let wrong = plan(&archive(&database(NEWEST)), Some(b"another key")).unwrap_err();
    assert!(wrong.contains("does not open"), "{wrong}");
}

/// No name of an entry is a path of anything, and no size is believed (S-12).
#[test]
fn s_12_archives_that_are_made_to_hurt_are_refused() {
    let content = database(NEWEST).to_string();
    let content = content.as_bytes();
    let problem = |archive: &[u8]| plan(archive, None).unwrap_err();
    assert!(problem(&zip(&[("../database.json", content)])).contains("no database.json"));
    assert!(problem(&zip(&[("database.json", content), ("database.json", content)])).contains("twice"));
    let sound = zip(&[("database.json", content)]);
    let list = sound.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
    let changed = |at: usize, bytes: &[u8]| {
        let mut archive = sound.clone();
        archive[list + at..list + at + bytes.len()].copy_from_slice(bytes);
        problem(&archive)
    };
    assert!(changed(24, &u32::MAX.to_le_bytes()).contains("too much"));
    assert!(changed(8, &[1, 0]).contains("encrypted"));
    assert!(changed(16, &[0; 4]).contains("damaged"));
    assert!(changed(42, &u32::MAX.to_le_bytes()).contains("damaged"));
    assert!(changed(10, &[12, 0]).contains("damaged"));
}

/// Cut anywhere, or one bit turned anywhere: an answer, and never another person.
#[test]
fn damaged_archives_are_refused_or_whole() {
    let archive = archive(&database(NEWEST));
    for at in 0..archive.len() {
        assert!(plan(&archive[..at], None).is_err(), "cut at {at}");
        let mut turned = archive.clone();
        turned[at] ^= 1 << (at % 8);
        if let Ok(plan) = plan(&turned, None) {
            assert_eq!(plan.people.len(), 2, "{at}");
            assert_eq!(plan.people[0].id.as_str(), ADA, "{at}");
        }
    }
}
