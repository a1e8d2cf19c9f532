//! Groups of people.

use std::collections::BTreeSet;

use doorward_core::{
    id::{GroupId, UserId},
    time::{UnixTime, draw},
};

use crate::{
    db::{Db, Row, Tx, Value},
    error::StoreError,
    store::Store,
    user::{an_administrator_remains, id_at},
    vault::Vault,
};

/// A group to be.
#[derive(Clone, Debug)]
pub struct NewGroup {
    /// Identifier.
    pub id: GroupId,
    /// What it is called.
    pub names: GroupNames,
}

/// What a group is called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupNames {
    /// The unique name: what policies, headers and claims say.
    pub name: String,
    /// What people see.
    pub friendly_name: String,
}

/// A group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// Identifier.
    pub id: GroupId,
    /// What it is called.
    pub names: GroupNames,
    /// Since when.
    pub created_at: UnixTime,
    /// How many people are in it.
    pub members: i64,
}

macro_rules! groups {
    ($rest:literal) => {
        concat!(
            "SELECT g.id, g.name, COALESCE(g.friendly_name, g.name), g.created_at, (SELECT COUNT(*) FROM memberships m \
             WHERE m.group_name = g.name) FROM user_groups g ",
            $rest
        )
    };
}

impl Store {
    /// Adds a group.
    ///
    /// # Errors
    /// [`crate::Constraint::Group`] when the name is taken.
    pub async fn create_group(&self, new: NewGroup, now: UnixTime) -> Result<(), StoreError> {
        const SQL: &str =
            "INSERT INTO user_groups (name, created_at, id, friendly_name) VALUES ($1, $2, $3, $4)";
        self.change(move |tx| {
            let NewGroup { id, names: GroupNames { name, friendly_name } } = &new;
            let params: [Value; 4] =
                [name.as_str().into(), now.0.into(), id.as_str().into(), friendly_name.as_str().into()];
            tx.execute(SQL, &params).map(drop)
        })
        .await
    }

    /// The group with this identifier.
    pub async fn group(&self, id: GroupId) -> Result<Option<Group>, StoreError> {
        self.db.read(move |tx| load(tx, id)).await
    }

    /// At most `limit` groups in the order of their identifiers, beginning after `after`.
    pub async fn groups_after(&self, after: Option<GroupId>, limit: u32) -> Result<Vec<Group>, StoreError> {
        const SQL: &str = groups!("WHERE g.id > $1 ORDER BY g.id LIMIT $2");
        let after = after.map_or(String::new(), |id| id.to_string());
        self.db
            .read(move |tx| {
                let rows = tx.query(SQL, &[after.as_str().into(), i64::from(limit).into()])?;
                rows.iter().map(from_row).collect()
            })
            .await
    }

    /// The groups that a person is a member of, in the order of their identifiers.
    pub async fn groups_of(&self, user: UserId) -> Result<Vec<Group>, StoreError> {
        const SQL: &str =
            groups!("JOIN memberships own ON own.group_name = g.name WHERE own.user_id = $1 ORDER BY g.id");
        self.db.read(move |tx| tx.query(SQL, &[user.as_str().into()])?.iter().map(from_row).collect()).await
    }

    /// Calls a group otherwise. Its members stay. Whether it exists.
    ///
    /// # Errors
    /// [`crate::Constraint::Group`] when the name is taken, [`crate::Constraint::LastAdministrator`] when nobody could
    /// administer any more.
    pub async fn rename_group(&self, id: GroupId, names: GroupNames) -> Result<bool, StoreError> {
        self.attempt(move |tx| {
            let Some(group) = load(tx, id)? else { return Ok(false) };
            if group.names.name != names.name {
                move_to(tx, &group, &names.name)?;
                an_administrator_remains(tx)?;
            }
            let params: [Value; 2] = [id.as_str().into(), names.friendly_name.as_str().into()];
            tx.wins("UPDATE user_groups SET friendly_name = $2 WHERE id = $1", &params)
        })
        .await
    }

    /// Removes a group. Whether there was one.
    ///
    /// # Errors
    /// [`crate::Constraint::LastAdministrator`] when nobody could administer any more.
    pub async fn delete_group(&self, id: GroupId) -> Result<bool, StoreError> {
        self.attempt(move |tx| {
            tx.execute("DELETE FROM client_groups WHERE group_id = $1", &[id.as_str().into()])?;
            let won = tx.wins("DELETE FROM user_groups WHERE id = $1", &[id.as_str().into()])?;
            an_administrator_remains(tx)?;
            Ok(won)
        })
        .await
    }

