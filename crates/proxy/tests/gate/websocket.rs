//! WebSockets.

use std::time::Duration;

use crate::{
    harness::{ADA, Gate},
    upstream::{ByHand, Echo},
    wire::{Wire, soon},
};

const ASK: &str =
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n";

fn ask(host: &str, lines: &str) -> String {
    format!("GET /socket HTTP/1.1\r\nHost: {host}\r\n{ASK}{lines}\r\n")
}

/// An open WebSocket: both ends.
pub(crate) async fn open(gate: &Gate, upstream: &ByHand, host: &str) -> (Wire, Wire) {
    let mut wire = gate.connect().await;
    wire.send(ask(host, &format!("Cookie: __Host-doorward={ADA}\r\nOrigin: https://{host}\r\n"))).await;
    let mut served = upstream.accept().await;
    let seen = served.head().await;
    assert_eq!((seen.one("upgrade"), seen.one("connection")), (Some("websocket"), Some("Upgrade")));
    assert_eq!(seen.one("sec-websocket-key"), Some("eA=="));
    assert_eq!(seen.one("cookie"), None);
    served.send(SWITCH).await;
    let head = wire.head().await;
    assert!(head.first.starts_with("HTTP/1.1 101 "), "{}", head.first);
    assert_eq!((head.one("upgrade"), head.one("sec-websocket-accept")), (Some("websocket"), Some("x")));
    (wire, served)
}

#[tokio::test]
async fn bytes_go_both_ways() {
    let upstream = ByHand::start().await;
    let gate = Gate::before(upstream.address);
    for host in ["notes.test", "www.test"] {
        let (mut wire, mut served) = open(&gate, &upstream, host).await;
        for _ in 0..3 {
            wire.send("\u{1}to").await;
            assert_eq!(served.exactly(3).await, "\u{1}to");
            served.send("\u{1}fro").await;
            assert_eq!(wire.exactly(4).await, "\u{1}fro");
        }
        drop(wire);
        assert_eq!(served.rest().await, "", "the end of one side is the end of the other");
    }
    let (mut wire, served) = open(&gate, &upstream, "www.test").await;
    drop(served);
    assert_eq!(wire.rest().await, "");
}

/// Nothing is sent on an idle WebSocket, so nothing tells that the other side has lost its power or its cable: the kernel
/// asks, on both sides of the gate.
#[tokio::test]
async fn a_peer_that_vanishes_is_noticed() {
    let upstream = ByHand::start().await;
    let gate = Gate::before(upstream.address);
    let (mut wire, mut served) = open(&gate, &upstream, "www.test").await;
    wire.send("to").await;
    assert_eq!(served.exactly(2).await, "to");
    let client = (gate.address, wire.stream.local_addr().unwrap());
    let application = (served.stream.peer_addr().unwrap(), upstream.address);
    for (own, peer) in [client, application] {
        let asked = async {
            while !is_asked_about(own.port(), peer.port()) {
                tokio::task::yield_now().await;
            }
        };
        soon(asked).await;
    }
}

/// Whether the kernel will ask within two minutes whether the peer of a connection is there (proc_pid_net(5)): the sixth
/// field is the kind of timer that runs, of which 2 is this one, and the hundredths of a second until it ends.
fn is_asked_about(own: u16, peer: u16) -> bool {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let line = table.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>()).find(|fields| {
        let ends_with = |field: usize, port: u16| fields[field].ends_with(&format!(":{port:04X}"));
        ends_with(1, own) && ends_with(2, peer)
    });
    let line = line.unwrap();
    let (kind, until) = line[5].split_once(':').unwrap();
    kind == "02" && u32::from_str_radix(until, 16).unwrap() <= 120 * 100
}

#[tokio::test]
async fn e_11_a_websocket_ends_with_its_session() {
    let upstream = ByHand::start().await;
    let gate = Gate::before(upstream.address);
    let (mut wire, mut served) = open(&gate, &upstream, "notes.test").await;
    gate.sessions.end(ADA, "notes.test");
    closed(&mut wire, 1008).await;
    went_away(&mut served).await;
}

