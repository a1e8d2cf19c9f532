//! SQLite: one writer thread that makes many waiting units of work durable by one commit, and two reader threads.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, channel},
    },
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig, params_from_iter, types};

use super::{
    job::{Job, Queue, Tx},
    value::{Row, Value, demand_bounded},
};
use crate::error::{Constraint, StoreError};

const READERS: usize = 2;
/// Units of work that share one commit at most.
const BATCH: usize = 64;

pub(super) fn start(path: &Path) -> Result<(Queue, Queue), StoreError> {
    let writer = open_writer(path)?;
    let (writers, work) = channel();
    spawn("store-writer", move || write_all(&writer, &work))?;
    let (readers, work) = channel();
    let work = Arc::new(Mutex::new(work));
    for _ in 0..READERS {
        let reader = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let work = Arc::clone(&work);
        spawn("store-reader", move || read_all(&reader, &work))?;
    }
    Ok((writers, readers))
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    started.map(drop).map_err(|error| StoreError::Unavailable(error.to_string()))
}

fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    private_file(path).map_err(|error| StoreError::Unavailable(format!("{}: {error}", path.display())))?;
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    // FULL: a commit that was acknowledged survives a power cut.
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")
        .map_err(|error| failure(&error))?;
    Ok(connection)
}

/// Creates the file for us alone, before SQLite could create it for everybody.
fn private_file(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path).map(drop)
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let path: PathBuf = path.to_owned();
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|error| failure(&error))?;
    connection.busy_timeout(Duration::from_secs(10)).map_err(|error| failure(&error))?;
    // A plan does not depend on what is bound: otherwise SQLite makes a new one for each use of some statements.
    let stable = DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG;
    connection.set_db_config(stable, true).map_err(|error| failure(&error))?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}

fn write_all(connection: &Connection, work: &Receiver<Box<dyn Job>>) {
    while let Ok(first) = work.recv() {
        let mut jobs = vec![first];
        let outcome = write_batch(connection, work, &mut jobs);
        for (job, done) in jobs.into_iter().zip(outcome) {
            job.finish(done);
        }
    }
}

/// Runs `jobs` and what else waits in one transaction, each in a savepoint of its own, so that one that fails undoes
/// itself only. The outcome of each is known after the commit.
fn write_batch(
    connection: &Connection,
    work: &Receiver<Box<dyn Job>>,
    jobs: &mut Vec<Box<dyn Job>>,
) -> Vec<Result<(), StoreError>> {
    if let Err(error) = statement(connection, "BEGIN IMMEDIATE") {
        return jobs.iter().map(|_| Err(error.clone())).collect();
    }
    let mut outcome = Vec::new();
    while let Some(job) = jobs.get_mut(outcome.len()) {
        outcome.push(in_savepoint(connection, job.as_mut()));
        // A full disk, for one, makes SQLite undo the whole transaction, not the savepoint alone.
        if connection.is_autocommit() {
            let undone = StoreError::Unavailable("SQLite undid the transaction".to_owned());
            return jobs.iter().map(|_| Err(undone.clone())).collect();
        }
        if outcome.len() == jobs.len()
            && jobs.len() < BATCH
            && let Ok(next) = work.try_recv()
        {
            jobs.push(next);
        }
    }
    match statement(connection, "COMMIT") {
        Ok(()) => outcome,
        Err(error) => {
            // What was not committed did not happen: everyone is told so.
            let _ = statement(connection, "ROLLBACK");
            jobs.iter().map(|_| Err(error.clone())).collect()
        }
    }
}

fn in_savepoint(connection: &Connection, job: &mut dyn Job) -> Result<(), StoreError> {
    statement(connection, "SAVEPOINT work")?;
    let outcome = job.run(&mut SqliteTx(connection));
    if !matches!(outcome, Ok(true)) {
        statement(connection, "ROLLBACK TO work")?;
    }
    statement(connection, "RELEASE work")?;
    outcome.map(drop)
}

