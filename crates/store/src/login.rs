//! Signing in: a verified passkey becomes a portal session.

use doorward_core::{
    id::SessionId,
    login::Login,
    time::UnixTime,
    token::{Hashed, Session},
    webauthn::VerifiedAssertion,
};

use crate::{
    db::{Tx, Value},
    error::StoreError,
    store::Store,
    vault::{Column, Vault},
};

pub(crate) const USER_AGENT: Column = Column { table: "sessions", column: "user_agent" };

/// The one use of a ceremony's challenge.
#[derive(Clone, Copy, Debug)]
pub struct ChallengeUse {
    /// Its hash.
    pub hash: [u8; 32],
    /// When the ceremony would have expired anyway, after which the hash may be forgotten.
    pub expires_at: UnixTime,
}

/// A portal session to be.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Identifier.
    pub id: SessionId,
    /// Its token.
    pub token: Hashed<Session>,
    /// The identity host.
    pub host: String,
    /// What the browser calls itself; at most 300 characters are kept.
    pub user_agent: String,
    /// When it ends at the latest.
    pub expires_at: UnixTime,
}

/// Everything that a sign-in changes.
#[derive(Debug)]
pub struct SignIn {
    /// Who, by which proof.
    pub login: Login,
    /// The passkey's new state.
    pub proof: VerifiedAssertion,
    /// The challenge that it signed.
    pub challenge: ChallengeUse,
    /// The session to begin.
    pub session: NewSession,
    /// The portal session that the browser had, whose service sessions go on under the new one if it is the same
    /// person's.
    pub replaces: Option<SessionId>,
}

impl Store {
    /// Begins a session. `false`, and nothing happens, when the challenge was used before, or the person or passkey
    /// is gone or disabled meanwhile.
    pub async fn complete_login(&self, sign_in: SignIn, now: UnixTime) -> Result<bool, StoreError> {
        let vault = self.vault.clone();
        self.attempt(move |tx| {
            let done = use_credential(tx, &sign_in, now)? && consume_challenge(tx, sign_in.challenge)?;
            if done {
                insert_session(tx, &vault, &sign_in.session, &sign_in.login, now)?;
                replace(tx, &sign_in, now)?;
            }
            Ok(done)
        })
        .await
    }
}

fn use_credential(tx: &mut dyn Tx, sign_in: &SignIn, now: UnixTime) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE credentials SET sign_count = $3, backup_eligible = $4, backed_up = $5, last_used_at = $6 \
                       WHERE id = $1 AND user_id = $2 AND (sign_count < $3 OR (sign_count = 0 AND $3 = 0)) AND EXISTS \
                       (SELECT 1 FROM users WHERE id = $2 AND disabled_at IS NULL)";
    let proof = &sign_in.proof;
    let params: [Value; 6] = [
        proof.credential().into(),
        sign_in.login.user().as_str().into(),
        i64::from(proof.sign_count()).into(),
        proof.backup_eligible().into(),
        proof.backed_up().into(),
        now.0.into(),
    ];
    tx.wins(SQL, &params)
}

/// Whether this is the first use of the challenge: the insertion decides.
pub(crate) fn consume_challenge(tx: &mut dyn Tx, challenge: ChallengeUse) -> Result<bool, StoreError> {
    const SQL: &str =
        "INSERT INTO consumed_challenges (challenge_hash, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    tx.wins(SQL, &[(&challenge.hash).into(), challenge.expires_at.0.into()])
}

pub(crate) fn insert_session(
    tx: &mut dyn Tx,
    vault: &Vault,
    new: &NewSession,
    login: &Login,
    now: UnixTime,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO sessions (id, token_hash, user_id, host, amr, auth_time, user_agent, created_at, \
                       last_used_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)";
    let agent: String = new.user_agent.chars().take(300).collect();
    let params: [Value; 9] = [
        new.id.as_str().into(),
        new.token.as_bytes().into(),
        login.user().as_str().into(),
        new.host.as_str().into(),
        login.context().amr.join(" ").into(),
        login.context().auth_time.0.into(),
        vault.seal_text(USER_AGENT, new.id.as_str().as_bytes(), &agent).into(),
        now.0.into(),
        new.expires_at.0.into(),
    ];
    tx.execute(SQL, &params).map(drop)
}

/// Ends the browser's former portal session. Service sessions and tokens of the same person follow the new one; those
/// of another person end.
fn replace(tx: &mut dyn Tx, sign_in: &SignIn, now: UnixTime) -> Result<(), StoreError> {
    let Some(former) = sign_in.replaces else {
        return Ok(());
    };
    let params: [Value; 3] =
        [former.as_str().into(), sign_in.session.id.as_str().into(), sign_in.login.user().as_str().into()];
    tx.execute("UPDATE sessions SET parent_id = $2 WHERE parent_id = $1 AND user_id = $3", &params)?;
    tx.execute("UPDATE token_families SET session_id = $2 WHERE session_id = $1 AND user_id = $3", &params)?;
    crate::session::end_portal_session(tx, former, now).map(drop)
}
