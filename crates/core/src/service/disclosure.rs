//! What a service's upstream learns about the person.

use ::http::HeaderName;

use crate::identity::Property;

/// What a service's upstream learns about the person. The default is nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Disclosure {
    /// The headers by which the upstream learns who the person is; empty for none.
    pub headers: Vec<IdentityHeader>,
}

/// A header that tells the upstream something about the person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdentityHeader {
    /// Its name.
    pub name: HeaderName,
    /// What it carries.
    pub property: Property,
}
