//! TLS: certificates by name, reloads, and upstreams behind it.

use std::{path::PathBuf, sync::Arc};

use doorward_core::{
    config::CertificateFiles,
    policy::Posture,
    service::{Service, Target, UpstreamScheme, UpstreamTls},
};
use doorward_proxy::{
    ListenerTls,
    certificates::{CertificateTable, Resolver},
    tls, upstream_tls,
};
use doorward_testkit::Scratch;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, client::TlsStream};

use crate::{
    harness::{Gate, Setup, guard, service, usual},
    sessions::ada,
    upstream::{ByHand, Echo, echo},
    wire::{Wire, soon},
};

/// A certificate of its own making, and its key.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) files: CertificateFiles,
    _scratch: Scratch,
}

impl Pair {
    pub(crate) fn of(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let scratch = Scratch::new("tls").unwrap();
        let file = |name: &str, text: &str| -> PathBuf {
            let path = scratch.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let files = CertificateFiles {
            certificate_file: file("cert.pem", &made.cert.pem()),
            key_file: file("key.pem", &made.signing_key.serialize_pem()),
        };
        Self { files, _scratch: scratch }
    }

    fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(&self.files.certificate_file).unwrap()
    }
}

pub(crate) fn table(pairs: &[&Pair]) -> CertificateTable {
    let mut table = CertificateTable::default();
    for pair in pairs {
        table.add(&tls::from_files(&pair.files).unwrap());
    }
    table
}

pub(crate) fn offer(resolver: &Arc<Resolver>) -> ListenerTls {
    tls::server(Arc::clone(resolver), tls::tickets().unwrap()).unwrap()
}

/// A server that speaks TLS with these certificates, and what to store others in.
pub(crate) fn gate(pairs: &[&Pair], services: Vec<Service>) -> (Gate, Arc<Resolver>) {
    gate_with(Setup::default(), pairs, services)
}

/// The same, otherwise set up.
pub(crate) fn gate_with(setup: Setup, pairs: &[&Pair], services: Vec<Service>) -> (Gate, Arc<Resolver>) {
    let resolver = Arc::new(Resolver::new(table(pairs), Arc::default()));
    (Gate::with(Setup { tls: Some(offer(&resolver)), ..setup }, services), resolver)
}

/// A connection that was made for `name`, trusting `pair` only.
pub(crate) async fn connect(
    gate: &Gate,
    name: &str,
    pair: &Pair,
    protocol: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    over(soon(TcpStream::connect(gate.address)).await.unwrap(), name, pair, protocol).await
}

