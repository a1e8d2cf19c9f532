//! One-time links by which a person registers a passkey.

use doorward_core::{
    id::UserId,
    login::Login,
    time::UnixTime,
    token::{Enrolment, Hashed},
};

use crate::{
    credential::{self, NewCredential},
    error::StoreError,
    login::{ChallengeUse, NewSession, consume_challenge, insert_session},
    store::Store,
    user::{self, User, id_at},
};

/// Everything that an enrolment changes.
#[derive(Debug)]
pub struct CompleteEnrolment {
    /// The link's token.
    pub token: Hashed<Enrolment>,
    /// The passkey.
    pub credential: NewCredential,
    /// The proof.
    pub login: Login,
    /// The challenge.
    pub challenge: ChallengeUse,
    /// The session to begin.
    pub session: NewSession,
}

impl Store {
    /// Issues a link for a person; earlier ones stop working. Whether the person exists.
    pub async fn issue_enrolment(
        &self,
        token: Hashed<Enrolment>,
        user: UserId,
        expires_at: UnixTime,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "INSERT INTO enrolments (token_hash, user_id, expires_at) SELECT $1, id, $3 FROM users WHERE id = $2";
        self.attempt(move |tx| {
            tx.execute("DELETE FROM enrolments WHERE user_id = $1", &[user.as_str().into()])?;
            tx.wins(SQL, &[token.as_bytes().into(), user.as_str().into(), expires_at.0.into()])
        })
        .await
    }

    /// For whom a link is, if it still works.
    pub async fn enrolment(
        &self,
        token: Hashed<Enrolment>,
        now: UnixTime,
    ) -> Result<Option<User>, StoreError> {
        const SQL: &str = "SELECT user_id FROM enrolments WHERE token_hash = $1 AND consumed_at IS NULL AND expires_at > $2";
        let vault = self.vault.clone();
        self.db
            .read(move |tx| match tx.optional(SQL, &[token.as_bytes().into(), now.0.into()])? {
                Some(row) => {
                    Ok(user::load(tx, &vault, id_at(&row, 0)?)?.filter(|user| user.disabled_at.is_none()))
                }
                None => Ok(None),
            })
            .await
    }

    /// Registers the passkey and begins a session. `false`, and nothing happens, when the link was used, replaced or
    /// expired, the challenge was used before, the passkey is for somebody else, or the person is disabled.
    pub async fn complete_enrolment(
        &self,
        enrolment: CompleteEnrolment,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE enrolments SET consumed_at = $3 WHERE token_hash = $1 AND user_id = $2 \
                           AND consumed_at IS NULL AND expires_at > $3 AND EXISTS \
                           (SELECT 1 FROM users WHERE id = $2 AND disabled_at IS NULL)";
        let vault = self.vault.clone();
        self.attempt(move |tx| {
            let user = enrolment.login.user();
            if enrolment.credential.registration.user() != user {
                return Ok(false);
            }
            let params = [enrolment.token.as_bytes().into(), user.as_str().into(), now.0.into()];
            let done = tx.wins(SQL, &params)? && consume_challenge(tx, enrolment.challenge)?;
            if done {
                credential::insert(tx, &vault, &enrolment.credential, now)?;
                insert_session(tx, &vault, &enrolment.session, &enrolment.login, now)?;
            }
            Ok(done)
        })
        .await
    }
}
