//! A door, an application, and a proxy of another make between them.

use std::{
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use doorward_visitor::{Client, Person};

use crate::{
    documents::markdown::document,
    door::{Door, PORT},
    process::free_port,
    wire::Application,
};

/// Longer than anything here takes to start; only a failure waits for it.
const PATIENCE: Duration = Duration::from_mins(1);

const CONFIGURATION: &str = r#"
domain = "localhost"
data_directory = "DIR/state"
trusted_proxies = ["127.0.0.1"]

[public]
scheme = "http"
port = 8080

[[listeners]]
address = "127.0.0.1:0"

[[listeners]]
address = "127.0.0.1:0"
forward_auth = true

[services.photos]
posture = "forward-auth"
policy = "users"
identity_headers = true
bypass = [{ paths = ["/api/open"], methods = ["GET"], networks = ["127.0.0.0/8"] }]
"#;

/// The three together.
pub(super) struct House {
    pub(super) door: Door,
    pub(super) application: Application,
    /// Where the proxy listens.
    pub(super) proxy: SocketAddr,
    process: Child,
}

/// How a proxy is started, once its files are written.
pub(super) struct Start {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
}

impl House {
    /// `prepare` writes the files of the proxy, from what [`Snippets`] has, and says how it is started.
    pub(super) async fn with(prepare: impl FnOnce(&Snippets) -> Start) -> Self {
        let door = Door::with(CONFIGURATION).await;
        let application = Application::start("").await;
        let proxy = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let snippets = Snippets {
            people: door.running.addresses()[0],
            questions: door.running.addresses()[1],
            application: application.address,
            proxy,
            folder: door.scratch.path().to_owned(),
        };
        let start = prepare(&snippets);
        let log = std::fs::File::create(snippets.folder.join("proxy.log")).unwrap();
        let mut command = Command::new(&start.program);
        command.args(&start.arguments).current_dir(&snippets.folder).env("HOME", &snippets.folder);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let process = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", start.program.display()));
        let mut house = Self { door, application, proxy, process };
        house.wait();
        house
    }

    fn wait(&mut self) {
        let begun = Instant::now();
        while TcpStream::connect(self.proxy).is_err() {
            let ended = self.process.try_wait().unwrap();
            assert!(
                ended.is_none() && begun.elapsed() < PATIENCE,
                "the proxy does not start: {}",
                self.log()
            );
            thread::yield_now();
        }
    }

    /// What the proxy wrote.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.door.scratch.path().join("proxy.log")).unwrap_or_default()
    }

    /// An address at the application's public host.
    pub(super) fn url(&self, path: &str) -> String {
        self.door.url("photos", path)
    }

    /// A person whose browser reaches the application by the proxy, with somebody's passkey.
    pub(super) fn person(&self, known: &Person) -> Person {
        let client = Client::without_hosts()
            .host("id.localhost", self.door.address())
            .host("photos.localhost", self.proxy);
        let mut person = Person::new(client, &format!("http://id.localhost:{PORT}")).unwrap();
        person.authenticator = known.authenticator.clone();
        person
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The snippets of the guide, for the addresses of a test.
pub(super) struct Snippets {
    people: SocketAddr,
    questions: SocketAddr,
    application: SocketAddr,
    proxy: SocketAddr,
    folder: PathBuf,
}

impl Snippets {
    /// The snippet of this name. `listening` is how it says where it listens, and what that becomes: `PORT` is the
    /// test's.
    pub(super) fn of(&self, name: &str, listening: (&str, &str)) -> String {
        let guide = document("docs/forward-auth.md");
        let block = guide.blocks().into_iter().find(|block| block.words("proxy") == [name]).unwrap();
        let mut text = block.text;
        let (from, to) = listening;
        for (from, to) in [
            (from, to.replace("PORT", &self.proxy.port().to_string())),
            ("127.0.0.1:8080", self.people.to_string()),
            ("127.0.0.1:8444", self.questions.to_string()),
            ("127.0.0.1:2342", self.application.to_string()),
            ("port_value: 8080 ", format!("port_value: {} ", self.people.port())),
            ("port_value: 8444 ", format!("port_value: {} ", self.questions.port())),
            ("port_value: 2342 ", format!("port_value: {} ", self.application.port())),
            ("photos.example.org", "photos.localhost".to_owned()),
            ("/etc/haproxy", self.folder.display().to_string()),
        ] {
            text = text.replace(from, &to);
        }
        text
    }

    /// Writes a file of the proxy: its path.
    pub(super) fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// The folder of the test.
    pub(super) fn folder(&self) -> String {
        self.folder.display().to_string()
    }
}

/// A program of Debian.
pub(super) fn program(name: &str) -> PathBuf {
    let found = ["/usr/sbin", "/usr/bin", "/usr/local/bin"].map(|folder| PathBuf::from(folder).join(name));
    let found = found.into_iter().find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{name} is missing: `cargo xtask test quick` installs it"))
}
