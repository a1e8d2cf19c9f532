//! Floods and garbage on a TLS listener of the real program, with its memory watched from outside.

mod floods;
mod hello;
mod http2;

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
    time::Duration,
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName},
};

use crate::process::{Folder, Process};

/// A connection over TLS.
type Tls = StreamOwned<ClientConnection, TcpStream>;

/// The program with a TLS listener, and an application that takes connections and never reads.
struct Server {
    process: Process,
    folder: Folder,
    certificate: CertificateDer<'static>,
    _silent: TcpListener,
}

impl Server {
    fn start() -> Self {
        let made = rcgen::generate_simple_self_signed(
            ["notes.localhost", "silent.localhost", "id.localhost"].map(str::to_owned),
        )
        .unwrap();
        let folder = Folder::new();
        folder.file("cert.pem", &made.cert.pem());
        folder.file("key.pem", &made.signing_key.serialize_pem());
        // The kernel takes the connections of an application that never calls `accept`.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let config = format!(
            "domain = \"localhost\"\ndata_directory = \"state\"\nroot_secret_file = \"root\"\n\
             [[listeners]]\naddress = \"127.0.0.1:{}\"\n\
             tls = {{ certificate_file = \"cert.pem\", key_file = \"key.pem\" }}\n\
             [services.notes]\nupstream = \"http://127.0.0.1:9\"\nposture = \"sso\"\npolicy = \"users\"\n\
             [services.silent]\nupstream = \"http://{}\"\nposture = \"public\"\n",
            folder.port,
            silent.local_addr().unwrap()
        );
        let config = folder.file("doorward.toml", &config).display().to_string();
        let mut process = Process::start(&["serve", "--config", &config, "--log", "warn"]);
        process.until(|process| process.out.contains("https://id.localhost"));
        Self { process, folder, certificate: made.cert.der().clone(), _silent: silent }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.folder.port)).unwrap();
        stream.set_nodelay(true).unwrap();
        // A server that stops reading holds a flood back; so long is it believed to.
        stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    fn client(&self, host: &str, protocol: &[u8]) -> ClientConnection {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        ClientConnection::new(Arc::new(config), ServerName::try_from(host.to_owned()).unwrap()).unwrap()
    }

    fn tls(&self, host: &str, protocol: &[u8]) -> Tls {
        StreamOwned::new(self.client(host, protocol), self.connect())
    }

    /// An honest person is served: asked to sign in.
    fn serves(&self) {
        let mut tls = self.tls("notes.localhost", b"http/1.1");
        tls.write_all(b"GET / HTTP/1.1\r\nHost: notes.localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        // What comes after the answer is no matter.
        let _ = tls.read_to_end(&mut answer);
        assert!(answer.starts_with(b"HTTP/1.1 401 "), "{}", String::from_utf8_lossy(&answer));
    }

    /// The most memory that it ever had, in KiB.
    fn most_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}
