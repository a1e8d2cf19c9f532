//! Answers that last: they end with the permission that they rest on.

use std::time::Duration;

use crate::{
    harness::{ADA, Gate, Setup, config, usual},
    sessions::ada,
    upstream::ByHand,
    wire::{Wire, soon},
};

const HEAD: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// An open stream of events: both ends, one event passed.
async fn stream(gate: &Gate, upstream: &ByHand) -> (Wire, Wire) {
    let mut wire = gate.connect().await;
    wire.send(format!("GET /events HTTP/1.1\r\nHost: notes.test\r\nCookie: __Host-doorward={ADA}\r\n\r\n"))
        .await;
    let mut served = upstream.accept().await;
    served.head().await;
    served.send(HEAD).await;
    wire.head().await;
    served.send("3\r\none\r\n").await;
    assert_eq!(wire.chunk().await, "one");
    (wire, served)
}

#[tokio::test]
async fn e_11_a_stream_ends_with_its_session() {
    let upstream = ByHand::start().await;
    let gate = Gate::before(upstream.address);
    let (mut wire, mut served) = stream(&gate, &upstream).await;
    gate.sessions.end(ADA, "notes.test");
    assert_eq!(wire.rest().await, "", "cut off, not completed");
    assert_eq!(served.rest().await, "", "and the upstream is told");
}

#[tokio::test]
async fn e_11_a_stream_outlives_what_does_not_concern_it() {
    let upstream = ByHand::start().await;
    let gate = Gate::before(upstream.address);
    let (mut wire, mut served) = stream(&gate, &upstream).await;
    let mut asked = gate.sessions.asked.subscribe();
    for _ in 0..3 {
        let before = *asked.borrow_and_update();
        gate.sessions.touch();
        soon(asked.wait_for(|asked| *asked > before)).await.unwrap();
        served.send("3\r\ntwo\r\n").await;
        assert_eq!(wire.chunk().await, "two");
    }
    gate.sessions.sign_in(ADA, "notes.test", ada(&[]));
    assert_eq!(wire.rest().await, "");
}

/// An upstream that always has more to send never makes us wait; the session's end ends it all the same.
#[tokio::test]
async fn e_11_a_download_ends_with_its_session() {
    let upstream = ByHand::start().await;
    let gate = Gate::before(upstream.address);
    let (mut wire, mut served) = stream(&gate, &upstream).await;
    let sending = tokio::spawn(async move {
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        while tokio::io::AsyncWriteExt::write_all(&mut served.stream, chunk.as_bytes()).await.is_ok() {}
    });
    for _ in 0..64 {
        assert_ne!(wire.chunk().await, "", "it goes on");
    }
    gate.sessions.end(ADA, "notes.test");
    assert!(!wire.rest().await.ends_with("0\r\n\r\n"));
    soon(sending).await.unwrap();
}

/// Sessions expire and configurations change without a new generation: it is looked at from time to time.
#[tokio::test]
async fn e_3_a_stream_is_looked_at_from_time_to_time() {
    let upstream = ByHand::start().await;
    let mut setup = Setup::default();
    setup.timeouts.look_again = Duration::from_millis(10);
    let gate = Gate::with(setup, usual(upstream.address));
    let (mut wire, _served) = stream(&gate, &upstream).await;
    let mut asked = gate.sessions.asked.subscribe();
    let before = *asked.borrow_and_update();
    soon(asked.wait_for(|asked| *asked > before + 2)).await.unwrap();
    let without: Vec<_> =
        usual(upstream.address).into_iter().filter(|service| &*service.name != "notes").collect();
    gate.config.store(config(without, &[]).into());
    assert_eq!(wire.rest().await, "", "not declared any more");
}
