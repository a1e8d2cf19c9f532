//! What stands between us and the authority: it counts orders, says when certificates shall be renewed (RFC 9773), which
//! Debian's pebble can't yet, and refuses what a test wants refused.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::time::UnixTime;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::{Bytes, Incoming},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::pebble::Pebble;

/// The front.
pub(super) struct Front {
    port: u16,
    state: Arc<State>,
}

struct State {
    port: u16,
    authority: u16,
    connector: TlsConnector,
    heard: Mutex<Heard>,
}

#[derive(Default)]
struct Heard {
    orders: Vec<Value>,
    /// What is said about renewals, and how often it was.
    window: Option<Window>,
    questions: usize,
    refused_for: Option<i64>,
    renewals: Renewals,
}

/// What becomes of orders that replace a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Renewals {
    #[default]
    Taken,
    Refused,
    /// As by an authority that says that it knows them, and does not.
    NotUnderstood,
}

#[derive(Clone, Copy)]
struct Window {
    start: UnixTime,
    end: UnixTime,
    /// Seconds until the next question.
    wait: i64,
}

impl Front {
    /// Stands in front of `pebble`, with its certificate.
    pub(super) async fn start(pebble: &Pebble) -> Self {
        let folder = pebble.scratch.path();
        let certificate = CertificateDer::from_pem_file(folder.join("leaf.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(folder.join("leaf.key")).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let provider = || Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let client = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let server = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            port,
            authority: pebble.port,
            connector: TlsConnector::from(Arc::new(client)),
            heard: Mutex::default(),
        });
        let acceptor = TlsAcceptor::from(Arc::new(server));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(acceptor.clone(), stream, Arc::clone(&shared)));
            }
        });
        Self { port, state }
    }

    /// A configuration that asks here.
    pub(super) fn config(&self, pebble: &Pebble, acme: &str) -> String {
        self.point(pebble, &pebble.config(acme, ""))
    }

    /// The same for a configuration that asks `pebble`.
    pub(super) fn point(&self, pebble: &Pebble, config: &str) -> String {
        let direct = format!("https://localhost:{}/dir", pebble.port);
        config.replace(&direct, &format!("https://localhost:{}/dir", self.port))
    }

    /// Every order that was placed, refused ones too: what was asked for.
    pub(super) fn orders(&self) -> Vec<Value> {
        self.heard().orders.clone()
    }

    /// How often it was asked when to renew.
    pub(super) fn questions(&self) -> usize {
        self.heard().questions
    }

    /// Says from now on when certificates shall be renewed, and that it need not be asked for `wait` seconds.
    pub(super) fn suggest(&self, start: UnixTime, end: UnixTime, wait: i64) {
        self.heard().window = Some(Window { start, end, wait });
    }

    /// Refuses every order and asks to wait for so many seconds.
    pub(super) fn refuse_orders(&self, wait: Option<i64>) {
        self.heard().refused_for = wait;
    }

    /// Does this with orders that replace a certificate.
    pub(super) fn renewals(&self, renewals: Renewals) {
        self.heard().renewals = renewals;
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.state.heard.lock().unwrap()
    }
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, state: Arc<State>) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let answer = service_fn(move |request| {
        let state = Arc::clone(&state);
        async move { Ok::<_, Infallible>(answer(&state, request).await) }
    });
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
}

async fn answer(state: &State, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let path = head.uri.path().to_owned();
    if path.starts_with("/renewal/") {
        let mut noted = state.heard.lock().unwrap();
        noted.questions += 1;
        return noted.window.map_or_else(|| problem(StatusCode::NOT_FOUND, "malformed"), suggestion);
    }
    let mut replaces = None;
    if path == "/order-plz" {
        let order = payload(&body);
        let mut noted = state.heard.lock().unwrap();
        noted.orders.push(order.clone());
        if let Some(wait) = noted.refused_for {
            let mut answer = problem(StatusCode::TOO_MANY_REQUESTS, "rateLimited");
            answer.headers_mut().insert(header::RETRY_AFTER, wait.into());
            return answer;
        }
        match noted.renewals {
            Renewals::Refused if !order["replaces"].is_null() => {
                return problem(StatusCode::CONFLICT, "alreadyReplaced");
            }
            Renewals::Taken => replaces = Some(order["replaces"].clone()),
            _ => {}
        }
    }
    let (mut head, body) = forward(state, Request::from_parts(head, Full::new(body))).await.into_parts();
    let (name, value) = match replaces {
        _ if path == "/dir" => ("renewalInfo", json!(format!("https://localhost:{}/renewal", state.port))),
        // What was taken as a renewal says so (RFC 9773 section 5).
        Some(replaces) if head.status.is_success() => ("replaces", replaces),
        _ => return Response::from_parts(head, Full::new(body)),
    };
    let mut said: Value = serde_json::from_slice(&body).unwrap();
    said[name] = value;
    head.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(head, Full::new(Bytes::from(said.to_string())))
}

/// The authority makes its addresses from the `Host` that it is asked by, so they lead here.
async fn forward(state: &State, request: Request<Full<Bytes>>) -> Response<Bytes> {
    let stream = TcpStream::connect(("127.0.0.1", state.authority)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = state.connector.connect(name, stream).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

/// What a signed request says (RFC 8555 section 6.2).
fn payload(body: &[u8]) -> Value {
    let signed: Value = serde_json::from_slice(body).unwrap();
    let payload = URL_SAFE_NO_PAD.decode(signed["payload"].as_str().unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

fn problem(status: StatusCode, kind: &str) -> Response<Full<Bytes>> {
    let problem =
        json!({ "type": format!("urn:ietf:params:acme:error:{kind}"), "detail": "as the test wants it" });
    let answer = Response::builder().status(status).header(header::CONTENT_TYPE, "application/problem+json");
    answer.body(Full::new(Bytes::from(problem.to_string()))).unwrap()
}

fn suggestion(window: Window) -> Response<Full<Bytes>> {
    let said = json!({ "suggestedWindow": { "start": date(window.start), "end": date(window.end) } });
    let answer = Response::builder().header(header::RETRY_AFTER, window.wait);
    answer.body(Full::new(Bytes::from(said.to_string()))).unwrap()
}

/// A moment as RFC 3339 writes it. Years begin in March here, so that a leap day is the last.
fn date(moment: UnixTime) -> String {
    let (days, second) = (moment.0.div_euclid(86_400) + 719_468, moment.0.rem_euclid(86_400));
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    let year = 400 * era + year;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}
