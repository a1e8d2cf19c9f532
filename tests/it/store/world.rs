//! What a test of the store begins with: an empty database, and people who can sign in.

use std::{
    collections::BTreeSet,
    future::Future,
    path::PathBuf,
    sync::{
        Arc, Barrier,
        atomic::{AtomicU64, Ordering},
    },
};

use doorward_core::{
    id::{FamilyId, SessionId, UserId},
    identity::{AuthContext, Identity},
    login::{self, Account, Login},
    seal::RootSecret,
    time::{Lifetime, Random, UnixTime, draw},
    token::{Code, Handoff, Hashed, Kind as TokenKind, Plain, Session},
    user::{Profile, Username},
    webauthn::VerifiedAssertion,
};
use doorward_store::{
    ChallengeUse, CompleteSetup, Engine, NewCode, NewCredential, NewHandoff, NewServiceSession, NewSession,
    NewTokens, NewUser, OpenError, Settings, SignIn, Store,
};
use doorward_testkit::{PostgresDatabase, Scratch, SeededRandom};

use super::{passkey::Passkey, raw::Raw};

/// 2026-01-01T00:00:00Z.
pub(crate) const NOW: UnixTime = UnixTime(1_767_225_600);
pub(crate) const IDLE: Lifetime = Lifetime::days(7);
pub(crate) const SESSION: Lifetime = Lifetime::days(30);
pub(crate) const PORTAL: &str = "id.localhost";
pub(crate) const NOTES: &str = "notes.localhost";
pub(crate) const CLIENT: &str = "wiki";
const ROOT: &[u8] = b"the root secret of these tests\n";

/// Which engine a test runs on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

/// Runs a test in an empty world.
pub(crate) fn run<F: Future<Output = ()>>(kind: Kind, test: impl FnOnce(World) -> F) {
    block_on(async { test(World::new(kind)).await });
}

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Lets threads that begin at the same moment do the same thing. Their answers.
pub(crate) fn race<T: Send, F: Future<Output = T>>(
    contenders: usize,
    contend: impl Fn(usize) -> F + Sync,
) -> Vec<T> {
    let (start, contend) = (Barrier::new(contenders), &contend);
    std::thread::scope(|scope| {
        let run = |at: usize| {
            let start = &start;
            scope.spawn(move || {
                start.wait();
                block_on(contend(at))
            })
        };
        let threads: Vec<_> = (0..contenders).map(run).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

pub(crate) fn winners(outcome: &[bool]) -> usize {
    outcome.iter().filter(|won| **won).count()
}

pub(crate) fn later(seconds: u32) -> UnixTime {
    NOW.after(Lifetime(seconds))
}

pub(crate) fn root(content: &[u8]) -> RootSecret {
    RootSecret::from_file_content(content).unwrap()
}

pub(crate) fn groups(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Where a world's data is; removed with it.
pub(crate) enum Place {
    Sqlite(Scratch),
    Postgres(PostgresDatabase),
}

impl Place {
    pub(crate) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Sqlite => Self::Sqlite(Scratch::new("store").unwrap()),
            Kind::Postgres => {
                Self::Postgres(PostgresDatabase::new().unwrap_or_else(|error| panic!("{error}")))
            }
        }
    }

    fn file(scratch: &Scratch) -> PathBuf {
        scratch.path().join("doorward.db")
    }

    /// The path or URL by which another process opens it.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Sqlite(scratch) => Self::file(scratch).display().to_string(),
            Self::Postgres(database) => database.url(),
        }
    }

    pub(crate) fn open(&self, root: &RootSecret) -> Result<Store, OpenError> {
        open(&self.address(), root)
    }

    pub(crate) fn raw(&self) -> Raw {
        match self {
            Self::Sqlite(scratch) => Raw::Sqlite(Self::file(scratch)),
            Self::Postgres(database) => Raw::Postgres(database.url()),
        }
    }
}

/// Opens the database at a path or URL.
pub(crate) fn open(address: &str, root: &RootSecret) -> Result<Store, OpenError> {
    let engine = if address.contains("://") {
        Engine::Postgres { url: address.to_owned() }
    } else {
        Engine::Sqlite { path: address.into() }
    };
    let nonces = SeededRandom::new(NONCES.fetch_add(1, Ordering::SeqCst));
    Store::open(Settings { engine, root, random: Arc::new(nonces) })
}