/// Ends with a close frame of this code, and nothing after it.
async fn closed(wire: &mut Wire, code: u16) {
    let [high, low] = code.to_be_bytes();
    assert_eq!(wire.bytes(4).await, [0x88, 2, high, low]);
    assert_eq!(wire.rest().await, "");
}

/// Ends with a masked close frame of the code 1001.
async fn went_away(served: &mut Wire) {
    let frame = served.bytes(8).await;
    assert_eq!(frame[..2], [0x88, 0x82]);
    assert_eq!([frame[6] ^ frame[2], frame[7] ^ frame[3]], 1001_u16.to_be_bytes());
    assert_eq!(served.rest().await, "");
}

/// A word of ours in the middle of a frame would be a part of what somebody else says.
#[tokio::test]
async fn e_11_a_close_frame_stands_between_two_frames_or_nowhere() {
    let upstream = ByHand::start().await;
    let gate = Gate::before(upstream.address);
    let (mut wire, mut served) = open(&gate, &upstream, "notes.test").await;
    wire.send(b"\x81\x85abcdhello").await;
    assert_eq!(served.bytes(11).await, b"\x81\x85abcdhello");
    served.send(b"\x81\x05hel").await;
    assert_eq!(wire.bytes(5).await, b"\x81\x05hel");
    gate.sessions.end(ADA, "notes.test");
    assert_eq!(wire.rest().await, "", "half a frame");
    went_away(&mut served).await;

    let gate = Gate::before(upstream.address);
    let (mut wire, mut served) = open(&gate, &upstream, "notes.test").await;
    served.send(b"\x81\x05hello\x88\x00").await;
    assert_eq!(wire.bytes(9).await, b"\x81\x05hello\x88\x00");
    wire.send(b"\x81\xfe\x01").await;
    assert_eq!(served.bytes(3).await, b"\x81\xfe\x01");
    gate.sessions.end(ADA, "notes.test");
    assert_eq!(wire.rest().await, "", "the application has said goodbye");
    assert_eq!(served.rest().await, "");
}

/// A client that says more and more meanwhile hears it too: what it says is read, and goes nowhere.
#[tokio::test]
async fn e_11_a_client_that_talks_hears_that_it_is_over() {
    let upstream = ByHand::start().await;
    let gate = Gate::before(upstream.address);
    let (wire, mut served) = open(&gate, &upstream, "notes.test").await;
    let (mut read, mut write) = wire.stream.into_split();
    let talking = tokio::spawn(async move {
        let said = b"\x81\x85\0\0\0\0hello".repeat(1000);
        while tokio::io::AsyncWriteExt::write_all(&mut write, &said).await.is_ok() {}
    });
    let hearing = tokio::spawn(async move { while served.bytes(11).await.ends_with(b"hello") {} });
    gate.sessions.end(ADA, "notes.test");
    let mut heard = [0; 4];
    crate::wire::soon(tokio::io::AsyncReadExt::read_exact(&mut read, &mut heard)).await.unwrap();
    assert_eq!(heard, [0x88, 2, 3, 0xf0]);
    crate::wire::soon(talking).await.unwrap();
    hearing.await.unwrap_err();
}

#[tokio::test]
async fn a_server_that_stops_says_goodbye() {
    let upstream = ByHand::start().await;
    let gate = Gate::before(upstream.address);
    let (mut wire, mut served) = open(&gate, &upstream, "www.test").await;
    let stopping = tokio::task::spawn_blocking(move || gate.server.shut_down(Duration::from_millis(50)));
    closed(&mut wire, 1001).await;
    went_away(&mut served).await;
    drop((wire, served));
    crate::wire::soon(stopping).await.unwrap();
}

