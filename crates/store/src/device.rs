//! Devices that wait for their person (RFC 8628).

use std::fmt::Write as _;

use doorward_core::{
    id::FamilyId,
    oidc::{
        device::{Approval, INTERVAL},
        grant::device_code::Waiting,
    },
    time::UnixTime,
    token::{Device, Hashed},
};

use crate::{
    db::{Row, Tx, Value},
    error::StoreError,
    session::words,
    store::Store,
    token::{TokenGrant, family, revoke_family},
    vault::{Column, Vault},
};

const USER_CODE: Column = Column { table: "device_requests", column: "user_code" };

/// A device to wait for.
#[derive(Clone, Debug)]
pub struct NewDevice {
    /// Its code.
    pub device: Hashed<Device>,
    /// The hash of what its person enters.
    pub user_code: [u8; 32],
    /// Its client.
    pub client_id: String,
    /// What it asks for.
    pub scope: Vec<String>,
    /// Until when it waits.
    pub expires_at: UnixTime,
}

/// A device about which nobody has decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PendingDevice {
    /// Its client.
    pub client_id: String,
    /// What it asks for.
    pub scope: Vec<String>,
    /// When it asked.
    pub created_at: UnixTime,
}

/// What a device gets for its code.
#[derive(Clone, Debug)]
pub enum DevicePoll {
    /// A person granted it this; nobody gets it again.
    Granted(Box<TokenGrant>),
    /// Nothing yet, or never.
    Waiting(Waiting),
    /// It is no live code of this client.
    Unknown,
}

impl Store {
    /// Begins to wait for a device's person. `false` when the person's code is taken: draw another one.
    pub async fn begin_device(&self, new: NewDevice, now: UnixTime) -> Result<bool, StoreError> {
        const SQL: &str = "INSERT INTO device_requests (device_hash, user_code, client_id, scope, created_at, expires_at, pace) \
                           VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
        let code = index(&self.vault, new.user_code);
        self.db
            .write(move |tx| {
                let params: [Value; 7] = [
                    new.device.as_bytes().into(),
                    code.as_slice().into(),
                    new.client_id.as_str().into(),
                    new.scope.join(" ").into(),
                    now.0.into(),
                    new.expires_at.0.into(),
                    i64::from(INTERVAL.0).into(),
                ];
                tx.wins(SQL, &params)
            })
            .await
    }

    /// The device whose code a person entered, if nobody has decided about it.
    pub async fn pending_device(
        &self,
        user_code: [u8; 32],
        now: UnixTime,
    ) -> Result<Option<PendingDevice>, StoreError> {
        const SQL: &str = "SELECT client_id, scope, created_at FROM device_requests WHERE user_code = $1 \
                           AND family_id IS NULL AND refused_at IS NULL AND expires_at > $2";
        let code = index(&self.vault, user_code);
        self.db
            .read(move |tx| {
                let row = tx.optional(SQL, &[code.as_slice().into(), now.0.into()])?;
                row.map(|row| {
                    let created_at = UnixTime(row.integer(2)?);
                    Ok(PendingDevice {
                        client_id: row.text(0)?.to_owned(),
                        scope: words(row.text(1)?),
                        created_at,
                    })
                })
                .transpose()
            })
            .await
    }

    /// Grants a device what it asked for. `false` when somebody decided before, or it has stopped waiting.
    pub async fn approve_device(
        &self,
        user_code: [u8; 32],
        (id, approval): (FamilyId, Approval),
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        const APPROVE: &str = "UPDATE device_requests SET family_id = $2 WHERE user_code = $1 AND family_id IS NULL \
                               AND refused_at IS NULL AND expires_at > $3 RETURNING client_id, scope";
        const FAMILY: &str = "INSERT INTO token_families (id, user_id, client_id, session_id, scope, amr, auth_time, created_at, \
                              expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let code = index(&self.vault, user_code);
        self.db
            .write(move |tx| {
                let family = id.as_str();
                let Some(row) =
                    tx.optional(APPROVE, &[code.as_slice().into(), family.into(), now.0.into()])?
                else {
                    return Ok(false);
                };
                let params: [Value; 9] = [
                    family.into(),
                    approval.user.as_str().into(),
                    row.text(0)?.into(),
                    approval.session.as_str().into(),
                    row.text(1)?.into(),
                    approval.context.amr.join(" ").into(),
                    approval.context.auth_time.0.into(),
                    now.0.into(),
                    approval.family_expires_at.0.into(),
                ];
                tx.execute(FAMILY, &params).map(|_| true)
            })
            .await
    }

