//! Services that stay behind another proxy.

use doorward_core::{policy::Posture, service::Backend};

use super::{checked, found, help};

const SERVICE: &str = "[services.notes]\nposture = \"forward-auth\"\npolicy = \"users\"\n";
const TRUSTED: &str = "trusted_proxies = [\"127.0.0.1\"]\n";

#[test]
fn a_service_behind_another_proxy_has_a_policy_and_no_upstream() {
    let service = checked(&format!("{TRUSTED}{SERVICE}bypass = []\n")).config.services[0].clone();
    assert!(matches!(service.guard.posture, Posture::Sso(_)));
    assert!(matches!(service.backend, Backend::Elsewhere));
    let lines = format!("{TRUSTED}{SERVICE}upstream = \"http://127.0.0.1:3000\"\n");
    assert_eq!(found(&lines), ["E008 services.notes.upstream"]);
    let lines = format!("{TRUSTED}{}", SERVICE.replace("policy = \"users\"\n", ""));
    assert_eq!(found(&lines), ["E004 services.notes"]);
}

#[test]
fn t_1_a_service_that_nobody_may_ask_about_is_a_mistake() {
    for lines in [SERVICE.to_owned(), format!("trusted_proxies = []\n{SERVICE}")] {
        assert_eq!(found(&lines), ["E004 services.notes.posture"]);
        assert_eq!(
            help(&lines),
            "name the proxy that asks, at the top: trusted_proxies = [\"127.0.0.1/32\"]"
        );
    }
}
