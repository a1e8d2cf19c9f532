//! Keys that sign tokens.

use doorward_core::time::UnixTime;

use crate::{db::Value, error::StoreError, store::Store};

/// A key to be.
#[derive(Clone)]
pub struct NewSigningKey {
    /// Its identifier: the thumbprint (RFC 7638) of a key of ours, or what it was called where it came from.
    pub kid: String,
    /// Its algorithm's registered name.
    pub alg: &'static str,
    /// The private key, PKCS #8.
    pub private: Vec<u8>,
}

/// A key.
#[derive(Clone)]
pub struct StoredSigningKey {
    /// Its identifier.
    pub kid: String,
    /// Its algorithm's registered name.
    pub alg: String,
    /// The private key, PKCS #8.
    pub private: Vec<u8>,
}

impl Store {
    /// All keys, oldest first.
    pub async fn signing_keys(&self) -> Result<Vec<StoredSigningKey>, StoreError> {
        const SQL: &str = "SELECT kid, alg, private_key FROM signing_keys ORDER BY created_at, kid";
        let vault = self.vault.clone();
        self.db
            .read(move |tx| {
                let open = |row: &crate::db::Row| {
                    let kid = row.text(0)?.to_owned();
                    let private = vault.open_signing_key(&kid, row.bytes(2)?)?;
                    Ok(StoredSigningKey { kid, alg: row.text(1)?.to_owned(), private })
                };
                tx.query(SQL, &[])?.iter().map(open).collect()
            })
            .await
    }

    /// Adds a key unless its algorithm has one: of several nodes that start together, one wins.
    pub async fn add_signing_key_unless_present(
        &self,
        new: NewSigningKey,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "INSERT INTO signing_keys (kid, alg, private_key, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
        let vault = self.vault.clone();
        self.db
            .write(move |tx| {
                let sealed = vault.seal_signing_key(&new.kid, &new.private);
                let params: [Value; 4] =
                    [new.kid.as_str().into(), new.alg.into(), sealed.into(), now.0.into()];
                tx.wins(SQL, &params)
            })
            .await
    }
}
