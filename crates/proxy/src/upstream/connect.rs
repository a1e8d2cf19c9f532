//! New connections to a target.

use std::{cell::RefCell, fmt, future::Future, sync::Arc, time::Duration};

use doorward_core::service::{Address, Target, UpstreamScheme, UpstreamTls};
use http::uri::Scheme;
use hyper::{
    client::conn::http2,
    rt::{Read, Write},
};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::TlsConnector;

use super::{UpstreamError, http1};
use crate::{body::RequestBody, upstream_tls, vanished};

/// Opens connections to one target.
pub(super) struct Connector {
    target: Target,
    tls: UpstreamTls,
    within: Duration,
    ready: RefCell<Option<Arc<ClientConfig>>>,
}

/// The protocols that a target may choose from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Offer {
    Both,
    Http1,
}

/// A new connection, by the protocol that was agreed on.
pub(super) enum Fresh {
    Http1(Box<http1::Connection>),
    Http2(http2::SendRequest<RequestBody>),
}

impl Connector {
    pub(super) fn new(target: &Target, tls: &UpstreamTls, within: Duration) -> Self {
        Self { target: target.clone(), tls: tls.clone(), within, ready: RefCell::default() }
    }

    /// The scheme of the target's URLs.
    pub(super) const fn web_scheme(&self) -> &'static Scheme {
        match self.target.scheme {
            UpstreamScheme::Http | UpstreamScheme::H2c => &Scheme::HTTP,
            UpstreamScheme::Https => &Scheme::HTTPS,
        }
    }

    pub(super) async fn connect(&self, offer: Offer) -> Result<Fresh, UpstreamError> {
        let connecting = async {
            match &self.target.address {
                Address::Tcp { host, port } => {
                    let stream = TcpStream::connect((host.as_str(), *port)).await;
                    let stream = stream.map_err(UpstreamError::Connect)?;
                    stream.set_nodelay(true).map_err(UpstreamError::Connect)?;
                    vanished::notice(&stream).map_err(UpstreamError::Connect)?;
                    self.speak(stream, offer).await
                }
                Address::Unix(path) => {
                    let stream = UnixStream::connect(path).await.map_err(UpstreamError::Connect)?;
                    self.speak(stream, offer).await
                }
            }
        };
        tokio::time::timeout(self.within, connecting).await.map_err(|_| UpstreamError::TimedOut)?
    }

    async fn speak<S>(&self, stream: S, offer: Offer) -> Result<Fresh, UpstreamError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        match (self.target.scheme, offer) {
            (UpstreamScheme::Https, _) => self.speak_tls(stream, offer).await,
            (UpstreamScheme::H2c, Offer::Both) => speak_http2(TokioIo::new(stream)).await,
            (UpstreamScheme::Http | UpstreamScheme::H2c, _) => Ok(speak_http1(stream)),
        }
    }

    async fn speak_tls<S>(&self, stream: S, offer: Offer) -> Result<Fresh, UpstreamError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let name = self.server_name()?;
        let mut config = self.tls_config()?;
        if offer == Offer::Http1 {
            Arc::make_mut(&mut config).alpn_protocols = vec![b"http/1.1".to_vec()];
        }
        let stream = TlsConnector::from(config)
            .connect(name, stream)
            .await
            .map_err(|error| UpstreamError::Tls(error.to_string()))?;
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            speak_http2(TokioIo::new(stream)).await
        } else {
            Ok(speak_http1(stream))
        }
    }

    fn server_name(&self) -> Result<ServerName<'static>, UpstreamError> {
        let name = match (&self.tls.server_name, &self.target.address) {
            (Some(name), _) | (None, Address::Tcp { host: name, .. }) => name.clone(),
            (None, Address::Unix(_)) => "localhost".to_owned(),
        };
        ServerName::try_from(name).map_err(|error| UpstreamError::Tls(error.to_string()))
    }

    fn tls_config(&self) -> Result<Arc<ClientConfig>, UpstreamError> {
        if let Some(config) = &*self.ready.borrow() {
            return Ok(Arc::clone(config));
        }
        let config = upstream_tls::client(&self.tls)
            .map_err(|(key, error)| UpstreamError::Tls(format!("{key}: {error}")))?;
        *self.ready.borrow_mut() = Some(Arc::clone(&config));
        Ok(config)
    }
}

impl fmt::Display for Connector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.target.fmt(formatter)
    }
}

fn speak_http1(io: impl http1::Io + 'static) -> Fresh {
    Fresh::Http1(Box::new(http1::Connection::new(io)))
}

async fn speak_http2(io: impl Read + Write + Unpin + Send + 'static) -> Result<Fresh, UpstreamError> {
    let (sender, connection) = http2::handshake(Local, io).await.map_err(UpstreamError::Http2)?;
    drive(connection);
    Ok(Fresh::Http2(sender))
}

/// Runs a connection; its end shows in its sender.
fn drive(connection: impl Future<Output = Result<(), hyper::Error>> + 'static) {
    tokio::task::spawn_local(async move {
        let _ = connection.await;
    });
}

/// Runs tasks of a connection on its own thread.
#[derive(Clone, Copy)]
pub(crate) struct Local;

impl<F> hyper::rt::Executor<F> for Local
where
    F: Future + 'static,
{
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move {
            future.await;
        });
    }
}
