//! Deleting what has expired. It granted nothing any more: each read checks expiry by itself.

use doorward_core::time::UnixTime;

use crate::{error::StoreError, store::Store};

/// How long ended sessions are kept, in seconds, for their owner to see.
const KEEP_ENDED: i64 = 7 * 86_400;

/// How long a challenge is remembered after it expired, in seconds: longer than nodes' clocks differ and than a request
/// that read the time before may take. Forgetting it while somebody still takes it for good would let it sign in twice.
const KEEP_CHALLENGES: i64 = 600;

/// One statement per table; `$1` is now, `$2` the number of rows.
const EXPIRED: [&str; 12] = [
    "DELETE FROM setups WHERE token_hash IN (SELECT token_hash FROM setups WHERE expires_at <= $1 LIMIT $2)",
    "DELETE FROM enrolments WHERE token_hash IN (SELECT token_hash FROM enrolments WHERE expires_at <= $1 LIMIT $2)",
    "DELETE FROM handoffs WHERE code_hash IN (SELECT code_hash FROM handoffs WHERE expires_at <= $1 LIMIT $2)",
    "DELETE FROM client_tokens WHERE token_hash IN (SELECT token_hash FROM client_tokens WHERE expires_at <= $1 LIMIT $2)",
    "DELETE FROM device_requests WHERE device_hash IN (SELECT device_hash FROM device_requests WHERE expires_at <= $1 LIMIT $2)",
    "DELETE FROM pushed_requests WHERE token_hash IN (SELECT token_hash FROM pushed_requests WHERE expires_at <= $1 LIMIT $2)",
    "DELETE FROM access_tokens WHERE token_hash IN (SELECT token_hash FROM access_tokens WHERE expires_at <= $1 LIMIT $2)",
    // Codes and refresh tokens go with their family: until then a replay is recognised.
    "DELETE FROM token_families WHERE id IN (SELECT id FROM token_families WHERE expires_at <= $1 LIMIT $2)",
    "DELETE FROM acme_proofs WHERE token IN (SELECT token FROM acme_proofs WHERE expires_at <= $1 LIMIT $2)",
    "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at <= $1 LIMIT $2)",
    "DELETE FROM api_keys WHERE id IN (SELECT id FROM api_keys WHERE expires_at <= $1 LIMIT $2)",
    "DELETE FROM personal_tokens WHERE id IN (SELECT id FROM personal_tokens WHERE expires_at <= $1 OR revoked_at <= $1 LIMIT $2)",
];

impl Store {
    /// Deletes at most `limit` expired rows per table. How many it deleted.
    pub async fn sweep(&self, now: UnixTime, limit: u32) -> Result<u64, StoreError> {
        const ENDED: &str =
            "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE ended_at <= $1 LIMIT $2)";
        const CHALLENGES: &str = "DELETE FROM consumed_challenges WHERE challenge_hash IN \
                                  (SELECT challenge_hash FROM consumed_challenges WHERE expires_at <= $1 LIMIT $2)";
        self.db
            .write(move |tx| {
                let mut deleted = 0;
                for sql in EXPIRED {
                    deleted += tx.execute(sql, &[now.0.into(), i64::from(limit).into()])?;
                }
                for (sql, keep) in [(ENDED, KEEP_ENDED), (CHALLENGES, KEEP_CHALLENGES)] {
                    deleted +=
                        tx.execute(sql, &[now.0.saturating_sub(keep).into(), i64::from(limit).into()])?;
                }
                Ok(deleted)
            })
            .await
    }
}