    /// Refuses a device. `false` when somebody decided before, or it has stopped waiting.
    pub async fn refuse_device(&self, user_code: [u8; 32], now: UnixTime) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE device_requests SET refused_at = $2 WHERE user_code = $1 AND family_id IS NULL \
                           AND refused_at IS NULL AND expires_at > $2";
        let code = index(&self.vault, user_code);
        self.db.write(move |tx| tx.wins(SQL, &[code.as_slice().into(), now.0.into()])).await
    }

    /// A device asks for its tokens. At most one caller ever receives [`DevicePoll::Granted`]; a second use of the code
    /// revokes what descends from it, because somebody has a copy.
    pub async fn poll_device(
        &self,
        device: Hashed<Device>,
        client_id: &str,
        now: UnixTime,
    ) -> Result<DevicePoll, StoreError> {
        const CONSUME: &str = "UPDATE device_requests SET consumed_at = $3 WHERE device_hash = $1 AND client_id = $2 \
                               AND family_id IS NOT NULL AND consumed_at IS NULL AND expires_at > $3 RETURNING family_id";
        const STATE: &str = "SELECT consumed_at, family_id, refused_at, expires_at FROM device_requests \
                             WHERE device_hash = $1 AND client_id = $2";
        let (vault, client_id) = (self.vault.clone(), client_id.to_owned());
        self.db
            .write(move |tx| {
                let (code, client) = (device.as_bytes(), client_id.as_str());
                if let Some(row) = tx.optional(CONSUME, &[code.into(), client.into(), now.0.into()])? {
                    let grant = family(tx, &vault, row.text(0)?, now)?;
                    return Ok(
                        grant.map_or(DevicePoll::Unknown, |grant| DevicePoll::Granted(Box::new(grant)))
                    );
                }
                match tx.optional(STATE, &[code.into(), client.into()])? {
                    Some(row) => undecided(tx, &row, device, now),
                    None => Ok(DevicePoll::Unknown),
                }
            })
            .await
    }
}

fn undecided(
    tx: &mut dyn Tx,
    row: &Row,
    device: Hashed<Device>,
    now: UnixTime,
) -> Result<DevicePoll, StoreError> {
    const IN_TIME: &str = "UPDATE device_requests SET asked_at = $2 WHERE device_hash = $1 \
                           AND (asked_at IS NULL OR asked_at + pace - 1 <= $2)";
    const TOO_FAST: &str =
        "UPDATE device_requests SET asked_at = $2, pace = pace + $3 WHERE device_hash = $1";
    if row.optional_integer(0)?.is_some() {
        if let Some(family) = row.optional_text(1)? {
            revoke_family(tx, family, now)?;
        }
        return Ok(DevicePoll::Unknown);
    }
    let waiting = if row.integer(3)? <= now.0 {
        Waiting::Expired
    } else if row.optional_integer(2)?.is_some() {
        Waiting::Refused
    // Times are whole seconds: one that came five seconds later may be four apart here.
    } else if tx.wins(IN_TIME, &[device.as_bytes().into(), now.0.into()])? {
        Waiting::Pending
    } else {
        let params: [Value; 3] = [device.as_bytes().into(), now.0.into(), i64::from(INTERVAL.0).into()];
        tx.execute(TOO_FAST, &params)?;
        Waiting::TooFast
    };
    Ok(DevicePoll::Waiting(waiting))
}

/// A person's code has 35 bits, so the hash of one could be found by trying: the key makes that impossible.
fn index(vault: &Vault, user_code: [u8; 32]) -> Vec<u8> {
    let text = user_code.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    vault.index(USER_CODE, &text)
}
