//! Clients that stop reading. They are given up after a while; those to whom nothing is to be written are not.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncWriteExt as _;

use crate::{
    harness::{Gate, Setup, usual},
    tls::{Pair, connect, gate_with},
    upstream::ByHand,
    websocket,
    wire::{Wire, soon},
};

/// As short as it can be and still be told from a client that takes its time.
const SHORT: Duration = Duration::from_millis(200);
const CONNECTIONS: &str = "doorward_stalled_clients_total{closed=\"connection\"}";
const HEAD: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

fn setup() -> Setup {
    let mut setup = Setup::default();
    setup.limits.send_timeout = SHORT;
    setup
}

/// Asks for `path`, and begins to answer.
async fn ask(wire: &mut Wire, upstream: &ByHand, path: &str) -> Wire {
    wire.send(format!("GET {path} HTTP/1.1\r\nHost: www.test\r\n\r\n")).await;
    let mut served = upstream.accept().await;
    served.head().await;
    served.send(HEAD).await;
    wire.head().await;
    served
}

/// Writes until nobody takes it any more.
async fn write_until_cut(served: &mut Wire, piece: &[u8]) {
    soon(async { while served.stream.write_all(piece).await.is_ok() {} }).await;
}

fn chunk() -> Vec<u8> {
    format!("10000\r\n{}\r\n", "x".repeat(0x10000)).into_bytes()
}

#[tokio::test]
async fn d_16_a_client_that_stops_reading_is_given_up() {
    let upstream = ByHand::start().await;
    let gate = Gate::with(setup(), usual(upstream.address));
    let mut patient = gate.connect().await;
    let mut events = ask(&mut patient, &upstream, "/events").await;
    for _ in 0..2 {
        let mut wire = gate.connect().await;
        let mut served = ask(&mut wire, &upstream, "/large").await;
        write_until_cut(&mut served, &chunk()).await;
        assert!(!wire.rest().await.ends_with("0\r\n\r\n"), "cut off, not completed");
    }
    assert_eq!(gate.counted(CONNECTIONS), 2);
    // That took longer than the limit, twice, and nothing was to be written here.
    events.send("3\r\none\r\n").await;
    assert_eq!(patient.chunk().await, "one");
}

/// Whoever reads slowly, but reads, is served to the end.
#[tokio::test]
async fn a_client_that_takes_its_time_is_served() {
    const PIECE: usize = 512 * 1024;
    let upstream = ByHand::start().await;
    let mut setup = setup();
    setup.limits.send_timeout = Duration::from_secs(1);
    setup.limits.head_timeout = Duration::from_millis(100);
    let gate = Gate::with(setup, usual(upstream.address));
    let mut wire = gate.connect().await;
    let mut served = ask(&mut wire, &upstream, "/large").await;
    let sending = tokio::spawn(async move {
        for _ in 0..256 {
            served.send(chunk()).await;
        }
        served.send("0\r\n\r\n").await;
        served
    });
    let mut taken = 0;
    // A piece each time that somebody else is given up, who says nothing: 16 MiB take more than three limits.
    for pieces in 1..=32 {
        assert_eq!(gate.connect().await.rest().await, "");
        while taken < pieces * PIECE {
            taken += wire.chunk().await.len();
        }
    }
    assert_eq!((taken, wire.chunk().await.as_str()), (16 << 20, ""));
    soon(sending).await.unwrap();
    assert_eq!(gate.counted(CONNECTIONS), 0, "nobody stalled");
}

#[tokio::test]
async fn d_16_a_websocket_whose_client_stops_reading_is_given_up() {
    let upstream = ByHand::start().await;
    let gate = Gate::with(setup(), usual(upstream.address));
    let (_wire, mut served) = websocket::open(&gate, &upstream, "www.test").await;
    write_until_cut(&mut served, &vec![0; 0x10000]).await;
    gate.counts(CONNECTIONS, 1).await;
}

/// A stream of HTTP/2 is reset by itself: its connection answers pings and carries others.
#[tokio::test]
async fn d_16_a_stream_whose_client_gives_no_room_is_reset() {
    let upstream = ByHand::start().await;
    let pair = Pair::of(&["www.test"]);
    let (gate, _tls) = gate_with(setup(), &[&pair], usual(upstream.address));
    for (number, window) in [0, 1, 100_000].into_iter().enumerate() {
        let stream = connect(&gate, "www.test", &pair, b"h2").await.unwrap();
        let mut client = http2::Builder::new(TokioExecutor::new());
        client.initial_stream_window_size(window);
        let (mut sender, connection) = soon(client.handshake(TokioIo::new(stream))).await.unwrap();
        tokio::spawn(connection);
        let ask = |path: &str| {
            let uri = format!("https://www.test{path}");
            Request::builder().uri(uri).version(Version::HTTP_2).body(Empty::<Bytes>::new()).unwrap()
        };
        let events = tokio::spawn(sender.send_request(ask("/events")));
        let mut quiet = upstream.accept().await;
        assert_eq!(quiet.head().await.first, "GET /events HTTP/1.1");
        quiet.send(HEAD).await;
        let mut events = soon(events).await.unwrap().unwrap();

        let large = tokio::spawn(sender.send_request(ask("/large")));
        let mut served = upstream.accept().await;
        served.head().await;
        served.send(HEAD).await;
        let large = soon(large).await.unwrap().unwrap();
        write_until_cut(&mut served, &chunk()).await;
        soon(large.into_body().collect()).await.unwrap_err();

        quiet.send("0\r\n\r\n").await;
        assert!(soon(events.body_mut().frame()).await.is_none_or(|frame| frame.is_ok()), "{window}");
        gate.counts("doorward_stalled_clients_total{closed=\"stream\"}", number as u64 + 1).await;
    }
}
