//! What is counted, and that it is counted once.

use std::{net::SocketAddr, time::Duration};

use doorward_core::{
    policy::Posture,
    service::{HealthCheck, Limits, Service, Target, Upstream, UpstreamScheme},
};

use crate::{
    harness::{Gate, Setup, guard, service},
    upstream::ByHand,
    websocket,
    wire::Wire,
};

const KINDS: [&str; 9] =
    ["connect", "timeout", "tls", "reset", "closed", "invalid", "unwell", "too_slow", "broken"];

fn app(scheme: UpstreamScheme, address: SocketAddr) -> Service {
    let mut service = service("app", address);
    let target = Target::tcp(scheme, address.ip().to_string(), address.port());
    *service.upstream_mut().unwrap() = Upstream::of(vec![target]);
    service.guard = guard(Posture::Public);
    service
}

fn plain(address: SocketAddr) -> Service {
    app(UpstreamScheme::Http, address)
}

/// Asks once; `kind` is counted, once, and no other.
async fn counted_as(kind: &str, gate: &Gate, asked: impl AsyncFnOnce(&mut Wire)) {
    let mut wire = gate.connect().await;
    wire.send("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n").await;
    asked(&mut wire).await;
    for known in KINDS {
        let name = format!("doorward_upstream_errors_total{{kind=\"{known}\"}}");
        gate.counts(&name, u64::from(known == kind)).await;
    }
}

/// The upstream receives a request and does this; the client gets this status.
async fn done(kind: &str, status: u16, upstream: &ByHand, does: impl AsyncFnOnce(Wire)) {
    let gate = Gate::with(Setup::default(), vec![plain(upstream.address)]);
    counted_as(kind, &gate, async |wire| {
        let mut served = upstream.accept().await;
        served.head().await;
        does(served).await;
        assert_eq!(wire.answer().await.status, status, "{kind}");
    })
    .await;
}

#[tokio::test]
async fn errors_of_upstreams_are_counted_by_what_went_wrong() {
    let upstream = ByHand::start().await;
    done("closed", 502, &upstream, async |served| drop(served)).await;
    done("reset", 502, &upstream, async |served| served.stream.set_zero_linger().unwrap()).await;
    done("invalid", 502, &upstream, async |mut served| served.send("what?\r\n\r\n").await).await;
    let switched = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n";
    done("invalid", 502, &upstream, async |mut served| served.send(switched).await).await;

    let gate = Gate::with(Setup::default(), vec![plain(upstream.address)]);
    counted_as("broken", &gate, async |wire| {
        let mut served = upstream.accept().await;
        served.head().await;
        served.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").await;
        drop(served);
        assert!(wire.rest().await.ends_with("\r\n\r\nhalf"));
    })
    .await;
}

#[tokio::test]
async fn errors_of_connections_are_counted_by_what_went_wrong() {
    let upstream = ByHand::start().await;
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    let gate = Gate::with(Setup::default(), vec![plain(nobody)]);
    counted_as("connect", &gate, async |wire| assert_eq!(wire.answer().await.status, 502)).await;

    let gate = Gate::with(Setup::default(), vec![app(UpstreamScheme::Https, upstream.address)]);
    counted_as("tls", &gate, async |wire| {
        upstream.accept().await.send("HTTP/1.1 400 This is no TLS\r\n\r\n").await;
        assert_eq!(wire.answer().await.status, 502);
    })
    .await;

    let mut setup = Setup::default();
    setup.timeouts.connect = Duration::from_millis(50);
    let gate = Gate::with(setup, vec![app(UpstreamScheme::Https, upstream.address)]);
    counted_as("timeout", &gate, async |wire| {
        let _silent = upstream.accept().await;
        assert_eq!(wire.answer().await.status, 502);
    })
    .await;
}

#[tokio::test]
async fn upstreams_that_take_too_long_or_are_unwell_are_counted_as_such() {
    let upstream = ByHand::start().await;
    let mut slow = plain(upstream.address);
    slow.relay.limits = Limits { body: None, duration: Some(Duration::from_millis(50)) };
    let gate = Gate::with(Setup::default(), vec![slow]);
    counted_as("too_slow", &gate, async |wire| {
        let _silent = upstream.accept().await;
        assert_eq!(wire.answer().await.status, 504);
    })
    .await;

    let upstream = ByHand::start().await;
    let mut unwell = plain(upstream.address);
    let interval = Duration::from_hours(1);
    unwell.upstream_mut().unwrap().health =
        Some(HealthCheck { path: "/".to_owned(), interval, expect: None });
    let gate = Gate::with(Setup::default(), vec![unwell]);
    let mut check = upstream.accept().await;
    check.head().await;
    check.send("HTTP/1.1 500 Down\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(check.rest().await, "", "closed, after its answer was noted");
    counted_as("unwell", &gate, async |wire| assert_eq!(wire.answer().await.status, 502)).await;
}

/// A body that the client breaks off says nothing about the upstream.
#[tokio::test]
async fn a_client_that_breaks_off_is_no_error_of_the_upstream() {
    let upstream = ByHand::start().await;
    let gate = Gate::with(Setup::default(), vec![plain(upstream.address)]);
    let mut wire = gate.connect().await;
    wire.send("POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 9\r\n\r\nhalf").await;
    let mut served = upstream.accept().await;
    served.head().await;
    drop(wire);
    assert_eq!(served.rest().await, "half");
    gate.counts("doorward_connections", 0).await;
    for kind in KINDS {
        assert_eq!(gate.counted(&format!("doorward_upstream_errors_total{{kind=\"{kind}\"}}")), 0, "{kind}");
    }
}

#[tokio::test]
async fn streams_and_websockets_are_counted_while_they_are_open() {
    let upstream = ByHand::start().await;
    let gate = Gate::with(Setup::default(), crate::harness::usual(upstream.address));
    let mut streams = Vec::new();
    for number in 1..=3 {
        let mut wire = gate.connect().await;
        wire.send("GET / HTTP/1.1\r\nHost: www.test\r\n\r\n").await;
        let mut served = upstream.accept().await;
        served.head().await;
        let kind = "Content-Type: Text/Event-Stream; charset=utf-8\r\nTransfer-Encoding: chunked";
        served.send(format!("HTTP/1.1 200 OK\r\n{kind}\r\n\r\n")).await;
        wire.head().await;
        assert_eq!(gate.counted("doorward_event_streams"), number);
        streams.push((wire, served));
    }
    // One ends by itself, one by its client, one by its upstream.
    let (mut wire, mut served) = streams.pop().unwrap();
    served.send("0\r\n\r\n").await;
    assert_eq!(wire.chunk().await, "");
    gate.counts("doorward_event_streams", 2).await;
    drop(streams.pop().unwrap().0);
    gate.counts("doorward_event_streams", 1).await;
    let (mut wire, served) = streams.pop().unwrap();
    drop(served);
    wire.rest().await;
    gate.counts("doorward_event_streams", 0).await;
    assert_eq!(gate.counted("doorward_event_streams_total"), 3);

    let (wire, mut served) = websocket::open(&gate, &upstream, "www.test").await;
    gate.counts("doorward_websockets", 1).await;
    drop(wire);
    assert_eq!(served.rest().await, "");
    drop(served);
    gate.counts("doorward_websockets", 0).await;
    assert_eq!(gate.counted("doorward_websockets_total"), 1);
}
