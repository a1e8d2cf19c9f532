//! Which client is meant: one of the configuration, or one that an administrator registered.

pub(crate) mod form;
pub(crate) mod pages;
pub(crate) mod secret;

use std::sync::Arc;

use doorward_core::{
    id::ClientUuid,
    oauth::{
        client::Client,
        registration::{RegistrationError, is_client_id},
        slow_secret::SlowSecret,
    },
};
use doorward_store::{Constraint, StoreError};

use crate::{environment::Environment, refusal::Refusal};

/// Registered clients that one page shows at most.
pub(crate) const PAGE: u32 = 200;

/// A client that may be used now.
pub(crate) struct Found {
    /// The client.
    pub(crate) client: Arc<Client>,
    /// Its secrets that are still to be compared slowly.
    pub(crate) slow: Vec<SlowSecret>,
}

impl Environment {
    /// The client with this identifier, as it is at this moment. Whoever answers a client asks here first, so one that is
    /// gone or disabled is answered nowhere (O-27). The configuration comes first: nobody can register a client in the
    /// place of a declared one.
    pub(crate) async fn find_client(&self, client_id: &str) -> Result<Option<Found>, StoreError> {
        if let Some(client) = self.config().client(client_id) {
            return Ok(Some(Found { client: Arc::clone(client), slow: Vec::new() }));
        }
        let stored = self.store.client(client_id).await?;
        let found = stored.as_ref().and_then(doorward_store::StoredClient::client);
        Ok(found.map(|(client, slow)| Found { client: Arc::new(client), slow }))
    }

    /// The same without what proves it.
    pub(crate) async fn client(&self, client_id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        Ok(self.find_client(client_id).await?.map(|found| found.client))
    }
}

/// An identifier for a client that brings none.
pub(crate) fn draw_id(environment: &Environment) -> String {
    ClientUuid::from_random(environment.draw()).to_string()
}

/// Refuses an identifier that can't be one, and one that the configuration has.
pub(crate) fn demand_free(environment: &Environment, id: &str) -> Result<(), Refusal> {
    if !is_client_id(id) {
        let message = format!("The application was not saved: {}.", RegistrationError::Id);
        return Err(Refusal::new(http::StatusCode::BAD_REQUEST, "invalid_request", message));
    }
    if environment.config().client(id).is_some() {
        return Err(StoreError::Conflict(Constraint::Client).into());
    }
    Ok(())
}
