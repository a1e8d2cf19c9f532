//! The seam between the engines: one SQL text with `$1` placeholders, run by threads that own the connections.

use std::time::{Duration, Instant};

mod job;
mod postgres;
mod sqlite;
mod value;

pub(crate) use job::{Ending, Tx};
use job::{Patience, Queue, Work};
pub(crate) use value::{Row, Value};

use crate::error::StoreError;

/// How long somebody waits for what they want to read.
const READ: Duration = Duration::from_secs(5);

/// Hands units of work to the engine's threads.
pub(crate) struct Db {
    writers: Queue,
    readers: Queue,
}

impl Db {
    /// Opens the SQLite file at `path`, making it if need be.
    pub(crate) fn sqlite(path: &std::path::Path) -> Result<Self, StoreError> {
        let (writers, readers) = sqlite::start(path)?;
        Ok(Self { writers, readers })
    }

    /// Connects to the PostgreSQL server at `url`.
    pub(crate) fn postgres(url: &str) -> Result<Self, StoreError> {
        let workers = postgres::start(url)?;
        Ok(Self { writers: workers.clone(), readers: workers })
    }

    /// Runs a unit of work that writes. It is acknowledged after the commit is durable.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Tx) -> Result<T, StoreError> + Send + 'static,
    {
        run(&self.writers, work, Ending::kept(), Patience::Limited).await
    }

    /// Runs a unit of work that writes and ends like this.
    pub(crate) async fn write_and<T, F>(&self, work: F, ending: Ending<T>) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Tx) -> Result<T, StoreError> + Send + 'static,
    {
        run(&self.writers, work, ending, Patience::Limited).await
    }

    /// Runs a unit of work that only reads. A database that does not answer in time is unavailable: whoever wants to know
    /// whether somebody may pass learns that it can't be told (E-15).
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Tx) -> Result<T, StoreError> + Send + 'static,
    {
        let reading = run(&self.readers, work, Ending::kept(), Patience::WhileAwaited);
        tokio::time::timeout(READ, reading).await.unwrap_or_else(|_| Err(silent()))
    }

    /// Runs a unit of work from a thread that may block: opening and migrating.
    pub(crate) fn write_blocking<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Tx) -> Result<T, StoreError> + Send + 'static,
    {
        wait_for(&self.writers, work, Patience::Endless, None)
    }

    /// The same for a unit of work that only reads, for a while at most.
    pub(crate) fn read_blocking<T, F>(&self, work: F, longest: Duration) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Tx) -> Result<T, StoreError> + Send + 'static,
    {
        wait_for(&self.readers, work, Patience::WhileAwaited, Instant::now().checked_add(longest))
    }
}

fn wait_for<T, F>(
    threads: &Queue,
    work: F,
    patience: Patience,
    until: Option<Instant>,
) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: Fn(&mut dyn Tx) -> Result<T, StoreError> + Send + 'static,
{
    let (job, reply) = Work::boxed(work, Ending::kept(), patience);
    threads.send(job).map_err(|_| stopped())?;
    // The engine's threads answer without any async runtime, so waiting here can't starve them.
    futures_free_wait(reply, until)
}

async fn run<T, F>(threads: &Queue, work: F, ending: Ending<T>, patience: Patience) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: Fn(&mut dyn Tx) -> Result<T, StoreError> + Send + 'static,
{
    let (job, reply) = Work::boxed(work, ending, patience);
    threads.send(job).map_err(|_| stopped())?;
    reply.await.map_err(|_| stopped())?
}

fn futures_free_wait<T>(
    mut reply: tokio::sync::oneshot::Receiver<Result<T, StoreError>>,
    until: Option<Instant>,
) -> Result<T, StoreError> {
    loop {
        match reply.try_recv() {
            Ok(result) => return result,
            Err(tokio::sync::oneshot::error::TryRecvError::Empty) => {
                if until.is_some_and(|until| Instant::now() >= until) {
                    return Err(silent());
                }
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            Err(tokio::sync::oneshot::error::TryRecvError::Closed) => return Err(stopped()),
        }
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the database thread has stopped".to_owned())
}

fn silent() -> StoreError {
    StoreError::Unavailable("it does not answer".to_owned())
}
