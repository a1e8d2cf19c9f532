//! Keys that sign tokens. Private halves are sealed; what revokes a key destroys its private half.

use doorward_core::{
    jose::{
        Algorithm,
        rotation::{self, KeyRecord, Place, Replacement},
    },
    time::{Lifetime, UnixTime},
};

use crate::{
    db::{Row, Tx, Value},
    error::StoreError,
    store::Store,
    vault::{Column, Vault},
};

const ALGORITHM: Column = Column { table: "signing_keys", column: "alg" };

/// A key to be.
#[derive(Clone)]
pub struct NewSigningKey {
    /// Its identifier: the thumbprint (RFC 7638) of a key of ours, or what it was called where it came from.
    pub kid: String,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// The private key, PKCS #8.
    pub private: Vec<u8>,
}

/// A key.
#[derive(Clone)]
pub struct StoredSigningKey {
    /// What is known about it.
    pub record: KeyRecord,
    /// The private key, PKCS #8; empty once it was revoked.
    pub private: Vec<u8>,
}

impl Store {
    /// All keys in the order in which they were made, each with its private half.
    pub async fn signing_keys(&self) -> Result<Vec<StoredSigningKey>, StoreError> {
        let vault = self.vault.clone();
        self.db
            .read(move |tx| {
                let open = |row: &Row| {
                    let record = record(row)?;
                    let private = match (record.revoked_at, row.bytes(6)?) {
                        (Some(_), _) => Vec::new(),
                        (None, sealed) => vault.open_signing_key(&record.kid, sealed)?,
                    };
                    Ok(StoredSigningKey { record, private })
                };
                tx.query(ALL, &[])?.iter().map(open).collect()
            })
            .await
    }

    /// What is known about all keys, without opening a private half.
    pub async fn signing_key_records(&self) -> Result<Vec<KeyRecord>, StoreError> {
        self.db.read(records).await
    }

    /// Adds a key at a place in the chain of its algorithm. `false` when the place is taken, or the key is there: of
    /// several nodes that make a successor at once, one wins.
    pub async fn add_signing_key(
        &self,
        new: NewSigningKey,
        place: Place,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let vault = self.vault.clone();
        self.attempt(move |tx| insert(tx, &vault, &new, &place, now)).await
    }

    /// Takes over a key of another provider, which signs from now on under the identifier that it had. What our own keys
    /// signed stays good. `false` when it is there already, so that an import can be repeated.
    pub async fn import_signing_key(&self, new: NewSigningKey, now: UnixTime) -> Result<bool, StoreError> {
        let vault = self.vault.clone();
        self.attempt(move |tx| import(tx, &vault, &new, now)).await
    }

    /// Revokes a key: it signs nothing any more, and nothing that it signed is believed. If it was the one that signs, the
    /// one that waits takes its place, or else `replacement`, which is for the same algorithm. `false` when there is no
    /// such key or it is revoked already.
    pub async fn revoke_signing_key(
        &self,
        kid: &str,
        replacement: NewSigningKey,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        // The private half goes for good: not even a copy of the database taken later has it.
        const REVOKE: &str = "UPDATE signing_keys SET revoked_at = $2, private_key = $3 \
                              WHERE kid = $1 AND revoked_at IS NULL";
        const PROMOTE: &str = "UPDATE signing_keys SET active_at = $2 WHERE kid = $1 AND active_at > $2";
        let (kid, vault) = (kid.to_owned(), self.vault.clone());
        self.attempt(move |tx| {
            let follows = rotation::after_revocation(&kid, &records(tx)?, now);
            if !tx.wins(REVOKE, &[kid.as_str().into(), now.0.into(), Vec::new().into()])? {
                return Ok(false);
            }
            match follows {
                Replacement::Nothing => {}
                Replacement::Promote(next) => {
                    tx.execute(PROMOTE, &[next.as_str().into(), now.0.into()])?;
                }
                Replacement::Make(place) => {
                    insert(tx, &vault, &replacement, &place, now)?;
                }
            }
            count(tx)?;
            Ok(true)
        })
        .await
    }

