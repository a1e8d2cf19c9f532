//! Sessions: of the portal, and their children on services' hosts.

use doorward_core::{
    id::{SessionId, UserId},
    identity::{AuthContext, Identity, IdentityParts},
    time::{Lifetime, UnixTime},
    token::{Hashed, Session},
};

use crate::{
    db::{Row, Tx, Value},
    error::StoreError,
    login::USER_AGENT,
    store::Store,
    user::{groups_of, id_at, open_profile},
    vault::Vault,
};

/// A portal session as its owner sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionRow {
    /// Identifier.
    pub id: SessionId,
    /// What the browser called itself.
    pub user_agent: String,
    /// Since when.
    pub created_at: UnixTime,
    /// When it was last used.
    pub last_used_at: UnixTime,
}

impl Store {
    /// The person behind a token on a host, if everything is live at `now`: the session and its portal session are
    /// not ended, not expired, not idle for longer than `idle`, and the person is not disabled.
    pub async fn session(
        &self,
        token: &Hashed<Session>,
        host: &str,
        idle: Lifetime,
        now: UnixTime,
    ) -> Result<Option<Identity>, StoreError> {
        let (vault, token, host) = (self.vault.clone(), *token, host.to_owned());
        self.db.read(move |tx| load(tx, &vault, &Lookup { token, host: &host, idle, now })).await
    }

    /// Records that a session is in use. Its portal session is in use too.
    pub async fn touch_session(&self, id: SessionId, now: UnixTime) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE sessions SET last_used_at = $2 WHERE last_used_at < $2 AND ended_at IS NULL AND \
                           (id = $1 OR id = (SELECT parent_id FROM sessions WHERE id = $1))";
        self.db.write(move |tx| tx.execute(SQL, &[id.as_str().into(), now.0.into()]).map(drop)).await
    }

    /// Ends a portal session, all its service sessions, and the tokens that do not outlive it. Whether it was live.
    pub async fn end_portal_session(&self, id: SessionId, now: UnixTime) -> Result<bool, StoreError> {
        self.change(move |tx| end_portal_session(tx, id, now)).await
    }

    /// Ends all sessions of a person and revokes all their tokens, those with `offline_access` too: whoever has a copy
    /// of anything is shut out (O-7).
    pub async fn end_sessions_of(&self, user: UserId, now: UnixTime) -> Result<(), StoreError> {
        const SQL: &str =
            "SELECT id FROM sessions WHERE user_id = $1 AND parent_id IS NULL AND ended_at IS NULL";
        self.change(move |tx| {
            for row in tx.query(SQL, &[user.as_str().into()])? {
                end_portal_session(tx, session_id_at(&row, 0)?, now)?;
            }
            crate::personal_token::revoke_all_of(tx, user, now)?;
            crate::token::revoke_families_of_user(tx, user, now)
        })
        .await
    }

    /// The person's live portal sessions, latest use first.
    pub async fn sessions_of(&self, user: UserId, now: UnixTime) -> Result<Vec<SessionRow>, StoreError> {
        const SQL: &str = "SELECT id, user_agent, created_at, last_used_at FROM sessions WHERE user_id = $1 \
                           AND parent_id IS NULL AND ended_at IS NULL AND expires_at > $2 ORDER BY last_used_at DESC, id LIMIT 200";
        let vault = self.vault.clone();
        self.db
            .read(move |tx| {
                let rows = tx.query(SQL, &[user.as_str().into(), now.0.into()])?;
                rows.iter().map(|row| from_row(&vault, row)).collect()
            })
            .await
    }
}

struct Lookup<'a> {
    token: Hashed<Session>,
    host: &'a str,
    idle: Lifetime,
    now: UnixTime,
}

fn load(tx: &mut dyn Tx, vault: &Vault, lookup: &Lookup<'_>) -> Result<Option<Identity>, StoreError> {
    // A portal session is its own parent here, so that one condition serves both. The age of the passkey is the
    // session's own: a copy of a service's cookie must not become fresh because its owner used the passkey once more
    // (E-8).
    const SQL: &str = "SELECT s.id, p.id, p.user_id, s.amr, s.auth_time, s.expires_at, p.expires_at, u.profile \
                       FROM sessions s JOIN sessions p ON p.id = COALESCE(s.parent_id, s.id) \
                       JOIN users u ON u.id = p.user_id WHERE s.token_hash = $1 AND s.host = $2 \
                       AND s.user_id = p.user_id AND s.ended_at IS NULL AND p.ended_at IS NULL \
                       AND u.disabled_at IS NULL AND s.expires_at > $3 AND p.expires_at > $3 \
                       AND s.last_used_at > $4 AND p.last_used_at > $4";
    let idle_since = lookup.now.0.saturating_sub(i64::from(lookup.idle.0));
    let params: [Value; 4] =
        [lookup.token.as_bytes().into(), lookup.host.into(), lookup.now.0.into(), idle_since.into()];
    let Some(row) = tx.optional(SQL, &params)? else {
        return Ok(None);
    };
    let subject = id_at(&row, 2)?;
    Ok(Some(Identity::new(IdentityParts {
        subject,
        profile: open_profile(vault, subject, row.bytes(7)?)?,
        groups: groups_of(tx, subject)?,
        context: AuthContext { auth_time: UnixTime(row.integer(4)?), amr: words(row.text(3)?) },
        session: session_id_at(&row, 0)?,
        portal_session: session_id_at(&row, 1)?,
        expires_at: UnixTime(row.integer(5)?.min(row.integer(6)?)),
    })))
}

pub(crate) fn end_portal_session(tx: &mut dyn Tx, id: SessionId, now: UnixTime) -> Result<bool, StoreError> {
    let params: [Value; 2] = [id.as_str().into(), now.0.into()];
    let won = tx.wins(
        "UPDATE sessions SET ended_at = $2 WHERE id = $1 AND parent_id IS NULL AND ended_at IS NULL",
        &params,
    )?;
    tx.execute("UPDATE sessions SET ended_at = $2 WHERE parent_id = $1 AND ended_at IS NULL", &params)?;
    crate::token::revoke_families_of_session(tx, id, now)?;
    Ok(won)
}

pub(crate) fn session_id_at(row: &Row, at: usize) -> Result<SessionId, StoreError> {
    SessionId::parse(row.text(at)?).map_err(|_| StoreError::Corrupt { table: "sessions", column: "id" })
}

pub(crate) fn words(text: &str) -> Vec<String> {
    text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn from_row(vault: &Vault, row: &Row) -> Result<SessionRow, StoreError> {
    let id = session_id_at(row, 0)?;
    Ok(SessionRow {
        id,
        user_agent: vault.open_text(USER_AGENT, id.as_str().as_bytes(), row.bytes(1)?)?,
        created_at: UnixTime(row.integer(2)?),
        last_used_at: UnixTime(row.integer(3)?),
    })
}
