//! A real authority for tests: Debian's pebble, with its fake DNS. Both end when they are dropped.

use std::{
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use doorward_testkit::Scratch;
use doorward_visitor::Client;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

use crate::process::free_port;

/// A program that is killed when it is dropped.
pub(super) struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a program and waits until it says `ready`. What it says later is read and dropped, or it would block.
pub(super) fn start(command: &mut Command, ready: &str) -> Program {
    let shown = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{shown}: {error}; install pebble and bind9"));
    let (sender, lines) = std::sync::mpsc::channel();
    for stream in [
        Box::new(child.stdout.take().unwrap()) as Box<dyn std::io::Read + Send>,
        Box::new(child.stderr.take().unwrap()),
    ] {
        let sender = sender.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
    }
    drop(sender);
    let program = Program(child);
    let mut said = String::new();
    while !said.contains(ready) {
        let line = lines.recv_timeout(std::time::Duration::from_secs(30));
        said.push_str(&line.unwrap_or_else(|_| panic!("{shown} is not ready: {said}")));
        said.push('\n');
    }
    program
}

/// What a test may want different.
#[derive(Clone, Copy, Default)]
pub(super) struct Options {
    /// How many of a hundred nonces are refused.
    pub(super) refuse_nonces: u8,
    /// Whether accounts must be made elsewhere first.
    pub(super) external_accounts: bool,
    /// Whether the answers to questions do not matter.
    pub(super) believe_everything: bool,
    /// How many chains are offered beside the first.
    pub(super) alternate_roots: u8,
}

/// The authority.
pub(super) struct Pebble {
    pub(super) scratch: Scratch,
    /// Where it asks over HTTP and in handshakes.
    pub(super) http_port: u16,
    pub(super) tls_port: u16,
    pub(super) port: u16,
    management: u16,
    /// Where its DNS is changed, and where it answers.
    pub(super) dns_management: u16,
    pub(super) dns_port: u16,
    options: Options,
    own: Vec<Program>,
}

/// The key of the account that was made elsewhere.
pub(super) const EXTERNAL_KEY: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";

impl Pebble {
    pub(super) fn new(options: Options) -> Self {
        let scratch = Scratch::new("pebble").unwrap();
        let pebble = Self {
            scratch,
            http_port: free_port(),
            tls_port: free_port(),
            port: free_port(),
            management: free_port(),
            dns_management: free_port(),
            dns_port: free_port(),
            options,
            own: Vec::new(),
        };
        pebble.write_certificate();
        pebble
    }

    /// Starts both.
    pub(super) fn up(mut self) -> Self {
        let dns = format!("127.0.0.1:{}", self.dns_port);
        let mut command = Command::new("pebble-challtestsrv");
        command.args(["-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", ""]);
        command.args(["-dns01", &dns, "-management", &format!("127.0.0.1:{}", self.dns_management)]);
        self.own.push(start(&mut command, "Starting management server"));
        self.start_authority(&dns);
        self
    }

    /// Starts the authority alone, which asks this DNS.
    pub(super) fn start_authority(&mut self, dns: &str) {
        let flag = |on: bool| if on { "1" } else { "0" };
        let mut command = Command::new("pebble");
        command
            .args(["-strict", "-dnsserver", dns, "-config"])
            .arg(self.write_config())
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_AUTHZREUSE", "0")
            .env("PEBBLE_VA_ALWAYS_VALID", flag(self.options.believe_everything))
            .env("PEBBLE_ALTERNATE_ROOTS", self.options.alternate_roots.to_string())
            .env("PEBBLE_WFE_NONCEREJECT", self.options.refuse_nonces.to_string());
        self.own.push(start(&mut command, "ACME directory available at"));
    }

    fn file(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn write_config(&self) -> PathBuf {
        let mut pebble = serde_json::json!({
            "listenAddress": format!("127.0.0.1:{}", self.port),
            "managementListenAddress": format!("127.0.0.1:{}", self.management),
            "certificate": self.file("leaf.pem"),
            "privateKey": self.file("leaf.key"),
            "httpPort": self.http_port,
            "tlsPort": self.tls_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": self.options.external_accounts,
        });
        if self.options.external_accounts {
            pebble["externalAccountMACKeys"] = serde_json::json!({ "kid-1": EXTERNAL_KEY });
        }
        std::fs::write(self.file("pebble.json"), serde_json::json!({ "pebble": pebble }).to_string())
            .unwrap();
        self.file("pebble.json")
    }

    /// The certificate of its own interface, which signs itself and is its own authority.
    fn write_certificate(&self) {
        let made =
            rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        std::fs::write(self.file("leaf.pem"), made.cert.pem()).unwrap();
        std::fs::write(self.file("leaf.key"), made.signing_key.serialize_pem()).unwrap();
    }

    /// The beginning of a configuration that uses it: the portal and one service on the ports that it asks.
    pub(super) fn config(&self, acme: &str, more: &str) -> String {
        format!(
            r#"
domain = "home.test"
data_directory = "DIR/state"

[[listeners]]
address = "127.0.0.1:{tls}"
tls = "auto"

[[listeners]]
address = "127.0.0.1:{http}"

[acme]
directory = "https://localhost:{port}/dir"
ca_file = "{folder}/leaf.pem"
{acme}

[services.www]
upstream = "http://UPSTREAM"
posture = "public"
{more}
"#,
            tls = self.tls_port,
            http = self.http_port,
            port = self.port,
            folder = self.scratch.path().display(),
        )
    }

    /// What people would install to believe it.
    pub(super) async fn root(&self) -> CertificateDer<'static> {
        self.root_of_chain(0).await
    }

    /// The same for another chain that it offers.
    pub(super) async fn root_of_chain(&self, number: usize) -> CertificateDer<'static> {
        let own = CertificateDer::from_pem_file(self.file("leaf.pem")).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.management));
        let mut client = Client::without_hosts().host("localhost", address).trust([own]).unwrap();
        let url = format!("https://localhost:{}/roots/{number}", self.management);
        let page = client.navigate(&url).await.unwrap();
        CertificateDer::from_pem_slice(&page.body).unwrap()
    }
}
