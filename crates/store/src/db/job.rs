//! A unit of work on its way through an engine's thread.

use std::sync::mpsc::Sender;

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

/// How long a unit of work is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Patience {
    /// As long as it takes: opening and migrating, when nothing is served yet.
    Endless,
    /// A server that is silent is given up after a while.
    Limited,
    /// The same, and it is not begun when nobody waits for it any more: reading changes nothing. Otherwise a server that
    /// comes back is met by everything that was asked while it was away.
    WhileAwaited,
}

/// A unit of work without its type.
pub(super) trait Job: Send {
    /// How long it is waited for.
    fn patience(&self) -> Patience;
    /// Whether it need not be begun.
    fn is_left(&self) -> bool;
    /// Does the work inside a transaction. An error and `false` mean: undo it. May be called again after it was undone.
    fn run(&mut self, tx: &mut dyn Tx) -> Result<bool, StoreError>;
    /// Tells the one who waits. `committed` is the commit's own outcome.
    fn finish(self: Box<Self>, committed: Result<(), StoreError>);
}

/// Where units of work are put for a thread to take.
pub(super) type Queue = Sender<Box<dyn Job>>;

/// A unit of work with its type.
pub(super) struct Work<T, F> {
    run: F,
    ending: Ending<T>,
    patience: Patience,
    result: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

/// What becomes of a unit of work that ran without an error.
pub(crate) struct Ending<T> {
    /// Whether what it did is kept, by its result.
    pub(crate) keep: fn(&T) -> bool,
    /// What to do once it is durable, or may be. Done by the engine's thread, before the one who waits is told: they may
    /// have stopped waiting, and what they changed is changed all the same.
    pub(crate) then: Box<dyn Fn() + Send>,
}

impl<T> Ending<T> {
    /// It is kept, and nothing follows.
    pub(crate) fn kept() -> Self {
        Self { keep: |_| true, then: Box::new(|| ()) }
    }
}

impl<T, F> Work<T, F>
where
    T: Send + 'static,
    F: Fn(&mut dyn Tx) -> Result<T, StoreError> + Send + 'static,
{
    pub(super) fn boxed(
        run: F,
        ending: Ending<T>,
        patience: Patience,
    ) -> (Box<dyn Job>, oneshot::Receiver<Result<T, StoreError>>) {
        let (reply, receiver) = oneshot::channel();
        (Box::new(Self { run, ending, patience, result: None, reply }), receiver)
    }
}

impl<T, F> Job for Work<T, F>
where
    T: Send + 'static,
    F: Fn(&mut dyn Tx) -> Result<T, StoreError> + Send + 'static,
{
    fn patience(&self) -> Patience {
        self.patience
    }

    fn is_left(&self) -> bool {
        self.patience == Patience::WhileAwaited && self.reply.is_closed()
    }

    fn run(&mut self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        let result = (self.run)(tx);
        let outcome = result.as_ref().map(self.ending.keep).map_err(Clone::clone);
        self.result = Some(result);
        outcome
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { ending, result, reply, .. } = *self;
        let kept = committed.is_ok() && matches!(&result, Some(Ok(value)) if (ending.keep)(value));
        // A connection that broke during a commit leaves it open whether the commit happened.
        if kept || matches!(committed, Err(StoreError::Unavailable(_))) {
            (ending.then)();
        }
        let unfinished = || Err(StoreError::Unavailable("the work was not done".to_owned()));
        let result = committed.and_then(|()| result.unwrap_or_else(unfinished));
        // The one who waited may have gone; the work is done all the same.
        let _ = reply.send(result);
    }
}