/// Nonces of each opened store differ, so that one value sealed twice never looks alike.
static NONCES: AtomicU64 = AtomicU64::new(1_000_000);

/// A store of a test's own, and the place that is removed with it.
pub(crate) struct World<P = Place> {
    pub(crate) store: Store,
    pub(crate) place: P,
    random: SeededRandom,
}

/// A person with a passkey.
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) passkey: Passkey,
}

/// A session and its cookie's value.
pub(crate) struct SignedIn {
    pub(crate) id: SessionId,
    pub(crate) token: Hashed<Session>,
}

impl World<()> {
    /// A store at a path or URL that outlives it. What it draws differs from process to process.
    pub(crate) fn at(address: &str) -> Self {
        let seed: u64 = std::process::id().into();
        let nonces = NONCES.fetch_add(1, Ordering::SeqCst);
        let store = open(address, &root(ROOT)).unwrap();
        Self { store, place: (), random: SeededRandom::new((seed << 32) + nonces) }
    }
}

impl World {
    fn new(kind: Kind) -> Self {
        let place = Place::new(kind);
        let store = place.open(&root(ROOT)).unwrap();
        Self { store, place, random: SeededRandom::default() }
    }

    /// A store of an earlier run, as it is found after a restart.
    pub(crate) fn restart(self) -> Self {
        let Self { store, place, random } = self;
        drop(store);
        let store = place.open(&root(ROOT)).unwrap();
        Self { store, place, random }
    }

    /// What another node would open.
    pub(crate) fn another_node(&self) -> Store {
        self.place.open(&root(ROOT)).unwrap()
    }

    pub(crate) fn raw(&self) -> Raw {
        self.place.raw()
    }
}

impl<P> World<P> {
    pub(crate) fn bytes<const N: usize>(&self) -> [u8; N] {
        draw(&self.random as &dyn Random)
    }

    pub(crate) fn token<K: TokenKind>(&self) -> Plain<K> {
        Plain::from_random(self.bytes())
    }

    pub(crate) fn challenge(&self) -> ChallengeUse {
        ChallengeUse { hash: self.bytes(), expires_at: NOW.after(Lifetime::minutes(5)) }
    }

    pub(crate) fn passkey(&self, user: UserId) -> Passkey {
        Passkey::new(user, self.bytes())
    }

    /// A person as an administrator would write them down.
    pub(crate) fn new_user(&self, username: &str, member_of: &[&str]) -> NewUser {
        let profile = Profile {
            email: Some(format!("{username}@example.org")),
            ..Profile::new(Username::parse(username).unwrap(), format!("The Honourable {username}"))
        };
        NewUser { id: UserId::from_random(self.bytes()), profile, groups: groups(member_of) }
    }

    pub(crate) fn new_session(&self) -> (NewSession, SignedIn) {
        let (id, token) = (SessionId::from_random(self.bytes()), self.token().hash());
        let (host, user_agent) = (PORTAL.to_owned(), "Gecko of the tests".to_owned());
        (NewSession { id, token, host, user_agent, expires_at: NOW.after(SESSION) }, SignedIn { id, token })
    }

    /// What completes set-up by `token` for a person called `username`.
    pub(crate) fn complete_setup(
        &self,
        token: Hashed<doorward_core::token::Setup>,
        username: &str,
    ) -> (CompleteSetup, Person) {
        let user = self.new_user(username, &["admins", "users"]);
        let passkey = self.passkey(user.id);
        let person = Person { id: user.id, passkey };
        let registration = person.passkey.registration();
        let login = login_of(&person, &registration.as_assertion());
        let credential = NewCredential { registration, label: "First passkey".to_owned() };
        let session = self.new_session().0;
        (CompleteSetup { token, user, credential, login, challenge: self.challenge(), session }, person)
    }

    /// Completes set-up: the first administrator, `ada`.
    pub(crate) async fn administrator(&self) -> Person {
        let token = self.token();
        assert!(self.store.issue_setup(token.hash(), later(60)).await.unwrap());
        let (setup, person) = self.complete_setup(token.hash(), "ada");
        assert!(self.store.complete_setup(setup, NOW).await.unwrap());
        person
    }

