//! The real binary under load, while it is stopped, reloaded and replaced: no request is lost (S-3, D-16).

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::process::{Folder, Process};

const CLIENTS: usize = 8;
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes up to the end of a head; `None` when the connection ends before its first byte.
fn head(stream: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    let mut byte = [0];
    while !read.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => read.push(byte[0]),
            _ if read.is_empty() => return None,
            _ => panic!("it broke off after {:?}", String::from_utf8_lossy(&read)),
        }
    }
    Some(String::from_utf8(read).unwrap())
}

/// An application that answers each request with `ok`, and gives back what comes by a WebSocket.
fn application() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            thread::spawn(move || applied(stream));
        }
    });
    address
}

fn applied(mut stream: TcpStream) {
    while let Some(request) = head(&mut stream) {
        if request.to_ascii_lowercase().contains("upgrade: websocket") {
            let switch =
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
            stream.write_all(switch.as_bytes()).unwrap();
            let mut byte = [0];
            while stream.read(&mut byte).is_ok_and(|count| count == 1) {
                let _ = stream.write_all(&byte);
            }
            return;
        }
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// What clients saw.
#[derive(Default)]
struct Seen {
    enough: AtomicBool,
    answered: AtomicUsize,
    lost: AtomicUsize,
    untaken: AtomicUsize,
    refused: AtomicUsize,
}

impl Seen {
    fn goes_on(&self) -> bool {
        !self.enough.load(Ordering::SeqCst)
    }

    /// Asks without pause, until it is enough or nobody listens any more.
    fn ask(&self, port: u16) {
        while self.goes_on() {
            let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) else {
                self.refused.fetch_add(1, Ordering::SeqCst);
                return;
            };
            self.ask_on(stream);
        }
    }

    /// Asks on one connection, until the server says that it was the last request.
    fn ask_on(&self, mut stream: TcpStream) {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut fresh = true;
        while self.goes_on() {
            let sent = stream.write_all(b"GET / HTTP/1.1\r\nHost: www.localhost\r\n\r\n");
            let Some(answer) = sent.ok().and_then(|()| head(&mut stream)) else {
                // The kernel made the connection, and nobody took it from there.
                let missed = if fresh { &self.untaken } else { &self.lost };
                missed.fetch_add(1, Ordering::SeqCst);
                return;
            };
            fresh = false;
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
            let mut body = [0; 2];
            stream.read_exact(&mut body).unwrap();
            self.answered.fetch_add(1, Ordering::SeqCst);
            if answer.to_ascii_lowercase().contains("connection: close") {
                return;
            }
        }
    }
}

/// Clients that ask without pause, on connections that they keep.
struct Load {
    clients: Vec<JoinHandle<()>>,
    seen: Arc<Seen>,
}

impl Load {
    fn on(port: u16) -> Self {
        let seen = Arc::<Seen>::default();
        let client = |_| {
            let seen = Arc::clone(&seen);
            thread::spawn(move || seen.ask(port))
        };
        Self { clients: (0..CLIENTS).map(client).collect(), seen: Arc::clone(&seen) }
    }

    /// Waits until so many more requests were answered.
    fn go_on(&self, more: usize) {
        let until = self.seen.answered.load(Ordering::SeqCst) + more;
        while self.seen.answered.load(Ordering::SeqCst) < until {
            assert_eq!(self.seen.refused.load(Ordering::SeqCst), 0, "a connection was refused");
            thread::yield_now();
        }
    }

    /// Ends it: how many connections were refused, and how many were made and never taken. No request was lost on a
    /// connection that the server had taken.
    fn end(self) -> (usize, usize) {
        self.seen.enough.store(true, Ordering::SeqCst);
        self.clients.into_iter().for_each(|client| client.join().unwrap());
        assert_eq!(self.seen.lost.load(Ordering::SeqCst), 0, "requests were lost");
        (self.seen.refused.load(Ordering::SeqCst), self.seen.untaken.load(Ordering::SeqCst))
    }
}

struct Served {
    folder: Folder,
    process: Process,
}

impl Served {
    fn new() -> Self {
        let folder = Folder::new();
        let file = folder.config("", "");
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.replace("http://127.0.0.1:9\"", &format!("http://{}\"", application()));
        std::fs::write(&file, text).unwrap();
        let process = Process::serve(&file, "info");
        Self { folder, process }
    }

    fn websocket(&self) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.folder.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let ask = "GET /socket HTTP/1.1\r\nHost: www.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(ask.as_bytes()).unwrap();
        assert!(head(&mut stream).unwrap().starts_with("HTTP/1.1 101 "));
        stream
    }
}

/// The socket still carries bytes both ways.
fn carries(socket: &mut TcpStream) {
    socket.write_all(b"ping").unwrap();
    let mut echo = [0; 4];
    socket.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"ping");
}

/// A process that nobody else ends.
struct Other(String);

