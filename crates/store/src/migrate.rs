//! One timeline of migrations for both engines.

use std::{cmp::Ordering, time::Duration};

use crate::{
    db::{Db, Tx},
    error::{OpenError, StoreError},
};

/// Every migration, in order; its number is its place, from 1. NEVER CHANGE ONE that was released: add another.
const MIGRATIONS: [&str; 9] = [
    include_str!("../../../migrations/0001_init.sql"),
    include_str!("../../../migrations/0002_personal_tokens.sql"),
    include_str!("../../../migrations/0003_certificates.sql"),
    include_str!("../../../migrations/0004_people_and_groups.sql"),
    include_str!("../../../migrations/0005_pushed_requests.sql"),
    include_str!("../../../migrations/0006_grants.sql"),
    include_str!("../../../migrations/0007_key_rotation.sql"),
    include_str!("../../../migrations/0008_clients.sql"),
    include_str!("../../../migrations/0009_api_keys.sql"),
];

enum Outcome {
    Current,
    Newer(i64),
}

/// Brings the database up to date; refuses one that a newer version wrote.
pub(crate) fn run(db: &Db) -> Result<(), OpenError> {
    // On PostgreSQL two nodes that start together collide over a table that neither sees yet. Whoever lost has waited
    // for the other's commit, and sees it the second time.
    db.write_blocking(prepare).or_else(|_| db.write_blocking(prepare))?;
    match db.write_blocking(migrate)? {
        Outcome::Current => Ok(()),
        Outcome::Newer(found) => Err(OpenError::Newer { found, known: known() }),
    }
}

/// Refuses a database that would have to be changed.
pub(crate) fn demand_current(db: &Db) -> Result<(), OpenError> {
    let read = |tx: &mut dyn Tx| {
        let row = tx.optional("SELECT number FROM meta WHERE key = 'schema'", &[])?;
        row.map_or(Ok(0), |row| row.integer(0))
    };
    let found = db.read_blocking(read, Duration::from_secs(10))?;
    match found.cmp(&known()) {
        Ordering::Equal => Ok(()),
        Ordering::Less => Err(OpenError::Older { found, known: known() }),
        Ordering::Greater => Err(OpenError::Newer { found, known: known() }),
    }
}

fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

fn prepare(tx: &mut dyn Tx) -> Result<(), StoreError> {
    tx.batch("CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, number BIGINT, content BYTEA)")?;
    tx.execute("INSERT INTO meta (key, number) VALUES ('schema', 0) ON CONFLICT DO NOTHING", &[])?;
    tx.execute("INSERT INTO meta (key, number) VALUES ('generation', 0) ON CONFLICT DO NOTHING", &[])
        .map(drop)
}

fn migrate(tx: &mut dyn Tx) -> Result<Outcome, StoreError> {
    // The update locks the row until the end of the transaction.
    let row = tx.query("UPDATE meta SET number = number WHERE key = 'schema' RETURNING number", &[])?;
    let found = row.first().map_or(Ok(0), |row| row.integer(0))?;
    let Ok(done) = usize::try_from(found) else {
        return Ok(Outcome::Newer(found));
    };
    if done > MIGRATIONS.len() {
        return Ok(Outcome::Newer(found));
    }
    for migration in &MIGRATIONS[done..] {
        tx.batch(migration)?;
    }
    tx.execute("UPDATE meta SET number = $1 WHERE key = 'schema'", &[known().into()])?;
    Ok(Outcome::Current)
}
