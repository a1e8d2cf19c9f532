//! Passkeys.

use doorward_core::{
    id::UserId,
    login::Account,
    time::UnixTime,
    webauthn::{Credential, imported::ImportedCredential, registration::VerifiedRegistration},
};

use crate::{
    db::{Row, Tx, Value},
    error::{Constraint, StoreError},
    login::{ChallengeUse, consume_challenge},
    store::Store,
    user::id_at,
    vault::{Column, Vault},
};

const PUBLIC_KEY: Column = Column { table: "credentials", column: "public_key" };
const LABEL: Column = Column { table: "credentials", column: "label" };

/// A passkey to store, with the name to show for it.
#[derive(Debug)]
pub struct NewCredential {
    /// The proof that it was made.
    pub registration: VerifiedRegistration,
    /// The name to show.
    pub label: String,
}

/// A passkey with what a sign-in needs to know about its owner.
#[derive(Clone, Debug)]
pub struct StoredCredential {
    /// The passkey.
    pub credential: Credential,
    /// Its owner's account.
    pub account: Account,
}

/// A passkey as its owner sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CredentialRow {
    /// Identifier.
    pub id: Vec<u8>,
    /// The name to show.
    pub label: String,
    /// The provider's model.
    pub aaguid: [u8; 16],
    /// Whether it is synced.
    pub backed_up: bool,
    /// Since when.
    pub created_at: UnixTime,
    /// When it was last used.
    pub last_used_at: Option<UnixTime>,
}

impl Store {
    /// The passkey with this identifier and its owner's account.
    pub async fn credential(&self, id: Vec<u8>) -> Result<Option<StoredCredential>, StoreError> {
        const SQL: &str = "SELECT c.user_id, c.public_key, c.sign_count, c.backup_eligible, u.disabled_at \
                           FROM credentials c JOIN users u ON u.id = c.user_id WHERE c.id = $1";
        let vault = self.vault.clone();
        self.db
            .read(move |tx| {
                let Some(row) = tx.optional(SQL, &[id.as_slice().into()])? else {
                    return Ok(None);
                };
                let user = id_at(&row, 0)?;
                let credential = Credential {
                    id: id.clone(),
                    user,
                    public_key: vault.open(PUBLIC_KEY, &id, row.bytes(1)?)?,
                    sign_count: u32::try_from(row.integer(2)?).map_err(|_| PUBLIC_KEY.corrupt())?,
                    backup_eligible: row.integer(3)? != 0,
                };
                let account = Account { user, disabled_at: row.optional_integer(4)?.map(UnixTime) };
                Ok(Some(StoredCredential { credential, account }))
            })
            .await
    }

    /// The person's passkeys, oldest first.
    pub async fn credentials_of(&self, user: UserId) -> Result<Vec<CredentialRow>, StoreError> {
        const SQL: &str = "SELECT id, label, aaguid, backed_up, created_at, last_used_at \
                           FROM credentials WHERE user_id = $1 ORDER BY created_at, id";
        let vault = self.vault.clone();
        self.db
            .read(move |tx| {
                let rows = tx.query(SQL, &[user.as_str().into()])?;
                rows.iter().map(|row| from_row(&vault, row)).collect()
            })
            .await
    }

    /// Adds a passkey to its person's account. `false` when the challenge was used before or the person is gone or
    /// disabled.
    ///
    /// # Errors
    /// [`Constraint::Credential`] when it is registered already (W-6).
    pub async fn add_credential(
        &self,
        new: NewCredential,
        challenge: ChallengeUse,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        const ENABLED: &str = "SELECT id FROM users WHERE id = $1 AND disabled_at IS NULL";
        let vault = self.vault.clone();
        self.attempt(move |tx| {
            let enabled = tx.optional(ENABLED, &[new.registration.user().as_str().into()])?.is_some();
            if !enabled || !consume_challenge(tx, challenge)? {
                return Ok(false);
            }
            insert(tx, &vault, &new, now)?;
            Ok(true)
        })
        .await
    }

    /// Renames a passkey of this person. Whether there is one.
    pub async fn rename_credential(
        &self,
        user: UserId,
        id: Vec<u8>,
        label: String,
    ) -> Result<bool, StoreError> {
        let vault = self.vault.clone();
        self.db
            .write(move |tx| {
                let sealed = vault.seal_text(LABEL, &id, &label);
                let params = [id.as_slice().into(), user.as_str().into(), sealed.into()];
                tx.wins("UPDATE credentials SET label = $3 WHERE id = $1 AND user_id = $2", &params)
            })
            .await
    }

    /// Removes a passkey of this person. Whether there was one.
    ///
    /// # Errors
    /// [`Constraint::LastCredential`] when the person would have none left.
    pub async fn remove_credential(&self, user: UserId, id: Vec<u8>) -> Result<bool, StoreError> {
        self.attempt(move |tx| {
            let won = tx.wins(
                "DELETE FROM credentials WHERE id = $1 AND user_id = $2",
                &[id.as_slice().into(), user.as_str().into()],
            )?;
            let left = tx
                .optional("SELECT id FROM credentials WHERE user_id = $1 LIMIT 1", &[user.as_str().into()])?;
            if won && left.is_none() {
                Err(StoreError::Conflict(Constraint::LastCredential))
            } else {
                Ok(won)
            }
        })
        .await
    }
}

pub(crate) fn insert(
    tx: &mut dyn Tx,
    vault: &Vault,
    new: &NewCredential,
    now: UnixTime,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO credentials (id, user_id, public_key, label, aaguid, transports, sign_count, \
                       backup_eligible, backed_up, discoverable, created_at) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let made = &new.registration;
    let params: [Value; 11] = [
        made.id().into(),
        made.user().as_str().into(),
        vault.seal(PUBLIC_KEY, made.id(), made.public_key()).into(),
        vault.seal_text(LABEL, made.id(), &new.label).into(),
        made.aaguid().as_slice().into(),
        made.transports().join(" ").into(),
        i64::from(made.sign_count()).into(),
        made.backup_eligible().into(),
        made.backed_up().into(),
        made.discoverable().into(),
        now.0.into(),
    ];
    tx.execute(SQL, &params).map(drop)
}

/// Adds a passkey that comes with its person. Its counter and its model are not known.
pub(crate) fn bring(tx: &mut dyn Tx, vault: &Vault, new: &ImportedCredential) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO credentials (id, user_id, public_key, label, aaguid, transports, sign_count, \
                       backup_eligible, backed_up, discoverable, created_at) \
                       VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, 1, $9)";
    let params: [Value; 9] = [
        new.id().into(),
        new.user().as_str().into(),
        vault.seal(PUBLIC_KEY, new.id(), new.public_key()).into(),
        vault.seal_text(LABEL, new.id(), new.label()).into(),
        [0; 16].as_slice().into(),
        new.transports().join(" ").into(),
        new.backup_eligible().into(),
        new.backed_up().into(),
        new.created_at().0.into(),
    ];
    tx.execute(SQL, &params).map(drop)
}

fn from_row(vault: &Vault, row: &Row) -> Result<CredentialRow, StoreError> {
    let id = row.bytes(0)?.to_vec();
    let aaguid = row.bytes(2)?.try_into();
    Ok(CredentialRow {
        label: vault.open_text(LABEL, &id, row.bytes(1)?)?,
        aaguid: aaguid.map_err(|_| StoreError::Corrupt { table: "credentials", column: "aaguid" })?,
        backed_up: row.integer(3)? != 0,
        created_at: UnixTime(row.integer(4)?),
        last_used_at: row.optional_integer(5)?.map(UnixTime),
        id,
    })
}
