//! Reloads, the end, and clients that take their time.

use std::{
    net::{SocketAddr, TcpListener},
    time::{Duration, Instant},
};

use doorward_core::config::Address;
use doorward_proxy::Listener;
use tokio::net::TcpStream;

use crate::{
    harness::{ADA, Gate, Setup, config, guard, service, usual},
    upstream::{ByHand, Echo},
    wire::{Wire, soon},
};

const FOREVER: Duration = Duration::from_mins(1);

/// Impossible 7: a reload changes what the next request meets, on open connections too, and signs nobody out.
#[tokio::test]
async fn impossible_7_a_reload_changes_the_next_request() {
    let (echo, moved) = (Echo::start().await, Echo::start().await);
    let gate = Gate::before(echo.address);
    let mut wire = gate.connect().await;
    let session = format!("Cookie: __Host-doorward={ADA}\r\n");
    assert_eq!(wire.get("www.test", "/", "").await.status, 200);
    let mut services = usual(moved.address);
    services.retain(|service| &*service.name != "www");
    services.push(service("new", moved.address));
    gate.config.store(config(services, &[]).into());
    assert_eq!(wire.get("www.test", "/", "").await.status, 421);
    assert_eq!(wire.get("new.test", "/", "").await.status, 401);
    assert_eq!(wire.get("notes.test", "/", &session).await.status, 200);
    assert_eq!((echo.requests(), moved.requests()), (1, 1));
}

#[tokio::test]
async fn a_reload_leaves_requests_under_way_alone() {
    let (old, new) = (ByHand::start().await, Echo::start().await);
    let gate = Gate::before(old.address);
    let mut wire = gate.connect().await;
    wire.send("GET /slow HTTP/1.1\r\nHost: www.test\r\n\r\n").await;
    let mut served = old.accept().await;
    served.head().await;
    gate.config.store(config(usual(new.address), &[]).into());
    assert_eq!(gate.connect().await.get("www.test", "/", "").await.status, 200);
    served.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold").await;
    assert_eq!(wire.answer().await.body, "old");
    assert_eq!(wire.get("www.test", "/after", "").await.echoed().first, "GET /after HTTP/1.1");
}

fn shut_down(gate: Gate, grace: Duration) -> tokio::task::JoinHandle<Duration> {
    let began = Instant::now();
    tokio::task::spawn_blocking(move || {
        gate.server.shut_down(grace);
        began.elapsed()
    })
}

/// Waits until nobody listens there.
async fn refused(address: SocketAddr) {
    let gone = async { while TcpStream::connect(address).await.is_ok() {} };
    soon(gone).await;
}

#[tokio::test]
async fn a_server_drains_before_it_ends() {
    let upstream = ByHand::start().await;
    let gate = Gate::before(upstream.address);
    let (mut idle, mut used, mut wire) = (gate.connect().await, gate.connect().await, gate.connect().await);
    assert_eq!(used.get("other.test", "/", "").await.status, 421);
    wire.send("GET /slow HTTP/1.1\r\nHost: www.test\r\n\r\n").await;
    let mut served = upstream.accept().await;
    served.head().await;
    let address = gate.address;
    let ended = shut_down(gate, FOREVER);
    refused(address).await;
    assert_eq!(idle.rest().await, "", "connections that carry nothing are closed");
    assert_eq!(used.rest().await, "");
    served.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone").await;
    assert_eq!(wire.answer().await.body, "done", "what was under way is finished");
    assert_eq!(wire.rest().await, "");
    assert!(soon(ended).await.unwrap() < FOREVER, "and then it does not wait");
    TcpListener::bind(address).unwrap();
}

#[tokio::test]
async fn grace_has_an_end() {
    let upstream = ByHand::start().await;
    let gate = Gate::before(upstream.address);
    let mut wire = gate.connect().await;
    wire.send("GET /slow HTTP/1.1\r\nHost: www.test\r\n\r\n").await;
    let mut served = upstream.accept().await;
    served.head().await;
    let grace = Duration::from_millis(50);
    let took = soon(shut_down(gate, grace)).await.unwrap();
    assert!(took >= grace);
    assert_eq!(wire.rest().await, "");
    assert_eq!(served.rest().await, "");
}

