//! `doorward serve --config FILE`.

use std::{io::IsTerminal as _, path::Path};

use crate::{
    command::check,
    config,
    exit::Failure,
    serve::{self, Shell, Signals},
    terminal::{complain, say},
};

/// Serves until a signal comes.
pub async fn run(file: &Path, shell: Shell) -> Result<(), Failure> {
    let signals = Signals::listen()?;
    let loaded = config::load(file).map_err(check::failure)?;
    if !loaded.warnings.is_empty() {
        complain(loaded.source.render(&loaded.warnings, std::io::stderr().is_terminal()).trim_end());
    }
    let portal = loaded.config.portal.origin.clone();
    let mut running = serve::start(loaded, shell).await?;
    say(&match &running.setup_link {
        Some(link) => {
            format!("Make yourself the first administrator (this link works once, for 24 hours):\n  {link}\n")
        }
        None => format!("Serving {portal}\n"),
    });
    signals.serve(&running, file).await;
    running.shut_down().await;
    Ok(())
}
