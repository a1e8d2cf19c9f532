//! Peers that vanish: a laptop that is closed, a cable that is pulled, a machine that loses power. Nobody tells us, and
//! where nothing is to be sent, as on an idle WebSocket, nothing ever fails. So the kernel asks now and then.

use std::{io, os::fd::AsFd, time::Duration};

use rustix::net::sockopt;

/// How long nothing comes until the kernel asks whether somebody is there.
const ASK_AFTER: Duration = Duration::from_mins(2);
/// How long it waits for each answer.
const ASK_EVERY: Duration = Duration::from_secs(15);
/// How many questions may go without an answer until the connection ends.
const QUESTIONS: u32 = 4;

/// Has the kernel notice when the peer of a TCP connection vanishes (RFC 9293 section 3.8.4), three minutes later at most.
/// What is accepted from a listening socket is as that was, so it costs nothing for each connection.
///
/// # Errors
/// The socket is none of TCP.
pub(crate) fn notice(socket: impl AsFd) -> io::Result<()> {
    let socket = socket.as_fd();
    sockopt::set_tcp_keepidle(socket, ASK_AFTER)?;
    sockopt::set_tcp_keepintvl(socket, ASK_EVERY)?;
    sockopt::set_tcp_keepcnt(socket, QUESTIONS)?;
    Ok(sockopt::set_socket_keepalive(socket, true)?)
}
