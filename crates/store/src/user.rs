//! People and groups.

use std::collections::BTreeSet;

use doorward_core::{
    id::UserId,
    identity::ADMINISTRATORS,
    time::UnixTime,
    user::{Profile, Username},
};
use serde::{Deserialize, Serialize};

use crate::{
    db::{Row, Tx, Value},
    error::{Constraint, StoreError},
    group,
    store::Store,
    vault::{Column, Vault},
};

const PROFILE: Column = Column { table: "users", column: "profile" };
const USERNAME: Column = Column { table: "users", column: "username_index" };
const EMAIL: Column = Column { table: "users", column: "email_index" };

/// A person to be.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Identifier.
    pub id: UserId,
    /// Names and address.
    pub profile: Profile,
    /// Names of groups; those that do not exist are made.
    pub groups: BTreeSet<String>,
}

/// A person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// Identifier.
    pub id: UserId,
    /// Names and address.
    pub profile: Profile,
    /// Names of the groups that the person is a member of.
    pub groups: BTreeSet<String>,
    /// Since when the person is known.
    pub created_at: UnixTime,
    /// Since when the person may not sign in.
    pub disabled_at: Option<UnixTime>,
    /// How many passkeys the person has.
    pub credentials: i64,
}

#[derive(Serialize, Deserialize)]
struct SealedProfile {
    username: String,
    display_name: String,
    email: Option<String>,
    // Later than the others: rows that were sealed before have none of them.
    #[serde(default)]
    first_name: String,
    #[serde(default)]
    last_name: String,
    #[serde(default)]
    locale: Option<String>,
    /// Addresses of the time before there was a choice were written by administrators.
    #[serde(default = "yes")]
    email_verified: bool,
}

const fn yes() -> bool {
    true
}

impl SealedProfile {
    fn new(profile: &Profile) -> Self {
        let profile = profile.clone();
        Self {
            username: profile.username.as_str().to_owned(),
            display_name: profile.display_name,
            email: profile.email,
            first_name: profile.first_name,
            last_name: profile.last_name,
            locale: profile.locale,
            email_verified: profile.email_verified,
        }
    }
}

impl Store {
    /// Adds a person.
    ///
    /// # Errors
    /// [`Constraint::Username`] or [`Constraint::Email`] when it is taken.
    pub async fn create_user(&self, user: NewUser, now: UnixTime) -> Result<(), StoreError> {
        let vault = self.vault.clone();
        self.change(move |tx| insert(tx, &vault, &user, now)).await
    }

    /// The person with this identifier.
    pub async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let vault = self.vault.clone();
        self.db.read(move |tx| load(tx, &vault, id)).await
    }

    /// At most `limit` people in the order of their identifiers, beginning after `after`.
    pub async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, StoreError> {
        const SQL: &str = "SELECT id FROM users WHERE id > $1 ORDER BY id LIMIT $2";
        let vault = self.vault.clone();
        self.db
            .read(move |tx| {
                let after = after.map_or(String::new(), |id| id.to_string());
                let rows = tx.query(SQL, &[after.into(), i64::from(limit).into()])?;
                let ids = rows.iter().map(|row| id_at(row, 0)).collect::<Result<Vec<_>, _>>()?;
                ids.into_iter().filter_map(|id| load(tx, &vault, id).transpose()).collect()
            })
            .await
    }

    /// Names of all groups, in alphabetical order.
    pub async fn groups(&self) -> Result<Vec<String>, StoreError> {
        self.db
            .read(|tx| {
                let rows = tx.query("SELECT name FROM user_groups", &[])?;
                let names = rows.iter().map(|row| row.text(0).map(str::to_owned));
                // Sorted here: PostgreSQL would sort by its locale.
                Ok(names.collect::<Result<BTreeSet<_>, _>>()?.into_iter().collect())
            })
            .await
    }

    /// Puts this in the place of a person's profile. Whether the person exists.
    ///
    /// # Errors
    /// [`Constraint::Username`] or [`Constraint::Email`] when it is taken.
    pub async fn set_profile(&self, id: UserId, profile: Profile) -> Result<bool, StoreError> {
        const SQL: &str =
            "UPDATE users SET profile = $2, username_index = $3, email_index = $4 WHERE id = $1";
        let vault = self.vault.clone();
        self.attempt(move |tx| {
            let sealed = SealedProfile::new(&profile);
            let params: [Value; 4] = [
                id.as_str().into(),
                vault.seal_value(PROFILE, id.as_str().as_bytes(), &sealed)?.into(),
                username_index(&vault, &profile),
                email_index(&vault, &profile),
            ];
            tx.wins(SQL, &params)
        })
        .await
    }

    /// Removes a person with everything that is theirs. Whether there was one.
    ///
    /// # Errors
    /// [`Constraint::LastAdministrator`] when nobody could administer any more.
    pub async fn delete_user(&self, id: UserId) -> Result<bool, StoreError> {
        self.attempt(move |tx| {
            let won = tx.wins("DELETE FROM users WHERE id = $1", &[id.as_str().into()])?;
            an_administrator_remains(tx)?;
            Ok(won)
        })
        .await
    }

    /// Disables or enables a person. Whether it was otherwise before. Disabled people's sessions and tokens stop at
    /// the next request.
    ///
    /// # Errors
    /// [`Constraint::LastAdministrator`] when nobody could administer any more.
    pub async fn set_disabled(&self, id: UserId, disabled: bool, now: UnixTime) -> Result<bool, StoreError> {
        self.attempt(move |tx| {
            let won = if disabled {
                crate::personal_token::revoke_all_of(tx, id, now)?;
                tx.wins(
                    "UPDATE users SET disabled_at = $2 WHERE id = $1 AND disabled_at IS NULL",
                    &[id.as_str().into(), now.0.into()],
                )?
            } else {
                tx.wins(
                    "UPDATE users SET disabled_at = NULL WHERE id = $1 AND disabled_at IS NOT NULL",
                    &[id.as_str().into()],
                )?
            };
            an_administrator_remains(tx)?;
            Ok(won)
        })
        .await
    }

    /// Makes a person a member of exactly these groups. Whether the person exists.
    ///
    /// # Errors
    /// [`Constraint::LastAdministrator`] when nobody could administer any more.
    pub async fn set_groups(
        &self,
        id: UserId,
        groups: BTreeSet<String>,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let vault = self.vault.clone();
        self.attempt(move |tx| {
            if tx.optional("SELECT id FROM users WHERE id = $1", &[id.as_str().into()])?.is_none() {
                return Ok(false);
            }
            tx.execute("DELETE FROM memberships WHERE user_id = $1", &[id.as_str().into()])?;
            join(tx, &vault, id, &groups, now)?;
            an_administrator_remains(tx)?;
            Ok(true)
        })
        .await
    }
}

