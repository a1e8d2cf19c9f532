//! Programs that steps run: their output goes to a file, which is shown if they fail.

use std::{
    ffi::OsStr,
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use crate::place;

/// Longest time that one program may take. A hung test ends here with its output, not in a killed machine without.
const LIMIT: &str = "40m";

/// A program, run from the root of the repository, with a limit on its time.
pub(crate) fn command(program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--foreground", "--kill-after=10s", LIMIT]);
    command.arg(program).args(arguments).current_dir(place::root()).stdin(Stdio::null());
    command
}

/// `cargo` with the arguments.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    command("cargo", arguments)
}

/// Runs it to its end with its output in the log of the step called `name`. Returns that log.
///
/// # Errors
/// If it does not start or does not succeed; its whole output is in the message.
pub(crate) fn run_logged(name: &str, command: &mut Command) -> Result<String> {
    let path = place::scratch("log")?.join(format!("{}.log", name.replace(' ', "-")));
    let log = File::options().create(true).append(true).open(&path);
    let log = log.with_context(|| format!("{} can't be written", path.display()))?;
    let status = command.stdout(log.try_clone()?).stderr(log).status();
    let status = status.with_context(|| format!("{} did not start", shown(command)))?;
    if status.success() {
        return Ok(output_in(&path));
    }
    let why = if status.code() == Some(124) {
        format!("took longer than {LIMIT}")
    } else {
        format!("ended with {status}")
    };
    bail!("{}\n`{}` {why}", output_in(&path), shown(command))
}

/// Runs it to its end and returns what it printed to standard output, trimmed; `None` if it did not succeed.
pub(crate) fn answer(program: impl AsRef<OsStr>, arguments: &[&str]) -> Option<String> {
    let output = command(program, arguments).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Forgets the logs of an earlier run.
pub(crate) fn clear_logs() -> Result<()> {
    let directory = place::scratch("log")?;
    fs::remove_dir_all(&directory).with_context(|| format!("{} can't be removed", directory.display()))
}

fn output_in(path: &Path) -> String {
    fs::read(path)
        .map_or_else(|error| error.to_string(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// The command as one would type it, without the limit.
fn shown(command: &Command) -> String {
    let words: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    words.get(3..).unwrap_or(&words).join(" ")
}
