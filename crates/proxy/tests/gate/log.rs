//! What is said about requests, and what is not.

use std::{
    fmt::{Debug, Write as _},
    sync::{Mutex, Once},
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

use crate::{
    harness::{ADA, Gate, Setup, usual},
    upstream::Echo,
};

/// Lines of all tests of this program, which run side by side: a test looks for what only it says.
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Lines;

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        LINES.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The lines that contain `text`.
fn with(text: &str) -> Vec<String> {
    LINES.lock().unwrap().iter().filter(|line| line.contains(text)).cloned().collect()
}

fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Lines).unwrap());
}

/// R48: one line for each decision, with everything that explains it.
#[tokio::test]
async fn r_48_r_49_each_decision_is_one_line() {
    listen();
    let echo = Echo::start().await;
    let gate = Gate::with(Setup::default(), usual(echo.address));
    gate.sessions.sign_in(ADA, "vault.test", crate::sessions::ada(&["users"]));
    let mut wire = gate.connect().await;
    let session = format!("Cookie: __Host-doorward={ADA}\r\n");
    for (host, path, lines, expected) in [
        ("notes.test", "/r48a", "", "outcome=\"sign_in\" reason=no_session user=\"\""),
        ("notes.test", "/r48b", session.as_str(), "outcome=\"forwarded\" reason=session user=\"ada\""),
        ("vault.test", "/r48c", session.as_str(), "outcome=\"denied\" reason=group user=\"ada\""),
        ("feeds.test", "/api/health/r48d", "", "outcome=\"bypassed\" reason=bypass[0] user=\"\""),
        ("broken.test", "/r48e", "", "posture=\"quarantined\" outcome=\"closed\" reason=closed_regex"),
        (
            "notes.test",
            "/r48f",
            "X-Forwarded-For: 10.0.0.1\r\n",
            "client=127.0.0.1 peer=127.0.0.1 forwarding_ignored=true",
        ),
    ] {
        wire.get(host, path, lines).await;
        let found = with(path);
        let [line] = found.as_slice() else { panic!("{path}: {found:?}") };
        assert!(line.contains(expected) && line.contains(&format!("host={host}")), "{line}");
        assert_eq!(line.starts_with("DEBUG"), line.contains("forwarded\""), "{line}");
    }
}

/// Impossible 12: what opens doors is in no line, whatever becomes of the request.
#[tokio::test]
async fn impossible_12_no_secret_is_logged() {
    listen();
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    let down = Gate::before(crate::upstream::ByHand::start().await.address);
    let secret = "hunter2secret";
    let lines = format!(
        "Cookie: a={secret}; __Host-doorward={secret}\r\nAuthorization: Bearer {secret}\r\nReferer: {secret}\r\n"
    );
    let twice = format!("Cookie: __Host-doorward={secret}; __Host-doorward={secret}\r\n");
    for (host, lines) in [
        ("notes.test", &lines),
        ("www.test", &lines),
        ("broken.test", &lines),
        ("x.test", &lines),
        ("www.test", &twice),
    ] {
        gate.connect().await.get(host, &format!("/seen-by-log?code={secret}"), lines).await;
    }
    let mut wire = down.connect().await;
    wire.send(format!("GET /seen-by-log?code={secret} HTTP/1.1\r\nHost: notes.test\r\n{lines}\r\n")).await;
    wire.answer().await;
    assert!(with("/seen-by-log").len() >= 3, "there are lines to look at");
    assert_eq!(with(secret), Vec::<String>::new());
}
