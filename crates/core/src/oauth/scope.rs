//! Scopes (RFC 6749 section 3.3, OpenID Connect Core section 5.4).

use std::fmt;

/// A scope that we know.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Scope {
    /// An ID token: who the person is, as a stable identifier.
    OpenId,
    /// User name and display name.
    Profile,
    /// Mail address.
    Email,
    /// Names of the groups that the person is a member of.
    Groups,
    /// Tokens that outlive the session in which they were granted.
    OfflineAccess,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::OpenId, Self::Profile, Self::Email, Self::Groups, Self::OfflineAccess];

    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenId => "openid",
            Self::Profile => "profile",
            Self::Email => "email",
            Self::Groups => "groups",
            Self::OfflineAccess => "offline_access",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of scopes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ScopeSet(u8);

impl ScopeSet {
    /// Reads a list separated by spaces. What we do not know is left out, not granted (OpenID Connect Core section
    /// 3.1.2.1).
    pub fn parse(text: &str) -> Self {
        text.split(' ').filter_map(|word| Scope::ALL.into_iter().find(|scope| scope.name() == word)).collect()
    }

    /// Whether `scope` is in it.
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Whether everything in it is in `other`, too.
    pub const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whatever is in one of the two.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in it.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }

    /// The names of what is in it.
    pub fn names(self) -> Vec<String> {
        self.iter().map(|scope| scope.name().to_owned()).collect()
    }

    /// The set of these names; unknown ones are left out.
    pub fn from_names(names: &[String]) -> Self {
        Self::parse(&names.join(" "))
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |set, scope| set | scope.bit()))
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.names().join(" "))
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ScopeSet({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o_16_what_we_do_not_know_is_not_granted() {
        let scopes = ScopeSet::parse("email admin  openid OPENID openid\u{a0}groups");
        assert_eq!(scopes.to_string(), "openid email");
        assert_eq!(ScopeSet::from_names(&scopes.names()), scopes);
    }

    #[test]
    fn o_16_a_set_is_within_another() {
        let (small, large) = (ScopeSet::parse("openid email"), ScopeSet::parse("openid email groups"));
        assert!(small.is_within(large) && !large.is_within(small) && small.is_within(small));
        assert!(ScopeSet::default().is_within(small));
    }
}
