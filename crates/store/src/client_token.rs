//! Access tokens that clients have for themselves (RFC 6749 section 4.4).

use doorward_core::{
    time::UnixTime,
    token::{Hashed, Machine},
};

use crate::{db::Value, error::StoreError, store::Store};

/// A client's live token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientToken {
    /// Whose it is.
    pub client_id: String,
    /// When it expires.
    pub expires_at: UnixTime,
}

impl Store {
    /// Keeps a token that a client has for itself.
    pub async fn issue_client_token(
        &self,
        token: Hashed<Machine>,
        client_id: &str,
        expires_at: UnixTime,
    ) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO client_tokens (token_hash, client_id, expires_at) VALUES ($1, $2, $3)";
        let client_id = client_id.to_owned();
        self.db
            .write(move |tx| {
                let params: [Value; 3] =
                    [token.as_bytes().into(), client_id.as_str().into(), expires_at.0.into()];
                tx.execute(SQL, &params).map(drop)
            })
            .await
    }

    /// Whose token it is, if it is live.
    pub async fn client_token(
        &self,
        token: Hashed<Machine>,
        now: UnixTime,
    ) -> Result<Option<ClientToken>, StoreError> {
        const SQL: &str =
            "SELECT client_id, expires_at FROM client_tokens WHERE token_hash = $1 AND expires_at > $2";
        self.db
            .read(move |tx| {
                let row = tx.optional(SQL, &[token.as_bytes().into(), now.0.into()])?;
                row.map(|row| {
                    let client_id = row.text(0)?.to_owned();
                    Ok(ClientToken { client_id, expires_at: UnixTime(row.integer(1)?) })
                })
                .transpose()
            })
            .await
    }

    /// Takes back a token of this client for itself. Whether there was one.
    pub async fn revoke_client_token(
        &self,
        token: Hashed<Machine>,
        client_id: &str,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "DELETE FROM client_tokens WHERE token_hash = $1 AND client_id = $2";
        let client_id = client_id.to_owned();
        self.db.write(move |tx| tx.wins(SQL, &[token.as_bytes().into(), client_id.as_str().into()])).await
    }
}
