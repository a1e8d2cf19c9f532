//! What a person is in one service.

use std::collections::BTreeSet;

/// A role of one service, and the groups whose members have it there.
///
/// It has no meaning outside of that service: a role that opens something in one application says nothing to another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Role {
    /// The name that the application knows.
    pub name: String,
    /// Membership in one of these is enough. An empty list is nobody.
    pub groups: Vec<String>,
}

impl Role {
    /// Whether a member of `groups` has it.
    pub fn is_of(&self, groups: &BTreeSet<String>) -> bool {
        self.groups.iter().any(|group| groups.contains(group))
    }
}
