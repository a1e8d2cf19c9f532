//! What a service's upstream learns about the person.

mod credential;
mod render;
mod role;
mod taken;

use ::http::HeaderName;

pub use credential::{Credential, CredentialValue};
pub use render::Disclosed;
pub use role::Role;
pub use taken::is_taken_header;

use crate::identity::Property;

/// What a service's upstream learns about the person. The default is nothing.
#[derive(Clone, Debug, Default)]
pub struct Disclosure {
    /// The headers by which the upstream learns who the person is; empty for none.
    pub headers: Vec<IdentityHeader>,
    /// What people are in this service, in order of precedence. No other service learns of it.
    pub roles: Vec<Role>,
    /// Whether a signed statement about the person goes along: [`crate::assertion`].
    pub assertion: bool,
    /// Credentials of ours that the upstream demands.
    pub credentials: Vec<Credential>,
}

/// A header that tells the upstream something about the person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdentityHeader {
    /// Its name.
    pub name: HeaderName,
    /// What it carries.
    pub property: Property,
}

/// A convention of the field: headers that belong together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeaderSet {
    /// The word that the configuration uses for it.
    pub word: &'static str,
    /// Its headers, in lower case.
    pub headers: &'static [(&'static str, Property)],
}

impl HeaderSet {
    /// The set that `identity_headers = true` stands for.
    pub const DEFAULT: Self = Self {
        word: "remote",
        headers: &[
            ("remote-user", Property::Username),
            ("remote-email", Property::Email),
            ("remote-name", Property::Name),
            ("remote-groups", Property::Groups),
            ("remote-roles", Property::Roles),
        ],
    };

    /// Every set.
    pub const ALL: [Self; 4] = [
        Self::DEFAULT,
        Self {
            word: "x-forwarded",
            headers: &[
                ("x-forwarded-user", Property::Username),
                ("x-forwarded-email", Property::Email),
                ("x-forwarded-groups", Property::Groups),
                ("x-forwarded-preferred-username", Property::Username),
            ],
        },
        Self {
            word: "x-token",
            headers: &[
                ("x-token-subject", Property::Subject),
                ("x-token-user-name", Property::Name),
                ("x-token-user-email", Property::Email),
                ("x-token-user-roles", Property::SpacedRoles),
            ],
        },
        Self {
            word: "webauth",
            headers: &[
                ("x-webauth-user", Property::Username),
                ("x-webauth-email", Property::Email),
                ("x-webauth-name", Property::Name),
                ("x-webauth-groups", Property::Groups),
                ("x-webauth-role", Property::Role),
            ],
        },
    ];
}

impl Disclosure {
    /// Whether the upstream learns anything about people.
    pub const fn says_anything(&self) -> bool {
        self.assertion || !self.headers.is_empty()
    }

    /// Whether anything that is sent carries the roles.
    pub fn sends_roles(&self) -> bool {
        self.assertion || self.headers.iter().any(|header| header.property.is_about_roles())
    }
}

#[cfg(test)]
mod tests;
