//! Pushed authorization requests (RFC 9126).

use doorward_core::{
    time::UnixTime,
    token::{Hashed, Pushed},
};

use crate::{db::Value, error::StoreError, store::Store, vault::Column};

const REQUEST: Column = Column { table: "pushed_requests", column: "request" };

/// A pushed request to be.
#[derive(Clone, Debug)]
pub struct NewPushedRequest {
    /// What names it.
    pub token: Hashed<Pushed>,
    /// Who pushed it.
    pub client_id: String,
    /// Its parameters.
    pub request: String,
    /// Until when the browser may bring its name.
    pub expires_at: UnixTime,
}

impl Store {
    /// Keeps a pushed request.
    pub async fn push_request(&self, new: NewPushedRequest) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO pushed_requests (token_hash, client_id, request, expires_at) VALUES ($1, $2, $3, $4)";
        let sealed = self.vault.seal_text(REQUEST, new.token.as_bytes(), &new.request);
        let params: [Value; 4] = [
            new.token.as_bytes().into(),
            new.client_id.as_str().into(),
            sealed.into(),
            new.expires_at.0.into(),
        ];
        self.db.write(move |tx| tx.execute(SQL, &params).map(drop)).await
    }

    /// Takes out a request that this client pushed. At most one caller ever receives `Some`.
    pub async fn take_pushed_request(
        &self,
        token: Hashed<Pushed>,
        client_id: &str,
        now: UnixTime,
    ) -> Result<Option<String>, StoreError> {
        const SQL: &str = "DELETE FROM pushed_requests WHERE token_hash = $1 AND client_id = $2 AND expires_at > $3 \
                           RETURNING request";
        let (vault, client_id) = (self.vault.clone(), client_id.to_owned());
        self.db
            .write(move |tx| {
                let params: [Value; 3] = [token.as_bytes().into(), client_id.as_str().into(), now.0.into()];
                let row = tx.optional(SQL, &params)?;
                row.map(|row| vault.open_text(REQUEST, token.as_bytes(), row.bytes(0)?)).transpose()
            })
            .await
    }
}