#[tokio::test]
async fn e_11_a_websocket_outlives_what_does_not_concern_it() {
    let upstream = ByHand::start().await;
    let gate = Gate::before(upstream.address);
    let (mut wire, mut served) = open(&gate, &upstream, "notes.test").await;
    let mut asked = gate.sessions.asked.subscribe();
    for _ in 0..3 {
        let before = *asked.borrow_and_update();
        gate.sessions.touch();
        crate::wire::soon(asked.wait_for(|asked| *asked > before)).await.unwrap();
        wire.send(b"\x81\x85\0\0\0\0still").await;
        assert!(served.bytes(11).await.ends_with(b"still"));
        served.send("\u{1}\u{4}here").await;
        assert_eq!(wire.exactly(6).await, "\u{1}\u{4}here");
    }
    gate.sessions.sign_in(ADA, "notes.test", crate::sessions::ada(&["guests"]));
    // E-2: out of the group is out.
    closed(&mut wire, 1008).await;
    went_away(&mut served).await;
}

#[tokio::test]
async fn impossible_6_a_websocket_ends_when_nobody_can_tell() {
    let upstream = ByHand::start().await;
    let gate = Gate::before(upstream.address);
    let (mut wire, _served) = open(&gate, &upstream, "notes.test").await;
    gate.sessions.down.store(true, std::sync::atomic::Ordering::SeqCst);
    gate.sessions.touch();
    closed(&mut wire, 1008).await;
}

#[tokio::test]
async fn e_16_other_origins_cannot_open_a_websocket() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    for (lines, status) in [
        (format!("Cookie: __Host-doorward={ADA}\r\nOrigin: https://evil.test\r\n"), 403),
        (
            format!(
                "Cookie: __Host-doorward={ADA}\r\nOrigin: https://feeds.test\r\nSec-Fetch-Site: same-origin\r\n"
            ),
            403,
        ),
        ("Origin: https://notes.test\r\nSec-Fetch-Mode: navigate\r\n".to_owned(), 401),
    ] {
        let mut wire = gate.connect().await;
        wire.send(ask("notes.test", &lines)).await;
        assert_eq!(wire.answer().await.status, status, "{lines}");
    }
    assert_eq!(echo.requests(), 0);
}

/// S-1: what follows an upgrade request is the upstream's only after its 101, and a request of its own otherwise.
#[tokio::test]
async fn s_1_bytes_after_an_upgrade_wait_for_the_switch() {
    let upstream = ByHand::start().await;
    let gate = Gate::before(upstream.address);
    let mut wire = gate.connect().await;
    let next = "GET /next HTTP/1.1\r\nHost: other.test\r\n\r\n";
    wire.send(ask("www.test", "") + next).await;
    let mut served = upstream.accept().await;
    served.head().await;
    served.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").await;
    let answer = wire.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (403, "no"));
    assert_eq!(wire.answer().await.status, 421, "judged like any other request");
    assert_eq!(served.rest().await, "", "nothing of it went upstream");

    let mut wire = gate.connect().await;
    wire.send(ask("www.test", "") + "early").await;
    let mut served = upstream.accept().await;
    served.head().await;
    served.send(SWITCH).await;
    wire.head().await;
    assert_eq!(served.exactly(5).await, "early");
}

#[tokio::test]
async fn p_14_nothing_else_is_upgraded() {
    let upstream = ByHand::start().await;
    let gate = Gate::before(upstream.address);
    for lines in [
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n",
        "Upgrade: websocket\r\n",
        "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n",
    ] {
        let mut wire = gate.connect().await;
        wire.send(format!("GET / HTTP/1.1\r\nHost: www.test\r\n{lines}\r\n")).await;
        let mut served = upstream.accept().await;
        let seen = served.head().await;
        assert_eq!(
            (seen.one("upgrade"), seen.one("connection"), seen.one("http2-settings")),
            (None, None, None)
        );
        served.send(SWITCH).await;
        assert_eq!(wire.answer().await.status, 502, "nobody asked: {lines}");
        assert_eq!(served.rest().await, "");
    }
    let mut wire = gate.connect().await;
    wire.send(ask("www.test", "")).await;
    let mut served = upstream.accept().await;
    served.head().await;
    served.send(SWITCH.replace("websocket", "h2c")).await;
    assert_eq!(wire.answer().await.status, 502, "not what was asked for");
}