fn read_all(connection: &Connection, work: &Mutex<Receiver<Box<dyn Job>>>) {
    loop {
        let Ok(Ok(mut job)) = work.lock().map(|work| work.recv()) else {
            return;
        };
        if job.is_left() {
            continue;
        }
        let outcome = statement(connection, "BEGIN").and_then(|()| {
            let outcome = job.run(&mut SqliteTx(connection));
            statement(connection, "COMMIT").and(outcome.map(drop))
        });
        job.finish(outcome);
    }
}

fn statement(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute([]))
        .map(drop)
        .map_err(|error| failure(&error))
}

struct SqliteTx<'a>(&'a Connection);

impl Tx for SqliteTx<'_> {
    fn execute(&mut self, sql: &'static str, params: &[Value]) -> Result<u64, StoreError> {
        demand_bounded(params)?;
        let mut statement = self.0.prepare_cached(&numbered(sql)).map_err(|error| failure(&error))?;
        let changed = statement.execute(params_from_iter(params)).map_err(|error| failure(&error))?;
        Ok(changed as u64)
    }

    fn query(&mut self, sql: &'static str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        demand_bounded(params)?;
        let mut statement = self.0.prepare_cached(&numbered(sql)).map_err(|error| failure(&error))?;
        let columns = statement.column_count();
        let read = |row: &rusqlite::Row<'_>| {
            (0..columns).map(|at| row.get_ref(at).map(value)).collect::<Result<_, _>>()
        };
        let rows =
            statement.query_map(params_from_iter(params), |row| read(row).map(|values| Row { values }));
        rows.and_then(Iterator::collect).map_err(|error| failure(&error))
    }

    fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        self.0.execute_batch(sql).map_err(|error| failure(&error))
    }
}

/// SQLite takes `$1` for a name and numbers names by first appearance; `?1` is a number.
fn numbered(sql: &str) -> String {
    sql.replace('$', "?")
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<types::ToSqlOutput<'_>> {
        Ok(types::ToSqlOutput::Borrowed(match self {
            Self::Null => types::ValueRef::Null,
            Self::Integer(value) => types::ValueRef::Integer(*value),
            Self::Text(value) => types::ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => types::ValueRef::Blob(value),
        }))
    }
}

fn value(value: types::ValueRef<'_>) -> Value {
    match value {
        types::ValueRef::Integer(value) => Value::Integer(value),
        types::ValueRef::Text(value) => Value::Text(String::from_utf8_lossy(value).into_owned()),
        types::ValueRef::Blob(value) => Value::Bytes(value.to_vec()),
        // No column of ours is a floating-point number; reading one as nothing makes the row corrupt.
        types::ValueRef::Null | types::ValueRef::Real(_) => Value::Null,
    }
}

fn failure(error: &rusqlite::Error) -> StoreError {
    let text = error.to_string();
    if error.sqlite_error_code() != Some(rusqlite::ErrorCode::ConstraintViolation) {
        return StoreError::Unavailable(text);
    }
    StoreError::Conflict(match text.as_str() {
        text if text.contains("users.username_index") => Constraint::Username,
        text if text.contains("users.email_index") => Constraint::Email,
        text if text.contains("clients.id") => Constraint::Client,
        text if text.contains("user_groups.name") => Constraint::Group,
        text if text.contains("credentials.id") => Constraint::Credential,
        _ => Constraint::Other,
    })
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_statement_is_planned_once_whatever_is_bound() {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let connection = open(Path::new(":memory:"), flags).unwrap();
        let table = "CREATE TABLE sessions (id TEXT PRIMARY KEY, parent TEXT, host TEXT NOT NULL)";
        connection.execute_batch(table).unwrap();
        let sql =
            "SELECT s.id FROM sessions s JOIN sessions p ON p.id = s.parent WHERE s.id = ?1 AND s.host = ?2";
        for number in 0..10 {
            // A statement that was put back has forgotten what was bound: that is when SQLite would plan it anew.
            let mut statement = connection.prepare_cached(sql).unwrap();
            assert!(!statement.exists([&number.to_string(), "a.test"]).unwrap());
        }
        let statement = connection.prepare_cached(sql).unwrap();
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }
}
