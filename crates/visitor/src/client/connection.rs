//! One connection for one request.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context as _, Result, anyhow};
use bytes::Bytes;
use http::{Request, response::Parts};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsConnector;

/// How a host is reached.
pub(super) struct Route {
    pub(super) address: SocketAddr,
    pub(super) source: Option<IpAddr>,
    pub(super) tls: Option<TlsConnector>,
    pub(super) host: String,
}

/// Sends the request and reads the answer up to `max_body` bytes. The connection is closed afterwards.
pub(super) async fn exchange(
    route: &Route,
    message: Request<Full<Bytes>>,
    max_body: usize,
) -> Result<(Parts, Bytes)> {
    let stream =
        connect(route).await.with_context(|| format!("No connection to {} was made.", route.address))?;
    match &route.tls {
        None => converse(stream, message, max_body).await,
        Some(tls) => {
            let host = route.host.trim_start_matches('[').trim_end_matches(']').to_owned();
            let name = ServerName::try_from(host).context("TLS can't be spoken with this host name.")?;
            let stream = tls.connect(name, stream).await.context("TLS was not agreed on.")?;
            converse(stream, message, max_body).await
        }
    }
}

async fn connect(route: &Route) -> Result<TcpStream> {
    let socket = if route.address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(source) = route.source {
        socket
            .bind(SocketAddr::new(source, 0))
            .with_context(|| format!("{source} is not an address of ours."))?;
    }
    let stream = socket.connect(route.address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn converse<S>(stream: S, message: Request<Full<Bytes>>, max_body: usize) -> Result<(Parts, Bytes)>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // The set ends its task when it is dropped, also by the time limit.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let (parts, body) = sender.send_request(message).await?.into_parts();
    let body = Limited::new(body, max_body).collect().await;
    let body = body.map_err(|error| anyhow!("The body was not read to its end: {error}."))?;
    Ok((parts, body.to_bytes()))
}
