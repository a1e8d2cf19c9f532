//! Python packages: real applications that the tests put behind the gate.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use crate::{
    command::{answer, command, run_logged},
    place,
    step::Done,
};

/// The pinned packages, in the repository.
const REQUIREMENTS: &str = "tests/requirements.txt";

/// Makes the environment, once per content of the requirements.
pub(crate) fn install(step: &'static str) -> Result<Done> {
    let wanted = std::fs::read_to_string(place::root().join(REQUIREMENTS))
        .with_context(|| format!("{REQUIREMENTS} can't be read"))?;
    let stamp = environment()?.join("requirements.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) && program("python").is_ok()
    {
        return Ok(Done::Passed);
    }
    let directory = environment()?;
    run_logged(step, command("python3", &["-m", "venv", "--clear"]).arg(&directory))?;
    pip(step, &["-r", REQUIREMENTS])?;
    std::fs::write(&stamp, wanted).with_context(|| format!("{} can't be written", stamp.display()))?;
    Ok(Done::Passed)
}

/// Installs more into the environment.
pub(crate) fn pip(step: &str, what: &[&str]) -> Result<()> {
    let arguments = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input"];
    run_logged(step, command(program("python")?, &arguments).args(what))?;
    Ok(())
}

/// A program of the environment.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    let file = environment()?.join("bin").join(name);
    ensure!(answer("test", &["-x", &file.to_string_lossy()]).is_some(), "{} is missing", file.display());
    Ok(file)
}

fn environment() -> Result<PathBuf> {
    place::scratch("python")
}
