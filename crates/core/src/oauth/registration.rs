//! Clients that administrators register while the server runs, beside those of the configuration.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    client::{Client, ClientKind, ClientSecret, RedirectUris, TokenLifetimes},
    grant_type::GrantType,
    redirect_uri::{self, Pattern, Unfit},
};
use crate::{
    policy::{Allow, Policy},
    time::Lifetime,
    user::is_label,
};

/// Longest name, in characters.
pub const NAME_MAX: usize = 50;
/// Longest description, in characters.
pub const DESCRIPTION_MAX: usize = 150;
/// Addresses of each kind that a client has at most.
pub const URIS_MAX: usize = 100;
/// Federated identities that a client has at most.
pub const IDENTITIES_MAX: usize = 20;
/// Shortest and longest lifetime of a token, in minutes.
pub const MINUTES: std::ops::RangeInclusive<u32> = 1..=525_600;

/// What an administrator writes about a client. It is replaced whole, so what is read can be written again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a box that an administrator ticks by itself")]
pub struct Registration {
    /// What people see.
    pub name: String,
    /// What it is for; may be empty.
    pub description: String,
    /// Where authorization responses may go; those with `*` are patterns.
    pub callback_urls: Vec<String>,
    /// Where sign-out may lead: the same.
    pub logout_callback_urls: Vec<String>,
    /// Whether it can't keep a secret.
    pub public: bool,
    /// Whether PKCE is demanded of it although it has a secret.
    pub pkce: bool,
    /// Whether each authorization asks for the passkey.
    pub reauthenticate: bool,
    /// Whether its authorization requests must be pushed.
    pub require_par: bool,
    /// Whether people are not asked before their data is handed over.
    pub skip_consent: bool,
    /// Whether members of the allowed groups alone may use it; otherwise everybody who is signed in. A new one is.
    pub group_restricted: bool,
    /// Where the launcher leads.
    pub launch_url: Option<String>,
    /// Lifetime of an access token.
    pub access_token_minutes: u32,
    /// Lifetime of a refresh token.
    pub refresh_token_minutes: u32,
    /// Who else may speak for it. They are kept for whoever moves here; nothing is decided by them.
    pub federated_identities: Vec<FederatedIdentity>,
}

/// An issuer whose tokens may stand for the client (RFC 7523 section 2.2).
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, Debug)]
#[serde(default, rename_all = "camelCase")]
pub struct FederatedIdentity {
    /// Who signs.
    pub issuer: String,
    /// About whom.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// For whom.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub audience: String,
    /// Where the keys are.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jwks: String,
    /// Whether a token counts once.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub replay_protection: bool,
}

impl Default for Registration {
    fn default() -> Self {
        Self {
            name: String::new(),
            description: String::new(),
            callback_urls: Vec::new(),
            logout_callback_urls: Vec::new(),
            public: false,
            pkce: false,
            reauthenticate: false,
            require_par: false,
            skip_consent: false,
            group_restricted: true,
            launch_url: None,
            access_token_minutes: 60,
            refresh_token_minutes: 43_200,
            federated_identities: Vec::new(),
        }
    }
}

/// Why a registration is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RegistrationError {
    /// The identifier can't be one.
    Id,
    /// The name is empty or too long.
    Name,
    /// The description is too long.
    Description,
    /// This address can't be used.
    Uri(String, Unfit),
    /// This can't be opened from the launcher.
    LaunchUrl,
    /// A lifetime is out of [`MINUTES`].
    Lifetime,
    /// More than [`URIS_MAX`] addresses or [`IDENTITIES_MAX`] identities.
    TooMany,
    /// An identity has no issuer, or one of its texts is too long.
    Identity,
}

impl fmt::Display for RegistrationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id => formatter.write_str("an identifier has 2 to 128 letters, digits and . _ -"),
            Self::Name => write!(formatter, "a name has 1 to {NAME_MAX} characters"),
            Self::Description => write!(formatter, "a description has at most {DESCRIPTION_MAX} characters"),
            Self::Uri(uri, unfit) => write!(formatter, "the address {uri:?} can't be used: {unfit}"),
            Self::LaunchUrl => formatter.write_str("the address to launch begins with https:// or http://"),
            Self::Lifetime => formatter.write_str("a token lasts 1 to 525600 minutes"),
            Self::TooMany => write!(
                formatter,
                "there are more than {URIS_MAX} addresses of a kind or {IDENTITIES_MAX} identities"
            ),
            Self::Identity => formatter.write_str("a federated identity needs an issuer"),
        }
    }
}

