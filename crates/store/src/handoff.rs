//! Handing a portal session over to one service's host.

use doorward_core::{
    id::SessionId,
    time::UnixTime,
    token::{Handoff, Hashed, Session},
};

use crate::{db::Value, error::StoreError, login::USER_AGENT, session::session_id_at, store::Store};

/// A handoff to be.
#[derive(Clone, Debug)]
pub struct NewHandoff {
    /// Its code.
    pub code: Hashed<Handoff>,
    /// The portal session.
    pub session: SessionId,
    /// The service's name.
    pub service: String,
    /// The host to which it is handed.
    pub host: String,
    /// SHA-256 of the nonce that the browser keeps.
    pub challenge: [u8; 32],
    /// When it expires.
    pub expires_at: UnixTime,
}

/// The session that a handoff becomes.
#[derive(Clone, Debug)]
pub struct NewServiceSession {
    /// Identifier.
    pub id: SessionId,
    /// Its token.
    pub token: Hashed<Session>,
    /// The host that redeems it.
    pub host: String,
    /// SHA-256 of the nonce that came with the browser.
    pub challenge: [u8; 32],
    /// What the browser calls itself.
    pub user_agent: String,
}

impl Store {
    /// Issues a handoff.
    pub async fn issue_handoff(&self, new: NewHandoff) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO handoffs (code_hash, session_id, service, host, challenge, expires_at) \
                           VALUES ($1, $2, $3, $4, $5, $6)";
        self.db
            .write(move |tx| {
                let params: [Value; 6] = [
                    new.code.as_bytes().into(),
                    new.session.as_str().into(),
                    new.service.as_str().into(),
                    new.host.as_str().into(),
                    (&new.challenge).into(),
                    new.expires_at.0.into(),
                ];
                tx.execute(SQL, &params).map(drop)
            })
            .await
    }

    /// Turns a handoff into a session of its host. `false` when the code was used, expired, is for another host or
    /// another browser, or its portal session is not live.
    pub async fn redeem_handoff(
        &self,
        code: Hashed<Handoff>,
        new: NewServiceSession,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        const CONSUME: &str = "UPDATE handoffs SET consumed_at = $4 WHERE code_hash = $1 AND host = $2 AND challenge = $3 \
                               AND consumed_at IS NULL AND expires_at > $4 RETURNING session_id, service";
        const BEGIN: &str = "INSERT INTO sessions (id, token_hash, parent_id, user_id, host, service, amr, auth_time, \
                             user_agent, created_at, last_used_at, expires_at) \
                             SELECT $1, $2, p.id, p.user_id, $4, $5, p.amr, p.auth_time, $6, $7, $7, p.expires_at \
                             FROM sessions p JOIN users u ON u.id = p.user_id WHERE p.id = $3 AND p.parent_id IS NULL \
                             AND p.ended_at IS NULL AND p.expires_at > $7 AND u.disabled_at IS NULL";
        let vault = self.vault.clone();
        self.db
            .write(move |tx| {
                let params =
                    [code.as_bytes().into(), new.host.as_str().into(), (&new.challenge).into(), now.0.into()];
                let Some(row) = tx.optional(CONSUME, &params)? else {
                    return Ok(false);
                };
                let parent = session_id_at(&row, 0)?;
                let agent: String = new.user_agent.chars().take(300).collect();
                let params: [Value; 7] = [
                    new.id.as_str().into(),
                    new.token.as_bytes().into(),
                    parent.as_str().into(),
                    new.host.as_str().into(),
                    row.text(1)?.into(),
                    vault.seal_text(USER_AGENT, new.id.as_str().as_bytes(), &agent).into(),
                    now.0.into(),
                ];
                tx.wins(BEGIN, &params)
            })
            .await
    }
}
