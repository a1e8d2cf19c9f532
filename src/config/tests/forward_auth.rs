//! Services that stay behind another proxy.

use doorward_core::{policy::Posture, service::Backend};

use super::{SOUND, check, diagnostics, toml};
use crate::config::Source;

const SERVICE: &str = "[services.notes]\nposture = \"forward-auth\"\npolicy = \"users\"\n";
const TRUSTED: &str = "trusted_proxies = [\"127.0.0.1\"]\n";

/// The sound beginning with a listener for questions, if `asked`, and these lines.
fn text(asked: bool, lines: &str) -> Source {
    let listener = "listeners = [{ address = \"127.0.0.1:8444\", forward_auth = true }, ";
    let sound = if asked { SOUND.replace("listeners = [", listener) } else { SOUND.to_owned() };
    toml(sound + lines)
}

/// `CODE key: help` of everything found.
fn found(asked: bool, lines: &str) -> Vec<String> {
    let found = diagnostics(&text(asked, lines));
    found.into_iter().map(|found| format!("{} {}: {}", found.code, found.key, found.help)).collect()
}

#[test]
fn a_service_behind_another_proxy_has_a_policy_and_no_upstream() {
    let checked = check(&text(true, &format!("{TRUSTED}{SERVICE}bypass = []\n"))).unwrap();
    let service = &checked.config.services[0];
    assert!(matches!(service.guard.posture, Posture::Sso(_)));
    assert!(matches!(service.backend, Backend::Elsewhere));
    let listeners: Vec<bool> = checked.config.listeners.iter().map(|listener| listener.redirect).collect();
    assert_eq!(listeners, [false, false], "questions are not redirected to https");
    let found = found(true, &format!("{TRUSTED}{SERVICE}upstream = \"http://127.0.0.1:3000\"\n"));
    assert!(found[0].starts_with("E008 services.notes.upstream: the proxy that asks forwards"), "{found:?}");
}

#[test]
fn t_1_a_service_that_nobody_may_ask_about_is_a_mistake() {
    let listener = "E004 services.notes.posture: add one: [[listeners]] with address = \"127.0.0.1:8444\" and forward_auth = true";
    let proxies = "E004 services.notes.posture: name the proxy that asks, at the top: trusted_proxies = [\"127.0.0.1/32\"]";
    assert_eq!(found(false, SERVICE), [listener, proxies]);
    assert_eq!(found(false, &format!("{TRUSTED}{SERVICE}")), [listener]);
    assert_eq!(found(true, SERVICE), [proxies]);
    assert_eq!(found(true, &format!("trusted_proxies = []\n{SERVICE}")), [proxies]);
}
