//! Several targets, sockets in the file system, and health checks.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use doorward_core::{
    policy::Posture,
    service::{Address, Balance, HealthCheck, Service, Target, Upstream, UpstreamScheme},
};
use doorward_testkit::Scratch;
use hyper_util::rt::TokioIo;
use tokio::net::UnixListener;

use crate::{
    harness::{Gate, Setup, guard, service},
    upstream::{ByHand, Echo, echo},
    wire::{Answer, Wire, soon},
};

fn tcp(address: SocketAddr) -> Target {
    Target::tcp(UpstreamScheme::Http, address.ip().to_string(), address.port())
}

fn unix(path: &Path) -> Target {
    Target { scheme: UpstreamScheme::Http, address: Address::Unix(path.to_owned()) }
}

/// `app.test`, open to everybody, with these targets.
fn app(targets: Vec<Target>) -> Service {
    let mut service = service("app", SocketAddr::from(([127, 0, 0, 1], 9)));
    *service.upstream_mut().unwrap() = Upstream::of(targets);
    service.guard = guard(Posture::Public);
    service
}

fn gate(service: Service, back_off: Duration) -> Gate {
    let mut setup = Setup::default();
    setup.timeouts.back_off = back_off;
    Gate::with(setup, vec![service])
}

const FOR_LONG: Duration = Duration::from_hours(1);

fn serve(path: &Path) -> Arc<AtomicUsize> {
    let listener = UnixListener::bind(path).unwrap();
    let received = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&received);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let counted = Arc::clone(&counted);
            let service = hyper::service::service_fn(move |request| echo(request, Arc::clone(&counted)));
            let serving = hyper::server::conn::http1::Builder::new();
            tokio::spawn(serving.serve_connection(TokioIo::new(stream), service));
        }
    });
    received
}

fn count(received: &AtomicUsize) -> usize {
    received.load(std::sync::atomic::Ordering::SeqCst)
}

async fn post(wire: &mut Wire) -> Answer {
    wire.send("POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 2\r\n\r\nhi").await;
    wire.answer().await
}

#[tokio::test]
async fn an_upstream_may_be_a_socket_in_the_file_system() {
    let scratch = Scratch::new("socket").unwrap();
    let path = scratch.path().join("app.sock");
    let mut service = app(vec![unix(&path)]);
    let gate = gate(service.clone(), FOR_LONG);
    let mut wire = gate.connect().await;
    assert_eq!(wire.get("app.test", "/", "").await.status, 502, "nobody listens");
    let received = serve(&path);
    for _ in 0..2 {
        let answer = wire.get("app.test", "/a?b", "").await;
        assert_eq!(
            (answer.echoed().first.as_str(), answer.echoed().one("host")),
            ("GET /a?b HTTP/1.1", Some("app.test"))
        );
    }
    assert_eq!(post(&mut wire).await.echoed_body(), "hi");
    assert_eq!(count(&received), 3);
    service.upstream_mut().unwrap().original_host = false;
    let gate = self::gate(service, FOR_LONG);
    let answer = gate.connect().await.get("app.test", "/", "").await;
    assert_eq!(answer.echoed().one("host"), Some("localhost"));
}

#[tokio::test]
async fn requests_go_round() {
    let (one, two) = (Echo::start().await, Echo::start().await);
    let mut service = app(vec![tcp(one.address), tcp(two.address)]);
    service.upstream_mut().unwrap().balance = Balance::RoundRobin;
    service.upstream_mut().unwrap().original_host = false;
    let gate = gate(service, FOR_LONG);
    let mut wire = gate.connect().await;
    for number in 0..6 {
        let asked = if number % 2 == 0 { &one } else { &two };
        let answer = wire.get("app.test", "/", "").await;
        assert_eq!(answer.echoed().one("host"), Some(asked.address.to_string().as_str()));
    }
    assert_eq!((one.requests(), two.requests()), (3, 3));
    assert_eq!((one.connections(), two.connections()), (1, 1));
}

#[tokio::test]
async fn the_least_busy_target_is_asked() {
    let (slow, quick) = (ByHand::start().await, Echo::start().await);
    let gate = gate(app(vec![tcp(slow.address), tcp(quick.address)]), FOR_LONG);
    let mut waiting = gate.connect().await;
    waiting.send("GET /slow HTTP/1.1\r\nHost: app.test\r\n\r\n").await;
    let mut served = slow.accept().await;
    served.head().await;
    served.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsl").await;
    waiting.until("\r\n\r\nsl").await;
    // An answer that is still on its way counts.
    let mut wire = gate.connect().await;
    for _ in 0..5 {
        assert_eq!(wire.get("app.test", "/", "").await.status, 200);
    }
    assert_eq!(quick.requests(), 5);
    served.send("ow").await;
    assert_eq!(waiting.exactly(2).await, "ow");
    // Both are idle again: they take turns.
    wire.send("GET /next HTTP/1.1\r\nHost: app.test\r\n\r\n").await;
    let mut other = gate.connect().await;
    other.send("GET /next HTTP/1.1\r\nHost: app.test\r\n\r\n").await;
    assert_eq!(served.head().await.first, "GET /next HTTP/1.1");
}

