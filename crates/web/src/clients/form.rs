//! What administrators write about a client.

use std::collections::BTreeSet;

use doorward_core::{
    id::GroupId,
    oauth::{parameters::Parameters, registration::Registration},
};
use doorward_store::{Group, StoreError, StoredClient};

use crate::{environment::Environment, refusal::Refusal};

/// Groups that can be chosen from at most.
pub(crate) const GROUPS_MAX: u32 = 1000;

/// The fields of the form.
#[expect(clippy::struct_excessive_bools, reason = "each is a box that an administrator ticks by itself")]
pub(super) struct Written {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) callback_urls: String,
    pub(super) logout_callback_urls: String,
    pub(super) launch_url: String,
    pub(super) access_token_minutes: String,
    pub(super) refresh_token_minutes: String,
    pub(super) groups: String,
    pub(super) public: bool,
    pub(super) pkce: bool,
    pub(super) reauthenticate: bool,
    pub(super) require_par: bool,
    pub(super) skip_consent: bool,
    pub(super) everybody: bool,
}

impl Written {
    pub(super) fn of(stored: &StoredClient) -> Self {
        let registration = &stored.registration;
        let names: Vec<_> = stored.groups.iter().map(|(_, name)| name.as_str()).collect();
        Self {
            name: registration.name.clone(),
            description: registration.description.clone(),
            callback_urls: registration.callback_urls.join("\n"),
            logout_callback_urls: registration.logout_callback_urls.join("\n"),
            launch_url: registration.launch_url.clone().unwrap_or_default(),
            access_token_minutes: registration.access_token_minutes.to_string(),
            refresh_token_minutes: registration.refresh_token_minutes.to_string(),
            groups: names.join(", "),
            public: registration.public,
            pkce: registration.pkce,
            reauthenticate: registration.reauthenticate,
            require_par: registration.require_par,
            skip_consent: registration.skip_consent,
            everybody: !registration.group_restricted,
        }
    }

    pub(super) fn read(form: &Parameters) -> Self {
        let field = |name| form.value(name).unwrap_or_default().to_owned();
        let chosen = |name| form.value(name).is_some();
        Self {
            name: field("name"),
            description: field("description"),
            callback_urls: field("callback_urls"),
            logout_callback_urls: field("logout_callback_urls"),
            launch_url: field("launch_url"),
            access_token_minutes: field("access_token_minutes"),
            refresh_token_minutes: field("refresh_token_minutes"),
            groups: field("groups"),
            public: chosen("public"),
            pkce: chosen("pkce"),
            reauthenticate: chosen("reauthenticate"),
            require_par: chosen("require_par"),
            skip_consent: chosen("skip_consent"),
            everybody: chosen("everybody"),
        }
    }

    /// What was there with what was written. What the form does not show stays as it is (O-18).
    pub(super) fn over(&self, former: Registration) -> Result<Registration, Refusal> {
        let minutes = |text: &str, former: u32| match text.trim() {
            "" => Ok(former),
            text => text.parse().map_err(|_| Refusal::bad_request("A lifetime is a number of minutes.")),
        };
        let launch_url = Some(self.launch_url.trim().to_owned()).filter(|url| !url.is_empty());
        let registration = Registration {
            name: self.name.trim().to_owned(),
            description: self.description.trim().to_owned(),
            callback_urls: lines(&self.callback_urls),
            logout_callback_urls: lines(&self.logout_callback_urls),
            launch_url,
            access_token_minutes: minutes(&self.access_token_minutes, former.access_token_minutes)?,
            refresh_token_minutes: minutes(&self.refresh_token_minutes, former.refresh_token_minutes)?,
            public: self.public,
            pkce: self.pkce,
            reauthenticate: self.reauthenticate,
            require_par: self.require_par,
            skip_consent: self.skip_consent,
            group_restricted: !self.everybody,
            ..former
        };
        checked(registration)
    }

    /// The groups that were named.
    pub(super) async fn groups(&self, environment: &Environment) -> Result<BTreeSet<GroupId>, Refusal> {
        let known = all_groups(environment).await?;
        let names = self.groups.split(',').map(str::trim).filter(|name| !name.is_empty());
        let id = |name: &str| {
            let group = known.iter().find(|group| group.names.name == name);
            group.map(|group| group.id).ok_or_else(|| {
                let message = format!("There is no group `{name}`. Add it on the page of groups first.");
                Refusal::new(http::StatusCode::BAD_REQUEST, "invalid_request", message)
            })
        };
        names.map(id).collect()
    }
}

/// A registration that nothing is wrong with.
pub(crate) fn checked(registration: Registration) -> Result<Registration, Refusal> {
    match registration.check() {
        Ok(()) => Ok(registration),
        Err(error) => {
            let message = format!("The application was not saved: {error}.");
            Err(Refusal::new(http::StatusCode::BAD_REQUEST, "invalid_request", message))
        }
    }
}

/// The groups that can be chosen from.
pub(crate) async fn all_groups(environment: &Environment) -> Result<Vec<Group>, StoreError> {
    environment.store.groups_after(None, GROUPS_MAX).await
}

fn lines(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}
