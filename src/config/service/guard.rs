//! What stands in front of a service.

use doorward_core::{
    http::path,
    policy::{Bypass, Guard, Posture},
};

use super::Context;
use crate::config::{
    policy,
    reader::{Findings, Place, Section, Text},
    suggest,
    tree::Node,
    value,
};

const POSTURES: [&str; 5] = ["sso", "forward-auth", "public", "native-oidc", "app-login"];

pub(super) fn read(section: &mut Section<'_>, context: &Context<'_>) -> Option<Guard> {
    let networks = value::networks(section, &["networks", "allowedNetworks"]);
    let bypass = match section.take(&["bypass"]) {
        Some((place, node)) => bypasses(section, &place, node),
        None => Vec::new(),
    };
    let csrf_shield = section.boolean("csrf_shield", true);
    let policy = section.text(&["policy"]);
    let help = format!("a service says what it demands: {}", POSTURES.join(", "));
    let posture = section.required(&["posture"], &help);
    let open = posture.as_ref().and_then(|text| not_gated(&text.text));
    if let (Some(posture), Some(open)) = (&posture, open) {
        without_effect(section, &posture.text);
        return Some(Guard { posture: open, networks, bypass: Vec::new(), csrf_shield });
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
    Some(Guard { posture: Posture::Sso(policy?), networks, bypass, csrf_shield })
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
    for key in ["policy", "bypass"] {
        if !section.lacks(&[key]) {
            let message = format!("`{key}` has no effect with the posture `{posture}`");
            let help = "remove it, or write posture = \"sso\"";
            section.findings.add("E008", &section.place_of(key), message, help);
        }
    }
}

fn bypasses(section: &Section<'_>, place: &Place, node: &Node) -> Vec<Bypass> {
    let items = section.items(place, node).unwrap_or_default();
    items
        .into_iter()
        .filter_map(|(place, item)| bypass(Section::new(place, item, section.findings)?))
        .collect()
}

fn bypass(mut section: Section<'_>) -> Option<Bypass> {
    let findings = section.findings;
    let place = section.place.clone();
    let paths = section.texts(&["paths"]);
    let networks = value::networks(&mut section, &["networks", "allowedNetworks"]);
    let methods = value::methods(&mut section);
    let public = section.boolean("public", false);
    let listed = paths.as_ref().is_some_and(|(_, paths)| !paths.is_empty());
    if !listed && (paths.is_some() || section.lacks(&["paths"])) {
        section.missing("paths", "write which paths are open, such as paths = [\"/api/health\"]");
    }
    section.finish();
    let paths: Vec<String> = paths?.1.into_iter().filter_map(|text| bypass_path(text, findings)).collect();
    match (&networks, public) {
        (None, false) => {
            let help = "write `networks = […]`, or `public = true` for everybody";
            findings.add("E009", &place, format!("{} would be open to everybody", paths.join(", ")), help);
        }
        (Some(_), true) => {
            findings.add("E008", &place, "`public = true` beside `networks`", "remove one of them");
        }
        (None, true) => findings.add(
            "W101",
            &place,
            format!("{} is open to everybody", paths.join(", ")),
            "limit it by `networks` if it is not meant so",
        ),
        (Some(networks), false) if networks.iter().any(|network| network.prefix_len() == 0) => findings.add(
            "W101",
            &place,
            format!("{} is open to everybody: a network of all addresses is no limit", paths.join(", ")),
            "name the networks that are meant",
        ),
        (Some(_), false) => {}
    }
    Some(Bypass { paths, networks, methods })
}

fn bypass_path(text: Text, findings: &Findings) -> Option<String> {
    if path::has_segment_prefix(&text.text, "/.doorward") {
        let message = format!("`{}` is reserved", text.text);
        findings.add(
            "E005",
            &text.place,
            message,
            "/.doorward/ belongs to the door on every host; open another path",
        );
        return None;
    }
    if path::is_canonical(&text.text) {
        return Some(text.text);
    }
    findings.add(
        "E005",
        &text.place,
        format!("`{}` is no path that a request can have", text.text),
        "begin with /, without //, dots as segments, escapes or ;",
    );
    None
}
