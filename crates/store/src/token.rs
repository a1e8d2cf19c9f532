//! Access and refresh tokens, and the families that they belong to (RFC 9700 section 4.14).

use doorward_core::{
    id::{FamilyId, SessionId, UserId},
    identity::{AuthContext, Identity, IdentityParts},
    time::UnixTime,
    token::{Access, Hashed, Refresh},
};

use crate::{
    authorization_code::NONCE,
    claims,
    db::{Row, Tx, Value},
    error::StoreError,
    session::{session_id_at, words},
    store::Store,
    user::{self, id_at},
    vault::Vault,
};

/// What may be issued in a family: the person as of now, and what was granted.
#[derive(Clone, Debug)]
pub struct TokenGrant {
    /// The family.
    pub family: FamilyId,
    /// The client.
    pub client_id: String,
    /// The person, with the groups of now and the proof of then.
    pub identity: Identity,
    /// What was granted.
    pub scope: Vec<String>,
    /// The client's nonce.
    pub nonce: Option<String>,
}

/// What an access token stands for.
pub type AccessGrant = TokenGrant;

/// A live token's grant, and when the token expires.
#[derive(Clone, Debug)]
pub struct LiveToken {
    /// What it stands for.
    pub grant: TokenGrant,
    /// When it expires: with its family at the latest.
    pub expires_at: UnixTime,
}

/// Tokens to be.
#[derive(Clone, Copy, Debug)]
pub struct NewTokens {
    /// The access token.
    pub access: Hashed<Access>,
    /// When it expires.
    pub access_expires_at: UnixTime,
    /// The refresh token.
    pub refresh: Hashed<Refresh>,
    /// When it expires.
    pub refresh_expires_at: UnixTime,
}

/// The outcome of using a refresh token.
#[derive(Clone, Debug)]
pub enum Rotation {
    /// It was the current one; the new tokens are stored.
    Rotated(Box<TokenGrant>),
    /// It had been rotated before: somebody has a copy. Its family is revoked.
    Reused,
    /// It is no live token of this client.
    Unknown,
}

impl Store {
    /// Stores the first tokens of a family. `false` when the family was revoked meanwhile.
    pub async fn issue_tokens(&self, family: FamilyId, new: NewTokens) -> Result<bool, StoreError> {
        self.db.write(move |tx| insert(tx, family.as_str(), new)).await
    }

    /// Exchanges a refresh token for new tokens. At most one caller ever receives [`Rotation::Rotated`] for one token.
    pub async fn rotate_refresh_token(
        &self,
        token: Hashed<Refresh>,
        client_id: &str,
        new: NewTokens,
        now: UnixTime,
    ) -> Result<Rotation, StoreError> {
        const ROTATE: &str = "UPDATE refresh_tokens SET rotated_at = $3 WHERE token_hash = $1 AND client_id = $2 \
                              AND rotated_at IS NULL AND expires_at > $3 RETURNING family_id";
        let (vault, client_id) = (self.vault.clone(), client_id.to_owned());
        self.db
            .write(move |tx| {
                let params: [Value; 3] = [token.as_bytes().into(), client_id.as_str().into(), now.0.into()];
                let Some(row) = tx.optional(ROTATE, &params)? else {
                    return revoke_if_reused(tx, token, &client_id, now);
                };
                let Some(grant) = family(tx, &vault, row.text(0)?, now)? else {
                    return Ok(Rotation::Unknown);
                };
                let stored = insert(tx, grant.family.as_str(), new)?;
                Ok(if stored { Rotation::Rotated(Box::new(grant)) } else { Rotation::Unknown })
            })
            .await
    }

    /// What an access token stands for, if it, its family, its person and, without `offline_access`, its session are
    /// live.
    pub async fn access_token(
        &self,
        token: Hashed<Access>,
        now: UnixTime,
    ) -> Result<Option<AccessGrant>, StoreError> {
        const SQL: &str = "SELECT family_id FROM access_tokens WHERE token_hash = $1 AND expires_at > $2";
        let vault = self.vault.clone();
        self.db
            .read(move |tx| match tx.optional(SQL, &[token.as_bytes().into(), now.0.into()])? {
                Some(row) => family(tx, &vault, row.text(0)?, now),
                None => Ok(None),
            })
            .await
    }

