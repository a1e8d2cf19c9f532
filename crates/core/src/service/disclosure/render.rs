//! The headers that say who a person is to one service.

use ::http::{HeaderMap, HeaderName, HeaderValue};

use super::Disclosure;
use crate::identity::{Identity, Property};

/// What one service is told about one person, ready to send.
///
/// It is made when a session is first seen after a change, not per request.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Disclosed(Vec<(HeaderName, HeaderValue)>);

impl Disclosed {
    /// The headers.
    pub fn lines(&self) -> &[(HeaderName, HeaderValue)] {
        &self.0
    }

    /// Adds a header.
    pub fn push(&mut self, name: HeaderName, value: HeaderValue) {
        self.0.push((name, value));
    }

    /// Sets the headers. Nothing of the client's may stand under these names any more.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0 {
            headers.insert(name.clone(), value.clone());
        }
    }
}

impl Disclosure {
    /// What the upstream is told about this person. What is not known, or can't stand in a header, is no header:
    /// never an empty or a broken one (H-8).
    pub fn render(&self, person: &Identity) -> Disclosed {
        let lines = self.headers.iter().filter_map(|header| {
            let text = self.text(person, header.property)?;
            Some((header.name.clone(), value(&text)?))
        });
        Disclosed(lines.collect())
    }

    /// The names of the roles that this person has in this service, in the order of the declaration.
    pub fn roles_of<'a>(&'a self, person: &'a Identity) -> impl Iterator<Item = &'a str> {
        self.roles.iter().filter(|role| role.is_of(&person.groups)).map(|role| role.name.as_str())
    }

    fn text(&self, person: &Identity, property: Property) -> Option<String> {
        match property {
            Property::Username => Some(person.profile.username.as_str().to_owned()),
            Property::Email => person.profile.email.clone(),
            Property::Name => Some(person.profile.display_name.clone()),
            Property::Groups => Some(joined(person.groups.iter().map(String::as_str), ',')),
            Property::Subject => Some(person.subject.as_str().to_owned()),
            Property::Roles => Some(joined(self.roles_of(person), ',')),
            Property::SpacedRoles => Some(joined(self.roles_of(person), ' ')),
            Property::Role => self.roles_of(person).next().map(str::to_owned),
        }
    }
}

/// Names in one text. One that has the separator inside would be read as two, one of which the person need not have:
/// no group or role can have such a name, and if one has it is left out.
fn joined<'a>(names: impl Iterator<Item = &'a str>, separator: char) -> String {
    let mut text = String::new();
    for name in names.filter(|name| !name.contains(separator)) {
        if !text.is_empty() {
            text.push(separator);
        }
        text.push_str(name);
    }
    text
}

fn value(text: &str) -> Option<HeaderValue> {
    if text.is_empty() { None } else { HeaderValue::from_bytes(text.as_bytes()).ok() }
}