pub(crate) fn insert(
    tx: &mut dyn Tx,
    vault: &Vault,
    user: &NewUser,
    now: UnixTime,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO users (id, profile, username_index, email_index, created_at) VALUES ($1, $2, $3, $4, $5)";
    let params: [Value; 5] = [
        user.id.as_str().into(),
        vault.seal_value(PROFILE, user.id.as_str().as_bytes(), &SealedProfile::new(&user.profile))?.into(),
        username_index(vault, &user.profile),
        email_index(vault, &user.profile),
        now.0.into(),
    ];
    tx.execute(SQL, &params)?;
    join(tx, vault, user.id, &user.groups, now)
}

fn username_index(vault: &Vault, profile: &Profile) -> Value {
    vault.index(USERNAME, &profile.username.folded()).into()
}

fn email_index(vault: &Vault, profile: &Profile) -> Value {
    profile.email.as_ref().map(|email| vault.index(EMAIL, &email.to_ascii_lowercase())).into()
}

fn join(
    tx: &mut dyn Tx,
    vault: &Vault,
    id: UserId,
    groups: &BTreeSet<String>,
    now: UnixTime,
) -> Result<(), StoreError> {
    for group in groups {
        group::make_named(tx, vault, group, now)?;
        tx.execute(
            "INSERT INTO memberships (user_id, group_name) VALUES ($1, $2)",
            &[id.as_str().into(), group.as_str().into()],
        )?;
    }
    Ok(())
}

pub(crate) fn an_administrator_remains(tx: &mut dyn Tx) -> Result<(), StoreError> {
    const SQL: &str = "SELECT u.id FROM users u JOIN memberships m ON m.user_id = u.id \
                       WHERE m.group_name = $1 AND u.disabled_at IS NULL LIMIT 1";
    if tx.optional(SQL, &[ADMINISTRATORS.into()])?.is_some() {
        Ok(())
    } else {
        Err(StoreError::Conflict(Constraint::LastAdministrator))
    }
}

pub(crate) fn load(tx: &mut dyn Tx, vault: &Vault, id: UserId) -> Result<Option<User>, StoreError> {
    const SQL: &str = "SELECT u.profile, u.created_at, u.disabled_at, \
                       (SELECT COUNT(*) FROM credentials c WHERE c.user_id = u.id) FROM users u WHERE u.id = $1";
    let Some(row) = tx.optional(SQL, &[id.as_str().into()])? else {
        return Ok(None);
    };
    Ok(Some(User {
        id,
        profile: open_profile(vault, id, row.bytes(0)?)?,
        groups: groups_of(tx, id)?,
        created_at: UnixTime(row.integer(1)?),
        disabled_at: row.optional_integer(2)?.map(UnixTime),
        credentials: row.integer(3)?,
    }))
}

pub(crate) fn groups_of(tx: &mut dyn Tx, id: UserId) -> Result<BTreeSet<String>, StoreError> {
    let rows = tx.query("SELECT group_name FROM memberships WHERE user_id = $1", &[id.as_str().into()])?;
    rows.iter().map(|row| row.text(0).map(str::to_owned)).collect()
}

pub(crate) fn open_profile(vault: &Vault, id: UserId, sealed: &[u8]) -> Result<Profile, StoreError> {
    let sealed: SealedProfile = vault.open_value(PROFILE, id.as_str().as_bytes(), sealed)?;
    let username = Username::parse(&sealed.username).map_err(|_| PROFILE.corrupt())?;
    Ok(Profile {
        username,
        display_name: sealed.display_name,
        first_name: sealed.first_name,
        last_name: sealed.last_name,
        locale: sealed.locale,
        email: sealed.email,
        email_verified: sealed.email_verified,
    })
}

pub(crate) fn id_at(row: &Row, at: usize) -> Result<UserId, StoreError> {
    UserId::parse(row.text(at)?).map_err(|_| StoreError::Corrupt { table: "users", column: "id" })
}
