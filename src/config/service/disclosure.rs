//! What a service's upstream learns about the person.

mod headers;
mod roles;

use doorward_core::service::Disclosure;
pub(super) use headers::name as header_name;

use super::Context;
use crate::config::reader::Section;

pub(super) fn read(section: &mut Section<'_>, context: &Context<'_>) -> Disclosure {
    let headers = headers::read(section);
    let roles = roles::read(section, context);
    let disclosure = Disclosure { headers, roles };
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
    disclosure
}
