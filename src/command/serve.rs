//! `doorward serve --config FILE`.

use std::{io::IsTerminal as _, path::Path};

use doorward_core::config::Config;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{
    command::check,
    config,
    exit::Failure,
    handover::Predecessor,
    inherited::Inherited,
    notify,
    serve::{self, Shell},
    signals::{Ending, Signals},
    terminal::{complain, say},
};

/// Serves until a signal comes. With `take_over`, what a predecessor hands over comes by standard input.
pub async fn run(file: &Path, take_over: bool, shell: Shell) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let (predecessor, inherited) = if take_over {
        let (predecessor, inherited) = Predecessor::receive()?;
        (Some(predecessor), inherited)
    } else {
        (None, Inherited::from_systemd()?)
    };
    let loaded = config::load(file).map_err(check::failure)?;
    if !loaded.warnings.is_empty() {
        complain(loaded.source.render(&loaded.warnings, std::io::stderr().is_terminal()).trim_end());
    }
    let portal = loaded.config.portal.origin.clone();
    descriptors(&loaded.config);
    let mut running = serve::start_with(loaded, shell, inherited).await?;
    say(&match &running.setup_link {
        Some(link) => {
            format!("Make yourself the first administrator (this link works once, for 24 hours):\n  {link}\n")
        }
        None => format!("Serving {portal}\n"),
    });
    if let Some(predecessor) = predecessor {
        predecessor.serving();
    }
    match signals.serve(&running, file).await {
        Ending::Stopped => {
            notify::stopping();
            tokio::select! {
                () = running.shut_down() => {}
                () = signals.hurry() => {}
            }
        }
        Ending::HandedOver => tokio::select! {
            () = running.drain() => {}
            () = signals.hurry() => {}
        },
    }
    Ok(())
}

/// Takes as many file descriptors as the system allows: each connection needs one, and most need another to an upstream.
fn descriptors(config: &Config) {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::debug!(%error, "the limit of file descriptors can't be raised");
    }
    let needed = config.listening.limits.connections.saturating_mul(2);
    let allowed = getrlimit(Resource::Nofile).current;
    if let Some(allowed) = allowed.filter(|allowed| *allowed < needed as u64) {
        tracing::warn!(
            allowed,
            needed,
            "fewer file descriptors than `limits.connections` may need; raise LimitNOFILE or lower it"
        );
    }
}
