//! What requests present in place of a session: keys, and names with passwords.

use std::{
    cell::RefCell,
    net::IpAddr,
    sync::{Arc, Mutex},
};

use doorward_core::{
    attempts::{Allowance, Attempts},
    policy::{self, Credential, Credentials, Posture, PresentedKey, Realm, VerifiedUser},
    service::Service,
    time::UnixTime,
    token::keyed_hash,
};
use http::{HeaderMap, header};
use tokio::sync::Semaphore;

use crate::{control::Problem, memory::Memory};

/// Wrong keys and passwords that a network may present.
const WRONG: Allowance = Allowance { burst: 30, per_minute: 6 };
/// Passwords that wait to be verified at most; verifying one takes a core for a tenth of a second.
const WAITING: usize = 64;
/// Verified credentials that one worker remembers at most.
const REMEMBERED: usize = 1024;

/// What all workers share: who guessed too often, and how many passwords are verified at once.
pub(crate) struct Guesses {
    wrong: Mutex<Attempts>,
    waiting: Semaphore,
    verifying: Semaphore,
}

impl Guesses {
    /// Nobody has guessed. Half of the cores may verify passwords, the others serve.
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            wrong: Mutex::new(Attempts::new(WRONG)),
            waiting: Semaphore::new(WAITING),
            verifying: Semaphore::new((workers / 2).max(1)),
        }
    }

    /// Records a wrong guess; `false` when this network has made too many.
    pub(crate) fn record(&self, client: IpAddr, now: UnixTime) -> bool {
        self.wrong.lock().is_ok_and(|mut attempts| attempts.take(client, now))
    }

    fn may_guess(&self, client: IpAddr, now: UnixTime) -> bool {
        self.wrong.lock().is_ok_and(|attempts| attempts.has_left(client, now))
    }
}

/// Passwords that a worker has verified, by a keyed hash. Neither names nor passwords are in it.
pub(crate) struct Passwords {
    key: [u8; 32],
    verified: RefCell<Memory<[u8; 32], Arc<VerifiedUser>>>,
}

impl Passwords {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self { key, verified: RefCell::new(Memory::with_at_most(REMEMBERED)) }
    }

    /// Who is behind these credentials in this realm, verified now or before. `Ok(None)` when they are wrong.
    pub(crate) async fn verify(
        &self,
        guesses: &Guesses,
        realm: &Arc<Realm>,
        credentials: Credentials,
        (client, now): (IpAddr, UnixTime),
    ) -> Result<Option<Arc<VerifiedUser>>, Problem> {
        let fingerprint = keyed_hash(&self.key, &credentials.fingerprint());
        // Another hash in the file since: the password is verified against that one.
        let remembered = self.verified.borrow().get(&fingerprint).filter(|user| realm.holds(user)).cloned();
        if remembered.is_some() {
            return Ok(remembered);
        }
        // Asked before the work, which is what guesses cost us.
        if !guesses.may_guess(client, now) {
            return Err(Problem::TooManyAttempts);
        }
        let _waiting = guesses.waiting.try_acquire().map_err(|_| Problem::TooManyAttempts)?;
        let _verifying = guesses.verifying.acquire().await.map_err(|_| Problem::Unavailable)?;
        let realm = Arc::clone(realm);
        let verified = tokio::task::spawn_blocking(move || realm.verify(&credentials));
        let Some(user) = verified.await.map_err(|_| Problem::Unavailable)?.map(Arc::new) else {
            guesses.record(client, now);
            return Ok(None);
        };
        self.verified.borrow_mut().insert(fingerprint, Arc::clone(&user), |_| true);
        Ok(Some(user))
    }
}

/// Takes away what was meant for the door, so that the application does not learn what opens it, and says who signed in
/// by name and password where that is declared.
pub(crate) fn pass_on(service: &Service, user: Option<&VerifiedUser>, headers: &mut HeaderMap) {
    policy::strip_keys(&service.guard.keys, headers);
    if let Posture::Basic(realm) = &service.guard.posture {
        headers.remove(header::AUTHORIZATION);
        if let (Some(name), Some(user)) = (&realm.user_header, user) {
            headers.insert(name.clone(), user.header_value().clone());
        }
    }
}

/// What a request presented, kept for as long as what it opened is open.
#[derive(Default)]
pub(crate) struct Held {
    keys: Vec<PresentedKey>,
    pub(crate) user: Option<Arc<VerifiedUser>>,
}

impl Held {
    /// What a request presents for the keys of a service.
    pub(crate) fn read(service: &Service, headers: &HeaderMap) -> Self {
        Self { keys: policy::presented_keys(&service.guard, headers), user: None }
    }

    pub(crate) fn credential(&self) -> Credential<'_> {
        Credential { keys: &self.keys, user: self.user.as_ref() }
    }
}