    /// Deletes keys of which everything that they signed has expired.
    pub async fn forget_signing_keys(&self, kids: Vec<String>) -> Result<(), StoreError> {
        self.change(move |tx| {
            for kid in &kids {
                tx.execute("DELETE FROM signing_keys WHERE kid = $1", &[kid.as_str().into()])?;
            }
            count(tx)
        })
        .await
    }

    /// A counter that rises with each change to the keys.
    pub async fn signing_keys_changed(&self) -> Result<i64, StoreError> {
        const SQL: &str = "SELECT number FROM meta WHERE key = 'signing_keys'";
        self.db.read(move |tx| tx.optional(SQL, &[])?.map_or(Ok(0), |row| row.integer(0))).await
    }

    /// The longest lifetime that any token was ever given here, which is at least `lifetime` from now on. Shortening a
    /// lifetime does not shorten the tokens that were handed out before.
    pub async fn longest_token(&self, lifetime: Lifetime) -> Result<Lifetime, StoreError> {
        const READ: &str = "SELECT number FROM meta WHERE key = 'longest_token'";
        const RAISE: &str = "UPDATE meta SET number = $1 WHERE key = 'longest_token' AND number < $1";
        let read = |tx: &mut dyn Tx| tx.optional(READ, &[])?.map_or(Ok(0), |row| row.integer(0));
        let known = self.db.read(read).await?;
        if known < i64::from(lifetime.0) {
            self.db.write(move |tx| tx.execute(RAISE, &[i64::from(lifetime.0).into()]).map(drop)).await?;
        }
        Ok(lifetime.max(Lifetime(u32::try_from(known).unwrap_or(0))))
    }
}

const ALL: &str = "SELECT kid, alg, created_at, active_at, succeeds, revoked_at, private_key FROM signing_keys \
                   ORDER BY created_at, active_at, kid";

fn records(tx: &mut dyn Tx) -> Result<Vec<KeyRecord>, StoreError> {
    tx.query(ALL, &[])?.iter().map(record).collect()
}

fn record(row: &Row) -> Result<KeyRecord, StoreError> {
    Ok(KeyRecord {
        kid: row.text(0)?.to_owned(),
        algorithm: Algorithm::from_name(row.text(1)?).ok_or(ALGORITHM.corrupt())?,
        created_at: UnixTime(row.integer(2)?),
        active_at: UnixTime(row.integer(3)?),
        succeeds: row.text(4)?.to_owned(),
        revoked_at: row.optional_integer(5)?.map(UnixTime),
    })
}

/// The part of an import's transaction that is about one key; see [`Store::import_signing_key`].
pub(crate) fn import(
    tx: &mut dyn Tx,
    vault: &Vault,
    new: &NewSigningKey,
    now: UnixTime,
) -> Result<bool, StoreError> {
    let all = records(tx)?;
    if all.iter().any(|record| record.kid == new.kid) {
        return Ok(false);
    }
    insert(tx, vault, new, &rotation::at_once(new.algorithm, &all, now), now)
}

fn insert(
    tx: &mut dyn Tx,
    vault: &Vault,
    new: &NewSigningKey,
    place: &Place,
    now: UnixTime,
) -> Result<bool, StoreError> {
    const SQL: &str = "INSERT INTO signing_keys (kid, alg, private_key, created_at, active_at, succeeds) \
                       VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
    let params: [Value; 6] = [
        new.kid.as_str().into(),
        new.algorithm.name().into(),
        vault.seal_signing_key(&new.kid, &new.private).into(),
        now.0.into(),
        place.active_at.0.into(),
        place.succeeds.as_str().into(),
    ];
    let won = tx.wins(SQL, &params)?;
    if won {
        count(tx)?;
    }
    Ok(won)
}

fn count(tx: &mut dyn Tx) -> Result<(), StoreError> {
    tx.execute("UPDATE meta SET number = number + 1 WHERE key = 'signing_keys'", &[]).map(drop)
}
