//! Who is behind a request, as known from the store.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    id::{SessionId, UserId},
    time::UnixTime,
    user::{Profile, claims::CustomClaims},
};

/// Name of the group whose members administer Doorward itself.
pub const ADMINISTRATORS: &str = "admins";

/// How and when a person proved who they are (OpenID Connect Core section 2, RFC 8176).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuthContext {
    /// When the person last proved who they are.
    pub auth_time: UnixTime,
    /// The methods used, such as `hwk`, `swk`, `user`, `otp`.
    pub amr: Vec<String>,
}

impl AuthContext {
    /// Whether the proof was one that can't be phished: a passkey, which is for our origin only.
    pub fn is_phishing_resistant(&self) -> bool {
        self.amr.iter().any(|method| method == "hwk" || method == "swk")
    }
}

/// A signed-in person: who, in which groups, by which proof, in which session.
///
/// Made from rows that were live when read: not disabled, not ended, not expired.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Stable identifier; the OIDC `sub`.
    pub subject: UserId,
    /// Names and address.
    pub profile: Profile,
    /// Names of the groups that the person is a member of.
    pub groups: Arc<BTreeSet<String>>,
    /// The proof.
    pub context: AuthContext,
    /// The session that carries the request.
    pub session: SessionId,
    /// The portal session from which that one descends; itself for a portal session.
    pub portal_session: SessionId,
    /// When the session ends at the latest.
    pub expires_at: UnixTime,
    /// What administrators added to the person and their groups. It is known where tokens are made, and nowhere else.
    pub custom_claims: Option<Arc<CustomClaims>>,
}

/// The parts of an [`Identity`] that are not derived.
#[derive(Clone, Debug)]
pub struct IdentityParts {
    /// See [`Identity::subject`].
    pub subject: UserId,
    /// See [`Identity::profile`].
    pub profile: Profile,
    /// See [`Identity::groups`].
    pub groups: BTreeSet<String>,
    /// See [`Identity::context`].
    pub context: AuthContext,
    /// See [`Identity::session`].
    pub session: SessionId,
    /// See [`Identity::portal_session`].
    pub portal_session: SessionId,
    /// See [`Identity::expires_at`].
    pub expires_at: UnixTime,
}

/// A property of a person that a header can carry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Property {
    /// The user name.
    Username,
    /// The mail address; the header is absent when none is known.
    Email,
    /// The display name, as UTF-8.
    Name,
    /// Group names joined by commas, in alphabetical order; absent when there are none.
    Groups,
    /// The stable identifier.
    Subject,
    /// The roles that the service declares and the person has, joined by commas; absent when there are none.
    Roles,
    /// The same, joined by spaces.
    SpacedRoles,
    /// The first of them.
    Role,
}

impl Property {
    /// Every property that the configuration has a word for, with that word.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Username, "username"),
        (Self::Email, "email"),
        (Self::Name, "name"),
        (Self::Groups, "groups"),
        (Self::Subject, "sub"),
        (Self::Roles, "roles"),
        (Self::Role, "role"),
    ];

    /// Whether it depends on what the service declares about roles.
    pub const fn is_about_roles(self) -> bool {
        matches!(self, Self::Roles | Self::SpacedRoles | Self::Role)
    }
}

impl Identity {
    /// Puts an identity together.
    pub fn new(parts: IdentityParts) -> Self {
        Self {
            subject: parts.subject,
            profile: parts.profile,
            groups: Arc::new(parts.groups),
            context: parts.context,
            session: parts.session,
            portal_session: parts.portal_session,
            expires_at: parts.expires_at,
            custom_claims: None,
        }
    }

    /// The same with the claims that administrators added.
    #[must_use]
    pub fn with_custom_claims(self, claims: CustomClaims) -> Self {
        Self { custom_claims: Some(Arc::new(claims)), ..self }
    }

    /// Whether the person administers Doorward.
    pub fn is_administrator(&self) -> bool {
        self.groups.contains(ADMINISTRATORS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user::Username;

    fn identity(groups: &[&str]) -> Identity {
        Identity::new(IdentityParts {
            subject: UserId::from_random([1; 16]),
            profile: Profile::new(Username::parse("ada").unwrap(), "Ada".to_owned()),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            context: AuthContext { auth_time: UnixTime(0), amr: Vec::new() },
            session: SessionId::from_random([2; 16]),
            portal_session: SessionId::from_random([3; 16]),
            expires_at: UnixTime(1),
        })
    }

    #[test]
    fn only_members_of_admins_administer() {
        assert!(identity(&["admins"]).is_administrator());
        for groups in [&[][..], &["users"], &["Admins"], &["admins2"], &["my-admins"]] {
            assert!(!identity(groups).is_administrator(), "{groups:?}");
        }
    }
}
