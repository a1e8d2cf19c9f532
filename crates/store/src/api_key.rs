//! Keys by which programs administer in the place of the administrator who made them.

use doorward_core::{
    id::{ApiKeyId, UserId},
    identity::ADMINISTRATORS,
    time::UnixTime,
    token::{ApiKey, Hashed},
};

use crate::{
    db::{Row, Value},
    error::StoreError,
    store::Store,
    user::id_at,
    vault::{Column, Vault},
};

/// Live keys that one person has at most.
pub const API_KEYS_MAX: u32 = 50;

/// Seconds between two records of a key's use.
const RECORDED: i64 = 60;

const NAME: Column = Column { table: "api_keys", column: "name" };

/// A key to be.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// Identifier.
    pub id: ApiKeyId,
    /// The key.
    pub token: Hashed<ApiKey>,
    /// Whose it is.
    pub user: UserId,
    /// What its owner calls it.
    pub name: String,
    /// When it expires.
    pub expires_at: UnixTime,
}

/// A key as its owner sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApiKeyRow {
    /// Identifier.
    pub id: ApiKeyId,
    /// What its owner calls it.
    pub name: String,
    /// Since when.
    pub created_at: UnixTime,
    /// When it was last used, to the minute; `None` if it never was.
    pub last_used_at: Option<UnixTime>,
    /// When it expires.
    pub expires_at: UnixTime,
}

impl Store {
    /// Stores a key. `false`, and nothing is stored, when the person is disabled or has [`API_KEYS_MAX`] already.
    pub async fn create_api_key(&self, new: NewApiKey, now: UnixTime) -> Result<bool, StoreError> {
        const SQL: &str = "INSERT INTO api_keys (id, token_hash, user_id, name, created_at, expires_at) \
                           SELECT $1, $2, id, $4, $5, $6 FROM users WHERE id = $3 AND disabled_at IS NULL \
                           AND (SELECT COUNT(*) FROM api_keys k WHERE k.user_id = $3 AND k.expires_at > $5) < $7";
        let vault = self.vault.clone();
        self.attempt(move |tx| {
            let params: [Value; 7] = [
                new.id.as_str().into(),
                new.token.as_bytes().into(),
                new.user.as_str().into(),
                vault.seal_text(NAME, new.id.as_str().as_bytes(), &new.name).into(),
                now.0.into(),
                new.expires_at.0.into(),
                i64::from(API_KEYS_MAX).into(),
            ];
            tx.wins(SQL, &params)
        })
        .await
    }

    /// The person's live keys, the latest first.
    pub async fn api_keys_of(&self, user: UserId, now: UnixTime) -> Result<Vec<ApiKeyRow>, StoreError> {
        const SQL: &str = "SELECT id, name, created_at, last_used_at, expires_at FROM api_keys WHERE user_id = $1 \
                           AND expires_at > $2 ORDER BY created_at DESC, id LIMIT 200";
        let vault = self.vault.clone();
        self.db
            .read(move |tx| {
                let rows = tx.query(SQL, &[user.as_str().into(), now.0.into()])?;
                rows.iter().map(|row| from_row(&vault, row)).collect()
            })
            .await
    }

    /// Ends a key of this person. Whether there was one.
    pub async fn delete_api_key(&self, user: UserId, id: ApiKeyId) -> Result<bool, StoreError> {
        const SQL: &str = "DELETE FROM api_keys WHERE id = $1 AND user_id = $2";
        self.attempt(move |tx| tx.wins(SQL, &[id.as_str().into(), user.as_str().into()])).await
    }

    /// The administrator in whose place a key speaks: it has not expired, and its owner is enabled and administers now.
    /// Its use is recorded, at most once a minute.
    pub async fn api_key(&self, token: Hashed<ApiKey>, now: UnixTime) -> Result<Option<UserId>, StoreError> {
        const SQL: &str = "SELECT k.user_id, k.last_used_at FROM api_keys k JOIN users u ON u.id = k.user_id \
                           JOIN memberships m ON m.user_id = u.id AND m.group_name = $3 \
                           WHERE k.token_hash = $1 AND k.expires_at > $2 AND u.disabled_at IS NULL";
        const TOUCH: &str = "UPDATE api_keys SET last_used_at = $2 WHERE token_hash = $1";
        let params = [token.as_bytes().into(), now.0.into(), ADMINISTRATORS.into()];
        let found = self.db.read(move |tx| tx.optional(SQL, &params)).await?;
        let Some(row) = found else { return Ok(None) };
        if row.optional_integer(1)?.is_none_or(|used| used <= now.0.saturating_sub(RECORDED)) {
            self.db
                .write(move |tx| tx.execute(TOUCH, &[token.as_bytes().into(), now.0.into()]).map(drop))
                .await?;
        }
        id_at(&row, 0).map(Some)
    }
}

fn from_row(vault: &Vault, row: &Row) -> Result<ApiKeyRow, StoreError> {
    let id =
        ApiKeyId::parse(row.text(0)?).map_err(|_| StoreError::Corrupt { table: "api_keys", column: "id" })?;
    Ok(ApiKeyRow {
        id,
        name: vault.open_text(NAME, id.as_str().as_bytes(), row.bytes(1)?)?,
        created_at: UnixTime(row.integer(2)?),
        last_used_at: row.optional_integer(3)?.map(UnixTime),
        expires_at: UnixTime(row.integer(4)?),
    })
}