    /// A person with a passkey who is in these groups.
    pub(crate) async fn person(&self, username: &str, member_of: &[&str]) -> Person {
        let user = self.new_user(username, member_of);
        let person = Person { id: user.id, passkey: self.passkey(user.id) };
        self.store.create_user(user, NOW).await.unwrap();
        let new = NewCredential { registration: person.passkey.registration(), label: "Key".to_owned() };
        assert!(self.store.add_credential(new, self.challenge(), NOW).await.unwrap());
        person
    }

    /// A sign-in of this person, not yet completed.
    pub(crate) fn sign_in_of(&self, person: &Person) -> (SignIn, SignedIn) {
        let (session, signed_in) = self.new_session();
        let proof = person.passkey.assertion();
        let login = login_of(person, &proof);
        (SignIn { login, proof, challenge: self.challenge(), session, replaces: None }, signed_in)
    }

    pub(crate) async fn sign_in(&self, person: &Person) -> SignedIn {
        let (sign_in, signed_in) = self.sign_in_of(person);
        assert!(self.store.complete_login(sign_in, NOW).await.unwrap());
        signed_in
    }

    /// A handoff of a portal session to [`NOTES`], not yet issued, and what redeems it.
    pub(crate) fn handoff_of(&self, portal: SessionId) -> (NewHandoff, NewServiceSession) {
        let (challenge, code) = (self.bytes(), self.token::<Handoff>().hash());
        let (service, host) = ("notes".to_owned(), NOTES.to_owned());
        let new = NewHandoff {
            code,
            session: portal,
            service,
            host: host.clone(),
            challenge,
            expires_at: later(60),
        };
        let (id, token) = (SessionId::from_random(self.bytes()), self.token().hash());
        (new, NewServiceSession { id, token, host, challenge, user_agent: "Gecko of the tests".to_owned() })
    }

    /// A session of the notes under a portal session.
    pub(crate) async fn open_notes(&self, portal: SessionId) -> SignedIn {
        let (handoff, session) = self.handoff_of(portal);
        let (code, signed_in) = (handoff.code, SignedIn { id: session.id, token: session.token });
        self.store.issue_handoff(handoff).await.unwrap();
        assert!(self.store.redeem_handoff(code, session, NOW).await.unwrap());
        signed_in
    }

    /// A code for the wiki in a portal session, not yet issued.
    pub(crate) fn new_code(&self, user: UserId, session: SessionId, scope: &[&str]) -> NewCode {
        NewCode {
            code: self.token::<Code>().hash(),
            family: FamilyId::from_random(self.bytes()),
            client_id: CLIENT.to_owned(),
            user,
            session,
            context: AuthContext { auth_time: NOW, amr: vec!["user".to_owned(), "hwk".to_owned()] },
            redirect_uri: "https://wiki.example.org/callback".to_owned(),
            scope: scope.iter().map(|word| (*word).to_owned()).collect(),
            nonce: Some("nonce of the wiki".to_owned()),
            code_challenge: Some("challenge of the wiki".to_owned()),
            expires_at: later(60),
            family_expires_at: NOW.after(SESSION),
        }
    }

    pub(crate) fn new_tokens(&self) -> NewTokens {
        NewTokens {
            access: self.token().hash(),
            access_expires_at: later(3600),
            refresh: self.token().hash(),
            refresh_expires_at: NOW.after(SESSION),
        }
    }

    /// First tokens of a family for the wiki.
    pub(crate) async fn tokens(
        &self,
        user: UserId,
        session: SessionId,
        scope: &[&str],
    ) -> (FamilyId, NewTokens) {
        let code = self.new_code(user, session, scope);
        let (family, secret, tokens) = (code.family, code.code, self.new_tokens());
        self.store.issue_code(code, NOW).await.unwrap();
        assert!(self.store.consume_code(secret, CLIENT, NOW).await.unwrap().is_some());
        assert!(self.store.issue_tokens(family, tokens).await.unwrap());
        (family, tokens)
    }

    pub(crate) async fn portal(&self, session: &SignedIn, now: UnixTime) -> Option<Identity> {
        self.store.session(&session.token, PORTAL, IDLE, now).await.unwrap()
    }

    pub(crate) async fn notes(&self, session: &SignedIn, now: UnixTime) -> Option<Identity> {
        self.store.session(&session.token, NOTES, IDLE, now).await.unwrap()
    }
}

/// The login that a verified proof of this person leads to.
pub(crate) fn login_of(person: &Person, proof: &VerifiedAssertion) -> Login {
    login::complete(Account { user: person.id, disabled_at: None }, proof, NOW).unwrap()
}