#[tokio::test]
async fn a_target_that_can_not_be_reached_is_left_alone_for_a_while() {
    for (back_off, asked_again) in [(FOR_LONG, false), (Duration::ZERO, true)] {
        let scratch = Scratch::new("ejected").unwrap();
        let path = scratch.path().join("app.sock");
        let other = Echo::start().await;
        let gate = gate(app(vec![unix(&path), tcp(other.address)]), back_off);
        let mut wire = gate.connect().await;
        for _ in 0..4 {
            // Nothing was written to the one that is down, so that this is safe for every method.
            assert_eq!(post(&mut wire).await.echoed_body(), "hi");
        }
        assert_eq!(other.requests(), 4);
        let received = serve(&path);
        for _ in 0..4 {
            assert_eq!(post(&mut wire).await.status, 200);
        }
        assert_eq!(count(&received) > 0, asked_again);
    }
}

#[tokio::test]
async fn a_target_that_was_ejected_is_better_than_none() {
    let scratch = Scratch::new("last").unwrap();
    let (one, two) = (scratch.path().join("one.sock"), scratch.path().join("two.sock"));
    let gate = gate(app(vec![unix(&one), unix(&two)]), FOR_LONG);
    let mut wire = gate.connect().await;
    for _ in 0..2 {
        let answer = wire.get("app.test", "/", "").await;
        assert_eq!(answer.status, 502);
        assert!(answer.body.starts_with("app is down"), "{}", answer.body);
    }
    let received = serve(&two);
    assert_eq!(post(&mut wire).await.status, 200);
    assert_eq!(count(&received), 1);
}

/// A request that only reads is asked of another target when the first one breaks off before its answer; one that
/// changes things is not.
#[tokio::test]
async fn only_what_reads_is_sent_to_a_second_target() {
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n", 200),
        ("HEAD / HTTP/1.1\r\nHost: app.test\r\n\r\n", 200),
        ("POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 2\r\n\r\nhi", 502),
        ("DELETE / HTTP/1.1\r\nHost: app.test\r\n\r\n", 502),
    ] {
        let (breaks, echo) = (ByHand::start().await, Echo::start().await);
        let gate = gate(app(vec![tcp(breaks.address), tcp(echo.address)]), FOR_LONG);
        let mut wire = gate.connect().await;
        wire.send(request).await;
        let mut served = breaks.accept().await;
        served.head().await;
        drop(served);
        let head = wire.head().await;
        assert!(head.first.contains(&format!(" {status} ")), "{request} {head:?}");
        assert_eq!(echo.requests(), usize::from(status == 200), "{request}");
    }
}

fn checked(mut service: Service, interval: Duration) -> Service {
    service.upstream_mut().unwrap().health =
        Some(HealthCheck { path: "/health?x".to_owned(), interval, expect: None });
    service
}

/// Answers one health check, and waits until its answer counts.
async fn examine(target: &ByHand, status: u16) {
    let mut check = target.accept().await;
    let head = check.head().await;
    assert_eq!(head.first, "GET /health?x HTTP/1.1");
    assert_eq!(head.one("host"), Some(target.address.to_string().as_str()));
    check.send(format!("HTTP/1.1 {status} Status\r\nContent-Length: 0\r\n\r\n")).await;
    assert_eq!(check.rest().await, "", "closed, after its answer was noted");
}

#[tokio::test]
async fn a_target_whose_health_checks_fail_is_not_asked() {
    let (sick, well) = (ByHand::start().await, ByHand::start().await);
    let targets = vec![tcp(sick.address), tcp(well.address)];
    let gate = gate(checked(app(targets), FOR_LONG), FOR_LONG);
    tokio::join!(examine(&sick, 503), examine(&well, 204));
    let mut wire = gate.connect().await;
    wire.send("GET /a HTTP/1.1\r\nHost: app.test\r\n\r\n").await;
    let mut served = well.accept().await;
    for _ in 0..4 {
        assert_eq!(served.head().await.first, "GET /a HTTP/1.1");
        served.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(wire.answer().await.status, 200);
        wire.send("GET /a HTTP/1.1\r\nHost: app.test\r\n\r\n").await;
    }
}

#[tokio::test]
async fn a_service_is_down_while_its_only_target_is_unwell_and_comes_back() {
    let target = ByHand::start().await;
    let gate = gate(checked(app(vec![tcp(target.address)]), Duration::from_millis(1)), FOR_LONG);
    for status in [500, 404] {
        examine(&target, status).await;
    }
    // The next check hangs, so that what was found out last stays true.
    let mut hanging = target.accept().await;
    hanging.head().await;
    let mut wire = gate.connect().await;
    let answer = wire.get("app.test", "/", "").await;
    assert_eq!(answer.status, 502);
    assert!(answer.body.starts_with("app is down"), "{}", answer.body);
    hanging.send("HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(hanging.rest().await, "");
    let mut next = soon(target.accept()).await;
    next.head().await;
    wire.send("GET /again HTTP/1.1\r\nHost: app.test\r\n\r\n").await;
    let mut served = target.accept().await;
    assert_eq!(served.head().await.first, "GET /again HTTP/1.1");
}

/// A reload asks what the new configuration says, and nothing else.
#[tokio::test]
async fn a_reload_changes_who_is_asked() {
    let (old, new) = (ByHand::start().await, ByHand::start().await);
    let gate = gate(checked(app(vec![tcp(old.address)]), FOR_LONG), FOR_LONG);
    examine(&old, 500).await;
    assert_eq!(gate.connect().await.get("app.test", "/", "").await.status, 502);
    let services = vec![checked(app(vec![tcp(new.address)]), FOR_LONG)];
    gate.config.store(Arc::new(crate::harness::config(services, &[])));
    gate.sessions.touch();
    examine(&new, 200).await;
    let mut wire = gate.connect().await;
    wire.send("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n").await;
    new.accept().await.head().await;
}
