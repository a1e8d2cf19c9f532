//! Tokens that people make for themselves, each for one service.

use doorward_core::{
    id::{PersonalTokenId, SessionId, UserId},
    identity::{AuthContext, Identity, IdentityParts},
    time::UnixTime,
    token::{Hashed, Personal},
};

use crate::{
    db::{Row, Tx, Value},
    error::StoreError,
    session::words,
    store::Store,
    user::{groups_of, id_at, open_profile},
    vault::{Column, Vault},
};

/// Live tokens that one person has at most.
pub const PERSONAL_TOKENS_MAX: u32 = 50;

/// Seconds between two records of a token's use.
const RECORDED: i64 = 60;

const NAME: Column = Column { table: "personal_tokens", column: "name" };

/// A token to be.
#[derive(Clone, Debug)]
pub struct NewPersonalToken {
    /// Identifier.
    pub id: PersonalTokenId,
    /// The token.
    pub token: Hashed<Personal>,
    /// Whose it is.
    pub user: UserId,
    /// What it is good for.
    pub grant: PersonalGrant,
    /// When it expires.
    pub expires_at: UnixTime,
}

/// What a token is good for, as its owner wrote it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PersonalGrant {
    /// What its owner calls it.
    pub name: String,
    /// Name of the service.
    pub service: String,
    /// Beginnings of paths; empty for all.
    pub paths: Vec<String>,
    /// Methods; empty for all.
    pub methods: Vec<String>,
}

/// A token as its owner sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PersonalTokenRow {
    /// Identifier.
    pub id: PersonalTokenId,
    /// What it is good for.
    pub grant: PersonalGrant,
    /// Since when.
    pub created_at: UnixTime,
    /// When it was last used, to the minute; `None` if it never was.
    pub last_used_at: Option<UnixTime>,
    /// When it expires.
    pub expires_at: UnixTime,
}

/// A token that was presented: who is behind it, and what it is good for.
#[derive(Clone, Debug)]
pub struct PresentedToken {
    /// Identifier.
    pub id: PersonalTokenId,
    /// What it is good for.
    pub grant: PersonalGrant,
    /// The person, with the groups of now. The token stands in the session's place: it names itself as the session, and
    /// it carries no proof: whatever asks when the passkey was used is told never.
    pub identity: Identity,
}

impl Store {
    /// Stores a token. `false`, and nothing is stored, when the person is disabled or has [`PERSONAL_TOKENS_MAX`] live
    /// ones already.
    pub async fn create_personal_token(
        &self,
        new: NewPersonalToken,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "INSERT INTO personal_tokens (id, token_hash, user_id, name, service, paths, methods, \
                           created_at, expires_at) SELECT $1, $2, id, $4, $5, $6, $7, $8, $9 FROM users \
                           WHERE id = $3 AND disabled_at IS NULL AND (SELECT COUNT(*) FROM personal_tokens t \
                           WHERE t.user_id = $3 AND t.revoked_at IS NULL AND t.expires_at > $8) < $10";
        let vault = self.vault.clone();
        self.attempt(move |tx| {
            let grant = &new.grant;
            let params: [Value; 10] = [
                new.id.as_str().into(),
                new.token.as_bytes().into(),
                new.user.as_str().into(),
                vault.seal_text(NAME, new.id.as_str().as_bytes(), &grant.name).into(),
                grant.service.as_str().into(),
                grant.paths.join(" ").into(),
                grant.methods.join(" ").into(),
                now.0.into(),
                new.expires_at.0.into(),
                i64::from(PERSONAL_TOKENS_MAX).into(),
            ];
            tx.wins(SQL, &params)
        })
        .await
    }

    /// The person's live tokens, the latest first.
    pub async fn personal_tokens_of(
        &self,
        user: UserId,
        now: UnixTime,
    ) -> Result<Vec<PersonalTokenRow>, StoreError> {
        const SQL: &str = "SELECT id, name, service, paths, methods, created_at, last_used_at, expires_at \
                           FROM personal_tokens WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 \
                           ORDER BY created_at DESC, id LIMIT 200";
        let vault = self.vault.clone();
        self.db
            .read(move |tx| {
                let rows = tx.query(SQL, &[user.as_str().into(), now.0.into()])?;
                rows.iter().map(|row| from_row(&vault, row)).collect()
            })
            .await
    }

