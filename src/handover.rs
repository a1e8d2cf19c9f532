//! A restart that nobody notices: this process starts its successor, hands it the listening sockets and the lock of the
//! data directory, and drains once the successor serves.
//!
//! The sockets are the same ones, not others on the same addresses: what the kernel has accepted waits in one queue, and
//! whoever takes it answers it. The lock is the same open file: it is held without a gap, from the start of the first
//! process to the end of the last, and nobody else gets in. Until the successor says that it serves, nothing has
//! changed for anybody; when it does not start, it never was.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    process::{Child, Command, Stdio},
};

use doorward_proxy::Socket;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

use crate::{
    exit::{Failure, Stop},
    inherited::Inherited,
};

/// The option that tells a process that its standard input is the way to its predecessor.
const OPTION: &str = "--take-over";
/// What is handed over beside sockets.
const LOCK: &str = "lock";
/// Ends the list.
const END: &str = "";
/// What the successor says when it serves.
const READY: &[u8] = b"ready";
/// Longer than any address.
const NAME_MAX: usize = 512;

/// A process that is starting to take this one's place.
pub(crate) struct Successor {
    child: Child,
    way: OwnedFd,
}

/// The way from a successor to the process that started it.
pub(crate) struct Predecessor(OwnedFd);

impl Successor {
    /// Starts the program again, as it is on the disk now, with the same arguments.
    pub(crate) fn start(sockets: &[(String, Socket)], lock: BorrowedFd<'_>) -> io::Result<Self> {
        let (way, other) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        let mut arguments = std::env::args_os();
        // The name, not /proc/self/exe: that would be the program that was replaced.
        let program = arguments.next().ok_or_else(|| io::Error::other("the program has no name"))?;
        let child = Command::new(program)
            .args(arguments.filter(|argument| argument != OPTION))
            .arg(OPTION)
            .stdin(Stdio::from(other))
            .spawn()?;
        let successor = Self { child, way };
        successor.hand_over(sockets, lock)?;
        Ok(successor)
    }

    fn hand_over(&self, sockets: &[(String, Socket)], lock: BorrowedFd<'_>) -> io::Result<()> {
        for (address, socket) in sockets {
            let socket = match socket {
                Socket::Tcp(socket) => socket.as_fd(),
                Socket::Unix(socket) => socket.as_fd(),
            };
            send(&self.way, address, Some(socket))?;
        }
        send(&self.way, LOCK, Some(lock))?;
        send(&self.way, END, None)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it serves.
    ///
    /// # Errors
    /// When it ends before.
    pub(crate) fn wait(mut self) -> io::Result<()> {
        let mut said = [0; READY.len()];
        let (_, length) = rustix::net::recv(&self.way, &mut said[..], RecvFlags::empty())?;
        if said.get(..length) == Some(READY) {
            return Ok(());
        }
        let status = self.child.wait()?;
        Err(io::Error::other(format!("it ended before it served ({status}); its own messages say why")))
    }
}

impl Predecessor {
    /// Takes what the process that started us hands over.
    ///
    /// # Errors
    /// When standard input is not the way to it.
    pub(crate) fn receive() -> Result<(Self, Inherited), Failure> {
        let failed = |error: io::Error| {
            let sentence =
                format!("nothing can be taken over: {error}; SIGUSR2 to a running server starts this");
            Failure::new(Stop::Port, sentence)
        };
        let way = io::stdin().as_fd().try_clone_to_owned().map_err(failed)?;
        let mut inherited = Inherited::default();
        loop {
            let (name, descriptor) = receive(&way).map_err(failed)?;
            match descriptor {
                None if name == END => return Ok((Self(way), inherited)),
                None => return Err(failed(io::Error::other("its predecessor ended"))),
                Some(lock) if name == LOCK => inherited.lock = Some(lock),
                Some(socket) => inherited.add(name, socket).map_err(failed)?,
            }
        }
    }

    /// Tells it that we serve.
    pub(crate) fn serving(self) {
        // One that is not there any more has nothing left to drain.
        let _ = rustix::net::send(&self.0, READY, SendFlags::NOSIGNAL);
    }
}

/// Sends a name, which a zero byte ends so that no message is empty, and a descriptor.
fn send(way: &OwnedFd, name: &str, descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let descriptors: Vec<BorrowedFd<'_>> = descriptor.into_iter().collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(&descriptors));
    }
    let text = [name.as_bytes(), b"\0"].concat();
    sendmsg(way, &[IoSlice::new(&text)], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

fn receive(way: &OwnedFd) -> io::Result<(String, Option<OwnedFd>)> {
    let mut text = [0; NAME_MAX];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received = recvmsg(way, &mut [IoSliceMut::new(&mut text)], &mut control, flags)?;
    let descriptor = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    let name = text.get(..received.bytes).and_then(|text| text.strip_suffix(b"\0"));
    let name = name.ok_or_else(|| io::Error::other("its predecessor ended"))?;
    Ok((String::from_utf8_lossy(name).into_owned(), descriptor))
}
