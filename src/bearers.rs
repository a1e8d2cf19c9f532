//! The data plane's view of people's tokens for programs: the store behind a cache per thread, as for sessions.

use std::{cell::RefCell, sync::Arc};

use doorward_core::{
    policy::{Bearer, Paths, Scope},
    time::UnixTime,
    token::{Hashed, Personal},
};
use doorward_proxy::{memory::Memory, session::Unavailable};
use doorward_store::{PersonalGrant, Store};

/// Seconds for which memory may answer at most. Then the store is asked again, and records that the token is in use.
const FRESH: i64 = 60;

struct Remembered {
    bearer: Arc<Bearer>,
    service: Box<str>,
    generation: u64,
    asked_at: UnixTime,
}

impl Remembered {
    fn is_current(&self, generation: u64, now: UnixTime) -> bool {
        self.generation == generation
            && now < self.bearer.identity.expires_at
            && now >= self.asked_at
            && now.since(self.asked_at) < FRESH
    }
}

thread_local! {
    static MEMORY: RefCell<Memory<Hashed<Personal>, Remembered>> = RefCell::default();
}

/// The answer from memory, if it still speaks the truth.
pub(crate) fn remembered(
    generation: u64,
    token: &Hashed<Personal>,
    service: &str,
    now: UnixTime,
) -> Option<Arc<Bearer>> {
    MEMORY.with_borrow(|memory| {
        let entry = memory.get(token)?;
        let holds = *entry.service == *service && entry.is_current(generation, now);
        holds.then(|| Arc::clone(&entry.bearer))
    })
}

/// The answer of the store, which memory keeps. What is unknown is not kept: whoever guesses fills nothing.
pub(crate) async fn ask(
    store: &Store,
    token: &Hashed<Personal>,
    service: &str,
    now: UnixTime,
) -> Result<Option<Arc<Bearer>>, Unavailable> {
    // Read before asking: a change that lands in between makes the entry stale, not wrong.
    let generation = store.generation();
    let found =
        store.personal_token(token, service, now).await.map_err(|error| Unavailable(error.to_string()))?;
    let Some(found) = found else {
        return Ok(None);
    };
    if let Err(error) = store.touch_personal_token(found.id, now).await {
        tracing::warn!(%error, "the use of a token can't be recorded");
    }
    let bearer =
        Arc::new(Bearer { id: found.id, identity: Arc::new(found.identity), scope: scope(&found.grant) });
    MEMORY.with_borrow_mut(|memory| {
        let entry =
            Remembered { bearer: Arc::clone(&bearer), service: service.into(), generation, asked_at: now };
        memory.insert(*token, entry, |other| other.is_current(generation, now));
    });
    Ok(Some(bearer))
}

/// The requests that a token is good for. A method that can't be read is a method that no request has.
fn scope(grant: &PersonalGrant) -> Scope {
    let everything = Scope::everything();
    let paths = match &grant.paths[..] {
        [] => Paths::All,
        paths => Paths::Some { prefixes: paths.to_vec(), regexes: Vec::new() },
    };
    let methods = grant.methods.iter().filter_map(|method| method.parse().ok());
    let methods = (!grant.methods.is_empty()).then(|| methods.collect());
    Scope { paths, methods, ..everything }
}
