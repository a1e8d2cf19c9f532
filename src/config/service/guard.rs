//! What stands in front of a service.

use doorward_core::policy::{Guard, Paths, Posture, Scope};
use ipnet::IpNet;

use super::{Context, closing::Closing, scope};
use crate::config::{
    policy,
    reader::{Findings, Place, Section},
    suggest, value,
};

const POSTURES: [&str; 5] = ["sso", "forward-auth", "public", "native-oidc", "app-login"];
/// A bypass in the words of the founding document, written into the service itself.
const FLAT: [&str; 2] = ["bypassPaths", "bypassResources"];

pub(super) fn read(section: &mut Section<'_>, context: &Context<'_>, closing: &Closing) -> Option<Guard> {
    // Beside a bypass that is written into the service, `allowedNetworks` are the bypass's.
    let names: &[_] = if section.lacks(&FLAT) { &["networks", "allowedNetworks"] } else { &["networks"] };
    let networks = value::networks(section, names);
    let bypass = bypasses(section, closing);
    let csrf_shield = section.boolean("csrf_shield", true);
    let tokens = section.boolean("tokens", false);
    let policy = section.text(&["policy"]);
    let help = format!("a service says what it demands: {}", POSTURES.join(", "));
    let posture = section.required(&["posture"], &help);
    let open = posture.as_ref().and_then(|text| not_gated(&text.text));
    if let (Some(posture), Some(open)) = (&posture, open) {
        without_effect(section, &posture.text);
        return Some(Guard { posture: open, networks, bypass: Vec::new(), csrf_shield, tokens: false });
    }
    let policy = policy.and_then(|text| policy::find(context.policies, &text, section.findings));
    let posture = posture?;
    // The same gate; another proxy asks about each request.
    if !["sso", "forward-auth"].contains(&posture.text.as_str()) {
        let message = format!("there is no posture `{}`", posture.text);
        let help = suggest::help(&posture.text, &POSTURES);
        section.findings.add("E005", &posture.place, message, help);
        return None;
    }
    if section.lacks(&["policy"]) {
        let help = "write whom the service lets in, such as policy = \"users\"";
        section.missing("policy", help);
    }
    Some(Guard { posture: Posture::Sso(policy?), networks, bypass, csrf_shield, tokens })
}

fn not_gated(word: &str) -> Option<Posture> {
    match word {
        "public" => Some(Posture::Public),
        "native-oidc" => Some(Posture::NativeOidc),
        "app-login" => Some(Posture::AppLogin),
        _ => None,
    }
}

/// Reports what only a gate reads: whoever wrote it believes that there is one.
fn without_effect(section: &Section<'_>, posture: &str) {
    for key in ["policy", "bypass", "tokens", FLAT[0], FLAT[1]] {
        if !section.lacks(&[key]) {
            let message = format!("`{key}` has no effect with the posture `{posture}`");
            let help = "remove it, or write posture = \"sso\"";
            section.findings.add("E008", &section.place_of(key), message, help);
        }
    }
}

/// The bypasses of a service: the list `bypass`, and one that is written as `bypassPaths` and `bypassResources`.
fn bypasses(section: &mut Section<'_>, closing: &Closing) -> Vec<Scope> {
    let mut read: Vec<Scope> = flat_bypass(section, closing).into_iter().collect();
    if let Some((place, node)) = section.take(&["bypass"]) {
        for (place, item) in section.items(&place, node).unwrap_or_default() {
            read.extend(
                Section::new(place, item, section.findings).and_then(|section| bypass(section, closing)),
            );
        }
    }
    read
}

/// `bypassPaths` and `bypassResources` of the service itself: their networks are its `allowedNetworks`.
fn flat_bypass(section: &mut Section<'_>, closing: &Closing) -> Option<Scope> {
    let place = section.place_of(if section.lacks(&[FLAT[0]]) { FLAT[1] } else { FLAT[0] });
    let paths = scope::paths(section, (&["bypassPaths"], &["bypassResources"]), closing)?;
    let networks = value::networks(section, &["allowedNetworks"]);
    limits(section.findings, &place, (&paths, networks.as_deref()), false);
    Some(Scope { paths, networks, ..Scope::everything() })
}

fn bypass(mut section: Section<'_>, closing: &Closing) -> Option<Scope> {
    let findings = section.findings;
    let place = section.place.clone();
    let paths = scope::paths(&mut section, (&["paths"], &["regexes"]), closing);
    let networks = value::networks(&mut section, &["networks", "allowedNetworks"]);
    let methods = value::methods(&mut section);
    let public = section.boolean("public", false);
    let nothing = |key| section.lacks(&[key]) || section.is_empty_list(key);
    if nothing("paths") && nothing("regexes") {
        section.missing("paths", "write which paths are open, such as paths = [\"/api/health\"]");
    }
    section.finish();
    let paths = paths?;
    limits(findings, &place, (&paths, networks.as_deref()), public);
    Some(Scope { paths, networks, methods, expires_at: None })
}

/// Reports a bypass that does not say for whom it is.
fn limits(findings: &Findings, place: &Place, (paths, networks): (&Paths, Option<&[IpNet]>), public: bool) {
    let paths = scope::in_words(paths);
    match (networks, public) {
        (None, false) => {
            let help = "write `networks = […]`, or `public = true` for everybody, in its entry of `bypass`";
            findings.add("E009", place, format!("{paths} would be open to everybody"), help);
        }
        (Some(_), true) => {
            findings.add("E008", place, "`public = true` beside `networks`", "remove one of them");
        }
        (None, true) => findings.add(
            "W101",
            place,
            format!("{paths} is open to everybody"),
            "limit it by `networks` if it is not meant so",
        ),
        (Some(networks), false) if scope::are_everywhere(networks) => findings.add(
            "W101",
            place,
            format!("{paths} is open to everybody: a network of all addresses is no limit"),
            "name the networks that are meant",
        ),
        (Some(_), false) => {}
    }
}
