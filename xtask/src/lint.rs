//! `cargo xtask lint`.

use anyhow::Result;

use crate::{
    command::{cargo, clear_logs, run_logged},
    hygiene,
    step::{Done, Step, run_all},
};

/// Runs the steps that read the sources without running them.
pub(crate) fn run() -> Result<bool> {
    clear_logs()?;
    Ok(run_all(&steps()))
}

/// The same steps, for `test`.
pub(crate) fn steps() -> Vec<Step> {
    vec![Step::new("format", format), Step::new("files", hygiene::check), Step::new("clippy", clippy)]
}

fn format(name: &'static str) -> Result<Done> {
    run_logged(name, &mut cargo(&["fmt", "--all", "--check"]))?;
    Ok(Done::Passed)
}

fn clippy(name: &'static str) -> Result<Done> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    run_logged(name, &mut cargo(&arguments))?;
    Ok(Done::Passed)
}
