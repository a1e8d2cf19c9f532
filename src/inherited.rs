//! Sockets that were there before us: from systemd.

use std::io;

use doorward_proxy::Socket;
use listenfd::ListenFd;

/// Listening sockets that were passed in, by name.
#[derive(Default)]
pub struct Inherited {
    sockets: Vec<(String, Socket)>,
}

impl Inherited {
    /// What systemd passed (sd_listen_fds(3)): `LISTEN_FDS` sockets, named by `LISTEN_FDNAMES`.
    ///
    /// # Errors
    /// When one of them is no listening socket.
    pub fn from_systemd() -> io::Result<Self> {
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
            Ok((name.to_owned(), socket))
        });
        Ok(Self { sockets: sockets.collect::<io::Result<_>>()? })
    }

    /// Takes all sockets of this name.
    pub fn take(&mut self, name: &str) -> Vec<Socket> {
        let (taken, left) = std::mem::take(&mut self.sockets).into_iter().partition(|(own, _)| own == name);
        self.sockets = left;
        let taken: Vec<(String, Socket)> = taken;
        taken.into_iter().map(|(_, socket)| socket).collect()
    }
}
