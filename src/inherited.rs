//! What was there before us: sockets from systemd, or everything that a predecessor hands over.

use std::{
    io,
    net::TcpListener,
    os::{fd::OwnedFd, unix::net::UnixListener},
};

use doorward_core::config::Address;
use doorward_proxy::{BindError, Socket};
use listenfd::ListenFd;
use rustix::net::{AddressFamily, sockopt};

use crate::exit::{Failure, Stop};

/// Listening sockets that were passed in, by the address that a configuration writes for them, and the lock of the data
/// directory.
#[derive(Default)]
pub struct Inherited {
    pub(crate) sockets: Vec<(String, Socket)>,
    pub(crate) lock: Option<OwnedFd>,
}

impl Inherited {
    /// What systemd passed (sd_listen_fds(3)): `LISTEN_FDS` sockets, named by `LISTEN_FDNAMES`.
    ///
    /// # Errors
    /// When one of them is no listening socket.
    pub fn from_systemd() -> Result<Self, Failure> {
        #[expect(clippy::disallowed_methods, reason = "systemd speaks through the environment")]
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut passed = ListenFd::from_env();
        // "unknown" is what systemd itself says of a socket without a name.
        let names = names.split(':').chain(std::iter::repeat("unknown"));
        let sockets = (0..passed.len()).zip(names).map(|(index, name)| {
            let socket = match passed.take_tcp_listener(index) {
                Ok(Some(socket)) => Socket::Tcp(socket),
                _ => match passed.take_unix_listener(index)? {
                    Some(socket) => Socket::Unix(socket),
                    None => return Err(io::Error::other(format!("{name} was passed twice"))),
                },
            };
            Ok((format!("systemd:{name}"), socket))
        });
        let sockets = sockets.collect::<io::Result<_>>().map_err(|error| {
            Failure::new(Stop::Port, format!("a socket that systemd passed can't be used: {error}"))
        })?;
        Ok(Self { sockets, lock: None })
    }

    /// Adds a socket that a predecessor listened on.
    pub(crate) fn add(&mut self, address: String, socket: OwnedFd) -> io::Result<()> {
        let socket = match sockopt::socket_domain(&socket)? {
            AddressFamily::UNIX => Socket::Unix(UnixListener::from(socket)),
            _ => Socket::Tcp(TcpListener::from(socket)),
        };
        self.sockets.push((address, socket));
        Ok(())
    }

    /// The sockets of an address: those that were passed in for it, or one that is bound now. Several only when systemd
    /// passed several under one name.
    pub(crate) fn sockets(&mut self, address: &Address) -> Result<Vec<Socket>, Failure> {
        let name = address.to_string();
        let several = matches!(address, Address::Systemd(_));
        let mut taken = Vec::new();
        let mut left = Vec::new();
        for (own, socket) in std::mem::take(&mut self.sockets) {
            if own == name && (several || taken.is_empty()) {
                taken.push(socket);
            } else {
                left.push((own, socket));
            }
        }
        self.sockets = left;
        match address {
            _ if !taken.is_empty() => Ok(taken),
            Address::Systemd(name) => {
                let sentence = format!(
                    "systemd passed no socket with FileDescriptorName={name}; write it into the .socket unit, and start that"
                );
                Err(Failure::new(Stop::Port, sentence))
            }
            _ => bind(address).map(|socket| vec![socket]),
        }
    }
}

fn bind(address: &Address) -> Result<Socket, Failure> {
    Socket::bind(address).map_err(|error: BindError| Failure::new(Stop::Port, error))
}
