//! First-run set-up: open until the first administrator exists, then closed for good.

use doorward_core::{
    login::Login,
    time::UnixTime,
    token::{Hashed, Setup},
};

use crate::{
    credential::{self, NewCredential},
    db::Tx,
    error::StoreError,
    login::{ChallengeUse, NewSession, consume_challenge, insert_session},
    store::Store,
    user::{self, NewUser},
};

/// Everything that makes the first administrator.
#[derive(Debug)]
pub struct CompleteSetup {
    /// The link's token.
    pub token: Hashed<Setup>,
    /// The person.
    pub user: NewUser,
    /// The person's passkey.
    pub credential: NewCredential,
    /// The proof.
    pub login: Login,
    /// The challenge.
    pub challenge: ChallengeUse,
    /// The session to begin.
    pub session: NewSession,
}

impl Store {
    /// Whether set-up has been completed.
    pub async fn setup_is_closed(&self) -> Result<bool, StoreError> {
        self.db.read(|tx| is_closed(tx)).await
    }

    /// Replaces the set-up link. Whether set-up is still open.
    pub async fn issue_setup(&self, token: Hashed<Setup>, expires_at: UnixTime) -> Result<bool, StoreError> {
        const SQL: &str = "INSERT INTO setups (token_hash, expires_at) VALUES ($1, $2)";
        self.attempt(move |tx| {
            if is_closed(tx)? {
                return Ok(false);
            }
            tx.execute("DELETE FROM setups", &[])?;
            tx.wins(SQL, &[token.as_bytes().into(), expires_at.0.into()])
        })
        .await
    }

    /// Whether this is the current set-up link, and set-up is open.
    pub async fn setup_is_open(&self, token: Hashed<Setup>, now: UnixTime) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT expires_at FROM setups WHERE token_hash = $1 AND expires_at > $2";
        self.db
            .read(move |tx| {
                let current = tx.optional(SQL, &[token.as_bytes().into(), now.0.into()])?.is_some();
                Ok(current && !is_closed(tx)?)
            })
            .await
    }

    /// Makes the first administrator and closes set-up for good. `false`, and nothing happens, when the link is not
    /// the current one, the challenge was used before, or set-up is closed.
    pub async fn complete_setup(&self, setup: CompleteSetup, now: UnixTime) -> Result<bool, StoreError> {
        const TAKE: &str = "DELETE FROM setups WHERE token_hash = $1 AND expires_at > $2";
        const CLOSE: &str =
            "INSERT INTO meta (key, number) VALUES ('setup_completed_at', $1) ON CONFLICT DO NOTHING";
        let vault = self.vault.clone();
        self.attempt(move |tx| {
            let done = tx.wins(TAKE, &[setup.token.as_bytes().into(), now.0.into()])?
                && consume_challenge(tx, setup.challenge)?
                && tx.wins(CLOSE, &[now.0.into()])?;
            if done {
                user::insert(tx, &vault, &setup.user, now)?;
                credential::insert(tx, &vault, &setup.credential, now)?;
                insert_session(tx, &vault, &setup.session, &setup.login, now)?;
            }
            Ok(done)
        })
        .await
    }
}

fn is_closed(tx: &mut dyn Tx) -> Result<bool, StoreError> {
    Ok(tx.optional("SELECT number FROM meta WHERE key = 'setup_completed_at'", &[])?.is_some())
}