impl Other {
    fn signal(&self, name: &str) {
        let _ = Command::new("kill").args([name, &self.0]).status();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-KILL", &self.0]).stderr(std::process::Stdio::null()).status();
    }
}

#[test]
fn terminate_under_load_loses_no_request() {
    let mut served = Served::new();
    let load = Load::on(served.folder.port);
    load.go_on(500);
    served.process.signal("TERM");
    assert_eq!(served.process.code(), 0, "{}", served.process.err);
    // Each client was told, and came again. A plain stop closes the socket: who comes in its last instant finds nobody.
    let (refused, untaken) = load.end();
    assert!(refused >= CLIENTS && untaken <= CLIENTS, "{refused} {untaken}");
}

#[test]
fn a_reload_under_load_loses_nothing_and_keeps_websockets() {
    let mut served = Served::new();
    let mut socket = served.websocket();
    let load = Load::on(served.folder.port);
    for round in 1..=3 {
        load.go_on(200);
        served.process.signal("HUP");
        served.process.until(|process| process.err.matches("configuration reloaded").count() == round);
        carries(&mut socket);
    }
    load.go_on(200);
    assert_eq!(load.end(), (0, 0));
    carries(&mut socket);
}

/// The sockets are handed to a successor: nobody is refused, nothing is lost, and what is open stays open until its end.
#[test]
fn a_successor_takes_over_under_load() {
    let mut served = Served::new();
    let mut socket = served.websocket();
    let load = Load::on(served.folder.port);
    load.go_on(500);
    served.process.signal("USR2");
    served.process.until(|process| process.err.contains("another process serves now"));
    let err = &served.process.err;
    let (_, rest) = err.split_once("another process starts to take over pid=").unwrap();
    let successor = Other(rest.split_whitespace().next().unwrap().to_owned());
    load.go_on(500);
    carries(&mut socket);
    // Both hold the lock: a third gets nowhere.
    let config = served.folder.scratch.path().join("doorward.toml").display().to_string();
    let third = Command::new(env!("CARGO_BIN_EXE_doorward")).args(["serve", "--config", &config]).output();
    let third = third.unwrap();
    assert_eq!(third.status.code(), Some(7), "{}", String::from_utf8_lossy(&third.stderr));
    // The former one ends with the last that it carries; the successor hands over in its turn.
    drop(socket);
    load.go_on(200);
    successor.signal("-USR2");
    served.process.until(|process| process.err.matches("another process serves now").count() == 2);
    let (_, rest) = served.process.err.rsplit_once("another process starts to take over pid=").unwrap();
    let last = Other(rest.split_whitespace().next().unwrap().to_owned());
    load.go_on(500);
    assert_eq!(load.end(), (0, 0));
    last.signal("-TERM");
    assert_eq!(served.process.code(), 0, "{}", served.process.err);
}

#[test]
fn a_successor_that_does_not_start_changes_nothing() {
    let mut served = Served::new();
    let load = Load::on(served.folder.port);
    load.go_on(100);
    let file = served.folder.scratch.path().join("doorward.toml");
    let sound = std::fs::read_to_string(&file).unwrap();
    let moved = sound.replace("data_directory = \"state\"", "data_directory = \"elsewhere\"");
    std::fs::create_dir(served.folder.scratch.path().join("elsewhere")).unwrap();
    std::fs::write(served.folder.scratch.path().join("elsewhere/lock"), "").unwrap();
    for (round, bad) in [sound.replace("\"users\"", "\"usres\""), moved].into_iter().enumerate() {
        std::fs::write(&file, bad).unwrap();
        served.process.signal("USR2");
        served.process.until(|process| process.err.matches("this one goes on").count() == round + 1);
        load.go_on(100);
    }
    assert!(served.process.err.contains("works in another directory"), "{}", served.process.err);
    assert_eq!(load.end(), (0, 0));
    served.process.signal("TERM");
    assert_eq!(served.process.code(), 0);
}

/// Without file descriptors nothing spins and nobody is locked out: whoever asks for nothing goes.
#[test]
fn d_16_without_file_descriptors_people_are_served() {
    let folder = Folder::new();
    let file = folder.config("", "").display().to_string();
    let mut process = Process::serve_with_files(&file, 64);
    let mut flood = Vec::new();
    for _ in 0..300 {
        flood.push(TcpStream::connect(("127.0.0.1", folder.port)).unwrap());
    }
    for _ in 0..5 {
        let mut person = TcpStream::connect(("127.0.0.1", folder.port)).unwrap();
        person.set_read_timeout(Some(PATIENCE)).unwrap();
        person.write_all(b"GET / HTTP/1.1\r\nHost: notes.localhost\r\nConnection: close\r\n\r\n").unwrap();
        assert!(head(&mut person).unwrap().starts_with("HTTP/1.1 401 "));
    }
    drop(flood);
    process.signal("TERM");
    assert_eq!(process.code(), 0, "{}", process.err);
    assert!(process.err.contains("a connection can't be accepted; idle ones are closed"), "{}", process.err);
}
