//! Clients that administrators register.

use std::collections::BTreeSet;

use doorward_core::{
    id::GroupId,
    oauth::{
        client::{Client, ClientSecret, SECRETS_MAX},
        registration::Registration,
        slow_secret::{SlowHash, SlowSecret},
    },
    time::UnixTime,
    token::HashedSecret,
};

use crate::{
    db::{Row, Tx, Value},
    error::StoreError,
    store::Store,
    vault::{Column, Vault},
};

const REGISTRATION: Column = Column { table: "clients", column: "registration" };
const SLOW_HASH: Column = Column { table: "client_secrets", column: "slow_hash" };

/// A client to be.
#[derive(Clone, Debug)]
pub struct NewClient {
    /// Identifier: the `client_id`.
    pub id: String,
    /// What an administrator wrote.
    pub registration: Registration,
    /// The groups that may use it, if it is restricted.
    pub groups: BTreeSet<GroupId>,
}

/// A client that administrators registered.
#[derive(Clone, Debug)]
pub struct StoredClient {
    /// Identifier: the `client_id`.
    pub id: String,
    /// What an administrator wrote.
    pub registration: Registration,
    /// The groups that may use it, if it is restricted: identifier and name.
    pub groups: Vec<(GroupId, String)>,
    /// Its secrets, the oldest first.
    pub secrets: Vec<StoredSecret>,
    /// Since when.
    pub created_at: UnixTime,
    /// Since when it may not be used.
    pub disabled_at: Option<UnixTime>,
}

/// A secret of a client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredSecret {
    /// Identifier.
    pub id: String,
    /// Its first characters.
    pub prefix: String,
    /// What is compared.
    pub hash: SecretHash,
    /// Since when.
    pub created_at: UnixTime,
    /// Until when it is good; `None` for as long as it is there.
    pub expires_at: Option<UnixTime>,
}

/// What a presented secret is compared with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SecretHash {
    /// SHA-256.
    Quick(HashedSecret),
    /// bcrypt, of a client that came from elsewhere.
    Slow(SlowHash),
}

impl StoredClient {
    /// The client as the provider sees it, and the secrets that are still to be compared slowly. `None` when it is
    /// disabled.
    pub fn client(&self) -> Option<(Client, Vec<SlowSecret>)> {
        if self.disabled_at.is_some() {
            return None;
        }
        let (mut quick, mut slow) = (Vec::new(), Vec::new());
        for secret in &self.secrets {
            let expires_at = secret.expires_at;
            match &secret.hash {
                SecretHash::Quick(hash) => quick.push(ClientSecret { hash: hash.clone(), expires_at }),
                SecretHash::Slow(hash) => {
                    slow.push(SlowSecret { id: secret.id.clone(), hash: hash.clone(), expires_at });
                }
            }
        }
        let groups = self.groups.iter().map(|(_, name)| name.clone()).collect();
        Some((self.registration.client(&self.id, quick, groups), slow))
    }
}

