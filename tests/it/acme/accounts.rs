//! Accounts at an authority.

use super::{
    failed, now, obtained,
    pebble::{EXTERNAL_KEY, Options, Pebble},
    until,
};
use crate::door::Door;

#[tokio::test]
async fn an_account_that_was_made_elsewhere_is_bound() {
    let pebble = Pebble::new(Options { external_accounts: true, ..Options::default() }).up();
    std::fs::write(pebble.scratch.path().join("eab"), format!("{EXTERNAL_KEY}\n")).unwrap();
    let acme = format!("eab_key_id = \"kid-1\"\neab_key_file = \"{}/eab\"", pebble.scratch.path().display());
    let door = Door::at(&pebble.config(&acme, ""), &[], now()).await;
    until(&door, obtained).await;
}

/// No account, a wrong one, a wrong key and one that is none: each is told as what it is, and no key is told at all.
#[tokio::test]
async fn an_account_that_the_authority_does_not_know_is_explained() {
    let pebble = Pebble::new(Options { external_accounts: true, ..Options::default() }).up();
    let key_file = pebble.scratch.path().join("eab");
    let bound = |id: &str| format!("eab_key_id = \"{id}\"\neab_key_file = \"{}\"", key_file.display());
    let wrong = "d3Jvbmcga2V5IHdyb25nIGtleSB3cm9uZyBrZXkgd3Jvbmcga2V5";
    for (acme, key, expected) in [
        (String::new(), "", "externalAccountRequired"),
        (bound("kid-9"), EXTERNAL_KEY, "a key that is not known"),
        (bound("kid-1"), wrong, "external account binding"),
        (bound("kid-1"), "not base64url!", "is not base64url"),
    ] {
        std::fs::write(&key_file, key).unwrap();
        let text = pebble.config(&acme, "");
        let text =
            text.replace(&pebble.tls_port.to_string(), "0").replace(&pebble.http_port.to_string(), "0");
        let door = Door::at(&text, &[], now()).await;
        let status = until(&door, failed).await;
        let reason = status[0].last_error.as_ref().unwrap();
        assert!(reason.contains(expected), "{acme:?}: {reason}");
        assert!(key.is_empty() || !reason.contains(key), "{reason}");
        // Nobody believes a temporary certificate, and everybody is served with it.
        assert!(status.iter().all(|status| status.not_after.is_none()));
    }
}
