//! What people allowed clients to learn.

use doorward_core::{id::UserId, time::UnixTime};

use crate::{error::StoreError, session::words, store::Store};

impl Store {
    /// The scopes that this person granted to this client.
    pub async fn consent(&self, user: UserId, client_id: &str) -> Result<Option<Vec<String>>, StoreError> {
        const SQL: &str = "SELECT scope FROM consents WHERE user_id = $1 AND client_id = $2";
        let client_id = client_id.to_owned();
        self.db
            .read(move |tx| {
                let row = tx.optional(SQL, &[user.as_str().into(), client_id.as_str().into()])?;
                row.map(|row| row.text(0).map(words)).transpose()
            })
            .await
    }

    /// Records what this person grants to this client, in place of what was granted before.
    pub async fn grant_consent(
        &self,
        user: UserId,
        client_id: &str,
        scopes: &[String],
        now: UnixTime,
    ) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO consents (user_id, client_id, scope, granted_at) VALUES ($1, $2, $3, $4) \
                           ON CONFLICT (user_id, client_id) DO UPDATE SET scope = excluded.scope, granted_at = excluded.granted_at";
        let params = [user.as_str().into(), client_id.into(), scopes.join(" ").into(), now.0.into()];
        self.db.write(move |tx| tx.execute(SQL, &params).map(drop)).await
    }
}