/// The same on a connection that is there already.
pub(crate) async fn over(
    stream: TcpStream,
    name: &str,
    pair: &Pair,
    protocol: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(pair.der()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let name = ServerName::try_from(name.to_owned()).unwrap();
    soon(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

const ONE: &[u8] = b"http/1.1";

#[tokio::test]
async fn p_13_certificates_go_by_name_and_hosts_by_connection() {
    let echo = Echo::start().await;
    let (notes, www) = (Pair::of(&["notes.test"]), Pair::of(&["www.test", "*.www.test"]));
    let (gate, _tls) = gate(&[&notes, &www], usual(echo.address));
    let mut wire = Wire::new(connect(&gate, "www.test", &www, ONE).await.unwrap());
    assert_eq!(wire.get("www.test", "/", "").await.status, 200);
    assert_eq!(wire.get("notes.test", "/", "").await.status, 421, "the connection was made for another host");
    assert_eq!(wire.get("WWW.test.:443", "/", "").await.status, 200);
    let mut wire = Wire::new(connect(&gate, "notes.test", &notes, ONE).await.unwrap());
    assert_eq!(wire.get("notes.test", "/", "").await.status, 401);
    connect(&gate, "sub.www.test", &www, ONE).await.unwrap();
    connect(&gate, "other.test", &www, ONE).await.unwrap_err();
    connect(&gate, "notes.test", &notes, b"spdy/1").await.unwrap_err();
}

#[tokio::test]
async fn a_reload_of_certificates_meets_the_next_connection() {
    let echo = Echo::start().await;
    let (old, new) = (Pair::of(&["www.test"]), Pair::of(&["www.test"]));
    let (gate, tls) = gate(&[&old], usual(echo.address));
    let mut wire = Wire::new(connect(&gate, "www.test", &old, ONE).await.unwrap());
    assert_eq!(wire.get("www.test", "/", "").await.status, 200);
    tls.table.store(Arc::new(table(&[&new])));
    connect(&gate, "www.test", &old, ONE).await.unwrap_err();
    let mut fresh = Wire::new(connect(&gate, "www.test", &new, ONE).await.unwrap());
    assert_eq!(fresh.get("www.test", "/", "").await.status, 200);
    assert_eq!(wire.get("www.test", "/", "").await.status, 200, "what is open stays open");
}

#[tokio::test]
async fn s_8_what_is_no_tls_is_cut_off() {
    let echo = Echo::start().await;
    let pair = Pair::of(&["www.test"]);
    let (gate, _tls) = gate(&[&pair], usual(echo.address));
    for sent in ["GET / HTTP/1.1\r\nHost: www.test\r\n\r\n", "\u{16}\u{3}\u{1}\0\u{5}hello", "\0\0\0\0\0\0\0"]
    {
        let mut wire = gate.connect().await;
        wire.send(sent).await;
        while tokio::io::AsyncReadExt::read(&mut wire.stream, &mut [0; 512])
            .await
            .is_ok_and(|count| count > 0)
        {}
    }
    assert_eq!(echo.requests(), 0);
}

#[tokio::test]
async fn d_16_slow_handshakes_are_not_waited_for() {
    let echo = Echo::start().await;
    let pair = Pair::of(&["www.test"]);
    let resolver = Arc::new(Resolver::new(table(&[&pair]), Arc::default()));
    let mut setup = Setup { tls: Some(offer(&resolver)), ..Setup::default() };
    setup.limits.handshake_timeout = std::time::Duration::from_millis(50);
    setup.limits.head_timeout = std::time::Duration::from_millis(50);
    let gate = Gate::with(setup, usual(echo.address));
    assert_eq!(gate.connect().await.rest().await, "");
    let mut silent = Wire::new(connect(&gate, "www.test", &pair, b"h2").await.unwrap());
    silent.rest().await;
}

#[test]
fn mistakes_in_certificates_are_explained() {
    let (one, other) = (Pair::of(&["a.test"]), Pair::of(&["b.test"]));
    let mixed = CertificateFiles { key_file: other.files.key_file.clone(), ..one.files.clone() };
    assert!(tls::from_files(&mixed).unwrap_err().to_string().contains("can't be used"));
    let swapped = CertificateFiles { certificate_file: one.files.key_file.clone(), ..one.files.clone() };
    assert!(tls::from_files(&swapped).unwrap_err().to_string().contains("no certificate in it"));
    let missing = CertificateFiles { key_file: "/nowhere/key.pem".into(), ..one.files.clone() };
    assert!(tls::from_files(&missing).unwrap_err().to_string().starts_with("/nowhere/key.pem can't be read"));
}

/// An upstream behind TLS that takes the protocol that it likes best.
async fn secure(pair: &Pair, protocols: &[&[u8]]) -> std::net::SocketAddr {
    secure_for(None, pair, protocols).await
}

/// The same, for those who show the certificate of `client`.
async fn secure_for(client: Option<&Pair>, pair: &Pair, protocols: &[&[u8]]) -> std::net::SocketAddr {
    let chain = vec![pair.der()];
    let key = PrivateKeyDer::from_pem_file(&pair.files.key_file).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let mut roots = RootCertStore::empty();
            roots.add(client.der()).unwrap();
            let known = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(known.build().unwrap())
        }
    };
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                serve(stream, http2).await;
            });
        }
    });
    address
}

