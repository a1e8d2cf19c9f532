//! Which certificate is presented, how sessions resume, and what an authority is answered.

use std::{collections::HashMap, sync::Arc};

use doorward_proxy::{
    certificates::{Answers, Challenges, Resolver},
    tls,
};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    harness::{Gate, Setup, usual},
    tls::{Pair, connect, gate, offer, table},
    upstream::Echo,
    wire::{Wire, soon},
};

const ONE: &[u8] = b"http/1.1";

fn client(pair: &Pair, versions: &[&'static rustls::SupportedProtocolVersion]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&pair.files.certificate_file).unwrap()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

async fn shake(gate: &Gate, name: &str, config: &Arc<ClientConfig>) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = soon(TcpStream::connect(gate.address)).await.unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    soon(TlsConnector::from(Arc::clone(config)).connect(name, stream)).await
}

#[tokio::test]
async fn p_13_an_exact_name_counts_before_a_wildcard_and_case_counts_for_nothing() {
    let echo = Echo::start().await;
    let (wild, exact) = (Pair::of(&["*.www.test", "www.test"]), Pair::of(&["a.www.test"]));
    let (gate, _tls) = gate(&[&wild, &exact], usual(echo.address));
    for (name, presented) in
        [("a.www.test", &exact), ("A.WWW.test", &exact), ("b.www.test", &wild), ("www.test", &wild)]
    {
        connect(&gate, name, presented, ONE).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    // A star is one label: for anything else the first certificate is presented, which is not valid for it.
    for name in ["a.b.www.test", "other.test", "test"] {
        connect(&gate, name, &wild, ONE).await.unwrap_err();
        connect(&gate, name, &exact, ONE).await.unwrap_err();
    }
}

/// Each worker, and each listener, resumes what another began; also after certificates were swapped.
#[tokio::test]
async fn sessions_resume_on_every_worker() {
    let echo = Echo::start().await;
    let pair = Pair::of(&["www.test"]);
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let resolver = Arc::new(Resolver::new(table(&[&pair]), Arc::default()));
        let setup = Setup { tls: Some(offer(&resolver)), workers: 4, ..Setup::default() };
        let gate = Gate::with(setup, usual(echo.address));
        let config = Arc::new(client(&pair, &[version]));
        let mut kinds = Vec::new();
        for round in 0..12 {
            let stream = shake(&gate, "www.test", &config).await.unwrap();
            kinds.push(stream.get_ref().1.handshake_kind().unwrap());
            // Tickets of TLS 1.3 come after the handshake.
            let mut wire = Wire::new(stream);
            assert_eq!(wire.get("www.test", "/", "").await.status, 200);
            if round == 6 {
                resolver.table.store(Arc::new(table(&[&pair])));
            }
        }
        assert_eq!(kinds.remove(0), HandshakeKind::Full);
        assert!(kinds.iter().all(|kind| *kind == HandshakeKind::Resumed), "{version:?}: {kinds:?}");
    }
}

/// The head of a handshake as a client would begin it.
fn hello(pair: &Pair, name: &'static str) -> Vec<u8> {
    let config = client(pair, &[&rustls::version::TLS13, &rustls::version::TLS12]);
    let name = ServerName::try_from(name).unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    connection.write_tls(&mut bytes).unwrap();
    bytes
}

/// Sends `bytes`, says that there is no more, and reads what comes back.
async fn exchange(gate: &Gate, bytes: &[u8]) -> Vec<u8> {
    let mut stream = soon(TcpStream::connect(gate.address)).await.unwrap();
    let mut answer = Vec::new();
    // The other side may have hung up before it heard everything.
    if soon(stream.write_all(bytes)).await.is_ok() {
        let _ = stream.shutdown().await;
    }
    let _ = soon(stream.read_to_end(&mut answer)).await;
    answer
}

#[tokio::test]
async fn tls_1_1_is_not_spoken() {
    let echo = Echo::start().await;
    let pair = Pair::of(&["www.test"]);
    let (gate, _tls) = gate(&[&pair], usual(echo.address));
    // ECDHE with ECDSA, P-256 and what else TLS 1.2 needs; without the extension of TLS 1.3 the version is that of the
    // hello.
    let extensions =
        [0, 13, 0, 4, 0, 2, 4, 3, 0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0, 0, 23, 0, 0, 0xff, 1, 0, 1, 0];
    let suites = [0, 8, 0xc0, 0x2b, 0xc0, 0x09, 0xc0, 0x13, 0, 0x2f];
    for (minor, expected) in [(1, (21, 70)), (2, (21, 70)), (3, (22, 0))] {
        let extended = [&[0, u8::try_from(extensions.len()).unwrap()][..], &extensions].concat();
        let body = [&[3, minor][..], &[7; 32], &[0], &suites, &[1, 0], &extended].concat();
        let length = u8::try_from(body.len()).unwrap();
        let bytes = [&[22, 3, 1, 0, length + 4, 1, 0, 0, length][..], &body].concat();
        let answer = exchange(&gate, &bytes).await;
        // An alert is 21, and its description 70 is protocol_version; a handshake is 22.
        assert_eq!((answer[0], answer[6]), expected, "TLS 1.{}", minor - 1);
    }
}

/// Every byte of a handshake's beginning is changed in turn, and it is cut at every place.
#[tokio::test]
async fn s_8_s_9_no_malformed_handshake_stops_a_listener() {
    let echo = Echo::start().await;
    let pair = Pair::of(&["www.test"]);
    let (gate, _tls) = gate(&[&pair], usual(echo.address));
    let sound = hello(&pair, "www.test");
    for at in (0..sound.len()).step_by(if sound.len() > 600 { 3 } else { 1 }) {
        let mut changed = sound.clone();
        changed[at] ^= if at % 2 == 0 { 0xff } else { 0x01 };
        exchange(&gate, &changed).await;
        exchange(&gate, &sound[..at]).await;
    }
    let mut endless = vec![22, 3, 1, 0x40, 0];
    endless.extend([0; 0x4000]);
    exchange(&gate, &endless.repeat(4)).await;
    assert_eq!(echo.requests(), 0);
    let mut wire = Wire::new(connect(&gate, "www.test", &pair, ONE).await.unwrap());
    assert_eq!(wire.get("www.test", "/", "").await.status, 200);
}

fn answers(token: &str, host: &str, pair: &Pair) -> Answers {
    Answers {
        tokens: HashMap::from([(token.to_owned(), format!("{token}.thumbprint"))]),
        handshakes: HashMap::from([(host.to_owned(), tls::from_files(&pair.files).unwrap())]),
    }
}

#[tokio::test]
async fn an_authority_is_answered_by_a_handshake() {
    let echo = Echo::start().await;
    let (pair, proof) = (Pair::of(&["www.test"]), Pair::of(&["www.test"]));
    let challenges = Arc::new(Challenges::default());
    let resolver = Arc::new(Resolver::new(table(&[&pair]), Arc::clone(&challenges)));
    let gate = Gate::with(Setup { tls: Some(offer(&resolver)), ..Setup::default() }, usual(echo.address));
    connect(&gate, "www.test", &proof, b"acme-tls/1").await.unwrap_err();
    challenges.set(answers("t", "www.test", &proof));
    let stream = connect(&gate, "www.test", &proof, b"acme-tls/1").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"acme-tls/1"[..]));
    let mut wire = Wire::new(stream);
    wire.send("GET / HTTP/1.1\r\nHost: www.test\r\n\r\n").await;
    assert_eq!(wire.rest().await, "", "nothing is served on such a connection");
    connect(&gate, "notes.test", &proof, b"acme-tls/1").await.unwrap_err();
    // Browsers do not ask for it, and get what they always get.
    connect(&gate, "www.test", &pair, ONE).await.unwrap();
    challenges.set(Answers::default());
    connect(&gate, "www.test", &proof, b"acme-tls/1").await.unwrap_err();
    assert_eq!(echo.requests(), 0);
}