    /// The same, with its end.
    pub async fn live_access_token(
        &self,
        token: Hashed<Access>,
        now: UnixTime,
    ) -> Result<Option<LiveToken>, StoreError> {
        const SQL: &str =
            "SELECT family_id, expires_at FROM access_tokens WHERE token_hash = $1 AND expires_at > $2";
        self.live_token(SQL, *token.as_bytes(), now).await
    }

    /// What a refresh token stands for, if it could be used now.
    pub async fn live_refresh_token(
        &self,
        token: Hashed<Refresh>,
        now: UnixTime,
    ) -> Result<Option<LiveToken>, StoreError> {
        const SQL: &str = "SELECT family_id, expires_at FROM refresh_tokens WHERE token_hash = $1 AND expires_at > $2 \
                           AND rotated_at IS NULL";
        self.live_token(SQL, *token.as_bytes(), now).await
    }

    async fn live_token(
        &self,
        sql: &'static str,
        token: [u8; 32],
        now: UnixTime,
    ) -> Result<Option<LiveToken>, StoreError> {
        let vault = self.vault.clone();
        self.db
            .read(move |tx| {
                let Some(row) = tx.optional(sql, &[(&token).into(), now.0.into()])? else {
                    return Ok(None);
                };
                let grant = family(tx, &vault, row.text(0)?, now)?;
                let expires_at = row.integer(1)?;
                Ok(grant.map(|grant| {
                    let expires_at = UnixTime(expires_at.min(grant.identity.expires_at.0));
                    LiveToken { grant, expires_at }
                }))
            })
            .await
    }

    /// Takes back one access token of this client. Whether there was one.
    pub async fn revoke_access_token(
        &self,
        token: Hashed<Access>,
        client_id: &str,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "DELETE FROM access_tokens WHERE token_hash = $1 \
                           AND family_id IN (SELECT id FROM token_families WHERE client_id = $2)";
        let client_id = client_id.to_owned();
        self.db.write(move |tx| tx.wins(SQL, &[token.as_bytes().into(), client_id.as_str().into()])).await
    }

    /// Takes back a refresh token of this client with everything that descends from the same sign-in (RFC 7009 section
    /// 2.1), also by a token that was rotated: whoever gives it back wants no successor of it to live. Whether anything
    /// was live.
    pub async fn revoke_refresh_token(
        &self,
        token: Hashed<Refresh>,
        client_id: &str,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE token_families SET revoked_at = $3 WHERE revoked_at IS NULL AND id = \
                           (SELECT family_id FROM refresh_tokens WHERE token_hash = $1 AND client_id = $2)";
        let client_id = client_id.to_owned();
        self.db
            .write(move |tx| {
                tx.wins(SQL, &[token.as_bytes().into(), client_id.as_str().into(), now.0.into()])
            })
            .await
    }
}

fn insert(tx: &mut dyn Tx, family: &str, new: NewTokens) -> Result<bool, StoreError> {
    const ACCESS: &str = "INSERT INTO access_tokens (token_hash, family_id, expires_at) SELECT $1, id, $3 \
                          FROM token_families WHERE id = $2 AND revoked_at IS NULL";
    const REFRESH: &str = "INSERT INTO refresh_tokens (token_hash, family_id, client_id, expires_at) \
                           SELECT $1, id, client_id, $3 FROM token_families WHERE id = $2 AND revoked_at IS NULL";
    let access: [Value; 3] = [new.access.as_bytes().into(), family.into(), new.access_expires_at.0.into()];
    let refresh: [Value; 3] = [new.refresh.as_bytes().into(), family.into(), new.refresh_expires_at.0.into()];
    Ok(tx.wins(ACCESS, &access)? && tx.wins(REFRESH, &refresh)?)
}

