//! Sessions that a test makes and ends.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use doorward_core::{
    id::{SessionId, UserId},
    identity::{AuthContext, Identity, IdentityParts},
    policy::Bearer,
    time::UnixTime,
    token::{Hashed, Personal, Session},
    user::{Profile, Username},
};
use doorward_proxy::session::{BoxFuture, SessionSource, Unavailable};
use tokio::sync::watch;

type Key = ([u8; 32], String);

pub(crate) struct Sessions {
    live: Mutex<HashMap<Key, Arc<Identity>>>,
    bearers: Mutex<HashMap<Key, Arc<Bearer>>>,
    generation: watch::Sender<u64>,
    /// How often anybody was asked.
    pub(crate) asked: watch::Sender<usize>,
    pub(crate) down: AtomicBool,
}

impl Sessions {
    pub(crate) fn new() -> Self {
        Self {
            live: Mutex::default(),
            bearers: Mutex::default(),
            generation: watch::Sender::new(1),
            asked: watch::Sender::new(0),
            down: AtomicBool::new(false),
        }
    }

    /// Signs `token` in at `host`.
    pub(crate) fn sign_in(&self, token: &str, host: &str, person: Identity) {
        self.live.lock().unwrap().insert(key(token, host), Arc::new(person));
        self.touch();
    }

    /// Ends the session.
    pub(crate) fn end(&self, token: &str, host: &str) {
        self.live.lock().unwrap().remove(&key(token, host));
        self.touch();
    }

    /// Makes a token for a service live.
    pub(crate) fn give_token(&self, token: &Hashed<Personal>, service: &str, bearer: Arc<Bearer>) {
        self.bearers.lock().unwrap().insert((*token.as_bytes(), service.to_owned()), bearer);
        self.touch();
    }

    /// Ends it.
    pub(crate) fn take_token(&self, token: &Hashed<Personal>, service: &str) {
        self.bearers.lock().unwrap().remove(&(*token.as_bytes(), service.to_owned()));
        self.touch();
    }

    /// Something changed, though perhaps not here.
    pub(crate) fn touch(&self) {
        self.generation.send_modify(|generation| *generation += 1);
    }
}

fn key(token: &str, host: &str) -> Key {
    (*Hashed::<Session>::of_text(token).as_bytes(), host.to_owned())
}

/// Ada, in these groups.
pub(crate) fn ada(groups: &[&str]) -> Identity {
    Identity::new(IdentityParts {
        subject: UserId::from_random([7; 16]),
        profile: Profile::new(Username::parse("ada").unwrap(), "Ada Lovelace".to_owned()),
        groups: groups.iter().map(|group| (*group).to_owned()).collect::<BTreeSet<_>>(),
        context: AuthContext { auth_time: UnixTime(0), amr: Vec::new() },
        session: SessionId::from_random([8; 16]),
        portal_session: SessionId::from_random([9; 16]),
        expires_at: UnixTime(i64::MAX),
    })
}

impl SessionSource for Sessions {
    fn cached(&self, _: &Hashed<Session>, _: &str, _: UnixTime) -> Option<Option<Arc<Identity>>> {
        None
    }

    fn resolve<'a>(
        &'a self,
        token: &'a Hashed<Session>,
        host: &'a str,
        _: UnixTime,
    ) -> BoxFuture<'a, Result<Option<Arc<Identity>>, Unavailable>> {
        self.asked.send_modify(|asked| *asked += 1);
        let answer = if self.down.load(Ordering::SeqCst) {
            Err(Unavailable("out".to_owned()))
        } else {
            Ok(self.live.lock().unwrap().get(&(*token.as_bytes(), host.to_owned())).cloned())
        };
        Box::pin(async move { answer })
    }

    fn remembered_bearer(&self, _: &Hashed<Personal>, _: &str, _: UnixTime) -> Option<Arc<Bearer>> {
        None
    }

    fn bearer<'a>(
        &'a self,
        token: &'a Hashed<Personal>,
        service: &'a str,
        _: UnixTime,
    ) -> BoxFuture<'a, Result<Option<Arc<Bearer>>, Unavailable>> {
        let answer = if self.down.load(Ordering::SeqCst) {
            Err(Unavailable("out".to_owned()))
        } else {
            Ok(self.bearers.lock().unwrap().get(&(*token.as_bytes(), service.to_owned())).cloned())
        };
        Box::pin(async move { answer })
    }

    fn generation(&self) -> u64 {
        *self.generation.borrow()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }
}
