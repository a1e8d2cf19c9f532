//! A server of a test's own: the production router behind real sockets, with a clock that the test advances.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use doorward::{
    config, demo,
    serve::{self, Running, Shell},
};
use doorward_testkit::{Scratch, SeededRandom, TestClock};
use doorward_visitor::{Client, Person};

/// The port of all public addresses. Nobody listens there: clients know the listener's own.
pub(crate) const PORT: u16 = 8080;

/// A running server.
pub(crate) struct Door {
    /// The server.
    pub(crate) running: Running,
    /// Its clock.
    pub(crate) clock: TestClock,
    /// Its configuration file.
    pub(crate) config_file: PathBuf,
    /// The application behind every service: it shows the request that it received.
    pub(crate) upstream: SocketAddr,
    /// Its directory.
    pub(crate) scratch: Scratch,
}

/// The configuration that most tests use. `UPSTREAM` and `DIR` are filled in.
pub(crate) const STANDARD: &str = r#"
domain = "localhost"
data_directory = "DIR/state"

[public]
scheme = "http"
port = 8080

[portal]
title = "Test door"

[[listeners]]
address = "127.0.0.1:0"

[services.notes]
host = "notes.localhost"
title = "Notes"
upstream = "http://UPSTREAM"
posture = "sso"
policy = "users"
identity_headers = true

[services.vault]
host = "vault.localhost"
title = "Vault"
upstream = "http://UPSTREAM"
posture = "sso"
policy = "admins"
identity_headers = true

[services.feeds]
host = "feeds.localhost"
title = "Feeds"
upstream = "http://UPSTREAM"
posture = "sso"
policy = "users"
identity_headers = true
bypass = [{ paths = ["/api/open"], networks = ["127.0.0.1/32"], methods = ["GET"] }]

[services.www]
host = "www.localhost"
title = "Website"
upstream = "http://UPSTREAM"
posture = "public"

[clients.wiki]
title = "Wiki"
client_id_file = "DIR/wiki.id"
client_secret_file = "DIR/wiki.secret"
redirect_uris = ["http://wiki.localhost:9000/callback"]
post_logout_redirect_uris = ["http://wiki.localhost:9000/bye"]
allowed_groups = ["users"]

[clients.tool]
title = "Tool"
client_id = "tool"
public = true
redirect_uris = ["http://127.0.0.1/callback"]
allowed_groups = ["admins"]
consent = false
"#;

/// The secret of the client `wiki`.
pub(crate) const WIKI_SECRET: &str = "wiki-secret-0123456789abcdef";

impl Door {
    /// Opens a door with the standard configuration.
    pub(crate) async fn open() -> Self {
        Self::with(STANDARD).await
    }

    /// Opens a door with a configuration.
    pub(crate) async fn with(text: &str) -> Self {
        Self::with_files(text, &[]).await
    }

    /// Opens a door with a configuration and files beside it.
    pub(crate) async fn with_files(text: &str, files: &[(&str, &str)]) -> Self {
        Self::at(text, files, TestClock::default()).await
    }

    /// Opens a door with a configuration, files beside it, and a clock.
    pub(crate) async fn at(text: &str, files: &[(&str, &str)], clock: TestClock) -> Self {
        let scratch = Scratch::new("door").unwrap();
        let upstream = demo::upstream::start().await.unwrap();
        let config_file = scratch.path().join("doorward.toml");
        for (file, content) in
            [("wiki.id", "wiki"), ("wiki.secret", WIKI_SECRET), ("tool.id", "tool")].iter().chain(files)
        {
            std::fs::write(scratch.path().join(file), content).unwrap();
        }
        let door = Start { scratch, config_file, upstream, clock };
        door.write(text);
        door.start().await
    }

    /// Replaces the configuration file; [`Running::reload`] or [`Door::restart`] reads it.
    pub(crate) fn write(&self, text: &str) {
        std::fs::write(&self.config_file, fill(text, &self.scratch, self.upstream)).unwrap();
    }

    /// Stops the server and starts it again on the same state.
    pub(crate) async fn restart(mut self) -> Self {
        self.running.shut_down().await;
        let Self { running, clock, config_file, upstream, scratch } = self;
        drop(running);
        Start { scratch, config_file, upstream, clock }.start().await
    }

    /// Where the server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.running.addresses()[0]
    }

    /// A public address.
    #[expect(clippy::unused_self, reason = "it reads as the address of this door")]
    pub(crate) fn url(&self, host: &str, path: &str) -> String {
        format!("http://{host}.localhost:{PORT}{path}")
    }

    /// A program or browser that reaches every host here.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.address())
    }

    /// A person with a browser and an authenticator of their own.
    pub(crate) fn person(&self) -> Person {
        Person::new(self.client(), &format!("http://id.localhost:{PORT}")).unwrap()
    }

    /// The first administrator, `ada`, signed in.
    pub(crate) async fn administrator(&self) -> Person {
        let mut ada = self.person();
        let link = self.running.setup_link.clone().unwrap();
        ada.set_up(&link, "ada", "Ada Lovelace").await.unwrap();
        ada
    }

    /// An enrolment link for a new person, made by an administrator on the page for people.
    pub(crate) async fn enrolment_link(
        &self,
        administrator: &mut Person,
        username: &str,
        groups: &str,
    ) -> String {
        let email = format!("{username}@example.org");
        let fields =
            [("username", username), ("display_name", username), ("email", &email), ("groups", groups)];
        let page = administrator.client.post_form(&self.url("id", "/admin/people"), &fields).await.unwrap();
        let text = page.text();
        let start = text.find(&self.url("id", "/enrol/")).unwrap_or_else(|| panic!("{} {text}", page.status));
        text[start..].split(['<', '"', ' ', '\n']).next().unwrap().to_owned()
    }

    /// A new person, signed in.
    pub(crate) async fn member(&self, administrator: &mut Person, username: &str, groups: &str) -> Person {
        let link = self.enrolment_link(administrator, username, groups).await;
        let mut person = self.person();
        person.enrol(&link).await.unwrap();
        person
    }
}

struct Start {
    scratch: Scratch,
    config_file: PathBuf,
    upstream: SocketAddr,
    clock: TestClock,
}

impl Start {
    fn write(&self, text: &str) {
        std::fs::write(&self.config_file, fill(text, &self.scratch, self.upstream)).unwrap();
    }

    async fn start(self) -> Door {
        let Self { scratch, config_file, upstream, clock } = self;
        let loaded = config::load(&config_file).unwrap_or_else(|error| panic!("{error}"));
        let shell =
            Shell { clock: Arc::new(clock.clone()), random: Arc::new(SeededRandom::new(seed())), workers: 1 };
        let running = serve::start(loaded, shell).await.unwrap_or_else(|failure| panic!("{failure}"));
        Door { running, clock, config_file, upstream, scratch }
    }
}

/// Another start must not draw the same tokens again.
fn seed() -> u64 {
    static STARTS: AtomicU64 = AtomicU64::new(1);
    STARTS.fetch_add(1, Ordering::SeqCst) << 32
}

fn fill(text: &str, scratch: &Scratch, upstream: SocketAddr) -> String {
    text.replace("UPSTREAM", &upstream.to_string()).replace("DIR", &scratch.path().display().to_string())
}
