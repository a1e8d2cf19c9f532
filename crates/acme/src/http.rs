//! A client for the interfaces of authorities and DNS providers: one request per connection, bounded in time and size.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use ::http::{HeaderValue, Request, Response, Uri, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, HttpClient};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::{BoxFuture, chain::alternates};

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of an answer that are read at most.
const BODY_BYTES: usize = 1024 * 1024;
/// What chains are (RFC 8555 section 9.1).
const CHAIN: &[u8] = b"application/pem-certificate-chain";

/// A chain as PEM, and the addresses of others that are offered with it.
type Offered = (Bytes, Vec<String>);

/// The client. Clones share everything.
#[derive(Clone)]
pub(crate) struct Http {
    tls: Arc<ClientConfig>,
    retry_after: Arc<AtomicU32>,
    chain: Arc<Mutex<Option<Offered>>>,
}

impl Http {
    /// Believes the authorities of the system, or those in `ca_file` alone.
    pub(crate) fn new(ca_file: Option<&Path>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        let found = match ca_file {
            None => rustls_native_certs::load_native_certs().certs,
            Some(file) => CertificateDer::pem_file_iter(file)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|error| format!("{} can't be read: {error}", file.display()))?,
        };
        let (added, _) = roots.add_parsable_certificates(found);
        if added == 0 {
            let place = ca_file.map_or_else(|| "the system".to_owned(), |file| file.display().to_string());
            return Err(format!("{place} has no certificate of an authority"));
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: Arc::new(tls), retry_after: Arc::default(), chain: Arc::default() })
    }

    /// How many seconds the last refusal asked to wait, if it did.
    pub(crate) fn retry_after(&self) -> Option<u32> {
        match self.retry_after.swap(0, Ordering::Relaxed) {
            0 => None,
            seconds => Some(seconds),
        }
    }

    /// The chain that came last (RFC 8555 section 7.4.2).
    pub(crate) fn take_chain(&self) -> Option<Offered> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Sends a request and reads the whole answer, whatever its status.
    pub(crate) async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let target = request.uri().clone();
        let answered = tokio::time::timeout(TIMEOUT, self.exchange(request)).await;
        let answer = answered.unwrap_or_else(|_| Err("no answer in time".to_owned()));
        answer.map_err(|cause| format!("{}: {cause}", target.host().unwrap_or_default()))
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let uri = request.uri().clone();
        let host = uri.host().ok_or("no host in the address")?.trim_matches(['[', ']']).to_owned();
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err("the address begins with neither https nor http".to_owned()),
        };
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let stream = TcpStream::connect((host.as_str(), port)).await.map_err(|error| error.to_string())?;
        let answer = if secure {
            let name = ServerName::try_from(host).map_err(|error| error.to_string())?;
            let stream = TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await;
            over(stream.map_err(|error| error.to_string())?, request).await?
        } else {
            over(stream, request).await?
        };
        self.remember(&answer);
        Ok(answer)
    }

    fn remember(&self, answer: &Response<Bytes>) {
        let kind = answer.headers().get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        if answer.status().is_success() && kind.starts_with(CHAIN) {
            let chain = (answer.body().clone(), alternates(answer.headers()));
            *self.chain.lock().unwrap_or_else(PoisonError::into_inner) = Some(chain);
        }
        if !matches!(answer.status().as_u16(), 429 | 503) {
            return;
        }
        let named = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        // A date in place of seconds is not worth a parser: an hour is what is waited then.
        let seconds = named.map(|text| text.trim().parse().unwrap_or(3600));
        self.retry_after.store(seconds.unwrap_or(0), Ordering::Relaxed);
    }
}

async fn over<S>(stream: S, request: Request<Bytes>) -> Result<Response<Bytes>, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let words = |error: hyper::Error| error.to_string();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(words)?;
    let driving = tokio::spawn(connection);
    let (mut head, body) = request.into_parts();
    let authority = head.uri.authority().map(|authority| authority.as_str().to_owned()).unwrap_or_default();
    let host = HeaderValue::try_from(authority).map_err(|error| error.to_string())?;
    head.headers.insert(header::HOST, host);
    let path = head.uri.path_and_query().map_or("/", |target| target.as_str());
    head.uri = path.parse::<Uri>().map_err(|error| error.to_string())?;
    let answer = sender.send_request(Request::from_parts(head, Full::new(body))).await.map_err(words)?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, BODY_BYTES).collect().await.map_err(|error| error.to_string());
    driving.abort();
    Ok(Response::from_parts(head, body?.to_bytes()))
}

/// What the ACME library asks through.
impl HttpClient for Http {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> BoxFuture<'static, Result<BytesResponse, instant_acme::Error>> {
        let client = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            let answer = client.send(Request::from_parts(head, body)).await;
            let answer = answer.map_err(|cause| instant_acme::Error::Other(cause.into()))?;
            let (parts, body) = answer.into_parts();
            Ok(BytesResponse { parts, body: Box::new(body) })
        })
    }
}
