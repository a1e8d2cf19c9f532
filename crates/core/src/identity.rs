//! Who is behind a request, as known from the store.

use std::{collections::BTreeSet, sync::Arc};

use ::http::HeaderValue;

use crate::{
    id::{SessionId, UserId},
    time::UnixTime,
    user::Profile,
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

/// A signed-in person: who, in which groups, by which proof, in which session.
///
/// Made from rows that were live when read: not disabled, not ended, not expired. Header values are rendered once
/// here, not per request.
#[derive(Clone, Debug)]
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
    values: HeaderValues,
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

/// A property of an identity that a header can carry.
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
}

impl Property {
    /// Every property with the word that the configuration uses for it.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Username, "username"),
        (Self::Email, "email"),
        (Self::Name, "name"),
        (Self::Groups, "groups"),
        (Self::Subject, "sub"),
    ];
}

#[derive(Clone, Debug)]
struct HeaderValues {
    username: Option<HeaderValue>,
    email: Option<HeaderValue>,
    name: Option<HeaderValue>,
    groups: Option<HeaderValue>,
    subject: Option<HeaderValue>,
}

impl Identity {
    /// Puts an identity together and renders its header values.
    pub fn new(parts: IdentityParts) -> Self {
        let groups = parts.groups.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        let value = |text: &str| {
            if text.is_empty() { None } else { HeaderValue::from_bytes(text.as_bytes()).ok() }
        };
        let values = HeaderValues {
            username: value(parts.profile.username.as_str()),
            email: parts.profile.email.as_deref().and_then(value),
            name: value(&parts.profile.display_name),
            groups: value(&groups),
            subject: value(parts.subject.as_str()),
        };
        Self {
            subject: parts.subject,
            profile: parts.profile,
            groups: Arc::new(parts.groups),
            context: parts.context,
            session: parts.session,
            portal_session: parts.portal_session,
            expires_at: parts.expires_at,
            values,
        }
    }

    /// The header value of `property`; `None` when the person has none, and then no header may be sent.
    pub fn header_value(&self, property: Property) -> Option<&HeaderValue> {
        match property {
            Property::Username => self.values.username.as_ref(),
            Property::Email => self.values.email.as_ref(),
            Property::Name => self.values.name.as_ref(),
            Property::Groups => self.values.groups.as_ref(),
            Property::Subject => self.values.subject.as_ref(),
        }
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

    fn identity(display_name: &str, email: Option<&str>, groups: &[&str]) -> Identity {
        Identity::new(IdentityParts {
            subject: UserId::from_random([1; 16]),
            profile: Profile {
                username: Username::parse("ada").unwrap(),
                display_name: display_name.to_owned(),
                email: email.map(str::to_owned),
            },
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            context: AuthContext { auth_time: UnixTime(0), amr: Vec::new() },
            session: SessionId::from_random([2; 16]),
            portal_session: SessionId::from_random([3; 16]),
            expires_at: UnixTime(1),
        })
    }

    fn value(identity: &Identity, property: Property) -> Option<&[u8]> {
        identity.header_value(property).map(HeaderValue::as_bytes)
    }

    #[test]
    fn each_property_has_its_value() {
        let ada = identity("Ada Löve", Some("ada@example.org"), &["users", "admins"]);
        assert_eq!(value(&ada, Property::Username), Some(b"ada".as_slice()));
        assert_eq!(value(&ada, Property::Email), Some(b"ada@example.org".as_slice()));
        assert_eq!(value(&ada, Property::Name), Some("Ada Löve".as_bytes()));
        assert_eq!(value(&ada, Property::Groups), Some(b"admins,users".as_slice()));
        assert_eq!(value(&ada, Property::Subject), Some(ada.subject.as_str().as_bytes()));
    }

    /// What is not known, or can't stand in a header, is no header: never an empty or a broken one.
    #[test]
    fn what_can_not_be_sent_is_left_out() {
        let ada = identity("Ada\r\nRemote-User: root", None, &[]);
        assert_eq!(value(&ada, Property::Name), None);
        assert_eq!(value(&ada, Property::Email), None);
        assert_eq!(value(&ada, Property::Groups), None);
        assert_eq!(value(&identity("", Some(""), &[]), Property::Email), None);
    }

    #[test]
    fn only_members_of_admins_administer() {
        assert!(identity("Ada", None, &["admins"]).is_administrator());
        for groups in [&[][..], &["users"], &["Admins"], &["admins2"], &["my-admins"]] {
            assert!(!identity("Ada", None, groups).is_administrator(), "{groups:?}");
        }
    }
}
