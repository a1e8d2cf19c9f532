//! Clients that want to keep others out: many connections, slow ones, and frames without end.

use std::{net::IpAddr, time::Duration};

use doorward_core::config::Limits;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

use crate::{
    harness::{ADA, Gate, Setup, usual},
    tls::{Pair, connect, gate},
    upstream::{ByHand, Echo},
    websocket,
    wire::{Wire, soon},
};

fn limited(connections: usize, connections_per_client: usize) -> Setup {
    let limits = Limits { connections, connections_per_client, ..Limits::default() };
    Setup { limits, ..Setup::default() }
}

/// A connection from another address of this machine.
async fn from(source: &str, gate: &Gate) -> Wire {
    let socket = TcpSocket::new_v4().unwrap();
    let source: IpAddr = source.parse().unwrap();
    socket.bind((source, 0).into()).unwrap();
    Wire::new(soon(socket.connect(gate.address)).await.unwrap())
}

/// Ten times as many connections as there are places, which say nothing or half of a head: people are served.
#[tokio::test]
async fn d_16_a_flood_of_connections_leaves_people_served() {
    let echo = Echo::start().await;
    let gate = Gate::with(limited(64, 64), usual(echo.address));
    let session = format!("Cookie: __Host-doorward={ADA}\r\n");
    let mut flood = Vec::new();
    for number in 0..640 {
        let mut wire = from(&format!("127.0.1.{}", number % 200 + 1), &gate).await;
        // It may be closed already.
        let _ = wire.stream.write_all([&b""[..], b"GET / HTTP/1.1\r\nX-Slow: "][number % 2]).await;
        flood.push(wire);
        if number % 64 == 63 {
            let mut person = gate.connect().await;
            assert_eq!(person.get("notes.test", "/", &session).await.status, 200, "after {number}");
        }
    }
    assert!(gate.counted("doorward_connections") <= 64 + 2);
    assert!(gate.counted("doorward_connections_evicted_total") > 500);
}

/// Whoever has a request under way keeps the place, however many knock.
#[tokio::test]
async fn d_16_a_request_under_way_is_never_given_up_for_a_newcomer() {
    let upstream = ByHand::start().await;
    let gate = Gate::with(limited(16, 16), usual(upstream.address));
    let mut busy = gate.connect().await;
    busy.send("GET /slow HTTP/1.1\r\nHost: www.test\r\n\r\n").await;
    let mut served = upstream.accept().await;
    served.head().await;
    let mut flood = Vec::new();
    for _ in 0..200 {
        flood.push(from("127.0.1.1", &gate).await);
    }
    served.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone").await;
    assert_eq!(busy.answer().await.body, "done");
}

/// One client that keeps requests under way takes its own share and no more.
#[tokio::test]
async fn d_16_one_client_has_its_share_and_others_theirs() {
    let upstream = ByHand::start().await;
    let gate = Gate::with(limited(64, 16), usual(upstream.address));
    let mut greedy = Vec::new();
    let mut held = Vec::new();
    for _ in 0..16 {
        let mut wire = from("127.0.1.1", &gate).await;
        wire.send("GET /slow HTTP/1.1\r\nHost: www.test\r\n\r\n").await;
        let mut served = upstream.accept().await;
        served.head().await;
        greedy.push(wire);
        held.push(served);
    }
    let mut refused = from("127.0.1.1", &gate).await;
    assert_eq!(refused.rest().await, "");
    assert_eq!(gate.counted("doorward_connections_refused_total{reason=\"client_limit\"}"), 1);
    let mut other = from("127.0.1.2", &gate).await;
    assert_eq!(other.get("other.test", "/", "").await.status, 421);
}

/// A WebSocket is still a connection of its client, for as long as it is open.
#[tokio::test]
async fn d_16_websockets_are_of_their_clients_share() {
    let upstream = ByHand::start().await;
    let gate = Gate::with(limited(64, 8), usual(upstream.address));
    let mut open = Vec::new();
    for number in 1..=8 {
        open.push(websocket::open(&gate, &upstream, "www.test").await);
        gate.counts("doorward_websockets", number).await;
    }
    assert_eq!(gate.connect().await.rest().await, "", "refused");
    assert_eq!(gate.counted("doorward_connections_refused_total{reason=\"client_limit\"}"), 1);
    let mut other = from("127.0.1.2", &gate).await;
    assert_eq!(other.get("other.test", "/", "").await.status, 421);
    drop(open.pop());
    gate.counts("doorward_websockets", 7).await;
    assert_eq!(gate.connect().await.get("other.test", "/", "").await.status, 421, "a place is free again");
}

/// Everybody behind a declared proxy has the proxy's address: it is not one client.
#[tokio::test]
async fn a_proxy_in_front_is_no_greedy_client() {
    let echo = Echo::start().await;
    let setup = Setup { trusted: &["127.0.0.1/32"], ..limited(1000, 16) };
    let gate = Gate::with(setup, usual(echo.address));
    let mut wires = Vec::new();
    for _ in 0..100 {
        wires.push(gate.connect().await);
    }
    for wire in &mut wires {
        assert_eq!(wire.get("www.test", "/", "").await.status, 200);
    }
}

