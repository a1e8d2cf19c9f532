//! The admin listener: health, readiness and metrics, for the operator alone (T-3, T-12). Exact paths, no headers read
//! but one, and nothing of it on any other listener.

mod process;

use std::{convert::Infallible, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use bytes::Bytes;
use doorward_core::config::Config;
use doorward_proxy::{
    Accepting, Socket, Stream,
    metrics::{Exposition, Metrics},
};
use doorward_store::Store;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinHandle,
    time::Instant,
};

use crate::certificates::{CertificateStatus, Certificates};

/// How long the database may take to answer.
const DATABASE: Duration = Duration::from_secs(2);
/// How long a client may take over the head of a request.
const HEAD: Duration = Duration::from_secs(10);
/// Connections at once: a scraper or two, and somebody who looks.
const CONNECTIONS: usize = 64;

/// What the admin listener tells about.
pub(crate) struct Admin {
    pub(crate) config: Arc<ArcSwap<Config>>,
    pub(crate) store: Store,
    pub(crate) metrics: Metrics,
    pub(crate) certificates: Arc<Certificates>,
    /// Whether the server is stopping.
    pub(crate) draining: watch::Receiver<bool>,
}

/// A socket that tells, until it is dropped.
pub(crate) struct Listening(JoinHandle<()>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Admin {
    /// Tells everybody who connects to this socket.
    ///
    /// # Errors
    /// When the socket can't be waited on.
    pub(crate) fn listen(self, socket: Socket) -> std::io::Result<Listening> {
        let socket = socket.into_async()?;
        Ok(Listening(tokio::spawn(accept(Arc::new(self), socket))))
    }

    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        // A page of elsewhere that makes a browser ask here, by a name of its own (DNS rebinding), reads nothing.
        let site = request.headers().get("sec-fetch-site");
        if site.is_some_and(|site| site != "none") {
            return text(StatusCode::FORBIDDEN, "This is not for pages.\n".to_owned());
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return text(StatusCode::METHOD_NOT_ALLOWED, "Only GET is answered.\n".to_owned());
        }
        match request.uri().path() {
            "/healthz" => text(StatusCode::OK, "ok\n".to_owned()),
            "/readyz" => self.readiness().await,
            "/metrics" => self.exposition().await,
            _ => text(StatusCode::NOT_FOUND, "There are /healthz, /readyz and /metrics.\n".to_owned()),
        }
    }

    /// How long the database took to answer; `None` when it did not.
    async fn database(&self) -> Option<Duration> {
        let began = Instant::now();
        let asked = tokio::time::timeout(DATABASE, self.store.setup_is_closed()).await;
        matches!(asked, Ok(Ok(_))).then(|| began.elapsed())
    }

    async fn readiness(&self) -> Response<Full<Bytes>> {
        let mut reasons = Vec::new();
        if *self.draining.borrow() {
            reasons.push("draining");
        }
        if self.database().await.is_none() {
            reasons.push("database");
        }
        let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let body = serde_json::json!({ "ready": reasons.is_empty(), "reasons": reasons });
        with_type(status, "application/json", format!("{body}\n"))
    }

    async fn exposition(&self) -> Response<Full<Bytes>> {
        let mut all = Exposition::default();
        let config = self.config.load_full();
        self.metrics.write(&mut all, &config);
        let draining = u8::from(*self.draining.borrow());
        all.gauge("doorward_draining", "Whether the server is stopping.", draining);
        let database = self.database().await;
        let help = "Whether the database answered this scrape.";
        all.gauge("doorward_database_up", help, u8::from(database.is_some()));
        if let Some(took) = database {
            let help = "How long the database took to answer this scrape.";
            all.gauge("doorward_database_seconds", help, took.as_secs_f64());
        }
        let help = "Rises with each change to people, groups, sessions or the configuration.";
        all.counter("doorward_generation_total", help, self.store.generation());
        all.gauge("doorward_services", "Services that are declared.", config.services.len());
        all.family("doorward_build_info", "gauge", "The version that runs.");
        all.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
        write_certificates(&mut all, &self.certificates.status(&config));
        process::write(&mut all);
        with_type(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", all.into_text())
    }
}

/// One sample for each certificate that the configuration wants, by the first of its names.
fn write_certificates(all: &mut Exposition, certificates: &[CertificateStatus]) {
    let help = "When a certificate ends, in Unix seconds; 0 while a temporary one stands in for it.";
    all.family("doorward_certificate_not_after_seconds", "gauge", help);
    for certificate in certificates {
        let labels = [("name", first_name(certificate)), ("source", certificate.source)];
        all.sample(&labels, certificate.not_after.map_or(0, |end| end.0));
    }
    let help = "Whether the last attempt to obtain or read a certificate failed.";
    all.family("doorward_certificate_failing", "gauge", help);
    for certificate in certificates {
        let labels = [("name", first_name(certificate)), ("source", certificate.source)];
        all.sample(&labels, u8::from(certificate.last_error.is_some()));
    }
}

fn first_name(certificate: &CertificateStatus) -> &str {
    certificate.names.first().map_or("", String::as_str)
}

async fn accept(admin: Arc<Admin>, socket: Accepting) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    // The semaphore is never closed.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match socket.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve(Arc::clone(&admin), stream, place))),
            // Out of file descriptors, mostly: others need time to end.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn serve(admin: Arc<Admin>, stream: Stream, place: OwnedSemaphorePermit) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let admin = Arc::clone(&admin);
        async move { Ok::<_, Infallible>(admin.answer(&request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(stream), answer);
    // How it ends is its peer's affair.
    let _ = connection.await;
    drop(place);
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    with_type(status, "text/plain; charset=utf-8", body)
}

fn with_type(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
