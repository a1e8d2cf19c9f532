//! A unit of work on its way through an engine's thread.

use tokio::sync::oneshot;

use super::value::{Row, Value};
use crate::error::StoreError;

/// An open transaction.
pub(crate) trait Tx {
    /// Runs a statement; how many rows it changed.
    fn execute(&mut self, sql: &'static str, params: &[Value]) -> Result<u64, StoreError>;
    /// Runs a statement and reads its rows.
    fn query(&mut self, sql: &'static str, params: &[Value]) -> Result<Vec<Row>, StoreError>;
    /// Runs several statements without parameters: a migration.
    fn batch(&mut self, sql: &str) -> Result<(), StoreError>;
}

impl dyn Tx + '_ {
    /// The first row, if there is one.
    pub(crate) fn optional(
        &mut self,
        sql: &'static str,
        params: &[Value],
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.query(sql, params)?.into_iter().next())
    }

    /// Whether the statement changed a row: whether a guarded transition won.
    pub(crate) fn wins(&mut self, sql: &'static str, params: &[Value]) -> Result<bool, StoreError> {
        Ok(self.execute(sql, params)? > 0)
    }
}

/// A unit of work without its type.
pub(super) trait Job: Send {
    /// Does the work inside a transaction. An error means: undo it. May be called again after a lost conflict.
    fn run(&mut self, tx: &mut dyn Tx) -> Result<(), StoreError>;
    /// Tells the one who waits. `committed` is the commit's own outcome.
    fn finish(self: Box<Self>, committed: Result<(), StoreError>);
}

/// A unit of work with its type.
pub(super) struct Work<T, F> {
    work: F,
    result: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Work<T, F>
where
    T: Send + 'static,
    F: Fn(&mut dyn Tx) -> Result<T, StoreError> + Send + 'static,
{
    pub(super) fn new(work: F) -> (Box<dyn Job>, oneshot::Receiver<Result<T, StoreError>>) {
        let (reply, receiver) = oneshot::channel();
        (
            Box::new(Self {
                work,
                result: None,
                reply,
            }),
            receiver,
        )
    }
}

impl<T, F> Job for Work<T, F>
where
    T: Send + 'static,
    F: Fn(&mut dyn Tx) -> Result<T, StoreError> + Send + 'static,
{
    fn run(&mut self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        let result = (self.work)(tx);
        let outcome = result.as_ref().map(|_| ()).map_err(Clone::clone);
        self.result = Some(result);
        outcome
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { result, reply, .. } = *self;
        let unfinished = || Err(StoreError::Unavailable("the work was not done".to_owned()));
        let result = committed.and_then(|()| result.unwrap_or_else(unfinished));
        // The one who waited may have gone; the work is done all the same.
        let _ = reply.send(result);
    }
}