    /// Ends a token of this person. Whether it was live.
    pub async fn revoke_personal_token(
        &self,
        user: UserId,
        id: PersonalTokenId,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE personal_tokens SET revoked_at = $3 WHERE id = $1 AND user_id = $2 \
                           AND revoked_at IS NULL AND expires_at > $3";
        self.attempt(move |tx| tx.wins(SQL, &[id.as_str().into(), user.as_str().into(), now.0.into()])).await
    }

    /// The person behind a token at a service, if everything is live at `now`: the token is for that service, not
    /// revoked, not expired, and the person is not disabled.
    pub async fn personal_token(
        &self,
        token: &Hashed<Personal>,
        service: &str,
        now: UnixTime,
    ) -> Result<Option<PresentedToken>, StoreError> {
        const SQL: &str = "SELECT t.id, t.name, t.service, t.paths, t.methods, t.created_at, t.last_used_at, \
                           t.expires_at, t.user_id, u.profile FROM personal_tokens t JOIN users u ON u.id = t.user_id \
                           WHERE t.token_hash = $1 AND t.service = $2 AND t.revoked_at IS NULL AND t.expires_at > $3 \
                           AND u.disabled_at IS NULL";
        let (vault, params) = (self.vault.clone(), [token.as_bytes().into(), service.into(), now.0.into()]);
        self.db
            .read(move |tx| match tx.optional(SQL, &params)? {
                Some(row) => presented(tx, &vault, &row).map(Some),
                None => Ok(None),
            })
            .await
    }

    /// Records that a token is in use, at most once a minute.
    pub async fn touch_personal_token(&self, id: PersonalTokenId, now: UnixTime) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE personal_tokens SET last_used_at = $2 WHERE id = $1 AND revoked_at IS NULL \
                           AND (last_used_at IS NULL OR last_used_at <= $3)";
        let before = now.0.saturating_sub(RECORDED);
        self.db
            .write(move |tx| tx.execute(SQL, &[id.as_str().into(), now.0.into(), before.into()]).map(drop))
            .await
    }
}

/// Ends all tokens of a person.
pub(crate) fn revoke_all_of(tx: &mut dyn Tx, user: UserId, now: UnixTime) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE personal_tokens SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL";
    tx.execute(SQL, &[user.as_str().into(), now.0.into()]).map(drop)
}

fn from_row(vault: &Vault, row: &Row) -> Result<PersonalTokenRow, StoreError> {
    let id = PersonalTokenId::parse(row.text(0)?)
        .map_err(|_| StoreError::Corrupt { table: "personal_tokens", column: "id" })?;
    let grant = PersonalGrant {
        name: vault.open_text(NAME, id.as_str().as_bytes(), row.bytes(1)?)?,
        service: row.text(2)?.to_owned(),
        paths: words(row.text(3)?),
        methods: words(row.text(4)?),
    };
    Ok(PersonalTokenRow {
        id,
        grant,
        created_at: UnixTime(row.integer(5)?),
        last_used_at: row.optional_integer(6)?.map(UnixTime),
        expires_at: UnixTime(row.integer(7)?),
    })
}

fn presented(tx: &mut dyn Tx, vault: &Vault, row: &Row) -> Result<PresentedToken, StoreError> {
    let PersonalTokenRow { id, grant, expires_at, .. } = from_row(vault, row)?;
    let subject = id_at(row, 8)?;
    let session = SessionId::from(id);
    let identity = Identity::new(IdentityParts {
        subject,
        profile: open_profile(vault, subject, row.bytes(9)?)?,
        groups: groups_of(tx, subject)?,
        context: AuthContext { auth_time: UnixTime(0), amr: Vec::new() },
        session,
        portal_session: session,
        expires_at,
    });
    Ok(PresentedToken { id, grant, identity })
}
