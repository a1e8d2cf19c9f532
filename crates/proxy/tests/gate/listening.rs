//! Kinds of listeners: both families of addresses, unix sockets, and balancers that speak the PROXY protocol.

use std::{net::SocketAddr, os::unix::fs::PermissionsExt as _, path::PathBuf, sync::Arc, time::Duration};

use doorward_core::config::{Address, UnixAddress};
use doorward_proxy::{Socket, certificates::Resolver};
use doorward_testkit::Scratch;
use tokio::net::{TcpStream, UnixStream};

use crate::{
    harness::{Gate, Setup, usual},
    tls::{Pair, offer, over, table},
    upstream::Echo,
    wire::{Wire, soon},
};

const V1: &str = "PROXY TCP4 198.51.100.10 10.0.0.1 5000 443\r\n";
const GET: &str = "GET /api/health HTTP/1.1\r\nHost: far.test\r\n\r\n";

/// `198.51.100.10` in version 2, with a field behind the addresses that nobody reads.
fn v2() -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x10".to_vec();
    header.extend([198, 51, 100, 10, 10, 0, 0, 1, 0x13, 0x88, 1, 187, 4, 0, 1, 0]);
    header
}

fn unix(path: PathBuf) -> Address {
    Address::Unix(UnixAddress { path, mode: 0o600 })
}

#[test]
fn both_families_stand_side_by_side() {
    let v4 = Socket::bind(&Address::Tcp("0.0.0.0:0".parse().unwrap())).unwrap();
    let port = v4.tcp_address().unwrap().port();
    let v6 = SocketAddr::new("::".parse().unwrap(), port);
    let v6 = match Socket::bind(&Address::Tcp(v6)) {
        // A machine without IPv6 has nothing to show.
        Err(error) if error.error.raw_os_error() == Some(97) => return,
        bound => bound.unwrap(),
    };
    assert_eq!(v6.tcp_address().unwrap().port(), port);
    // What comes to the one does not come to the other.
    drop(v4);
    std::net::TcpStream::connect(("127.0.0.1", port)).unwrap_err();
    std::net::TcpStream::connect(("::1", port)).unwrap();
}

