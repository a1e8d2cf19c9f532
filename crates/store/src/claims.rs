//! Claims that administrators add to people and groups.

use std::collections::BTreeMap;

use doorward_core::{
    id::{GroupId, UserId},
    user::claims::{CustomClaims, WrittenClaims},
};

use crate::{
    db::{Row, Tx, Value},
    error::StoreError,
    store::Store,
    vault::{Column, Vault},
};

const OF_USER: Column = Column { table: "users", column: "claims" };
const OF_GROUP: Column = Column { table: "user_groups", column: "claims" };

impl Store {
    /// The claims that were added to a person; none for somebody who does not exist.
    pub async fn user_claims(&self, id: UserId) -> Result<WrittenClaims, StoreError> {
        let vault = self.vault.clone();
        self.db.read(move |tx| own(tx, &vault, id)).await
    }

    /// Puts these in the place of a person's claims. Whether the person exists.
    pub async fn set_user_claims(&self, id: UserId, claims: WrittenClaims) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE users SET claims = $2 WHERE id = $1";
        let vault = self.vault.clone();
        self.db
            .write(move |tx| {
                let sealed = seal(&vault, OF_USER, id.as_str(), &claims)?;
                tx.wins(SQL, &[id.as_str().into(), sealed])
            })
            .await
    }

    /// The claims that were added to a group; none for one that does not exist.
    pub async fn group_claims(&self, id: GroupId) -> Result<WrittenClaims, StoreError> {
        const SQL: &str = "SELECT claims FROM user_groups WHERE id = $1";
        let vault = self.vault.clone();
        self.db
            .read(move |tx| match tx.optional(SQL, &[id.as_str().into()])? {
                Some(row) => open(&vault, OF_GROUP, id.as_str(), &row, 0),
                None => Ok(WrittenClaims::default()),
            })
            .await
    }

    /// Puts these in the place of a group's claims. Whether the group exists.
    pub async fn set_group_claims(&self, id: GroupId, claims: WrittenClaims) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE user_groups SET claims = $2 WHERE id = $1";
        let vault = self.vault.clone();
        self.db
            .write(move |tx| {
                let sealed = seal(&vault, OF_GROUP, id.as_str(), &claims)?;
                tx.wins(SQL, &[id.as_str().into(), sealed])
            })
            .await
    }
}

/// What a person's tokens say besides the claims that everybody has.
pub(crate) fn merged(tx: &mut dyn Tx, vault: &Vault, user: UserId) -> Result<CustomClaims, StoreError> {
    const SQL: &str = "SELECT g.id, g.claims, g.name FROM user_groups g JOIN memberships m ON m.group_name = g.name \
                       WHERE m.user_id = $1 AND g.claims IS NOT NULL";
    let own = own(tx, vault, user)?;
    // By name, and sorted here: PostgreSQL would sort by its locale.
    let mut groups = BTreeMap::new();
    for row in tx.query(SQL, &[user.as_str().into()])? {
        groups.insert(row.text(2)?.to_owned(), open(vault, OF_GROUP, row.text(0)?, &row, 1)?);
    }
    Ok(CustomClaims::merge(&own, groups.values()))
}

fn own(tx: &mut dyn Tx, vault: &Vault, user: UserId) -> Result<WrittenClaims, StoreError> {
    match tx.optional("SELECT claims FROM users WHERE id = $1", &[user.as_str().into()])? {
        Some(row) => open(vault, OF_USER, user.as_str(), &row, 0),
        None => Ok(WrittenClaims::default()),
    }
}

/// The column of a person's claims.
pub(crate) fn sealed_for_user(
    vault: &Vault,
    id: UserId,
    claims: &WrittenClaims,
) -> Result<Value, StoreError> {
    seal(vault, OF_USER, id.as_str(), claims)
}

/// The column of a group's claims.
pub(crate) fn sealed_for_group(
    vault: &Vault,
    id: GroupId,
    claims: &WrittenClaims,
) -> Result<Value, StoreError> {
    seal(vault, OF_GROUP, id.as_str(), claims)
}

fn seal(vault: &Vault, column: Column, id: &str, claims: &WrittenClaims) -> Result<Value, StoreError> {
    if claims.is_empty() {
        return Ok(Value::Null);
    }
    let pairs: BTreeMap<&str, &str> = claims.iter().collect();
    Ok(vault.seal_value(column, id.as_bytes(), &pairs)?.into())
}

fn open(vault: &Vault, column: Column, id: &str, row: &Row, at: usize) -> Result<WrittenClaims, StoreError> {
    let Some(sealed) = row.optional_bytes(at)? else {
        return Ok(WrittenClaims::default());
    };
    let pairs: BTreeMap<String, String> = vault.open_value(column, id.as_bytes(), sealed)?;
    WrittenClaims::new(pairs).map_err(|_| column.corrupt())
}
