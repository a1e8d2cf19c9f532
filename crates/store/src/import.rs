//! What comes from elsewhere, in one unit of work.

use doorward_core::{
    id::{GroupId, UserId},
    time::UnixTime,
    user::claims::WrittenClaims,
    webauthn::imported::ImportedCredential,
};

use crate::{
    claims, credential,
    db::{Tx, Value},
    error::StoreError,
    group::NewGroup,
    signing_key::{self, NewSigningKey},
    store::Store,
    user::{self, NewUser},
    vault::Vault,
};

/// Everything that is brought over.
#[derive(Clone)]
pub struct Import {
    /// Groups.
    pub groups: Vec<ImportedGroup>,
    /// People, each with what is theirs.
    pub people: Vec<ImportedPerson>,
    /// The key that signed tokens there. It signs here from then on.
    pub signing_key: Option<NewSigningKey>,
    /// Whether there is somebody among the people who can administer and sign in: set-up is closed then.
    pub closes_setup: bool,
}

/// A group.
#[derive(Clone, Debug)]
pub struct ImportedGroup {
    /// Its identifier and names.
    pub group: NewGroup,
    /// Since when.
    pub created_at: UnixTime,
    /// Claims of its members.
    pub claims: WrittenClaims,
}

/// A person.
#[derive(Clone, Debug)]
pub struct ImportedPerson {
    /// Identifier, names and groups.
    pub user: NewUser,
    /// Since when.
    pub created_at: UnixTime,
    /// Whether the person may not sign in.
    pub disabled: bool,
    /// Passkeys.
    pub passkeys: Vec<ImportedCredential>,
    /// Claims of their own.
    pub claims: WrittenClaims,
    /// What the person allowed which client to learn: its identifier, scopes, and when.
    pub consents: Vec<(String, Vec<String>, UnixTime)>,
}

/// What an import changed.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Imported {
    /// People who were not here.
    pub people: u64,
    /// Groups that were not here.
    pub groups: u64,
    /// Whether the signing key was taken.
    pub signing_key: bool,
}

impl Store {
    /// Brings everything over, or nothing. Who is here already stays as they are, with everything that is theirs, so
    /// that the same import a second time changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when somebody else here has a user name, an address or a passkey of somebody who comes.
    pub async fn import(&self, import: Import, now: UnixTime) -> Result<Imported, StoreError> {
        let vault = self.vault.clone();
        self.change(move |tx| {
            let mut done = Imported::default();
            for group in &import.groups {
                done.groups += u64::from(bring_group(tx, &vault, group)?);
            }
            for person in &import.people {
                done.people += u64::from(bring_person(tx, &vault, person, now)?);
            }
            if let Some(key) = &import.signing_key {
                done.signing_key = signing_key::import(tx, &vault, key, now)?;
            }
            if import.closes_setup {
                tx.execute(
                    "INSERT INTO meta (key, number) VALUES ('setup_completed_at', $1) ON CONFLICT DO NOTHING",
                    &[now.0.into()],
                )?;
            }
            Ok(done)
        })
        .await
    }

    /// Which of these people are here already.
    pub async fn known_people(&self, ids: Vec<UserId>) -> Result<Vec<UserId>, StoreError> {
        self.db
            .read(move |tx| {
                let mut known = Vec::new();
                for id in &ids {
                    if exists(tx, *id)? {
                        known.push(*id);
                    }
                }
                Ok(known)
            })
            .await
    }
}

fn exists(tx: &mut dyn Tx, id: UserId) -> Result<bool, StoreError> {
    Ok(tx.optional("SELECT id FROM users WHERE id = $1", &[id.as_str().into()])?.is_some())
}

/// A group of this name is this group, whatever its identifier is.
fn bring_group(tx: &mut dyn Tx, vault: &Vault, new: &ImportedGroup) -> Result<bool, StoreError> {
    const SQL: &str = "INSERT INTO user_groups (name, created_at, id, friendly_name, claims) \
                       VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    let NewGroup { id, names } = &new.group;
    let params: [Value; 5] = [
        names.name.as_str().into(),
        new.created_at.0.into(),
        GroupId::as_str(id).into(),
        names.friendly_name.as_str().into(),
        claims::sealed_for_group(vault, *id, &new.claims)?,
    ];
    tx.wins(SQL, &params)
}

fn bring_person(
    tx: &mut dyn Tx,
    vault: &Vault,
    new: &ImportedPerson,
    now: UnixTime,
) -> Result<bool, StoreError> {
    const REST: &str = "UPDATE users SET claims = $2, disabled_at = $3 WHERE id = $1";
    const CONSENT: &str =
        "INSERT INTO consents (user_id, client_id, scope, granted_at) VALUES ($1, $2, $3, $4)";
    let id = new.user.id;
    if exists(tx, id)? {
        return Ok(false);
    }
    user::insert(tx, vault, &new.user, new.created_at)?;
    let disabled_at = new.disabled.then_some(now.0);
    let sealed = claims::sealed_for_user(vault, id, &new.claims)?;
    tx.execute(REST, &[id.as_str().into(), sealed, disabled_at.into()])?;
    for passkey in &new.passkeys {
        credential::bring(tx, vault, passkey)?;
    }
    for (client, scopes, at) in &new.consents {
        let params: [Value; 4] =
            [id.as_str().into(), client.as_str().into(), scopes.join(" ").into(), at.0.into()];
        tx.execute(CONSENT, &params)?;
    }
    Ok(true)
}
