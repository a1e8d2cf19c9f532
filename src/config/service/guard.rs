//! What stands in front of a service.

mod basic;
mod bypass;
mod keys;
mod rules;

use doorward_core::policy::{Guard, Posture};

use super::{Context, closing::Closing};
use crate::config::{
    policy,
    reader::{Section, Text},
    suggest, value,
};

const POSTURES: [&str; 7] =
    ["sso", "forward-auth", "basic", "public", "native-oidc", "app-login", "redirect"];
/// A bypass in the words of the founding document, written into the service itself.
const FLAT: [&str; 2] = ["bypassPaths", "bypassResources"];

pub(super) fn read(section: &mut Section<'_>, context: &Context<'_>, closing: &Closing) -> Option<Guard> {
    // Beside a bypass that is written into the service, `allowedNetworks` are the bypass's.
    let names: &[_] = if section.lacks(&FLAT) { &["networks", "allowedNetworks"] } else { &["networks"] };
    let networks = value::networks(section, names);
    let bypass = bypass::read(section, closing);
    keys::read(section, context, closing);
    let csrf_shield = section.boolean("csrf_shield", true);
    let tokens = section.boolean("tokens", false);
    let policy = section.text(&["policy"]);
    let help = format!("a service says what it demands: {}", POSTURES.join(", "));
    let posture = section.required(&["posture"], &help);
    let rules = rules::read(section, context, closing, posture.as_ref());
    let basic = basic::read(section, context, closing);
    let policy = policy.and_then(|text| policy::find(context.policies, &text, section.findings));
    let word = posture?;
    let posture = match word.text.as_str() {
        // With `forward-auth` it is the same gate; another proxy asks about each request.
        "sso" | "forward-auth" => {
            if section.lacks(&["policy"]) {
                let help = "write whom the service lets in, such as policy = \"users\"";
                section.missing("policy", help);
            }
            policy.map(Posture::Sso)
        }
        "basic" => {
            if section.lacks(&["basic"]) {
                section.missing("basic", "name the file of names and hashes: basic = { users_file = \"…\" }");
            }
            basic.map(Posture::Basic)
        }
        "public" => Some(Posture::Public),
        "native-oidc" => Some(Posture::NativeOidc),
        "app-login" => Some(Posture::AppLogin),
        "redirect" => Some(Posture::Redirect),
        other => {
            let message = format!("there is no posture `{other}`");
            section.findings.add("E005", &word.place, message, suggest::help(other, &POSTURES));
            None
        }
    };
    without_effect(section, &word);
    Some(Guard { networks, rules, bypass, csrf_shield, tokens, ..Guard::new(posture?) })
}

/// Reports what this posture does not read: whoever wrote it believes that it protects something.
fn without_effect(section: &Section<'_>, posture: &Text) {
    let idle: &[&str] = match posture.text.as_str() {
        "sso" => &["basic"],
        // The other proxy would pass the key on to the application.
        "forward-auth" => &["basic", "keys"],
        "basic" => &["policy", "tokens"],
        "public" | "native-oidc" | "app-login" => {
            &["policy", "bypass", FLAT[0], FLAT[1], "keys", "tokens", "basic"]
        }
        "redirect" => &["policy", "bypass", FLAT[0], FLAT[1], "keys", "tokens", "basic", "rules"],
        _ => &[],
    };
    for key in idle.iter().filter(|key| !section.lacks(&[**key])) {
        let message = format!("`{key}` has no effect with the posture `{}`", posture.text);
        let help = "remove it, or write posture = \"sso\"";
        section.findings.add("E008", &section.place_of(key), message, help);
    }
}