impl std::error::Error for RegistrationError {}

/// Whether this can be the identifier of a registered client: 2 to 128 letters, digits and `. _ -`.
pub fn is_client_id(text: &str) -> bool {
    (2..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

impl Registration {
    /// Checks everything. What is not looked at when it changes may not be there at all (O-18).
    ///
    /// # Errors
    /// The first thing that is unfit.
    pub fn check(&self) -> Result<(), RegistrationError> {
        if self.name.trim().is_empty() || !is_label(&self.name, NAME_MAX) {
            return Err(RegistrationError::Name);
        }
        if !is_label(&self.description, DESCRIPTION_MAX) {
            return Err(RegistrationError::Description);
        }
        let many = self.callback_urls.len().max(self.logout_callback_urls.len());
        if many > URIS_MAX || self.federated_identities.len() > IDENTITIES_MAX {
            return Err(RegistrationError::TooMany);
        }
        for uri in self.callback_urls.iter().chain(&self.logout_callback_urls) {
            check_uri(uri).map_err(|unfit| RegistrationError::Uri(uri.clone(), unfit))?;
        }
        if self.launch_url.as_deref().is_some_and(|url| !is_launchable(url)) {
            return Err(RegistrationError::LaunchUrl);
        }
        if !MINUTES.contains(&self.access_token_minutes) || !MINUTES.contains(&self.refresh_token_minutes) {
            return Err(RegistrationError::Lifetime);
        }
        let fits = |identity: &FederatedIdentity| {
            let FederatedIdentity { issuer, subject, audience, jwks, .. } = identity;
            !issuer.is_empty() && [issuer, subject, audience, jwks].iter().all(|text| is_label(text, 2048))
        };
        if self.federated_identities.iter().all(fits) { Ok(()) } else { Err(RegistrationError::Identity) }
    }

    /// The client that this makes. `groups` are the names of the allowed groups; without one a restricted client is for
    /// nobody. An address that can't be used leads nowhere.
    pub fn client(&self, client_id: &str, secrets: Vec<ClientSecret>, groups: Vec<String>) -> Client {
        let allow = if self.group_restricted { Allow::AnyOf(groups) } else { Allow::Anyone };
        let policy = Policy { name: format!("clients.{client_id}"), allow, networks: None };
        let default = TokenLifetimes::default();
        Client {
            title: self.name.clone(),
            grants: GrantType::ALL.to_vec(),
            kind: if self.public { ClientKind::Public } else { ClientKind::Confidential(secrets) },
            redirect_uris: addresses(&self.callback_urls),
            post_logout: addresses(&self.logout_callback_urls),
            consent: !self.skip_consent,
            reauthenticate: self.reauthenticate,
            require_pkce: self.pkce || self.public,
            require_par: self.require_par,
            lifetimes: TokenLifetimes {
                access: Lifetime::minutes(self.access_token_minutes),
                refresh: Lifetime::minutes(self.refresh_token_minutes),
                ..default
            },
            launch_url: self.launch_url.clone(),
            ..Client::new(client_id, client_id, Arc::new(policy))
        }
    }
}

fn check_uri(uri: &str) -> Result<(), Unfit> {
    if uri.contains('*') { Pattern::parse(uri).map(drop) } else { redirect_uri::check_registered(uri) }
}

/// Whether a launcher may lead there. Nothing secret is sent along, so clear text will do.
fn is_launchable(url: &str) -> bool {
    let web = url.starts_with("https://") || url.starts_with("http://");
    web && matches!(redirect_uri::check_registered(url), Ok(()) | Err(Unfit::ClearText))
}

fn addresses(uris: &[String]) -> RedirectUris {
    let (patterns, exact): (Vec<&String>, Vec<&String>) = uris.iter().partition(|uri| uri.contains('*'));
    RedirectUris {
        exact: exact.into_iter().filter(|uri| redirect_uri::check_registered(uri).is_ok()).cloned().collect(),
        patterns: patterns.into_iter().filter_map(|uri| Pattern::parse(uri).ok()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wiki() -> Registration {
        Registration {
            name: "Wiki".to_owned(),
            callback_urls: vec!["https://wiki.test/cb".to_owned(), "https://*.wiki.test/cb".to_owned()],
            logout_callback_urls: vec!["https://wiki.test/*".to_owned()],
            ..Registration::default()
        }
    }

    #[test]
    fn a_registration_without_groups_is_for_nobody() {
        let client = wiki().client("wiki", Vec::new(), Vec::new());
        assert_eq!(client.policy.allow, Allow::AnyOf(Vec::new()));
        let open = Registration { group_restricted: false, ..wiki() };
        assert_eq!(open.client("wiki", Vec::new(), Vec::new()).policy.allow, Allow::Anyone);
        assert!(!client.is_public(), "without a secret it is still confidential");
    }

    #[test]
    fn r_1_addresses_with_wildcards_are_compared_by_component() {
        let client = wiki().client("wiki", Vec::new(), Vec::new());
        for (uri, allowed) in [
            ("https://wiki.test/cb", true),
            ("https://a.wiki.test/cb", true),
            ("https://a.b.wiki.test/cb", false),
            ("https://wiki.test@evil.test/cb", false),
            ("https://wiki.test/cb2", false),
        ] {
            assert_eq!(client.redirect_uris.allow(uri), allowed, "{uri}");
        }
        assert!(
            client.post_logout.allow("https://wiki.test/bye")
                && !client.post_logout.allow("https://x.test/bye")
        );
    }

    #[test]
    fn o_18_everything_is_looked_at() {
        assert_eq!(wiki().check(), Ok(()));
        let with = |change: &dyn Fn(&mut Registration)| {
            let mut changed = wiki();
            change(&mut changed);
            changed.check()
        };
        assert_eq!(with(&|wiki| wiki.name = " ".to_owned()), Err(RegistrationError::Name));
        assert_eq!(with(&|wiki| wiki.name = "a\nb".to_owned()), Err(RegistrationError::Name));
        assert_eq!(with(&|wiki| wiki.description = "d".repeat(151)), Err(RegistrationError::Description));
        for uri in [
            "*",
            "javascript:alert(1)",
            "https://*.test/cb",
            "https://good@evil.test/cb",
            "http://wiki.test/",
        ] {
            let refused = [
                with(&|wiki| wiki.callback_urls.push(uri.to_owned())),
                with(&|wiki| wiki.logout_callback_urls.push(uri.to_owned())),
            ];
            for refused in refused {
                assert!(matches!(refused, Err(RegistrationError::Uri(..))), "{uri}");
            }
        }
        for url in ["javascript:alert(1)", "data:text/html,x", "/x", "https://a@b.test/"] {
            let change = |wiki: &mut Registration| wiki.launch_url = Some(url.to_owned());
            assert_eq!(with(&change), Err(RegistrationError::LaunchUrl), "{url}");
        }
        assert_eq!(with(&|wiki| wiki.access_token_minutes = 0), Err(RegistrationError::Lifetime));
        assert_eq!(with(&|wiki| wiki.refresh_token_minutes = 525_601), Err(RegistrationError::Lifetime));
        assert_eq!(
            with(&|wiki| wiki.callback_urls = vec!["https://a.test/".to_owned(); 101]),
            Err(RegistrationError::TooMany)
        );
        let nameless = |wiki: &mut Registration| wiki.federated_identities.push(FederatedIdentity::default());
        assert_eq!(with(&nameless), Err(RegistrationError::Identity));
    }

    #[test]
    fn o_18_what_is_read_can_be_written_again() {
        let identity = FederatedIdentity {
            issuer: "https://k8s.test".to_owned(),
            replay_protection: true,
            ..FederatedIdentity::default()
        };
        let full = Registration {
            federated_identities: vec![identity],
            launch_url: Some("https://w.test/".to_owned()),
            skip_consent: true,
            ..wiki()
        };
        let text = serde_json::to_string(&full).unwrap();
        assert_eq!(serde_json::from_str::<Registration>(&text).unwrap(), full);
        assert!(serde_json::from_str::<Registration>("{}").unwrap().group_restricted, "absence never grants");
    }

    #[test]
    fn identifiers_are_short_and_plain() {
        for (id, fits) in
            [("wiki", true), ("a.b_c-D9", true), ("a", false), ("a b", false), ("a/b", false), ("", false)]
        {
            assert_eq!(is_client_id(id), fits, "{id:?}");
        }
        assert!(!is_client_id(&"a".repeat(129)));
    }
}
