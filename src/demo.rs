//! `doorward demo`: the real server with four services in front of a small built-in application, on loopback.

pub mod upstream;

use std::{
    fmt::Write as _,
    net::{Ipv6Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use doorward_core::time::{Random, draw};

use crate::{
    cli,
    config::{self, Loaded},
    exit::{Failure, Stop},
    serve::{Running, Shell},
    signals::Signals,
};

/// Where the demo listens unless told otherwise.
const PORT: u16 = 8080;

/// A service of the demo: its name, whom it is for, and what it shows.
pub struct DemoService {
    /// Name, and first label of its host.
    pub name: &'static str,
    /// In a few words.
    pub about: &'static str,
    declaration: &'static str,
}

/// The services of the demo, each with another posture.
pub const SERVICES: [DemoService; 4] = [
    DemoService {
        name: "notes",
        about: "for members of `users`",
        declaration: "title = \"Notes\"\nposture = \"sso\"\npolicy = \"users\"\nidentity_headers = true\ntokens = true\n",
    },
    DemoService {
        name: "vault",
        about: "for members of `admins` only",
        declaration: "title = \"Vault\"\nposture = \"sso\"\npolicy = \"admins\"\nidentity_headers = true\n",
    },
    DemoService {
        name: "feeds",
        about: "for members of `users`; /api/health is open to this machine without a session",
        declaration: "title = \"Feeds\"\nposture = \"sso\"\npolicy = \"users\"\nidentity_headers = true\n\
                      bypass = [{ paths = [\"/api/health\"], networks = [\"127.0.0.1/32\", \"::1/128\"], methods = [\"GET\", \"HEAD\"] }]\n",
    },
    DemoService { name: "www", about: "public", declaration: "title = \"Website\"\nposture = \"public\"\n" },
];

/// A demo that runs.
pub struct Demo {
    /// The server.
    pub server: Running,
    /// The port that it listens on.
    pub port: u16,
    /// Where its state and its configuration are.
    pub directory: PathBuf,
    temporary: bool,
}

impl Drop for Demo {
    fn drop(&mut self) {
        if self.temporary {
            // Nobody is left to tell, and what remains is the system's temporary directory's business.
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }
}

/// Starts the demo: its upstream, its configuration file and the server.
pub async fn start(options: &cli::Demo, shell: Shell) -> Result<Demo, Failure> {
    let (directory, temporary) = match &options.dir {
        Some(directory) => (directory.clone(), false),
        None => (temporary_directory(&*shell.random), true),
    };
    std::fs::create_dir_all(&directory).map_err(|error| {
        Failure::new(Stop::File, format!("the directory {} can't be made: {error}", directory.display()))
    })?;
    let directory = directory.canonicalize().unwrap_or(directory);
    let port = free_port(options.port.unwrap_or(if options.selftest { 0 } else { PORT }))?;
    let upstream = upstream::start()
        .await
        .map_err(|error| Failure::new(Stop::Port, format!("the demo's application can't listen: {error}")))?;
    let loaded = write_and_load(&directory, port, upstream)?;
    let server = crate::serve::start(loaded, shell).await?;
    Ok(Demo { server, port, directory, temporary })
}

fn temporary_directory(random: &dyn Random) -> PathBuf {
    let name = u64::from_le_bytes(draw(random));
    std::env::temp_dir().join(format!("doorward-demo-{name:016x}"))
}

/// Port 0 stands for any free one.
fn free_port(wanted: u16) -> Result<u16, Failure> {
    let taken = |error| {
        Failure::new(Stop::Port, format!("port {wanted} can't be used: {error}; choose another with --port"))
    };
    let listener = TcpListener::bind(("127.0.0.1", wanted)).map_err(taken)?;
    listener.local_addr().map(|address| address.port()).map_err(taken)
}

fn write_and_load(directory: &Path, port: u16, upstream: SocketAddr) -> Result<Loaded, Failure> {
    let path = directory.join("doorward.toml");
    std::fs::write(&path, configuration(directory, port, upstream))
        .map_err(|error| Failure::new(Stop::File, format!("{} can't be written: {error}", path.display())))?;
    config::load(&path).map_err(crate::command::check::failure)
}

fn configuration(directory: &Path, port: u16, upstream: SocketAddr) -> String {
    let state = directory.join("state");
    let mut text = format!(
        "# The demo's configuration. The same server runs with: doorward serve --config FILE\n\
         domain = \"localhost\"\ndata_directory = {:?}\n\n[public]\nscheme = \"http\"\nport = {port}\n\n\
         [portal]\ntitle = \"Doorward demo\"\n\n[[listeners]]\naddress = \"127.0.0.1:{port}\"\n",
        state.display().to_string(),
    );
    if TcpListener::bind((Ipv6Addr::LOCALHOST, port)).is_ok() {
        let _ = write!(text, "\n[[listeners]]\naddress = \"[::1]:{port}\"\n");
    }
    for service in &SERVICES {
        let DemoService { name, declaration, .. } = service;
        let _ = write!(
            text,
            "\n[services.{name}]\nhost = \"{name}.localhost\"\nupstream = \"http://{upstream}\"\n{declaration}"
        );
    }
    text
}

/// What the person reads after the start.
pub fn welcome(demo: &Demo) -> String {
    let port = demo.port;
    let mut text = String::from("\nThe door is open.\n\n");
    match &demo.server.setup_link {
        Some(link) => {
            let _ = writeln!(
                text,
                "  Begin here: make yourself the first administrator. This link works once.\n    {link}\n"
            );
        }
        None => {
            let _ = writeln!(text, "  Sign in:\n    http://id.localhost:{port}/\n");
        }
    }
    text.push_str("  Behind the door:\n");
    for service in &SERVICES {
        let _ = writeln!(text, "    http://{}.localhost:{port}/  {}", service.name, service.about);
    }
    let _ = write!(
        text,
        "\n  Try this:\n\
         \x20   Open Notes before you sign in, and see where you end up afterwards.\n\
         \x20   Look at the headers that Notes received; then forge one:  curl -H 'Remote-User: root' http://www.localhost:{port}/\n\
         \x20   The open path:  curl http://feeds.localhost:{port}/api/health\n\
         \x20   The same from elsewhere:  curl --interface 127.0.0.2 http://feeds.localhost:{port}/api/health\n\
         \x20   Sign out in one tab, and reload another.\n\n\
         \x20 Configuration and state: {}{}\n\
         \x20 Stop with Ctrl-C.\n",
        demo.directory.display(),
        if demo.temporary { " (removed at the end; keep one with --dir)" } else { "" },
    );
    text
}

/// Starts the demo, tells the person about it and serves until a signal comes.
pub async fn run(options: &cli::Demo, shell: Shell) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let mut demo = start(options, shell).await?;
    crate::terminal::say(&welcome(&demo));
    let config_file = demo.directory.join("doorward.toml");
    signals.serve(&demo.server, &config_file).await;
    demo.server.shut_down().await;
    Ok(())
}
