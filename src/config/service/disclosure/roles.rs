//! `roles`: what people are in one service.

use doorward_core::{
    service::Role,
    user::{is_group_name, is_role_name},
};

use super::Context;
use crate::config::{
    reader::{Findings, Place, Section, Text},
    tree::{Entry, Node, Value},
};

const GROUPS: [&str; 2] = ["groups", "allowedGroups"];

pub(super) fn read(section: &mut Section<'_>, context: &Context<'_>) -> Vec<Role> {
    let Some((place, node)) = section.take(&["roles", "claimRoles"]) else {
        return Vec::new();
    };
    let mut roles: Vec<Role> = Vec::new();
    match &node.value {
        Value::List(_) => {
            for (place, item) in section.items(&place, node).unwrap_or_default() {
                let Some(entry) = Section::new(place, item, section.findings) else { continue };
                add(&mut roles, from_list(entry, context.domain));
            }
        }
        Value::Table(entries) => {
            for entry in entries {
                add(&mut roles, from_table(section, &place, entry, context.domain));
            }
        }
        other => {
            let message = format!("a list or a table is needed here, found {}", other.kind());
            let help = "such as roles = [{ role = \"Admin\", groups = [\"admins\"] }]";
            section.findings.add("E003", &place, message, help);
        }
    }
    roles
}

/// A role that is there twice is of the groups of both.
fn add(roles: &mut Vec<Role>, new: Option<Role>) {
    let Some(new) = new else { return };
    match roles.iter_mut().find(|role| role.name == new.name) {
        Some(role) => role.groups.extend(new.groups),
        None => roles.push(new),
    }
}

/// `{ role = "Admin", groups = ["admins"] }`, or `{ role, claim = "groups", value = "admins" }`.
fn from_list(mut entry: Section<'_>, domain: &str) -> Option<Role> {
    let findings = entry.findings;
    let place = entry.place.clone();
    let name = entry.required(&["role"], "write what the application calls it");
    let groups = entry.texts(&GROUPS);
    let value = entry.text(&["value"]);
    if let Some(claim) = entry.text(&["claim"]).filter(|claim| claim.text != "groups") {
        let message = format!("roles can't come from `{}`", claim.text);
        findings.add("E005", &claim.place, message, "they come from groups: claim = \"groups\"");
    }
    let names = match (groups, value) {
        (Some((_, groups)), None) if !groups.is_empty() => groups,
        (None, Some(value)) => vec![value],
        (None, None) if entry.lacks(&["groups", "allowedGroups", "value"]) => {
            entry.missing("groups", "write whose role it is, such as groups = [\"admins\"]");
            Vec::new()
        }
        (None, None) => Vec::new(),
        (Some(_), None) => {
            findings.add(
                "E009",
                &place,
                "an empty list of groups is nobody",
                "name a group, or remove the role",
            );
            Vec::new()
        }
        (Some(_), Some(value)) => {
            findings.add("E008", &value.place, "`value` beside `groups`", "keep one of them");
            Vec::new()
        }
    };
    entry.finish();
    role(name?, &names, domain, findings)
}

/// `Admin = "admins"`, or `Admin = ["admins", "staff"]`.
fn from_table<'a>(section: &Section<'a>, place: &Place, entry: &'a Entry, domain: &str) -> Option<Role> {
    let key = format!("{}.{}", place.key, entry.name);
    let at = Place { key: key.clone(), span: entry.node.span.clone() };
    let items: Vec<(Place, &Node)> = match &entry.node.value {
        Value::List(_) => section.items(&at, &entry.node).unwrap_or_default(),
        _ => vec![(at.clone(), &entry.node)],
    };
    if items.is_empty() {
        let help = "name a group, or remove the role";
        section.findings.add("E009", &at, "an empty list of groups is nobody", help);
    }
    let names = items.into_iter().filter_map(|(place, node)| match &node.value {
        Value::String(text) => Some(Text { text: text.clone(), place }),
        other => {
            let message = format!("a group is needed here, found {}", other.kind());
            section.findings.add("E003", &place, message, "");
            None
        }
    });
    let name = Text { text: entry.name.clone(), place: Place { key, span: entry.name_span.clone() } };
    role(name, &names.collect::<Vec<_>>(), domain, section.findings)
}

fn role(name: Text, groups: &[Text], domain: &str, findings: &Findings) -> Option<Role> {
    let fit = is_role_name(&name.text);
    if !fit {
        let message = format!("`{}` can't be a role", name.text);
        findings.add("E005", &name.place, message, "use 1 to 63 visible characters without comma");
    }
    let groups = groups.iter().filter_map(|text| group(text, domain, findings)).collect();
    fit.then_some(Role { name: name.text, groups })
}

/// A group, perhaps with the realm in front: `example.org#admins`.
fn group(text: &Text, domain: &str, findings: &Findings) -> Option<String> {
    let (realm, name) = text.text.split_once('#').unwrap_or((domain, &text.text));
    if realm != domain {
        let message = format!("there is no realm `{realm}`");
        findings.add(
            "E005",
            &text.place,
            message,
            format!("the realm is the domain, `{domain}`, or nothing"),
        );
        return None;
    }
    if !is_group_name(name) {
        let message = format!("`{name}` can't be a group");
        findings.add("E005", &text.place, message, "use 1 to 255 characters without comma");
        return None;
    }
    Some(name.to_owned())
}
