//! `[policies.<name>]`.

use std::{collections::BTreeMap, sync::Arc};

use doorward_core::{
    policy::{Allow, Policy},
    user::is_group_name,
};
use ipnet::IpNet;

use super::{
    names,
    reader::{Findings, Place, Section, Text},
    suggest,
    tree::Entry,
    value,
};

/// Policies by name: the built-in `admins` and `users`, and those that the file declares.
pub(super) type Policies = BTreeMap<String, Arc<Policy>>;

pub(super) fn built_in() -> Policies {
    let of = |name: &str, groups: &[&str]| {
        let allow = Allow::AnyOf(groups.iter().map(|group| (*group).to_owned()).collect());
        (name.to_owned(), Arc::new(Policy { name: name.to_owned(), allow, networks: None }))
    };
    Policies::from([of("admins", &["admins"]), of("users", &["admins", "users"])])
}

pub(super) fn read(place: &Place, entry: &Entry, findings: &Findings, policies: &mut Policies) {
    names::check(&entry.name, place, findings);
    // Declared, if badly: whoever refers to it makes no second mistake.
    policies.insert(entry.name.clone(), named(&entry.name, Allow::AnyOf(Vec::new()), None));
    let Some(mut section) = Section::new(place.clone(), &entry.node, findings) else {
        return;
    };
    let groups = section.texts(&["groups", "allowedGroups"]);
    let anyone = section.boolean("anyone", false);
    let networks = value::networks(&mut section, &["networks", "allowedNetworks"]);
    let unreadable = groups.is_none() && !section.lacks(&["groups", "allowedGroups"]);
    section.finish();
    let allow = match (groups, anyone) {
        (Some((_, texts)), true) => {
            findings.add(
                "E008",
                place,
                "a policy has `groups` or `anyone = true`, not both",
                "remove one of them",
            );
            Allow::AnyOf(self::groups(texts, findings))
        }
        (None, true) => Allow::Anyone,
        (Some((place, texts)), false) => of_groups(&place, texts, findings),
        (None, false) if unreadable => Allow::AnyOf(Vec::new()),
        (None, false) => {
            findings.add(
                "E004",
                place,
                "the policy does not say whom it lets in",
                "write `groups = [\"…\"]`, or `anyone = true` for everybody who is signed in",
            );
            Allow::AnyOf(Vec::new())
        }
    };
    policies.insert(entry.name.clone(), named(&entry.name, allow, networks));
}

/// A policy as a value.
pub(super) fn named(name: &str, allow: Allow, networks: Option<Vec<IpNet>>) -> Arc<Policy> {
    let name = name.to_owned();
    Arc::new(Policy { name, allow, networks })
}

fn of_groups(place: &Place, texts: Vec<Text>, findings: &Findings) -> Allow {
    if texts.is_empty() {
        findings.add(
            "E009",
            place,
            "an empty list of groups is nobody",
            "did you mean any signed-in user? Then write `anyone = true` instead",
        );
    }
    Allow::AnyOf(groups(texts, findings))
}

/// The names of groups; reports those that can't be one.
pub(super) fn groups(texts: Vec<Text>, findings: &Findings) -> Vec<String> {
    for text in texts.iter().filter(|text| !is_group_name(&text.text)) {
        findings.add(
            "E005",
            &text.place,
            format!("`{}` can't be a group", text.text),
            "use 1 to 255 characters without comma, and no space at either end",
        );
    }
    texts.into_iter().map(|text| text.text).collect()
}

/// The policy of this name; reports one that is not declared.
pub(super) fn find(policies: &Policies, name: &Text, findings: &Findings) -> Option<Arc<Policy>> {
    let found = policies.get(&name.text).cloned();
    if found.is_none() {
        let known: Vec<&str> = policies.keys().map(String::as_str).collect();
        let all = format!("Policies: {}", known.join(", "));
        let help = match suggest::nearest(&name.text, known) {
            Some(near) => format!("did you mean `{near}`? {all}"),
            None => all,
        };
        findings.add("E006", &name.place, format!("there is no policy `{}`", name.text), help);
    }
    found
}
