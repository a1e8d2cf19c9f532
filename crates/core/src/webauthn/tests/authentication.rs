//! Signing in: what is accepted, and each lie refused by its own name.

use serde_json::{Value, json};

use super::authenticator::{Authenticator, BE, BS, CHALLENGE, Said, UP, UV, b64, bytes, rp, signed_in};
use crate::{
    id::UserId,
    webauthn::{Credential, Refused, authentication},
};

fn refusal(said: &Said) -> Refused {
    let authenticator = Authenticator::es256();
    signed_in(&authenticator.credential(), authenticator.sign_in(said)).unwrap_err()
}

/// A response with one of its values replaced.
fn with(response: &Value, pointer: &str, value: Value) -> Value {
    let mut response = response.clone();
    *response.pointer_mut(pointer).unwrap() = value;
    response
}

#[test]
fn a_23_everybody_is_asked_the_same() {
    let options = authentication::options(&rp(), &CHALLENGE);
    insta::assert_snapshot!(options, @r#"{"allowCredentials":[],"challenge":"WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo","rpId":"id.example.org","timeout":300000,"userVerification":"required"}"#);
}

#[test]
fn each_algorithm_signs_in() {
    for authenticator in [Authenticator::es256(), Authenticator::eddsa()] {
        let response = authenticator.sign_in(&Said::getting());
        let proof = signed_in(&authenticator.credential(), response).unwrap();
        assert_eq!(proof.user(), authenticator.credential().user);
        assert_eq!(proof.credential(), authenticator.id);
        assert_eq!(proof.amr(), ["user", "hwk"]);
    }
}

#[test]
fn w_6_sign_in_is_bound_to_its_challenge_type_and_relying_party() {
    let said = Said::getting;
    for (said, refused) in [
        (Said { challenge: b64([0; 32]), ..said() }, Refused::Challenge),
        (Said { challenge: b64([]), ..said() }, Refused::Challenge),
        (Said { kind: "webauthn.create", ..said() }, Refused::Type),
        (Said { rp_id: "example.org".to_owned(), ..said() }, Refused::RelyingParty),
        (Said { origin: "https://id.example.org".to_owned(), ..said() }, Refused::Origin),
        (Said { origin: "https://id.example.org.evil.test:8443".to_owned(), ..said() }, Refused::Origin),
    ] {
        assert_eq!(refusal(&said), refused);
    }
    for (name, value) in [("crossOrigin", json!(true)), ("topOrigin", json!("https://evil.test"))] {
        let mut said = Said::getting();
        said.more.insert(name.to_owned(), value);
        assert_eq!(refusal(&said), Refused::CrossOrigin, "{name}");
    }
}

#[test]
fn w_2_user_verification_can_not_be_left_out() {
    for (flags, refused) in [
        (UP, Refused::UserVerification),
        (UV, Refused::UserPresence),
        (0, Refused::UserPresence),
        (UP | UV | BS, Refused::BackupFlags),
    ] {
        let said = Said { flags, ..Said::getting() };
        assert_eq!(refusal(&said), refused, "{flags:#04x}");
    }
}

/// W-6: the passkey of one person signs nobody else in, and a response without a name signs nobody in.
#[test]
fn w_6_the_user_handle_names_the_owner() {
    let authenticator = Authenticator::es256();
    let credential = authenticator.credential();
    let response = authenticator.sign_in(&Said::getting());
    let other = UserId::from_random([2; 16]);
    for handle in [
        json!(null),
        json!(""),
        json!(b64(other.as_str())),
        json!(b64(&credential.user.as_str().as_bytes()[..35])),
        json!(b64(credential.user.as_str().to_uppercase())),
        json!(b64(format!("{}\0", credential.user))),
    ] {
        let response = with(&response, "/response/userHandle", handle.clone());
        assert_eq!(signed_in(&credential, response).unwrap_err(), Refused::UserHandle, "{handle}");
    }
    let of_another = Credential { user: other, ..credential };
    assert_eq!(signed_in(&of_another, response).unwrap_err(), Refused::UserHandle);
}

#[test]
fn w_6_the_credential_is_the_one_that_was_looked_up() {
    let authenticator = Authenticator::es256();
    let response = authenticator.sign_in(&Said::getting());
    let other = Credential { id: vec![1], ..authenticator.credential() };
    assert_eq!(signed_in(&other, response.clone()).unwrap_err(), Refused::Malformed("credential"));
    let typed = with(&response, "/type", json!("password"));
    assert_eq!(signed_in(&authenticator.credential(), typed).unwrap_err(), Refused::Malformed("credential"));
    for id in [json!(""), json!(b64(vec![7; 1024])), json!("a+/="), json!(format!("{}=", b64([1; 16])))] {
        let response = with(&response, "/id", id.clone());
        let response: authentication::AuthenticationResponse = serde_json::from_value(response).unwrap();
        assert_eq!(response.credential_id().unwrap_err(), Refused::Malformed("credential id"), "{id}");
    }
}

#[test]
fn signatures_of_others_and_of_other_things_are_refused() {
    for authenticator in [Authenticator::es256(), Authenticator::eddsa()] {
        let credential = authenticator.credential();
        let response = authenticator.sign_in(&Said::getting());
        let later = authenticator.sign_in(&Said { sign_count: 9, ..Said::getting() });
        for signature in [
            json!(""),
            json!(b64([0; 64])),
            json!(b64([0x30, 6, 2, 1, 0, 2, 1, 0])),
            later["response"]["signature"].clone(),
            Authenticator::es256().sign_in(&Said::getting())["response"]["signature"].clone(),
        ] {
            let response = with(&response, "/response/signature", signature);
            assert_eq!(signed_in(&credential, response).unwrap_err(), Refused::Signature);
        }
    }
}

/// A stored key is used with its own algorithm, whole, or not at all.
#[test]
fn a_stored_key_that_does_not_hold_verifies_nothing() {
    let authenticator = Authenticator::es256();
    let response = authenticator.sign_in(&Said::getting());
    let key = authenticator.cose_key();
    let eddsa = [vec![0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21], bytes(&key[10..42])].concat();
    let off_curve =
        [&[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21], bytes(&[1; 32]).as_slice(), &[0x22], &bytes(&[1; 32])]
            .concat();
    for (public_key, refused) in [
        (Vec::new(), Refused::Algorithm),
        (key[..key.len() - 1].to_vec(), Refused::Algorithm),
        ([key.as_slice(), &[0]].concat(), Refused::Signature),
        (eddsa, Refused::Signature),
        (off_curve, Refused::Signature),
    ] {
        let credential = Credential { public_key, ..authenticator.credential() };
        assert_eq!(signed_in(&credential, response.clone()).unwrap_err(), refused);
    }
}

#[test]
fn w_6_counters_never_go_back() {
    let authenticator = Authenticator::eddsa();
    for (stored, sent, accepted) in [
        (0, 0, true),
        (0, 1, true),
        (5, 6, true),
        (5, u32::MAX, true),
        (5, 5, false),
        (5, 4, false),
        (5, 0, false),
        (u32::MAX, u32::MAX, false),
    ] {
        let credential = Credential { sign_count: stored, ..authenticator.credential() };
        let response = authenticator.sign_in(&Said { sign_count: sent, ..Said::getting() });
        let verdict = signed_in(&credential, response).map(|proof| proof.sign_count());
        assert_eq!(verdict, if accepted { Ok(sent) } else { Err(Refused::Counter) }, "{stored} {sent}");
    }
}

/// W-6: providers that sync change their mind about backup flags (KeePassXC, imports); nobody is locked out, and
/// what they say now is what is recorded.
#[test]
fn w_6_backup_flags_may_change() {
    let authenticator = Authenticator::eddsa();
    for stored in [false, true] {
        for (flags, eligible, backed_up) in [(0, false, false), (BE, true, false), (BE | BS, true, true)] {
            let credential = Credential { backup_eligible: stored, ..authenticator.credential() };
            let response = authenticator.sign_in(&Said { flags: UP | UV | flags, ..Said::getting() });
            let proof = signed_in(&credential, response).unwrap();
            assert_eq!((proof.backup_eligible(), proof.backed_up()), (eligible, backed_up));
            assert_eq!(proof.amr()[1], if eligible { "swk" } else { "hwk" });
        }
    }
}

#[test]
fn authenticator_data_is_read_to_its_end() {
    let authenticator = Authenticator::eddsa();
    let response = authenticator.sign_in(&Said { tail: vec![0], ..Said::getting() });
    let refused = signed_in(&authenticator.credential(), response).unwrap_err();
    assert_eq!(refused, Refused::Malformed("authenticator data"));
    let short =
        with(&authenticator.sign_in(&Said::getting()), "/response/authenticatorData", json!(b64([0; 36])));
    let refused = signed_in(&authenticator.credential(), short).unwrap_err();
    assert_eq!(refused, Refused::Malformed("authenticator data"));
}

#[test]
fn base64_has_one_alphabet() {
    let authenticator = Authenticator::eddsa();
    let response = authenticator.sign_in(&Said::getting());
    for pointer in ["/response/authenticatorData", "/response/clientDataJSON", "/response/signature"] {
        let sent = response.pointer(pointer).and_then(Value::as_str).unwrap();
        for spelling in [format!("{sent}="), format!("{sent}\n"), format!(" {sent}"), "a+/b".to_owned()] {
            let response = with(&response, pointer, json!(spelling));
            let refused = signed_in(&authenticator.credential(), response).unwrap_err();
            assert_eq!(refused, Refused::Malformed("base64url"), "{pointer}");
        }
    }
}