#[tokio::test]
async fn a_server_that_is_forgotten_ends() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    let address = gate.address;
    assert_eq!(gate.connect().await.get("www.test", "/", "").await.status, 200);
    drop(gate);
    refused(address).await;
}

#[tokio::test]
async fn d_16_slow_heads_are_not_waited_for() {
    let echo = Echo::start().await;
    let mut setup = Setup::default();
    setup.limits.head_timeout = Duration::from_millis(50);
    let gate = Gate::with(setup, usual(echo.address));
    for sent in ["", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: www.test\r\nX: "] {
        let mut wire = gate.connect().await;
        wire.send(sent).await;
        assert!(!wire.rest().await.contains(" 200 "), "{sent:?}");
    }
    let mut wire = gate.connect().await;
    assert_eq!(wire.get("www.test", "/", "").await.status, 200);
    assert_eq!(wire.rest().await, "", "an idle connection is not kept for ever");
    assert_eq!(echo.requests(), 1);
}

#[tokio::test]
async fn an_upstream_that_does_not_take_the_connection_is_down() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut setup = Setup::default();
    setup.timeouts.connect = Duration::from_millis(50);
    // Nobody shakes hands there.
    let mut secure = service("secure", taken.local_addr().unwrap());
    secure.upstream_mut().unwrap().targets[0].scheme = doorward_core::service::UpstreamScheme::Https;
    secure.upstream_mut().unwrap().tls.verify = false;
    secure.guard = guard(doorward_core::policy::Posture::Public);
    let gate = Gate::with(setup, vec![secure]);
    assert_eq!(gate.connect().await.get("secure.test", "/", "").await.status, 502);
}

#[test]
fn an_address_that_is_taken_is_explained() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let Err(error) = Listener::bind(address, None) else { panic!("{address} is taken") };
    assert_eq!(error.address, Address::Tcp(address));
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("can't listen on {address}: ")) && text.contains("another program"),
        "{text}"
    );
}

#[tokio::test]
async fn workers_share_an_address() {
    let echo = Echo::start().await;
    let gate = Gate::with(Setup { workers: 4, ..Setup::default() }, usual(echo.address));
    let mut wires = Vec::new();
    for _ in 0..32 {
        wires.push(gate.connect().await);
    }
    for wire in &mut wires {
        assert_eq!(wire.get("www.test", "/", "").await.status, 200);
    }
    soon(shut_down(gate, FOREVER)).await.unwrap();
    for mut wire in wires {
        assert_eq!(wire.rest().await, "");
    }
}

/// A request that arrives in the smallest pieces is the same request.
#[tokio::test]
async fn pieces_make_a_request() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    let mut wire: Wire = gate.connect().await;
    for byte in b"POST /x HTTP/1.1\r\nHost: www.test\r\nContent-Length: 2\r\n\r\nhi" {
        wire.send([*byte]).await;
    }
    assert_eq!(wire.answer().await.echoed_body(), "hi");
}

/// A request that its client was just sending when the server was told to stop is answered, and told to be the last.
#[tokio::test]
async fn no_request_is_lost_at_the_end() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    let mut wires = Vec::new();
    for _ in 0..8 {
        let mut wire = gate.connect().await;
        assert_eq!(wire.get("www.test", "/", "").await.status, 200);
        wires.push(wire);
    }
    let address = gate.address;
    let ended = shut_down(gate, FOREVER);
    refused(address).await;
    for wire in &mut wires {
        let answer = wire.get("www.test", "/late", "").await;
        assert_eq!((answer.status, answer.head.one("connection")), (200, Some("close")));
        assert_eq!(wire.rest().await, "");
    }
    soon(ended).await.unwrap();
    assert_eq!(echo.requests(), 16);
}
