//! What systemd is told (sd_notify(3)). Without `NOTIFY_SOCKET` nobody is there to be told.

use sd_notify::NotifyState;

/// Everything is served.
pub(crate) fn ready(services: usize) {
    tell(&[NotifyState::Ready, NotifyState::Status(&format!("serving {services} services"))]);
}

/// The configuration is being read again; `ready` follows.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => {
            tell(&[NotifyState::Reloading, now, NotifyState::Status("reading the configuration again")]);
        }
        Err(error) => tracing::debug!(%error, "the time of a reload can't be told"),
    }
}

/// No new connections any more.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("finishing what is under way")]);
}

/// Another process serves from now on.
pub(crate) fn successor(pid: u32) {
    tell(&[NotifyState::MainPid(pid), NotifyState::Ready]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd can't be told");
    }
}
