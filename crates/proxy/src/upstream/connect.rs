//! New connections to an upstream.

use std::{cell::RefCell, future::Future, sync::Arc, time::Duration};

use doorward_core::service::{Upstream, UpstreamScheme};
use hyper::client::conn::http2;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{UpstreamError, http1};
use crate::{body::RequestBody, tls};

/// Opens connections to one upstream.
pub(super) struct Connector {
    upstream: Upstream,
    within: Duration,
    tls: RefCell<Option<Arc<ClientConfig>>>,
}

/// The protocols that an upstream may choose from.
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
    pub(super) fn new(upstream: &Upstream, within: Duration) -> Self {
        Self { upstream: upstream.clone(), within, tls: RefCell::default() }
    }

    pub(super) async fn connect(&self, offer: Offer) -> Result<Fresh, UpstreamError> {
        let connecting = async {
            let address = (self.upstream.host.as_str(), self.upstream.port);
            let stream = TcpStream::connect(address).await.map_err(UpstreamError::Connect)?;
            stream.set_nodelay(true).map_err(UpstreamError::Connect)?;
            match self.upstream.scheme {
                UpstreamScheme::Http => Ok(Fresh::Http1(Box::new(http1::Connection::new(stream)))),
                UpstreamScheme::Https => self.connect_tls(stream, offer).await,
            }
        };
        tokio::time::timeout(self.within, connecting).await.map_err(|_| UpstreamError::TimedOut)?
    }

    async fn connect_tls(&self, stream: TcpStream, offer: Offer) -> Result<Fresh, UpstreamError> {
        let name = ServerName::try_from(self.upstream.host.clone())
            .map_err(|error| UpstreamError::Tls(error.to_string()))?;
        let mut config = self.tls_config()?;
        if offer == Offer::Http1 {
            Arc::make_mut(&mut config).alpn_protocols = vec![b"http/1.1".to_vec()];
        }
        let stream = TlsConnector::from(config)
            .connect(name, stream)
            .await
            .map_err(|error| UpstreamError::Tls(error.to_string()))?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        if !http2 {
            return Ok(Fresh::Http1(Box::new(http1::Connection::new(stream))));
        }
        let (sender, connection) =
            http2::handshake(Local, TokioIo::new(stream)).await.map_err(UpstreamError::Http2)?;
        drive(connection);
        Ok(Fresh::Http2(sender))
    }

    fn tls_config(&self) -> Result<Arc<ClientConfig>, UpstreamError> {
        if let Some(config) = &*self.tls.borrow() {
            return Ok(Arc::clone(config));
        }
        let config = tls::client(self.upstream.ca_file.as_deref(), self.upstream.verify)
            .map_err(|error| UpstreamError::Tls(error.to_string()))?;
        *self.tls.borrow_mut() = Some(Arc::clone(&config));
        Ok(config)
    }
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
