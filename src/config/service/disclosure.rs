//! What a service's upstream learns about the person.

mod credentials;
mod headers;
mod roles;

use doorward_core::{policy::Posture, service::Disclosure};
pub(super) use headers::name as header_name;

use super::{Context, closing::Closing};
use crate::config::reader::Section;

/// Everything that is about people.
const KEYS: [&str; 5] = ["identity_headers", "roles", "claimRoles", "assertion", "inject"];

pub(super) fn read(section: &mut Section<'_>, context: &Context<'_>, closing: &Closing) -> Disclosure {
    let headers = headers::read(section);
    let roles = roles::read(section, context);
    let assertion = section.boolean("assertion", false);
    let credentials = credentials::read(section, context, closing);
    let disclosure = Disclosure { headers, roles, assertion, credentials };
    check_roles(section, &disclosure);
    disclosure
}

/// Reports what speaks about people where nobody is asked who they are: whoever wrote it believes otherwise. Credentials
/// are lent to whoever gives a name and its password as well.
pub(super) fn without_effect(section: &Section<'_>, posture: &Posture) {
    let lends = matches!(posture, Posture::Basic(_));
    let idle = KEYS.into_iter().filter(|key| !(lends && *key == "inject"));
    for key in idle.filter(|key| !section.lacks(&[key])) {
        let message = format!("`{key}` has no effect with the posture `{}`", posture.word());
        let help = "nobody is known there: remove it, or write posture = \"sso\"";
        section.findings.add("E008", &section.place_of(key), message, help);
    }
}

fn check_roles(section: &mut Section<'_>, disclosure: &Disclosure) {
    if disclosure.sends_roles() && disclosure.roles.is_empty() && headers::asks_for_roles(section) {
        section
            .missing("roles", "say who has which role, such as { role = \"Admin\", groups = [\"admins\"] }");
    }
    if !disclosure.roles.is_empty() && !disclosure.sends_roles() {
        section.findings.add(
            "W106",
            &section.place_of(if section.lacks(&["roles"]) { "claimRoles" } else { "roles" }),
            "nothing tells the application about the roles",
            "write `identity_headers = true`, or name a header for `roles` or `role`",
        );
    }
}