#[tokio::test]
async fn a_declared_balancer_says_who_the_client_is() {
    let echo = Echo::start().await;
    let gate =
        Gate::with(Setup { proxy_protocol: &["127.0.0.1/32"], ..Setup::default() }, usual(echo.address));
    for (header, client) in [
        (V1.as_bytes().to_vec(), "198.51.100.10"),
        (v2(), "198.51.100.10"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
        (b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00".to_vec(), "127.0.0.1"),
    ] {
        // In one piece with the request, and byte by byte.
        for pieces in [usize::MAX, 1] {
            let mut wire = gate.connect().await;
            let all = [header.as_slice(), GET.as_bytes()].concat();
            for piece in all.chunks(pieces.min(all.len())) {
                wire.send(piece).await;
            }
            assert_eq!(wire.answer().await.status == 200, client == "198.51.100.10", "{client}");
            let line = "X-Forwarded-For: 192.0.2.7\r\n";
            let seen = wire.get("www.test", "/", line).await.echoed();
            assert_eq!(seen.one("x-forwarded-for"), Some(client), "no header goes beyond it");
        }
    }
}

#[tokio::test]
async fn t_4_the_proxy_protocol_is_required_from_declared_peers_and_refused_from_others() {
    let echo = Echo::start().await;
    let mut setup = Setup { proxy_protocol: &["127.0.0.1/32"], ..Setup::default() };
    setup.limits.handshake_timeout = Duration::from_millis(100);
    let declared = Gate::with(setup, usual(echo.address));
    let flood = format!("PROXY UNKNOWN {}", "x".repeat(4000));
    for start in ["", GET, "PROXY TCP4 ", "PROXY TCP4 nobody 10.0.0.1 1 2\r\n", flood.as_str()] {
        let mut wire = declared.connect().await;
        // It may be closed while this is being sent.
        let _ = soon(tokio::io::AsyncWriteExt::write_all(&mut wire.stream, start.as_bytes())).await;
        assert_eq!(wire.rest().await, "", "{start:?}");
    }
    let others =
        Gate::with(Setup { proxy_protocol: &["127.0.0.9/32"], ..Setup::default() }, usual(echo.address));
    let undeclared = Gate::before(echo.address);
    for header in [V1.as_bytes().to_vec(), v2()] {
        let mut wire = others.connect().await;
        let sent = [header.as_slice(), GET.as_bytes()].concat();
        let _ = soon(tokio::io::AsyncWriteExt::write_all(&mut wire.stream, &sent)).await;
        assert_eq!(wire.rest().await, "");
        // Where nobody is declared, it is not HTTP and nothing else.
        let mut wire = undeclared.connect().await;
        wire.send(&sent).await;
        assert!(!wire.rest().await.contains(" 200 "));
    }
    assert_eq!(echo.requests(), 0);
}

#[tokio::test]
async fn tls_comes_behind_the_proxy_protocol() {
    let echo = Echo::start().await;
    let pair = Pair::of(&["far.test"]);
    let resolver = Arc::new(Resolver::new(table(&[&pair]), Arc::default()));
    let tls = Some(offer(&resolver));
    let setup = Setup { proxy_protocol: &["127.0.0.1/32"], tls, ..Setup::default() };
    let gate = Gate::with(setup, usual(echo.address));
    for header in [V1.as_bytes().to_vec(), v2()] {
        let mut stream = TcpStream::connect(gate.address).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, &header).await.unwrap();
        let mut wire = Wire::new(over(stream, "far.test", &pair, b"http/1.1").await.unwrap());
        assert_eq!(wire.get("far.test", "/api/health", "").await.status, 200);
    }
}

#[tokio::test]
async fn t_4_peers_of_a_unix_socket_are_nobody_unless_they_are_declared() {
    let echo = Echo::start().await;
    let scratch = Scratch::new("listening").unwrap();
    let line = "X-Forwarded-For: 198.51.100.10\r\nCF-Connecting-IP: 198.51.100.10\r\n";
    let none: &[&str] = &[];
    for (index, (trusted, tunnels, client)) in [
        (none, none, "::"),
        (&["0.0.0.0/1", "::1/128"], none, "::"),
        (&["::/128"], none, "198.51.100.10"),
        (none, &["::/128"], "198.51.100.10"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = scratch.path().join(format!("{index}.sock"));
        let setup = Setup { trusted, tunnels, at: unix(path.clone()), ..Setup::default() };
        let _gate = Gate::with(setup, usual(echo.address));
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let mut wire = Wire::new(UnixStream::connect(&path).await.unwrap());
        let seen = wire.get("www.test", "/", line).await.echoed();
        assert_eq!(seen.one("x-forwarded-for"), Some(client));
        assert_eq!(wire.get("far.test", "/api/health", line).await.status == 200, client != "::");
    }
}

#[tokio::test]
async fn a_unix_socket_may_be_a_balancer_s() {
    let echo = Echo::start().await;
    let scratch = Scratch::new("listening").unwrap();
    let path = scratch.path().join("door.sock");
    let setup = Setup { proxy_protocol: &["::/128"], at: unix(path.clone()), ..Setup::default() };
    let _gate = Gate::with(setup, usual(echo.address));
    let mut wire = Wire::new(UnixStream::connect(&path).await.unwrap());
    wire.send([&v2(), GET.as_bytes()].concat()).await;
    assert_eq!(wire.answer().await.status, 200);
}

#[test]
fn a_socket_that_nobody_serves_is_replaced_and_nothing_else_is() {
    let scratch = Scratch::new("listening").unwrap();
    let path = scratch.path().join("door.sock");
    let served = Socket::bind(&unix(path.clone())).unwrap();
    let taken = Socket::bind(&unix(path.clone())).unwrap_err();
    assert!(taken.to_string().contains("another program listens there"), "{taken}");
    drop(served);
    assert!(path.exists());
    Socket::bind(&unix(path)).unwrap();
    let file = scratch.path().join("notes.txt");
    std::fs::write(&file, "mine").unwrap();
    let refused = Socket::bind(&unix(file.clone())).unwrap_err();
    assert!(refused.to_string().contains("a file that is no socket is there"), "{refused}");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "mine");
    let nowhere = Socket::bind(&unix(scratch.path().join("no/door.sock"))).unwrap_err();
    assert!(nowhere.to_string().contains("make its folder first"), "{nowhere}");
}
