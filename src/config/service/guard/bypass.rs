//! Paths that are open without a session.

use doorward_core::policy::{Paths, Scope};
use ipnet::IpNet;

use super::FLAT;
use crate::config::{
    reader::{Findings, Place, Section},
    service::{closing::Closing, scope},
    value,
};

/// The bypasses of a service: the list `bypass`, and one that is written as `bypassPaths` and `bypassResources`.
pub(super) fn read(section: &mut Section<'_>, closing: &Closing) -> Vec<Scope> {
    let flat = flat_bypass(section, closing);
    let listed = section.tables(&["bypass"]).into_iter().filter_map(|section| bypass(section, closing));
    flat.into_iter().chain(listed).collect()
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