fn revoke_if_reused(
    tx: &mut dyn Tx,
    token: Hashed<Refresh>,
    client_id: &str,
    now: UnixTime,
) -> Result<Rotation, StoreError> {
    const SQL: &str = "SELECT family_id FROM refresh_tokens WHERE token_hash = $1 AND client_id = $2 AND rotated_at IS NOT NULL";
    let Some(row) = tx.optional(SQL, &[token.as_bytes().into(), client_id.into()])? else {
        return Ok(Rotation::Unknown);
    };
    revoke_family(tx, row.text(0)?, now)?;
    Ok(Rotation::Reused)
}

pub(crate) fn revoke_family(tx: &mut dyn Tx, family: &str, now: UnixTime) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE token_families SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
    tx.execute(SQL, &[family.into(), now.0.into()]).map(drop)
}

/// Revokes the families that end with their session: all without the scope `offline_access`.
pub(crate) fn revoke_families_of_session(
    tx: &mut dyn Tx,
    session: SessionId,
    now: UnixTime,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE token_families SET revoked_at = $2 WHERE session_id = $1 AND revoked_at IS NULL \
                       AND (' ' || scope || ' ') NOT LIKE '% offline_access %'";
    tx.execute(SQL, &[session.as_str().into(), now.0.into()]).map(drop)
}

pub(crate) fn revoke_families_of_user(
    tx: &mut dyn Tx,
    user: UserId,
    now: UnixTime,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE token_families SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL";
    tx.execute(SQL, &[user.as_str().into(), now.0.into()]).map(drop)
}

/// What may be issued in this family now: it is live, its person is enabled, and unless `offline_access` was granted
/// its session is live too.
pub(crate) fn family(
    tx: &mut dyn Tx,
    vault: &Vault,
    id: &str,
    now: UnixTime,
) -> Result<Option<TokenGrant>, StoreError> {
    const SQL: &str = "SELECT f.user_id, f.client_id, f.session_id, f.scope, f.nonce, f.amr, f.auth_time, f.expires_at \
                       FROM token_families f LEFT JOIN sessions s ON s.id = f.session_id AND s.ended_at IS NULL \
                       AND s.expires_at > $2 WHERE f.id = $1 AND f.revoked_at IS NULL AND f.expires_at > $2 \
                       AND (s.id IS NOT NULL OR (' ' || f.scope || ' ') LIKE '% offline_access %')";
    let Some(row) = tx.optional(SQL, &[id.into(), now.0.into()])? else {
        return Ok(None);
    };
    let subject: UserId = id_at(&row, 0)?;
    let person = user::load(tx, vault, subject)?.filter(|person| person.disabled_at.is_none());
    let Some(person) = person else { return Ok(None) };
    let claims = claims::merged(tx, vault, subject)?;
    let mut grant = from_row(vault, id, &row, person)?;
    grant.identity = grant.identity.with_custom_claims(claims);
    Ok(Some(grant))
}

fn from_row(vault: &Vault, id: &str, row: &Row, person: user::User) -> Result<TokenGrant, StoreError> {
    let family =
        FamilyId::parse(id).map_err(|_| StoreError::Corrupt { table: "token_families", column: "id" })?;
    let session = session_id_at(row, 2)?;
    let nonce =
        row.optional_bytes(4)?.map(|sealed| vault.open_text(NONCE, id.as_bytes(), sealed)).transpose()?;
    let identity = Identity::new(IdentityParts {
        subject: person.id,
        profile: person.profile,
        groups: person.groups,
        context: AuthContext { auth_time: UnixTime(row.integer(6)?), amr: words(row.text(5)?) },
        session,
        portal_session: session,
        expires_at: UnixTime(row.integer(7)?),
    });
    Ok(TokenGrant { family, client_id: row.text(1)?.to_owned(), identity, scope: words(row.text(3)?), nonce })
}