#[tokio::test]
async fn an_authority_is_answered_before_the_redirect() {
    let echo = Echo::start().await;
    let pair = Pair::of(&["www.test"]);
    for redirect in [true, false] {
        let setup = Setup { redirect, ..Setup::default() };
        setup.challenges.set(answers("token-1", "www.test", &pair));
        let gate = Gate::with(setup, usual(echo.address));
        let mut wire = gate.connect().await;
        let answer = wire.get("www.test", "/.well-known/acme-challenge/token-1", "").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "token-1.thumbprint"));
        // Anything else below is a path as all are.
        let other = wire.get("www.test", "/.well-known/acme-challenge/token-2", "").await;
        assert_eq!(other.status, if redirect { 308 } else { 200 });
    }
}

#[tokio::test]
async fn t_14_clear_text_leads_to_https_for_our_own_hosts_only() {
    let echo = Echo::start().await;
    let gate = Gate::with(Setup { redirect: true, ..Setup::default() }, usual(echo.address));
    for (host, target, location) in [
        ("notes.test", "/a/b?c=d%2F", "https://notes.test/a/b?c=d%2F"),
        ("NOTES.test.:80", "/", "https://notes.test/"),
        ("id.test", "/login", "https://id.test/login"),
        ("www.test", "/.doorward/callback?code=x", "https://www.test/.doorward/callback?code=x"),
    ] {
        for method in ["GET", "HEAD", "DELETE"] {
            let mut wire = gate.connect().await;
            wire.send(format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
            let answer = wire.answer().await;
            assert_eq!(answer.status, 308, "{host}{target}");
            assert_eq!(answer.head.one("location"), Some(location));
        }
    }
    for (host, target) in [
        ("evil.test", "/"),
        ("notes.test.evil.test", "/"),
        ("127.0.0.1", "/"),
        ("notes.test@evil.test", "/"),
        ("notes.test", "//evil.test/x"),
        ("notes.test", "http://evil.test/"),
    ] {
        let answer = gate.connect().await.get(host, target, "").await;
        assert!(matches!(answer.status, 400 | 421), "{host}: {}", answer.status);
        assert_eq!(answer.head.one("location"), None);
    }
    assert_eq!(echo.requests(), 0);
}

/// What follows a body that nobody read is not taken for a request.
#[tokio::test]
async fn s_3_a_redirect_leaves_no_unread_body() {
    let echo = Echo::start().await;
    let gate = Gate::with(Setup { redirect: true, ..Setup::default() }, usual(echo.address));
    let mut wire = gate.connect().await;
    let inner = "GET /.well-known/x HTTP/1.1\r\nHost: www.test\r\n\r\n";
    wire.send(format!("POST / HTTP/1.1\r\nHost: www.test\r\nContent-Length: {}\r\n\r\n{inner}", inner.len()))
        .await;
    let answer = wire.answer().await;
    assert_eq!((answer.status, answer.head.one("connection")), (308, Some("close")));
    assert_eq!(wire.rest().await, "");
}