async fn serve(stream: tokio_rustls::server::TlsStream<TcpStream>, http2: bool) {
    use hyper::server::conn;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    let service = hyper::service::service_fn(|request| echo(request, Arc::default()));
    let io = TokioIo::new(stream);
    let _ = if http2 {
        conn::http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await
    } else {
        conn::http1::Builder::new().serve_connection(io, service).await
    };
}

fn behind_tls(address: std::net::SocketAddr, pair: &Pair) -> Service {
    let mut service = service("notes", address);
    let upstream = service.upstream_mut().unwrap();
    upstream.targets = vec![Target::tcp(UpstreamScheme::Https, "localhost", address.port())];
    upstream.tls.ca_file = Some(pair.files.certificate_file.clone());
    service
}

#[tokio::test]
async fn upstreams_may_speak_tls_and_http_2() {
    let pair = Pair::of(&["localhost"]);
    let session = format!("Cookie: a=1; __Host-doorward={}; b=2\r\nTE: trailers\r\n", crate::harness::ADA);
    for (protocols, version) in
        [(&[b"h2".as_slice(), ONE][..], "HTTP/2.0"), (&[ONE], "HTTP/1.1"), (&[], "HTTP/1.1")]
    {
        let gate = Gate::with(Setup::default(), vec![behind_tls(secure(&pair, protocols).await, &pair)]);
        let mut wire = gate.connect().await;
        for _ in 0..2 {
            let seen = wire.get("notes.test", "/a?b", &session).await.echoed();
            let target = if version == "HTTP/2.0" { "https://notes.test/a?b" } else { "/a?b" };
            assert_eq!(seen.first, format!("GET {target} {version}"));
            assert_eq!((seen.one("remote-user"), seen.one("cookie")), (Some("ada"), Some("a=1; b=2")));
            assert_eq!(seen.one("te"), Some("trailers"));
            wire.send(format!("POST / HTTP/1.1\r\nHost: notes.test\r\n{session}Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nRemote-User: x\r\n\r\n"))
                .await;
            assert_eq!(wire.answer().await.echoed_body(), "hi");
        }
    }
}

/// HTTP/2 has no such upgrade, so WebSockets go by connections of their own.
#[tokio::test]
async fn websockets_go_to_http_2_upstreams_by_http_1() {
    let pair = Pair::of(&["localhost"]);
    let address = secure(&pair, &[b"h2", ONE]).await;
    let gate = Gate::with(Setup::default(), vec![behind_tls(address, &pair)]);
    let session = format!("Cookie: __Host-doorward={}\r\n", crate::harness::ADA);
    let mut wire = gate.connect().await;
    assert!(wire.get("notes.test", "/", &session).await.echoed().first.ends_with("HTTP/2.0"));
    let ask = format!("{session}Connection: Upgrade\r\nUpgrade: websocket\r\n");
    let seen = wire.get("notes.test", "/socket", &ask).await.echoed();
    assert_eq!(seen.first, "GET /socket HTTP/1.1");
    assert_eq!(seen.one("upgrade"), Some("websocket"));
}

#[tokio::test]
async fn an_upstream_that_is_not_who_it_should_be_is_down() {
    let (pair, other) = (Pair::of(&["localhost"]), Pair::of(&["elsewhere.test"]));
    for (presented, trusted, verify, status) in [
        (&pair, &pair, true, 200),
        (&pair, &other, true, 502),
        (&other, &other, true, 502),
        (&other, &pair, false, 200),
    ] {
        let mut service = behind_tls(secure(presented, &[ONE]).await, trusted);
        service.upstream_mut().unwrap().tls.verify = verify;
        service.guard = guard(Posture::Public);
        let gate = Gate::with(Setup::default(), vec![service]);
        assert_eq!(gate.connect().await.get("notes.test", "/", "").await.status, status);
    }
}

