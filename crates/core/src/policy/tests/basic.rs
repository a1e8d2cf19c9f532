//! Names and passwords.

use ::http::{HeaderMap, header};

use super::*;

/// `ada:correct horse` by bcrypt and `bob:battery staple` by Argon2, both cheap.
const USERS: &str = include_str!("users.htpasswd");

pub(super) fn realm() -> Arc<Realm> {
    let mut realm = Realm::new("Home".to_owned(), None);
    realm.read(USERS).unwrap();
    Arc::new(realm)
}

fn credentials(line: &str) -> Option<Credentials> {
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, line.parse().unwrap());
    Credentials::read(&headers)
}

fn pair(text: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    format!("Basic {}", STANDARD.encode(text))
}

fn verified(text: &str) -> Option<Arc<VerifiedUser>> {
    realm().verify(&credentials(&pair(text))?).map(Arc::new)
}

#[test]
fn passwords_are_verified_by_both_kinds_of_hash() {
    for (text, name) in [("ada:correct horse", "ada"), ("bob:battery staple", "bob")] {
        let user = verified(text).unwrap();
        assert_eq!(user.name(), name);
        let guard = guard(Posture::Basic(realm()));
        let decision = Case::default().ask_with(&guard, Credential { keys: &[], user: Some(&user) });
        assert_eq!(word(&decision), "permit by basic");
    }
    for text in [
        "ada:correct horse ",
        "ada:",
        "ada",
        "Ada:correct horse",
        "bob:correct horse",
        "eve:correct horse",
        ":",
    ] {
        assert!(verified(text).is_none(), "{text}");
    }
}

/// A password counts for the hash that it was verified against.
#[test]
fn e_2_a_changed_file_counts_from_the_next_request() {
    let user = verified("ada:correct horse").unwrap();
    let mut changed = Realm::new("Home".to_owned(), None);
    changed.read(&USERS.replace("ada:", "eve:")).unwrap();
    let ask = |realm| {
        let guard = guard(Posture::Basic(Arc::new(realm)));
        word(&Case::default().ask_with(&guard, Credential { keys: &[], user: Some(&user) }))
    };
    assert_eq!(ask(changed.clone()), "demand: no_password", "the name is gone");
    changed.read(&format!("ada:{}", USERS.rsplit(':').next().unwrap())).unwrap();
    assert_eq!(ask(changed), "demand: no_password", "the name has another hash");
}

/// Browsers send passwords along with what other sites start.
#[test]
fn e_16_the_shield_counts_for_passwords_too() {
    let user = verified("ada:correct horse").unwrap();
    let guard = guard(Posture::Basic(realm()));
    let case = Case { method: Method::POST, site: Site::Other, ..Case::default() };
    let ask = |guard: &Guard| word(&case.ask_with(guard, Credential { keys: &[], user: Some(&user) }));
    assert_eq!(ask(&guard), "deny: cross_origin");
    assert_eq!(ask(&Guard { csrf_shield: false, ..guard }), "permit by basic");
}

#[test]
fn impossible_10_hashes_that_are_guessed_quickly_are_refused() {
    let bcrypt = USERS.lines().find(|line| line.starts_with("ada:")).unwrap().strip_prefix("ada:").unwrap();
    for (line, why) in [
        ("ada:correct horse", "a password as it is"),
        ("ada:$apr1$salt$hash", "MD5"),
        ("ada:{SHA}fEqNCco3Yq9h5ZUglD3CZJT4lBs=", "SHA-1"),
        ("ada:$6$salt$hash", "SHA-2 crypt"),
        ("ada:$2a$05$abcdefghijklmnopqrstuv", "old, faulty kind"),
        ("ada:$argon2i$v=19$m=16,t=2,p=1$c2FsdHNhbHQ$aGFzaA", "another kind than argon2id"),
        ("ada:$2y$05$short", "cut or changed"),
        ("ada:$argon2id$v=19$m=16,t=2,p=1$c2FsdHNhbHQ", "cut or changed"),
        ("ada:$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", "256 MiB"),
        ("ada", "is not `name:hash`"),
        ("", "nobody is in it"),
        ("# nobody", "nobody is in it"),
    ] {
        let error = Realm::new(String::new(), None).read(line).unwrap_err();
        assert!(error.contains(why), "{line}: {error}");
        assert!(!error.contains("correct horse"), "{error}");
    }
    let costly = bcrypt.replacen("$04$", "$16$", 1);
    let error = Realm::new(String::new(), None).read(&format!("ada:{costly}")).unwrap_err();
    assert!(error.contains("cost 16"), "{error}");
    let twice = format!("ada:{bcrypt}\nada:{bcrypt}");
    assert!(Realm::new(String::new(), None).read(&twice).unwrap_err().starts_with("line 2"));
}

#[test]
fn impossible_12_names_are_shown_and_hashes_are_not() {
    let shown = format!("{:?} {:?}", realm(), verified("ada:correct horse").unwrap());
    assert!(shown.contains("ada") && !shown.contains("$2") && !shown.contains("argon"), "{shown}");
    assert_eq!(format!("{:?}", credentials(&pair("ada:x")).unwrap()), "Credentials");
}

#[test]
fn only_one_line_of_basic_is_a_name_and_a_password() {
    for line in ["Basic", "Basic ", "Basic !!!", "Bearer YTpi", "Basic YWRh", "Digest YTpi"] {
        assert!(credentials(line).is_none(), "{line}");
    }
    assert!(credentials("bAsIc YTpi").is_some());
    let mut twice = HeaderMap::new();
    twice.append(header::AUTHORIZATION, "Basic YTpi".parse().unwrap());
    twice.append(header::AUTHORIZATION, "Basic YTpi".parse().unwrap());
    assert!(Credentials::read(&twice).is_none());
}
