//! placeholder

use crate::{cli, exit::Failure, serve::Shell};

/// Runs it.
pub async fn run(_options: &cli::Demo, _shell: Shell) -> Result<(), Failure> {
    Ok(())
}