#[tokio::test]
async fn e_11_websockets_over_tls_end_with_their_session() {
    let upstream = ByHand::start().await;
    let pair = Pair::of(&["notes.test"]);
    let (gate, _tls) = gate(&[&pair], usual(upstream.address));
    gate.sessions.sign_in("dw_s_other", "notes.test", ada(&["users"]));
    let mut wire = Wire::new(connect(&gate, "notes.test", &pair, ONE).await.unwrap());
    let lines = "Cookie: __Host-doorward=dw_s_other\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
    wire.send(format!("GET / HTTP/1.1\r\nHost: notes.test\r\n{lines}\r\n")).await;
    let mut served = upstream.accept().await;
    served.head().await;
    served
        .send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n\r\n\u{1}\u{3}yes")
        .await;
    wire.head().await;
    assert_eq!(wire.exactly(5).await, "\u{1}\u{3}yes");
    gate.sessions.end("dw_s_other", "notes.test");
    assert_eq!(wire.bytes(4).await, [0x88, 2, 3, 0xf0], "1008");
    assert_eq!(wire.rest().await, "");
    drop(wire);
    assert_eq!(served.bytes(8).await[..2], [0x88, 0x82]);
    assert_eq!(served.rest().await, "");
}

/// The name that is asked for and checked is another one than that of the address.
#[tokio::test]
async fn r_84_an_upstream_may_have_another_name_than_its_address() {
    let pair = Pair::of(&["app.internal"]);
    for (name, status) in [(Some("app.internal"), 200), (Some("other.internal"), 502), (None, 502)] {
        let mut service = behind_tls(secure(&pair, &[ONE]).await, &pair);
        service.upstream_mut().unwrap().tls.server_name = name.map(str::to_owned);
        service.guard = guard(Posture::Public);
        let gate = Gate::with(Setup::default(), vec![service]);
        assert_eq!(gate.connect().await.get("notes.test", "/", "").await.status, status, "{name:?}");
    }
}

#[tokio::test]
async fn r_84_an_upstream_may_want_to_know_who_asks() {
    let (pair, ours, others) = (Pair::of(&["localhost"]), Pair::of(&["door.test"]), Pair::of(&["door.test"]));
    for (shown, status) in [(Some(&ours), 200), (Some(&others), 502), (None, 502)] {
        let mut service = behind_tls(secure_for(Some(&ours), &pair, &[ONE]).await, &pair);
        service.upstream_mut().unwrap().tls.identity = shown.map(|pair| pair.files.clone());
        service.guard = guard(Posture::Public);
        let gate = Gate::with(Setup::default(), vec![service]);
        assert_eq!(gate.connect().await.get("notes.test", "/", "").await.status, status, "{shown:?}");
    }
}

#[test]
fn r_84_files_of_an_upstream_are_checked_before_they_are_needed() {
    let (one, other) = (Pair::of(&["a.test"]), Pair::of(&["b.test"]));
    let identity = |certificate_file: &PathBuf, key_file: &PathBuf| UpstreamTls {
        identity: Some(CertificateFiles {
            certificate_file: certificate_file.clone(),
            key_file: key_file.clone(),
        }),
        ..UpstreamTls::default()
    };
    let authorities = |file: &PathBuf| UpstreamTls { ca_file: Some(file.clone()), ..UpstreamTls::default() };
    let missing = PathBuf::from("/nowhere/file.pem");
    let (certificate, key) = (&one.files.certificate_file, &one.files.key_file);
    upstream_tls::check(&UpstreamTls::default()).unwrap();
    upstream_tls::check(&authorities(certificate)).unwrap();
    upstream_tls::check(&identity(certificate, key)).unwrap();
    for (tls, expected) in [
        (authorities(&missing), "upstream_ca_file"),
        (authorities(key), "upstream_ca_file"),
        (identity(&missing, key), "upstream_certificate_file"),
        (identity(key, key), "upstream_certificate_file"),
        (identity(certificate, &missing), "upstream_key_file"),
        (identity(certificate, certificate), "upstream_key_file"),
        (identity(certificate, &other.files.key_file), "upstream_key_file"),
    ] {
        assert_eq!(upstream_tls::check(&tls).unwrap_err().0, expected, "{tls:?}");
    }
}
