//! Authorization codes (RFC 6749 section 4.1.2) and the token families that descend from them.

use doorward_core::{
    id::{FamilyId, SessionId, UserId},
    identity::AuthContext,
    time::UnixTime,
    token::{Code, Hashed},
};

use crate::{
    db::{Tx, Value},
    error::StoreError,
    store::Store,
    token::{TokenGrant, family, revoke_family},
    vault::Column,
};

pub(crate) const NONCE: Column = Column { table: "token_families", column: "nonce" };

/// A code to be.
#[derive(Clone, Debug)]
pub struct NewCode {
    /// The code.
    pub code: Hashed<Code>,
    /// The family of tokens that will descend from it.
    pub family: FamilyId,
    /// For whom it is.
    pub client_id: String,
    /// Who signed in.
    pub user: UserId,
    /// In which portal session.
    pub session: SessionId,
    /// By which proof.
    pub context: AuthContext,
    /// Where it was sent.
    pub redirect_uri: String,
    /// What was granted.
    pub scope: Vec<String>,
    /// The client's nonce.
    pub nonce: Option<String>,
    /// The PKCE challenge (S256).
    pub code_challenge: Option<String>,
    /// When the code expires.
    pub expires_at: UnixTime,
    /// When the last token of the family expires.
    pub family_expires_at: UnixTime,
}

/// What a consumed code stood for.
#[derive(Clone, Debug)]
pub struct IssuedCode {
    /// What may be issued.
    pub grant: TokenGrant,
    /// Where the code was sent.
    pub redirect_uri: String,
    /// The PKCE challenge (S256).
    pub code_challenge: Option<String>,
}

impl Store {
    /// Stores a code and its family.
    pub async fn issue_code(&self, new: NewCode, now: UnixTime) -> Result<(), StoreError> {
        const FAMILY: &str = "INSERT INTO token_families (id, user_id, client_id, session_id, scope, nonce, amr, auth_time, \
                              created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        const CODE: &str = "INSERT INTO authorization_codes (code_hash, family_id, client_id, redirect_uri, code_challenge, \
                            expires_at) VALUES ($1, $2, $3, $4, $5, $6)";
        let vault = self.vault.clone();
        self.db
            .write(move |tx| {
                let family = new.family.as_str();
                let nonce = new.nonce.as_ref().map(|nonce| vault.seal_text(NONCE, family.as_bytes(), nonce));
                let params: [Value; 10] = [
                    family.into(),
                    new.user.as_str().into(),
                    new.client_id.as_str().into(),
                    new.session.as_str().into(),
                    new.scope.join(" ").into(),
                    nonce.into(),
                    new.context.amr.join(" ").into(),
                    new.context.auth_time.0.into(),
                    now.0.into(),
                    new.family_expires_at.0.into(),
                ];
                tx.execute(FAMILY, &params)?;
                let params: [Value; 6] = [
                    new.code.as_bytes().into(),
                    family.into(),
                    new.client_id.as_str().into(),
                    new.redirect_uri.as_str().into(),
                    new.code_challenge.as_deref().into(),
                    new.expires_at.0.into(),
                ];
                tx.execute(CODE, &params).map(drop)
            })
            .await
    }

    /// Redeems a code of this client. At most one caller ever receives `Some`. A second use revokes what descends
    /// from the code (RFC 9700 section 4.13).
    pub async fn consume_code(
        &self,
        code: Hashed<Code>,
        client_id: &str,
        now: UnixTime,
    ) -> Result<Option<IssuedCode>, StoreError> {
        const CONSUME: &str = "UPDATE authorization_codes SET consumed_at = $3 WHERE code_hash = $1 AND client_id = $2 \
                               AND consumed_at IS NULL AND expires_at > $3 RETURNING family_id, redirect_uri, code_challenge";
        let (vault, client_id) = (self.vault.clone(), client_id.to_owned());
        self.db
            .write(move |tx| {
                let params: [Value; 3] = [code.as_bytes().into(), client_id.as_str().into(), now.0.into()];
                let Some(row) = tx.optional(CONSUME, &params)? else {
                    revoke_if_replayed(tx, code, now)?;
                    return Ok(None);
                };
                let Some(grant) = family(tx, &vault, row.text(0)?, now)? else {
                    return Ok(None);
                };
                let code_challenge = row.optional_text(2)?.map(str::to_owned);
                Ok(Some(IssuedCode { grant, redirect_uri: row.text(1)?.to_owned(), code_challenge }))
            })
            .await
    }
}

fn revoke_if_replayed(tx: &mut dyn Tx, code: Hashed<Code>, now: UnixTime) -> Result<(), StoreError> {
    const SQL: &str =
        "SELECT family_id FROM authorization_codes WHERE code_hash = $1 AND consumed_at IS NOT NULL";
    if let Some(row) = tx.optional(SQL, &[code.as_bytes().into()])? {
        revoke_family(tx, row.text(0)?, now)?;
    }
    Ok(())
}
