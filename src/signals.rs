//! The signals that a server obeys.

use std::{io, path::Path};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::JoinHandle,
};

use crate::{
    exit::{Failure, Stop},
    notify,
    serve::Running,
};

/// The signals that a server obeys. Listen before anybody can know that it runs: one that comes earlier would end the
/// process.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    replace: Signal,
}

/// Why a server stops serving.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// It shall stop.
    Stopped,
    /// Another process serves in its place.
    HandedOver,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the system does not allow it; then nothing could stop the server in an orderly way.
    pub fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Failure::new(Stop::File, format!("signals can't be received: {error}")))
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
            replace: listen(SignalKind::user_defined2())?,
        })
    }

    /// Serves until SIGTERM or SIGINT; SIGHUP reads the configuration again; SIGUSR2 starts a successor and ends when
    /// that serves.
    pub async fn serve(&mut self, running: &Running, file: &Path) -> Ending {
        notify::ready(running.services());
        let mut replacing: Option<JoinHandle<io::Result<u32>>> = None;
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return Ending::Stopped,
                _ = self.interrupt.recv() => return Ending::Stopped,
                _ = self.hangup.recv() => reload(running, file),
                _ = self.replace.recv(), if replacing.is_none() => replacing = replace(running),
                done = finished(&mut replacing), if replacing.is_some() => {
                    replacing = None;
                    match done {
                        Ok(pid) => {
                            tracing::info!(pid, "another process serves now; this one finishes what it began");
                            notify::successor(pid);
                            return Ending::HandedOver;
                        }
                        Err(error) => tracing::error!("no other process took over, this one goes on: {error}"),
                    }
                }
            }
        }
    }

    /// Returns when the server shall not even wait for what is under way.
    pub async fn hurry(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn reload(running: &Running, file: &Path) {
    notify::reloading();
    match running.reload(file) {
        Ok(()) => tracing::info!(file = %file.display(), "configuration reloaded"),
        Err(reason) => {
            tracing::error!(file = %file.display(), "configuration not reloaded, the former one stays in force: {reason}");
        }
    }
    notify::ready(running.services());
}

fn replace(running: &Running) -> Option<JoinHandle<io::Result<u32>>> {
    match running.start_successor() {
        Ok(successor) => {
            let pid = successor.pid();
            tracing::info!(pid, "another process starts to take over");
            Some(tokio::task::spawn_blocking(move || successor.wait().map(|()| pid)))
        }
        Err(error) => {
            tracing::error!("no other process can be started to take over: {error}");
            None
        }
    }
}

async fn finished(replacing: &mut Option<JoinHandle<io::Result<u32>>>) -> io::Result<u32> {
    match replacing {
        Some(task) => task.await.map_err(io::Error::other)?,
        None => std::future::pending().await,
    }
}
