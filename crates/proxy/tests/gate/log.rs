//! What is said about requests, and what is not.

use std::{
    fmt::{Debug, Write as _},
    sync::{Arc, Mutex, Once, atomic::Ordering},
};

use doorward_core::{
    config::{Config, Decisions},
    http::{
        host::Host,
        origin::{Origin, Scheme},
    },
    policy::Posture,
    service::{Backend, Redirect, Service},
};
use doorward_proxy::metrics::Exposition;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

use crate::{
    harness::{ADA, Gate, Setup, guard, service, usual},
    postures::{KEY, keyed},
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
            "peer=127.0.0.1 trusted=false chain=\"x-forwarded-for: 10.0.0.1\" forwarding_ignored=true",
        ),
    ] {
        wire.get(host, path, lines).await;
        let found = with(path);
        let [line] = found.as_slice() else { panic!("{path}: {found:?}") };
        assert!(line.contains(expected) && line.contains(&format!("host={host}")), "{line}");
        assert_eq!(line.starts_with("DEBUG"), line.contains("forwarded\""), "{line}");
    }
}

/// R48: also about what is redirected, and about requests at which nothing could be decided.
#[tokio::test]
async fn r_48_what_is_redirected_or_undecided_is_a_line_too() {
    listen();
    let echo = Echo::start().await;
    let mut services = usual(echo.address);
    let to = Origin::new(Scheme::Https, &Host::parse("elsewhere.test").unwrap(), 443);
    let lead = Backend::Redirect(Redirect { to, permanent: true });
    services.push(Service { guard: guard(Posture::Redirect), backend: lead, ..service("old", echo.address) });
    services.push(Service { backend: Backend::Elsewhere, ..service("asked", echo.address) });
    let gate = Gate::with(Setup::default(), services);
    let session = format!("Cookie: __Host-doorward={ADA}\r\n");
    for (host, path, lines, expected) in [
        ("old.test", "/r48k", "", "outcome=\"redirected\" reason=open"),
        ("asked.test", "/r48l", "", "outcome=\"denied\" reason="),
        ("notes.test", "/.Doorward/r48m", "", "outcome=\"denied\" reason="),
        (
            "notes.test",
            "/r48n",
            &session.replace("\r\n", "; __Host-doorward=dw_s_x\r\n"),
            "outcome=\"denied\" reason=",
        ),
    ] {
        let answer = gate.connect().await.get(host, path, lines).await;
        let found = with(path);
        let [line] = found.as_slice() else { panic!("{path}: {found:?}") };
        assert!(line.starts_with("INFO") && line.contains(expected), "{line}");
        let id = answer.head.one("x-request-id").unwrap();
        assert!(line.contains(&format!("request={id}")), "{line}");
    }
    gate.sessions.down.store(true, Ordering::SeqCst);
    let answer = gate.connect().await.get("notes.test", "/r48o", &session.replace("ada", "other")).await;
    let id = format!("request={}", answer.head.one("x-request-id").unwrap());
    let told = with(&id);
    assert!(told.iter().any(|line| line.contains("error=") && line.starts_with("ERROR")), "{told:?}");
    assert!(told.iter().any(|line| line.contains("reason=unavailable")), "{told:?}");
}

/// R46, R47: a line says who is believed about the address, and what was near.
#[tokio::test]
async fn r_46_r_47_a_line_says_what_the_request_was_compared_with() {
    listen();
    let echo = Echo::start().await;
    let gate = Gate::with(Setup { trusted: &["127.0.0.0/8"], ..Setup::default() }, usual(echo.address));
    let mut wire = gate.connect().await;
    let chain = "X-Forwarded-For: 203.0.113.7, 192.0.2.46\r\n";
    for (path, lines, expected) in [
        ("/api/healthz/r46a", "", "detail=\"bypass[0]: `/api/health` ends inside a segment of the path\""),
        ("/api/health/r46b", chain, "client=192.0.2.46 peer=127.0.0.1 trusted=true"),
        (
            "/api/health/r46c",
            chain,
            "chain=\"x-forwarded-for: 203.0.113.7, 192.0.2.46\" forwarding_ignored=false",
        ),
        ("/api/health/r46d", chain, "detail=\"bypass[0]: 192.0.2.46 is in none of: "),
    ] {
        wire.get("feeds.test", path, lines).await;
        let found = with(path);
        let [line] = found.as_slice() else { panic!("{path}: {found:?}") };
        assert!(line.contains(expected), "{line}");
    }
}

/// R48: every decision is a line for everybody to see where that is declared.
#[tokio::test]
async fn r_48_all_decisions_are_told_on_request() {
    listen();
    let echo = Echo::start().await;
    let gate = Gate::with(Setup::default(), usual(echo.address));
    gate.sessions.sign_in(ADA, "notes.test", crate::sessions::ada(&["users"]));
    let config = Config { decisions: Decisions::All, ..(**gate.config.load()).clone() };
    gate.config.store(Arc::new(config));
    let mut wire = gate.connect().await;
    wire.get("notes.test", "/all48", &format!("Cookie: __Host-doorward={ADA}\r\n")).await;
    let found = with("/all48");
    let [line] = found.as_slice() else { panic!("{found:?}") };
    assert!(
        line.starts_with("INFO") && line.contains("outcome=\"forwarded\" reason=session user=\"ada\""),
        "{line}"
    );
}

/// R48: what another proxy asks about is told and counted as what comes here is.
#[tokio::test]
async fn r_48_questions_of_another_proxy_are_lines_too() {
    listen();
    let echo = Echo::start().await;
    let setup = Setup { trusted: &["127.0.0.0/8"], asks: true, ..Setup::default() };
    let gate = Gate::with(setup, keyed(echo.address));
    let about = |target: &str| {
        format!(
            "X-Forwarded-Method: GET\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: notes.test\r\n\
             X-Forwarded-Uri: {target}\r\nX-Forwarded-For: 198.51.100.10\r\n"
        )
    };
    let twice = "Cookie: __Host-doorward=a; __Host-doorward=b\r\n";
    for (target, lines, reason) in [
        ("/api/backup/r48q", format!("X-Api-Key: {KEY}\r\n"), "credential_at_another_proxy"),
        ("/r48twice", twice.to_owned(), "duplicate_session"),
    ] {
        let mut wire = gate.connect().await;
        wire.get("any.test", "/.doorward/auth/caddy", &(about(target) + &lines)).await;
        let found = with(target);
        let [line] = found.as_slice() else { panic!("{target}: {found:?}") };
        assert!(
            line.contains(&format!("reason={reason}")) && line.contains("via=\"forward-auth\""),
            "{line}"
        );
        assert!(line.contains("client=198.51.100.10") && line.contains("chain=\"x-forwarded-for"), "{line}");
        let mut text = Exposition::default();
        gate.server.metrics().write(&mut text, &gate.config.load());
        let text = text.into_text();
        assert!(text.contains(&format!("reason=\"{reason}\"}} 1")), "{text}");
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