impl Store {
    /// Registers a client.
    ///
    /// # Errors
    /// [`crate::Constraint::Client`] when there is one with this identifier.
    pub async fn create_client(&self, new: NewClient, now: UnixTime) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO clients (id, registration, created_at) VALUES ($1, $2, $3)";
        let vault = self.vault.clone();
        self.change(move |tx| {
            let sealed = vault.seal_value(REGISTRATION, new.id.as_bytes(), &new.registration)?;
            tx.execute(SQL, &[new.id.as_str().into(), sealed.into(), now.0.into()])?;
            allow(tx, &new.id, &new.groups)
        })
        .await
    }

    /// The client with this identifier, also a disabled one.
    pub async fn client(&self, id: &str) -> Result<Option<StoredClient>, StoreError> {
        let (vault, id) = (self.vault.clone(), id.to_owned());
        self.db.read(move |tx| load(tx, &vault, &id)).await
    }

    /// At most `limit` clients in the order of their identifiers, beginning after `after`.
    pub async fn clients(&self, after: &str, limit: u32) -> Result<Vec<StoredClient>, StoreError> {
        const SQL: &str = "SELECT id FROM clients WHERE id > $1 ORDER BY id LIMIT $2";
        let (vault, after) = (self.vault.clone(), after.to_owned());
        self.db
            .read(move |tx| {
                let rows = tx.query(SQL, &[after.as_str().into(), i64::from(limit).into()])?;
                rows.iter()
                    .filter_map(|row| row.text(0).and_then(|id| load(tx, &vault, id)).transpose())
                    .collect()
            })
            .await
    }

    /// Puts this in the place of what was written about a client. Whether there is one. A disabled one stays disabled.
    pub async fn set_registration(&self, id: &str, registration: Registration) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE clients SET registration = $2 WHERE id = $1";
        let (vault, id) = (self.vault.clone(), id.to_owned());
        self.attempt(move |tx| {
            let sealed = vault.seal_value(REGISTRATION, id.as_bytes(), &registration)?;
            tx.wins(SQL, &[id.as_str().into(), sealed.into()])
        })
        .await
    }

    /// Lets exactly these groups use a client, if it is restricted. Groups that do not exist are left out. Whether there
    /// is such a client.
    pub async fn set_client_groups(&self, id: &str, groups: BTreeSet<GroupId>) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.attempt(move |tx| {
            if tx.optional("SELECT id FROM clients WHERE id = $1", &[id.as_str().into()])?.is_none() {
                return Ok(false);
            }
            tx.execute("DELETE FROM client_groups WHERE client_id = $1", &[id.as_str().into()])?;
            allow(tx, &id, &groups)?;
            Ok(true)
        })
        .await
    }

    /// The identifiers of the clients that name a group, at most 1000.
    pub async fn clients_of_group(&self, group: GroupId) -> Result<Vec<String>, StoreError> {
        const SQL: &str =
            "SELECT client_id FROM client_groups WHERE group_id = $1 ORDER BY client_id LIMIT 1000";
        self.db
            .read(move |tx| {
                let rows = tx.query(SQL, &[group.as_str().into()])?;
                rows.iter().map(|row| row.text(0).map(str::to_owned)).collect()
            })
            .await
    }

    /// Lets a group use exactly these clients. Clients that do not exist are left out. Whether there is such a group.
    pub async fn set_clients_of_group(
        &self,
        group: GroupId,
        clients: BTreeSet<String>,
    ) -> Result<bool, StoreError> {
        const ALLOW: &str =
            "INSERT INTO client_groups (client_id, group_id) SELECT id, $2 FROM clients WHERE id = $1";
        self.attempt(move |tx| {
            if crate::group::load(tx, group)?.is_none() {
                return Ok(false);
            }
            tx.execute("DELETE FROM client_groups WHERE group_id = $1", &[group.as_str().into()])?;
            for client in &clients {
                tx.execute(ALLOW, &[client.as_str().into(), group.as_str().into()])?;
            }
            Ok(true)
        })
        .await
    }

    /// Disables or enables a client. Whether it was otherwise before. What a disabled one holds is revoked for good.
    pub async fn set_client_disabled(
        &self,
        id: &str,
        disabled: bool,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        const DISABLE: &str = "UPDATE clients SET disabled_at = $2 WHERE id = $1 AND disabled_at IS NULL";
        const ENABLE: &str =
            "UPDATE clients SET disabled_at = NULL WHERE id = $1 AND disabled_at IS NOT NULL";
        let id = id.to_owned();
        self.attempt(move |tx| {
            if !disabled {
                return tx.wins(ENABLE, &[id.as_str().into()]);
            }
            revoke_all_of(tx, &id, now)?;
            tx.wins(DISABLE, &[id.as_str().into(), now.0.into()])
        })
        .await
    }

    /// Removes a client with its secrets, and revokes what it holds: another client with the same identifier begins with
    /// nothing. Whether there was one.
    pub async fn delete_client(&self, id: &str, now: UnixTime) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.attempt(move |tx| {
            revoke_all_of(tx, &id, now)?;
            tx.execute("DELETE FROM consents WHERE client_id = $1", &[id.as_str().into()])?;
            tx.wins("DELETE FROM clients WHERE id = $1", &[id.as_str().into()])
        })
        .await
    }

    /// Adds a secret. `false`, and nothing is stored, when there is no such client or it has as many as a client can
    /// have.
    pub async fn add_client_secret(&self, client: &str, secret: StoredSecret) -> Result<bool, StoreError> {
        let (vault, client) = (self.vault.clone(), client.to_owned());
        self.attempt(move |tx| add_secret(tx, &vault, &client, &secret)).await
    }

    /// Puts one secret in the place of all. Whether there is such a client.
    pub async fn replace_client_secrets(
        &self,
        client: &str,
        secret: StoredSecret,
    ) -> Result<bool, StoreError> {
        let (vault, client) = (self.vault.clone(), client.to_owned());
        self.attempt(move |tx| {
            tx.execute("DELETE FROM client_secrets WHERE client_id = $1", &[client.as_str().into()])?;
            add_secret(tx, &vault, &client, &secret)
        })
        .await
    }

    /// Removes a secret of a client. Whether there was one.
    pub async fn remove_client_secret(&self, client: &str, id: &str) -> Result<bool, StoreError> {
        const SQL: &str = "DELETE FROM client_secrets WHERE id = $1 AND client_id = $2";
        let params = [id.into(), client.into()];
        self.attempt(move |tx| tx.wins(SQL, &params)).await
    }

    /// Stores the quick hash of a secret that was compared slowly. Whether it was still to be compared slowly.
    pub async fn quicken_client_secret(&self, id: &str, hash: HashedSecret) -> Result<bool, StoreError> {
        const SQL: &str =
            "UPDATE client_secrets SET hash = $2, slow_hash = NULL WHERE id = $1 AND slow_hash IS NOT NULL";
        let params = [id.into(), hash.as_bytes().into()];
        self.db.write(move |tx| tx.wins(SQL, &params)).await
    }
}

