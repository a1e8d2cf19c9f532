//! PostgreSQL: worker threads, each with a connection and a small runtime of its own, so that units of work read like
//! those on SQLite and any number of callers' runtimes can wait for them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, channel},
    },
    time::Duration,
};

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{
    Client, NoTls, Statement,
    error::SqlState,
    types::{IsNull, ToSql, Type, private::BytesMut},
};

use super::{
    job::{Job, Patience, Queue, Tx},
    value::{Row, Value, demand_bounded},
};
use crate::error::{Constraint, StoreError};

const WORKERS: usize = 6;
/// How long the server may be silent about one statement. Another node's work may have to be waited for.
const ANSWER: Duration = Duration::from_secs(10);
/// How often a unit of work is tried again after another one was in its way.
const RETRIES: u32 = 5;

pub(super) fn start(url: &str) -> Result<Queue, StoreError> {
    let (sender, work) = channel();
    let work = Arc::new(Mutex::new(work));
    for _ in 0..WORKERS {
        let mut worker = Worker::connect(url)?;
        let work = Arc::clone(&work);
        let started =
            std::thread::Builder::new().name("store-postgres".to_owned()).spawn(move || worker.serve(&work));
        started.map_err(|error| StoreError::Unavailable(error.to_string()))?;
    }
    Ok(sender)
}

struct Worker {
    url: String,
    runtime: Runtime,
    client: Client,
    statements: HashMap<&'static str, Statement>,
    /// Whether the connection is of no use any more.
    broken: bool,
}

impl Worker {
    fn connect(url: &str) -> Result<Self, StoreError> {
        let unavailable = |error: std::io::Error| StoreError::Unavailable(error.to_string());
        // A runtime can't be driven from a thread that already drives one, so the first connection is made aside.
        let url = url.to_owned();
        std::thread::scope(|scope| {
            let connecting = scope.spawn(|| {
                let runtime = Builder::new_current_thread().enable_all().build().map_err(unavailable)?;
                let client = connect(&runtime, &url)?;
                Ok(Self { url: url.clone(), runtime, client, statements: HashMap::new(), broken: false })
            });
            connecting.join().unwrap_or_else(|_| Err(StoreError::Unavailable("connecting failed".to_owned())))
        })
    }

    fn serve(&mut self, work: &Mutex<Receiver<Box<dyn Job>>>) {
        loop {
            let Ok(Ok(mut job)) = work.lock().map(|work| work.recv()) else {
                return;
            };
            if job.is_left() {
                continue;
            }
            let outcome = self.try_often(job.as_mut());
            job.finish(outcome);
        }
    }

    fn try_often(&mut self, job: &mut dyn Job) -> Result<(), StoreError> {
        for _ in 0..RETRIES {
            if self.broken || self.client.is_closed() {
                self.statements.clear();
                self.client = connect(&self.runtime, &self.url)?;
                self.broken = false;
            }
            match self.try_once(job) {
                Err(Attempt::Again) => {}
                Err(Attempt::Failed(error)) => return Err(error),
                Ok(()) => return Ok(()),
            }
        }
        Err(StoreError::Unavailable("other work was in the way each time".to_owned()))
    }

    fn try_once(&mut self, job: &mut dyn Job) -> Result<(), Attempt> {
        let longest = (job.patience() != Patience::Endless).then_some(ANSWER);
        let mut tx = PostgresTx { worker: self, again: false, longest };
        // Named, because the server's default may be another one.
        let outcome = tx.batch("BEGIN ISOLATION LEVEL READ COMMITTED").and_then(|()| job.run(&mut tx));
        let again = tx.again;
        match outcome {
            Ok(true) => self.commit(longest),
            Ok(false) => {
                self.roll_back();
                Ok(())
            }
            Err(error) => {
                self.roll_back();
                Err(if again { Attempt::Again } else { Attempt::Failed(error) })
            }
        }
    }

    /// A connection that breaks here leaves it open whether the work was done, so it is not tried again.
    fn commit(&mut self, longest: Option<Duration>) -> Result<(), Attempt> {
        let done = within(&self.runtime, longest, self.client.batch_execute("COMMIT"));
        done.map_err(|trouble| {
            self.broken |= trouble.is_break();
            if trouble.is_contention() { Attempt::Again } else { Attempt::Failed(trouble.failure()) }
        })
    }

    fn roll_back(&mut self) {
        if self.broken {
            return;
        }
        let done = within(&self.runtime, Some(ANSWER), self.client.batch_execute("ROLLBACK"));
        // A server undoes by itself what a connection that is gone had begun.
        self.broken |= done.is_err();
    }
}

/// Why a statement came to nothing.
enum Trouble {
    /// The server said so, or the connection is gone.
    Told(tokio_postgres::Error),
    /// Nothing was heard. The server may still do it, so the connection is of no use any more.
    Silent,
}

impl Trouble {
    fn is_break(&self) -> bool {
        match self {
            Self::Told(error) => is_break(error),
            Self::Silent => true,
        }
    }

    fn is_contention(&self) -> bool {
        matches!(self, Self::Told(error) if is_contention(error))
    }

    fn failure(&self) -> StoreError {
        match self {
            Self::Told(error) => failure(error),
            Self::Silent => StoreError::Unavailable("it does not answer".to_owned()),
        }
    }
}

