//! The real binary.

use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader, Read},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

use doorward_testkit::Scratch;

/// Only a failure waits as long.
const PATIENCE: Duration = Duration::from_secs(30);

enum Line {
    Out(String),
    Err(String),
}

/// A running `doorward`, killed when dropped.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<Line>,
    /// What it wrote to standard output so far.
    pub(crate) out: String,
    /// What it wrote to standard error so far.
    pub(crate) err: String,
}

impl Process {
    /// Starts it.
    pub(crate) fn start<A: AsRef<OsStr>>(arguments: &[A]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
        command.args(arguments).stdin(Stdio::null());
        Self::of(command)
    }

    /// Starts a command that is one, or becomes one.
    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        follow(child.stdout.take().unwrap(), sender.clone(), Line::Out);
        follow(child.stderr.take().unwrap(), sender, Line::Err);
        Self { child, lines, out: String::new(), err: String::new() }
    }

    /// Starts `serve` and waits until it serves.
    pub(crate) fn serve(config: &Path, log: &str) -> Self {
        let config = config.display().to_string();
        let mut process = Self::start(&["serve", "--config", &config, "--log", log]);
        process.until(|process| process.out.contains("http://id.localhost"));
        process
    }

    /// The same with no more than `most` files open at once.
    pub(crate) fn serve_with_files(config: &str, most: u32) -> Self {
        let binary = env!("CARGO_BIN_EXE_doorward");
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("ulimit -n {most} && exec {binary} serve --config {config}")])
            .stdin(Stdio::null());
        let mut process = Self::of(command);
        process.until(|process| process.out.contains("http://id.localhost"));
        process
    }

    /// Waits for something that it writes.
    pub(crate) fn until(&mut self, said: impl Fn(&Self) -> bool) {
        while !said(self) {
            assert!(self.line(), "it ended before: {}{}", self.out, self.err);
        }
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end: the exit code.
    pub(crate) fn code(&mut self) -> i32 {
        while self.line() {}
        self.child.wait().unwrap().code().unwrap()
    }

    /// Sends a signal, such as `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        let signal = format!("-{name}");
        let sent = Command::new("kill").args([&signal, &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// The link of the first administrator.
    pub(crate) fn setup_link(&self) -> String {
        let link = self.out.split_whitespace().find(|word| word.contains("/setup/"));
        link.unwrap().to_owned()
    }

    fn line(&mut self) -> bool {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(Line::Out(line)) => self.out.push_str(&line),
            Ok(Line::Err(line)) => self.err.push_str(&line),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return false,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                panic!("it says nothing more: {}{}", self.out, self.err)
            }
        }
        true
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn follow(stream: impl Read + Send + 'static, sender: Sender<Line>, make: fn(String) -> Line) {
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while stream.read_line(&mut line).is_ok_and(|count| count > 0) {
            if sender.send(make(std::mem::take(&mut line))).is_err() {
                return;
            }
        }
    });
}

/// A folder with a configuration, its secrets and its state.
pub(crate) struct Folder {
    pub(crate) scratch: Scratch,
    /// The port that the configuration listens on.
    pub(crate) port: u16,
}

impl Folder {
    /// A configuration of two services, on a port that is free at the moment.
    pub(crate) fn new() -> Self {
        let scratch = Scratch::new("process").unwrap();
        let port = free_port();
        let folder = Self { scratch, port };
        folder.file("root", "root-secret-0123456789abcdef");
        folder.file("wiki.secret", "wiki-secret-0123456789abcdef");
        folder
    }

    /// Writes a file; its path.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.scratch.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Writes `doorward.toml`: the sound configuration with `more` before its tables and after them.
    pub(crate) fn config(&self, top: &str, more: &str) -> PathBuf {
        let secret = if top.contains("root_secret_file") { "" } else { "root_secret_file = \"root\"\n" };
        let text = format!(
            "domain = \"localhost\"\ndata_directory = \"state\"\n{secret}{top}\n\
             [public]\nscheme = \"http\"\nport = 8080\n\n[[listeners]]\naddress = \"127.0.0.1:{}\"\n\n\
             [services.notes]\nupstream = \"http://127.0.0.1:9\"\nposture = \"sso\"\npolicy = \"users\"\n\n\
             [services.www]\nupstream = \"http://127.0.0.1:9\"\nposture = \"public\"\n{more}\n",
            self.port
        );
        self.file("doorward.toml", &text)
    }
}

/// A port that nobody listens on, below those that the system gives to connections: one of these could be taken
/// between here and the start of the process.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let next = NEXT.fetch_add(1, Ordering::SeqCst);
        let port = 20_000 + (std::process::id().wrapping_mul(37).wrapping_add(next)) % 10_000;
        let port = u16::try_from(port).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
