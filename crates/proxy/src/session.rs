//! The port to sessions.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use doorward_core::{
    identity::Identity,
    policy::Bearer,
    time::UnixTime,
    token::{Hashed, Personal, Session},
};
use tokio::sync::watch;

/// A future behind a port.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sessions can't be asked about now, with the cause for the log. That is 503, never "nobody".
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unavailable(pub String);

impl fmt::Display for Unavailable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}

/// Answers who is behind a session token.
pub trait SessionSource: Send + Sync + 'static {
    /// The answer from memory: the outer `None` means that [`Self::resolve`] must be asked.
    fn cached(&self, token: &Hashed<Session>, host: &str, now: UnixTime) -> Option<Option<Arc<Identity>>>;

    /// The answer from the store; `None` for nobody.
    fn resolve<'a>(
        &'a self,
        token: &'a Hashed<Session>,
        host: &'a str,
        now: UnixTime,
    ) -> BoxFuture<'a, Result<Option<Arc<Identity>>, Unavailable>>;

    /// Who is behind a token that a person made for a service, from memory; `None` means that [`Self::bearer`] must be
    /// asked.
    fn remembered_bearer(
        &self,
        token: &Hashed<Personal>,
        service: &str,
        now: UnixTime,
    ) -> Option<Arc<Bearer>>;

    /// The same from the store; `None` for nobody.
    fn bearer<'a>(
        &'a self,
        token: &'a Hashed<Personal>,
        service: &'a str,
        now: UnixTime,
    ) -> BoxFuture<'a, Result<Option<Arc<Bearer>>, Unavailable>>;

    /// A counter that rises whenever an answer may have changed.
    fn generation(&self) -> u64;

    /// The same counter, to wait on.
    fn changes(&self) -> watch::Receiver<u64>;
}