/// Waits for the server's answer, for a while at most: one that vanished without a word must not hold us (E-15).
fn within<T>(
    runtime: &Runtime,
    longest: Option<Duration>,
    asking: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, Trouble> {
    let Some(longest) = longest else {
        return runtime.block_on(asking).map_err(Trouble::Told);
    };
    let answer = runtime.block_on(async { tokio::time::timeout(longest, asking).await });
    answer.map_or(Err(Trouble::Silent), |answer| answer.map_err(Trouble::Told))
}

enum Attempt {
    Again,
    Failed(StoreError),
}

fn connect(runtime: &Runtime, url: &str) -> Result<Client, StoreError> {
    let connecting = async {
        let connecting = tokio_postgres::connect(url, NoTls);
        let connected = tokio::time::timeout(Duration::from_secs(10), connecting).await;
        let (client, connection) = connected
            .map_err(|_| StoreError::Unavailable("no answer within 10 seconds".to_owned()))?
            .map_err(|error| failure(&error))?;
        tokio::spawn(async move {
            // Its end shows as a closed client, which the next unit of work replaces.
            let _ = connection.await;
        });
        Ok(client)
    };
    runtime.block_on(connecting)
}

struct PostgresTx<'a> {
    worker: &'a mut Worker,
    again: bool,
    /// How long a statement is waited for.
    longest: Option<Duration>,
}

impl PostgresTx<'_> {
    fn prepared(&mut self, sql: &'static str) -> Result<Statement, StoreError> {
        if let Some(statement) = self.worker.statements.get(sql) {
            return Ok(statement.clone());
        }
        let prepared = within(&self.worker.runtime, self.longest, self.worker.client.prepare(sql));
        let statement = prepared.map_err(|error| self.note(&error))?;
        self.worker.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    fn note(&mut self, trouble: &Trouble) -> StoreError {
        self.worker.broken |= trouble.is_break();
        // One that is silent is not asked again: whoever waits has waited long enough.
        self.again |= matches!(trouble, Trouble::Told(error) if is_contention(error) || is_break(error));
        trouble.failure()
    }
}

impl Tx for PostgresTx<'_> {
    fn execute(&mut self, sql: &'static str, params: &[Value]) -> Result<u64, StoreError> {
        demand_bounded(params)?;
        let statement = self.prepared(sql)?;
        let params: Vec<&(dyn ToSql + Sync)> =
            params.iter().map(|param| param as &(dyn ToSql + Sync)).collect();
        let executing = self.worker.client.execute(&statement, &params);
        let changed = within(&self.worker.runtime, self.longest, executing);
        changed.map_err(|error| self.note(&error))
    }

    fn query(&mut self, sql: &'static str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        demand_bounded(params)?;
        let statement = self.prepared(sql)?;
        let params: Vec<&(dyn ToSql + Sync)> =
            params.iter().map(|param| param as &(dyn ToSql + Sync)).collect();
        let querying = self.worker.client.query(&statement, &params);
        let rows = within(&self.worker.runtime, self.longest, querying);
        let rows = rows.map_err(|error| self.note(&error))?;
        rows.iter().map(row).collect::<Result<_, _>>().map_err(|error| failure(&error))
    }

    fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        let done = within(&self.worker.runtime, self.longest, self.worker.client.batch_execute(sql));
        done.map_err(|error| self.note(&error))
    }
}

fn row(row: &tokio_postgres::Row) -> Result<Row, tokio_postgres::Error> {
    let column = |at: usize| match *row.columns()[at].type_() {
        Type::INT8 => row.try_get::<_, Option<i64>>(at).map(Value::from),
        Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(at).map(Value::from),
        _ => row.try_get::<_, Option<String>>(at).map(Value::from),
    };
    let values = (0..row.len()).map(column).collect::<Result<_, _>>()?;
    Ok(Row { values })
}

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(value) => value.to_sql(ty, out),
            Self::Text(value) => value.to_sql(ty, out),
            Self::Bytes(value) => value.to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8 | Type::TEXT | Type::BYTEA)
    }

    tokio_postgres::types::to_sql_checked!();
}

fn is_contention(error: &tokio_postgres::Error) -> bool {
    let codes = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED];
    error.code().is_some_and(|code| codes.contains(code))
}

/// Whether the connection is gone: closed, or the server said that it is going away.
fn is_break(error: &tokio_postgres::Error) -> bool {
    let codes = [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW];
    let io = std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<std::io::Error>);
    io || error.is_closed() || error.code().is_some_and(|code| codes.contains(code))
}

fn failure(error: &tokio_postgres::Error) -> StoreError {
    let Some(detail) = error.as_db_error() else {
        return StoreError::Unavailable(error.to_string());
    };
    // Class 23: integrity constraint violation.
    if !detail.code().code().starts_with("23") {
        return StoreError::Unavailable(detail.message().to_owned());
    }
    StoreError::Conflict(match detail.constraint() {
        Some("users_username_index_key") => Constraint::Username,
        Some("users_email_index_key") => Constraint::Email,
        Some("clients_pkey") => Constraint::Client,
        Some("user_groups_pkey") => Constraint::Group,
        Some("credentials_pkey") => Constraint::Credential,
        _ => Constraint::Other,
    })
}