/// A connection that is no longer needed gives its place back, to its client and to everybody.
#[tokio::test]
async fn places_are_given_back() {
    let echo = Echo::start().await;
    let gate = Gate::with(limited(16, 16), usual(echo.address));
    for _ in 0..100 {
        let mut wire = gate.connect().await;
        assert_eq!(wire.get("www.test", "/", "Connection: close\r\n").await.status, 200);
        assert_eq!(wire.rest().await, "");
    }
    let gone = async { while gate.counted("doorward_connections") > 0 {} };
    soon(gone).await;
    assert_eq!(gate.counted("doorward_connections_evicted_total"), 0);
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A head for `www.test`: GET, https, `/`, by entries of the static table (RFC 7541 appendix A).
fn head() -> Vec<u8> {
    [&[0x82, 0x87, 0x84, 0x41, 8][..], b"www.test"].concat()
}

/// Sends frames until the server has enough; what it said last.
async fn until_refused(name: &str, mut frames: impl FnMut(u32) -> Vec<u8>) -> Vec<u8> {
    let echo = Echo::start().await;
    let pair = Pair::of(&["www.test"]);
    let (gate, _tls) = gate(&[&pair], usual(echo.address));
    let stream = connect(&gate, "www.test", &pair, b"h2").await.unwrap();
    let (mut read, mut write) = tokio::io::split(stream);
    let sending = async {
        write.write_all(PREFACE).await?;
        for number in 0..200_000 {
            write.write_all(&frames(number)).await?;
        }
        Ok::<_, std::io::Error>(())
    };
    let mut said = Vec::new();
    let reading = async {
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = read.read(&mut piece).await {
            said.extend_from_slice(&piece[..count]);
        }
    };
    let ended = async { tokio::join!(sending, reading) };
    let ended = tokio::time::timeout(Duration::from_secs(30), ended).await;
    assert!(ended.is_ok_and(|(sent, ())| sent.is_err()), "{name}: it went on for ever");
    // The server goes on for others.
    let mut wire = Wire::new(connect(&gate, "www.test", &pair, b"http/1.1").await.unwrap());
    assert_eq!(wire.get("www.test", "/", "").await.status, 200, "{name}");
    said
}

/// Whether the server said GOAWAY with this code.
fn says_goaway(said: &[u8], code: u8) -> bool {
    said.windows(17).any(|frame| frame[3] == 7 && frame[13..17] == [0, 0, 0, code])
}

/// Opening and resetting streams without end (CVE-2023-44487).
#[tokio::test]
async fn d_16_rapid_resets_end_the_connection() {
    let said = until_refused("rapid reset", |number| {
        let stream = number * 2 + 1;
        [frame(1, 5, stream, &head()), frame(3, 0, stream, &8_u32.to_be_bytes())].concat()
    });
    // ENHANCE_YOUR_CALM (RFC 9113 section 7).
    assert!(says_goaway(&said.await, 0xb));
}

/// A head that never ends (CVE-2024-27316 and its kin).
#[tokio::test]
async fn d_16_continuations_without_end_end_the_connection() {
    let said = until_refused("continuation", |number| match number {
        0 => frame(1, 1, 1, &head()),
        // A literal field that is not indexed: one byte of name and 100 of value.
        _ => frame(9, 0, 1, &[&[0, 1, b'x', 100][..], &[b'y'; 100]].concat()),
    });
    // Too much of it, or a protocol error, as h2 sees it first.
    let said = said.await;
    assert!(says_goaway(&said, 0xb) || says_goaway(&said, 1));
}

/// Memory does not grow with pings and settings whose answers nobody reads: what is not read stops the reading.
#[tokio::test]
async fn d_16_answers_that_nobody_reads_stop_the_asking() {
    let echo = Echo::start().await;
    let pair = Pair::of(&["www.test"]);
    let (gate, _tls) = gate(&[&pair], usual(echo.address));
    for (kind, payload) in [(6_u8, &[0_u8; 8][..]), (4, &[])] {
        let mut stream = connect(&gate, "www.test", &pair, b"h2").await.unwrap();
        stream.write_all(PREFACE).await.unwrap();
        let flood = frame(kind, 0, 0, payload).repeat(4096);
        let mut sent = 0_usize;
        // 200 MB would be taken if each were answered into memory.
        let stopped = async {
            while sent < 200_000_000 && stream.write_all(&flood).await.is_ok() {
                sent += flood.len();
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(3), stopped).await;
        assert!(sent < 200_000_000, "frames of kind {kind} were taken without end");
        let mut wire = Wire::new(connect(&gate, "www.test", &pair, b"http/1.1").await.unwrap());
        assert_eq!(wire.get("www.test", "/", "").await.status, 200);
    }
}

/// A stranger's body for a gated service is not read on and on: the answer comes, and the connection ends.
#[tokio::test]
async fn d_16_a_body_of_nobody_is_not_read_to_its_end() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    let mut wire = gate.connect().await;
    wire.send("POST / HTTP/1.1\r\nHost: notes.test\r\nContent-Length: 1000000000\r\n\r\n").await;
    assert_eq!(wire.answer().await.status, 401);
    let piece = vec![b'x'; 64 * 1024];
    let mut sent = 0_usize;
    let sending = async {
        while wire.stream.write_all(&piece).await.is_ok() {
            sent += piece.len();
        }
    };
    soon(sending).await;
    assert!(sent < 50_000_000, "{sent} bytes were taken");
    assert_eq!(echo.requests(), 0);
    TcpStream::connect(gate.address).await.unwrap();
}