    /// Makes exactly these people members. Who does not exist is left out. Whether the group exists.
    ///
    /// # Errors
    /// [`crate::Constraint::LastAdministrator`] when nobody could administer any more.
    pub async fn set_members(&self, id: GroupId, members: BTreeSet<UserId>) -> Result<bool, StoreError> {
        const JOIN: &str =
            "INSERT INTO memberships (user_id, group_name) SELECT id, $2 FROM users WHERE id = $1";
        self.attempt(move |tx| {
            let Some(group) = load(tx, id)? else { return Ok(false) };
            let name = Value::from(group.names.name);
            tx.execute("DELETE FROM memberships WHERE group_name = $1", std::slice::from_ref(&name))?;
            for member in &members {
                tx.execute(JOIN, &[member.as_str().into(), name.clone()])?;
            }
            an_administrator_remains(tx)?;
            Ok(true)
        })
        .await
    }

    /// At most `limit` members of a group, in the order of their identifiers.
    pub async fn members_of(&self, id: GroupId, limit: u32) -> Result<Vec<UserId>, StoreError> {
        const SQL: &str = "SELECT m.user_id FROM memberships m JOIN user_groups g ON g.name = m.group_name \
                           WHERE g.id = $1 ORDER BY m.user_id LIMIT $2";
        self.db
            .read(move |tx| {
                let rows = tx.query(SQL, &[id.as_str().into(), i64::from(limit).into()])?;
                rows.iter().map(|row| id_at(row, 0)).collect()
            })
            .await
    }
}

/// Gives the group another name. The row is replaced, because its name is what memberships refer to.
fn move_to(tx: &mut dyn Tx, group: &Group, name: &str) -> Result<(), StoreError> {
    const COPY: &str = "INSERT INTO user_groups (name, created_at, friendly_name, claims) \
                        SELECT $2, created_at, friendly_name, claims FROM user_groups WHERE id = $1";
    const MOVE: &str = "UPDATE memberships SET group_name = $2 WHERE group_name = $1";
    const REMOVE: &str = "DELETE FROM user_groups WHERE id = $1";
    const IDENTIFY: &str = "UPDATE user_groups SET id = $1 WHERE name = $2";
    let (id, name) = (Value::from(group.id.as_str()), Value::from(name));
    tx.execute(COPY, &[id.clone(), name.clone()])?;
    tx.execute(MOVE, &[group.names.name.as_str().into(), name.clone()])?;
    tx.execute(REMOVE, std::slice::from_ref(&id))?;
    tx.execute(IDENTIFY, &[id, name]).map(drop)
}

/// Makes the group of this name if there is none.
pub(crate) fn make_named(
    tx: &mut dyn Tx,
    vault: &Vault,
    name: &str,
    now: UnixTime,
) -> Result<(), StoreError> {
    const SQL: &str =
        "INSERT INTO user_groups (name, created_at, id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    tx.execute(SQL, &[name.into(), now.0.into(), draw_id(vault).as_str().into()]).map(drop)
}

/// Gives an identifier to each group of a time when groups had none.
pub(crate) fn identify_all(db: &Db, vault: &Vault) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE user_groups SET id = $2 WHERE name = $1 AND id IS NULL";
    let vault = vault.clone();
    db.write_blocking(move |tx| {
        for row in tx.query("SELECT name FROM user_groups WHERE id IS NULL", &[])? {
            tx.execute(SQL, &[row.text(0)?.into(), draw_id(&vault).as_str().into()])?;
        }
        Ok(())
    })
}

fn draw_id(vault: &Vault) -> GroupId {
    GroupId::from_random(draw(&*vault.random))
}

pub(crate) fn load(tx: &mut dyn Tx, id: GroupId) -> Result<Option<Group>, StoreError> {
    const SQL: &str = groups!("WHERE g.id = $1");
    tx.optional(SQL, &[id.as_str().into()])?.as_ref().map(from_row).transpose()
}

fn from_row(row: &Row) -> Result<Group, StoreError> {
    let corrupt = |_| StoreError::Corrupt { table: "user_groups", column: "id" };
    Ok(Group {
        id: GroupId::parse(row.text(0)?).map_err(corrupt)?,
        names: GroupNames { name: row.text(1)?.to_owned(), friendly_name: row.text(2)?.to_owned() },
        created_at: UnixTime(row.integer(3)?),
        members: row.integer(4)?,
    })
}