fn allow(tx: &mut dyn Tx, client: &str, groups: &BTreeSet<GroupId>) -> Result<(), StoreError> {
    const SQL: &str =
        "INSERT INTO client_groups (client_id, group_id) SELECT $1, id FROM user_groups WHERE id = $2";
    for group in groups {
        tx.execute(SQL, &[client.into(), group.as_str().into()])?;
    }
    Ok(())
}

fn add_secret(
    tx: &mut dyn Tx,
    vault: &Vault,
    client: &str,
    secret: &StoredSecret,
) -> Result<bool, StoreError> {
    const SQL: &str = "INSERT INTO client_secrets (id, client_id, prefix, hash, slow_hash, created_at, expires_at) \
                       SELECT $1, id, $3, $4, $5, $6, $7 FROM clients WHERE id = $2 \
                       AND (SELECT COUNT(*) FROM client_secrets s WHERE s.client_id = $2) < $8";
    let (quick, slow) = match &secret.hash {
        SecretHash::Quick(hash) => (Value::from(hash.as_bytes()), Value::Null),
        SecretHash::Slow(hash) => {
            (Value::Null, vault.seal_text(SLOW_HASH, secret.id.as_bytes(), hash.as_str()).into())
        }
    };
    let params: [Value; 8] = [
        secret.id.as_str().into(),
        client.into(),
        secret.prefix.as_str().into(),
        quick,
        slow,
        secret.created_at.0.into(),
        secret.expires_at.map(|end| end.0).into(),
        i64::try_from(SECRETS_MAX).unwrap_or(i64::MAX).into(),
    ];
    tx.wins(SQL, &params)
}

fn revoke_all_of(tx: &mut dyn Tx, client: &str, now: UnixTime) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE token_families SET revoked_at = $2 WHERE client_id = $1 AND revoked_at IS NULL";
    tx.execute(SQL, &[client.into(), now.0.into()])?;
    tx.execute("DELETE FROM client_tokens WHERE client_id = $1", &[client.into()])?;
    tx.execute("DELETE FROM pushed_requests WHERE client_id = $1", &[client.into()])?;
    tx.execute("DELETE FROM device_requests WHERE client_id = $1", &[client.into()]).map(drop)
}

fn load(tx: &mut dyn Tx, vault: &Vault, id: &str) -> Result<Option<StoredClient>, StoreError> {
    const CLIENT: &str = "SELECT registration, created_at, disabled_at FROM clients WHERE id = $1";
    const GROUPS: &str = "SELECT g.id, g.name FROM client_groups c JOIN user_groups g ON g.id = c.group_id \
                          WHERE c.client_id = $1 ORDER BY g.id";
    const SECRETS: &str = "SELECT id, prefix, hash, slow_hash, created_at, expires_at FROM client_secrets \
                           WHERE client_id = $1 ORDER BY created_at, id";
    let Some(row) = tx.optional(CLIENT, &[id.into()])? else {
        return Ok(None);
    };
    let groups = tx.query(GROUPS, &[id.into()])?;
    let secrets = tx.query(SECRETS, &[id.into()])?;
    Ok(Some(StoredClient {
        id: id.to_owned(),
        registration: vault.open_value(REGISTRATION, id.as_bytes(), row.bytes(0)?)?,
        groups: groups.iter().map(group).collect::<Result<_, _>>()?,
        secrets: secrets.iter().map(|row| secret(vault, row)).collect::<Result<_, _>>()?,
        created_at: UnixTime(row.integer(1)?),
        disabled_at: row.optional_integer(2)?.map(UnixTime),
    }))
}

fn group(row: &Row) -> Result<(GroupId, String), StoreError> {
    let corrupt = |_| StoreError::Corrupt { table: "client_groups", column: "group_id" };
    Ok((GroupId::parse(row.text(0)?).map_err(corrupt)?, row.text(1)?.to_owned()))
}

fn secret(vault: &Vault, row: &Row) -> Result<StoredSecret, StoreError> {
    const HASH: Column = Column { table: "client_secrets", column: "hash" };
    let id = row.text(0)?;
    let hash = match (row.optional_bytes(2)?, row.optional_bytes(3)?) {
        (Some(quick), None) => {
            SecretHash::Quick(HashedSecret::from_stored(quick.try_into().map_err(|_| HASH.corrupt())?))
        }
        (None, Some(slow)) => {
            let text = vault.open_text(SLOW_HASH, id.as_bytes(), slow)?;
            SecretHash::Slow(SlowHash::parse(&text).ok_or(SLOW_HASH.corrupt())?)
        }
        _ => return Err(HASH.corrupt()),
    };
    Ok(StoredSecret {
        id: id.to_owned(),
        prefix: row.text(1)?.to_owned(),
        hash,
        created_at: UnixTime(row.integer(4)?),
        expires_at: row.optional_integer(5)?.map(UnixTime),
    })
}
