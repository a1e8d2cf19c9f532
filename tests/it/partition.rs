//! A database server that falls silent: packets are lost, and nobody says so.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::net::UnixStream,
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

use doorward_core::token::{Hashed, Session};
use doorward_testkit::PostgresDatabase;
use doorward_visitor::Person;
use tokio_postgres::{Config, NoTls, config::Host};

use crate::{
    door::{Door, STANDARD},
    wire::{self, head},
};

const SESSION: &str = "__Host-doorward";

/// The way to a database server, which can be cut.
struct Line {
    url: String,
    cut: Arc<(Mutex<bool>, Condvar)>,
}

type Ends = (Box<dyn Read + Send>, Box<dyn Write + Send>);

impl Line {
    /// One to the server of `url`. It has threads of its own, because opening a store blocks the test's.
    fn to(url: &str) -> Self {
        let server: Config = url.parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let secret = server.get_password().map(|password| format!(":{}", String::from_utf8_lossy(password)));
        let url = format!(
            "postgres://{}{}@127.0.0.1:{port}/{}",
            server.get_user().unwrap(),
            secret.unwrap_or_default(),
            server.get_dbname().unwrap(),
        );
        let cut: Arc<(Mutex<bool>, Condvar)> = Arc::default();
        let gate = Arc::clone(&cut);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (from, to) = ends(client.unwrap());
                let (back, onward) = server_ends(&server);
                for (from, to) in [(from, onward), (back, to)] {
                    let gate = Arc::clone(&gate);
                    thread::spawn(move || carry(from, to, &gate));
                }
            }
        });
        Self { url, cut }
    }

    fn cut(&self) {
        *self.cut.0.lock().unwrap() = true;
    }

    fn mend(&self) {
        *self.cut.0.lock().unwrap() = false;
        self.cut.1.notify_all();
    }
}

fn ends(stream: TcpStream) -> Ends {
    (Box::new(stream.try_clone().unwrap()), Box::new(stream))
}

fn server_ends(server: &Config) -> Ends {
    let port = server.get_ports().first().copied().unwrap_or(5432);
    match &server.get_hosts()[0] {
        Host::Unix(folder) => {
            let stream = UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).unwrap();
            (Box::new(stream.try_clone().unwrap()), Box::new(stream))
        }
        Host::Tcp(name) => ends(TcpStream::connect((name.as_str(), port)).unwrap()),
    }
}

fn carry(
    mut from: Box<dyn Read + Send>,
    mut to: Box<dyn Write + Send>,
    (cut, mended): &(Mutex<bool>, Condvar),
) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        drop(mended.wait_while(cut.lock().unwrap(), |cut| *cut).unwrap());
        if to.write_all(&bytes[..count]).is_err() {
            return;
        }
    }
}

fn cookie(person: &Person) -> String {
    person.client.jar.cookie("notes.localhost", SESSION).unwrap().to_owned()
}

async fn status(door: &Door, host: &str, target: &str, session: &str) -> u16 {
    let lines = if session.is_empty() { String::new() } else { format!("Cookie: {SESSION}={session}\r\n") };
    let reply =
        wire::ask(door.address(), head("GET", target, &format!("{host}.localhost"), &lines)).await.unwrap();
    assert_eq!(reply.header("set-cookie"), None, "nobody is signed out");
    reply.status
}

/// What memory says counts for as long as the database can be asked whether it is still true, and two seconds more at
/// most. The clock of the sessions stands still here, so that nothing else ends it.
#[tokio::test]
async fn e_15_impossible_6_while_the_database_is_silent_nobody_is_let_in_on_trust() {
    let database = PostgresDatabase::new().unwrap();
    let line = Line::to(&database.url());
    let shared = "root_secret_file = \"DIR/root\"\n\n[database]\nkind = \"postgres\"\nurl_file = \"DIR/url\"\n\n[public]";
    let text = STANDARD.replace("[public]", shared);
    let door = Door::with_files(&text, &[("url", &line.url), ("root", "root-secret-0123456789abcdef")]).await;
    let mut ada = door.administrator().await;
    let mut bob = door.member(&mut ada, "bob", "users").await;
    for person in [&mut ada, &mut bob] {
        assert_eq!(person.open(&door.url("notes", "/")).await.unwrap().status, 200);
    }
    let (ada, bob) = (cookie(&ada), cookie(&bob));
    line.cut();
    let began = Instant::now();
    while status(&door, "notes", "/", &ada).await == 200 {
        assert!(began.elapsed() < Duration::from_secs(10), "memory goes on without an end");
    }
    for (host, target, session, expected) in [
        ("notes", "/", ada.as_str(), 503),
        ("notes", "/", "dw_s_unknown", 503),
        ("notes", "/", "", 401),
        ("www", "/", "", 200),
        ("feeds", "/api/open", "", 200),
    ] {
        assert_eq!(status(&door, host, target, session).await, expected, "{host}{target}");
    }
    // Meanwhile another node ends a session.
    let (other, connection) = tokio_postgres::connect(&database.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    let hash = Hashed::<Session>::of_text(&ada);
    let ended = "UPDATE sessions SET ended_at = 1 WHERE token_hash = $1";
    assert_eq!(other.execute(ended, &[&&hash.as_bytes()[..]]).await.unwrap(), 1);
    line.mend();
    let deadline = Instant::now() + Duration::from_mins(1);
    let mut found = 503;
    while found == 503 && Instant::now() < deadline {
        found = status(&door, "notes", "/", &bob).await;
    }
    assert_eq!(found, 200, "whoever was signed in still is");
    assert_eq!(status(&door, "notes", "/", &ada).await, 401, "and whoever is not, was not let in in between");
}
