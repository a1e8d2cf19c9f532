//! Each kind of service that people declare, with its oddity: `tests/fixtures/services/services.toml` declares them all
//! in one file, and an application behind them keeps what reached it.

mod gated;
mod open;
mod secure;

use std::net::{IpAddr, SocketAddr};

use doorward_testkit::Scratch;
use doorward_visitor::Person;

use crate::{
    door::Door,
    wire::{Application, Reply, Wire, head},
};

const DECLARED: &str = include_str!("../fixtures/services/services.toml");

const METRICS_KEY: &str = "metrics-key-0b5f3a9c7d1e4826";
const DOCUMENTS_KEY: &str = "documents-key-4f1d9e7ab3c25068";
/// `loom-and-shuttle-7`, with bcrypt.
const HOSTS_USERS: &str = "watch:$2b$04$abcdefghijklmnopqrstuu1N.DnMk/P/JfrrTjOhmY.aZPlRqjKOO\n";

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";

/// A house with all services.
struct House {
    door: Door,
    application: Application,
    secure: secure::Secure,
    ada: Person,
    _site: Scratch,
}

impl House {
    async fn new() -> Self {
        let application = Application::start("Set-Cookie: app=1; Path=/\r\n").await;
        let secure = secure::Secure::start();
        let site = Scratch::new("site").unwrap();
        std::fs::create_dir(site.path().join("assets")).unwrap();
        std::fs::write(site.path().join("index.html"), "<title>Monitor</title>").unwrap();
        std::fs::write(site.path().join("assets/app.js"), "start()").unwrap();
        let text = DECLARED
            .replace("UPSTREAM", &application.address.to_string())
            .replace("ELSEWHERE", &application.address.to_string().replace("127.0.0.1", "localhost"))
            .replace("SECURE", &secure.address.to_string())
            .replace("SITE", &site.path().display().to_string());
        let files =
            [("metrics.key", METRICS_KEY), ("documents.key", DOCUMENTS_KEY), ("hosts.users", HOSTS_USERS)];
        let door = Door::with_files(&text, &files).await;
        let ada = door.administrator().await;
        Self { door, application, secure, ada, _site: site }
    }

    /// A person with these groups, and header lines of a session at `host`.
    async fn member(&mut self, name: &str, groups: &str, host: &str) -> String {
        let mut person = self.door.member(&mut self.ada, name, groups).await;
        self.session(&mut person, host).await
    }

    async fn session(&self, person: &mut Person, host: &str) -> String {
        person.open_signed_in(&self.door.url(host, "/")).await.unwrap();
        let token = person.client.jar.cookie(&format!("{host}.localhost"), "__Host-doorward");
        self.application.requests();
        format!("Cookie: __Host-doorward={}\r\n", token.unwrap())
    }

    async fn ask(&self, request: &str) -> Reply {
        crate::wire::ask(self.door.address(), request).await.unwrap_or_else(|| panic!("no answer: {request}"))
    }

    async fn get(&self, host: &str, target: &str, lines: &str) -> Reply {
        self.ask(&head("GET", target, &self.host(host), lines)).await
    }

    async fn ask_from(&self, source: [u8; 4], listener: usize, request: &str) -> Reply {
        let mut wire = Wire::from(IpAddr::from(source), self.listener(listener)).await;
        wire.send(request).await;
        wire.reply().await.unwrap()
    }

    fn listener(&self, number: usize) -> SocketAddr {
        self.door.running.addresses()[number]
    }

    #[expect(clippy::unused_self, reason = "it reads as the host of this house")]
    fn host(&self, name: &str) -> String {
        format!("{name}.localhost:8080")
    }

    /// The one request that reached the application since the last look.
    fn received(&self) -> Received {
        let mut requests = self.application.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        Received(requests.pop().unwrap())
    }

    fn nothing_received(&self, what: &str) {
        let requests = self.application.requests();
        assert!(requests.is_empty(), "{what}: {requests:?}");
    }

    /// A WebSocket that carries bytes both ways.
    async fn socket(&self, host: &str, target: &str, lines: &str) -> Wire {
        let mut socket = Wire::to(self.door.address()).await;
        socket.send(head("GET", target, &self.host(host), &format!("{UPGRADE}{lines}"))).await;
        assert_eq!(socket.reply_head().await.unwrap().status, 101, "{host} {target}");
        let ping = b"\x81\x84\0\0\0\0ping";
        socket.send(ping).await;
        assert_eq!(socket.take(ping.len()).await.as_deref(), Some(&ping[..]));
        socket
    }
}

/// A request as it reached the application.
struct Received(String);

impl Received {
    fn target(&self) -> &str {
        self.0.split(' ').nth(1).unwrap()
    }

    /// The one value of a header.
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.0.split("\r\n\r\n").next().unwrap().split("\r\n").skip(1);
        let pairs = lines.filter_map(|line| line.split_once(": "));
        let found: Vec<&str> =
            pairs.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect();
        assert!(found.len() < 2, "{name} came twice: {}", self.0);
        found.first().copied()
    }
}
