//! Sockets to listen on: bound here, or inherited from whoever started us.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr, TcpListener},
    os::unix::{
        fs::PermissionsExt as _,
        net::{UnixListener, UnixStream},
    },
    path::PathBuf,
    sync::Arc,
};

use doorward_core::{
    config::{Address, UnixAddress},
    http::forwarded::UNIX_PEER,
};
use ipnet::IpNet;
use rustls::ServerConfig;
use socket2::{Domain, Protocol, Type};

use crate::{
    stream::{Kind, Stream},
    vanished,
};

/// Connections that may wait in the kernel's queue. The kernel lowers it to its own limit.
pub(crate) const QUEUE: i32 = 4096;

/// The TLS of a listener.
pub type ListenerTls = Arc<ServerConfig>;

/// An address that is ours, not yet served.
pub struct Listener {
    socket: Socket,
    what: Declared,
}

/// What a listener does with its connections.
#[derive(Clone)]
pub(crate) struct Declared {
    pub(crate) tls: Option<ListenerTls>,
    pub(crate) redirect: bool,
    /// Other proxies ask here, and nothing else is answered.
    pub(crate) asks: bool,
    /// Peers that must begin with the PROXY protocol; unless the list is empty, all others are refused.
    pub(crate) proxy_protocol: Arc<[IpNet]>,
}

/// A listening socket.
#[derive(Debug)]
pub enum Socket {
    /// TCP.
    Tcp(TcpListener),
    /// In the file system.
    Unix(UnixListener),
}

/// An address that can't be listened on.
#[derive(Debug)]
pub struct BindError {
    /// The address.
    pub address: Address,
    /// Why.
    pub error: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unix = matches!(self.address, Address::Unix(_));
        let hint = match self.error.kind() {
            io::ErrorKind::AddrInUse => "another program listens there; stop it or choose another address",
            io::ErrorKind::PermissionDenied if unix => "its folder is not ours to write in",
            io::ErrorKind::NotFound if unix => "make its folder first",
            io::ErrorKind::PermissionDenied => "ports below 1024 need the capability CAP_NET_BIND_SERVICE",
            io::ErrorKind::AddrNotAvailable => "no interface of this machine has this address",
            _ => "",
        };
        write!(formatter, "can't listen on {}: {}", self.address, self.error)?;
        if hint.is_empty() { Ok(()) } else { write!(formatter, "; {hint}") }
    }
}

impl std::error::Error for BindError {}

impl Socket {
    /// Takes an address.
    ///
    /// # Errors
    /// When it is taken, not ours, or one of systemd's, which are passed in and not taken.
    pub fn bind(address: &Address) -> Result<Self, BindError> {
        let bound = match address {
            Address::Tcp(address) => tcp(*address).map(Self::Tcp),
            Address::Unix(address) => unix(address).map(Self::Unix),
            Address::Systemd(_) => Err(io::Error::new(io::ErrorKind::NotFound, "it was not passed in")),
        };
        bound.map_err(|error| BindError { address: address.clone(), error })
    }

    /// The address of a TCP socket, with the port that was chosen if it was 0.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(socket) => socket.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }

    /// The same socket once more: both take from one queue.
    ///
    /// # Errors
    /// When there are no more file descriptors.
    pub fn share(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(socket) => socket.try_clone().map(Self::Tcp),
            Self::Unix(socket) => socket.try_clone().map(Self::Unix),
        }
    }

    /// Waits for its connections from now on.
    ///
    /// # Errors
    /// When the runtime can't wait for it.
    pub fn into_async(self) -> io::Result<Accepting> {
        match self {
            Self::Tcp(socket) => {
                socket.set_nonblocking(true)?;
                // Once more, because sockets that are passed in were bound by somebody else.
                vanished::notice(&socket)?;
                tokio::net::TcpListener::from_std(socket).map(Accepting::Tcp)
            }
            Self::Unix(socket) => {
                socket.set_nonblocking(true)?;
                tokio::net::UnixListener::from_std(socket).map(Accepting::Unix)
            }
        }
    }
}

fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of a former process that are still closing do not keep the address.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // Otherwise `[::]` would take the port of `0.0.0.0` too, or not, as the system is set.
        socket.set_only_v6(true)?;
    }
    // Before anybody can connect: who waits in the queue is as the socket was then.
    vanished::notice(&socket)?;
    socket.bind(&address.into())?;
    socket.listen(QUEUE)?;
    Ok(socket.into())
}

/// Binds beside the path and moves there, so that nobody meets a socket without its permissions.
fn unix(address: &UnixAddress) -> io::Result<UnixListener> {
    if UnixStream::connect(&address.path).is_ok() {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    if std::fs::symlink_metadata(&address.path).is_ok_and(|found| !is_socket(&found)) {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a file that is no socket is there"));
    }
    let mut beside = address.path.clone().into_os_string();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&socket2::SockAddr::unix(&beside)?)?;
    std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(address.mode))?;
    socket.listen(QUEUE)?;
    std::fs::rename(&beside, &address.path)?;
    Ok(socket.into())
}

fn is_socket(found: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    found.file_type().is_socket()
}

impl Listener {
    /// A listener on a socket that is there already, for clients that speak for themselves.
    pub fn new(socket: Socket, tls: Option<ListenerTls>) -> Self {
        Self { socket, what: Declared { tls, redirect: false, asks: false, proxy_protocol: Arc::default() } }
    }

    /// Takes an address for clients that speak for themselves.
    ///
    /// # Errors
    /// When it is taken or not ours.
    pub fn bind(address: SocketAddr, tls: Option<ListenerTls>) -> Result<Self, BindError> {
        Socket::bind(&Address::Tcp(address)).map(|socket| Self::new(socket, tls))
    }

    /// Answers every request with the way to https.
    pub fn redirecting(mut self, redirect: bool) -> Self {
        self.what.redirect = redirect;
        self
    }

    /// Answers the questions of other proxies, and nothing else.
    pub fn for_questions(mut self, asks: bool) -> Self {
        self.what.asks = asks;
        self
    }

    /// Demands the PROXY protocol from these peers and refuses all others, unless the list is empty.
    pub fn behind(mut self, balancers: &[IpNet]) -> Self {
        self.what.proxy_protocol = balancers.into();
        self
    }

    pub(crate) fn share(&self) -> io::Result<Self> {
        Ok(Self { socket: self.socket.share()?, what: self.what.clone() })
    }

    /// The TCP address, with the port that was chosen if it was 0.
    pub fn address(&self) -> Option<SocketAddr> {
        self.socket.tcp_address()
    }

    pub(crate) fn into_async(self) -> io::Result<(Accepting, Declared)> {
        Ok((self.socket.into_async()?, self.what))
    }
}

/// A socket whose connections somebody waits for.
#[derive(Debug)]
pub enum Accepting {
    /// TCP.
    Tcp(tokio::net::TcpListener),
    /// In the file system.
    Unix(tokio::net::UnixListener),
}

impl Accepting {
    /// The next connection, and the address of its peer.
    ///
    /// # Errors
    /// When there are no more file descriptors.
    pub async fn accept(&self) -> io::Result<(Stream, IpAddr)> {
        match self {
            Self::Tcp(socket) => {
                let (stream, peer) = socket.accept().await?;
                Ok((Stream::new(Kind::Tcp(stream)), peer.ip().to_canonical()))
            }
            Self::Unix(socket) => {
                let (stream, _) = socket.accept().await?;
                Ok((Stream::new(Kind::Unix(stream)), UNIX_PEER))
            }
        }
    }
}
