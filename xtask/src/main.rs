//! Developer commands: `cargo xtask test`, `lint` and `bench`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "its output is for the person at the terminal"
)]

mod bench;
mod command;
mod conformance;
mod fuzz;
mod hygiene;
mod lint;
mod place;
mod setup;
mod step;
mod test;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
Usage: cargo xtask COMMAND

  test          Install what the tests need, and run them all.
  test quick    Format, lint and the tests that need neither a browser nor a release build.
  lint          Format, clippy, and the rules for files and documents.
  conformance [h2spec|websocket|testssl]
                Suites that others made, against a listener of the real program: all, or one. Installs them.
  fuzz [TARGET] Look for inputs that break what must always hold: all targets, or one. Installs cargo-fuzz.
                  --seconds N (60)
  bench gate    The figures that the product promises, each measured and set beside its target.
                  ROW … (all)  --rounds N (6)  --seconds N (5)  --connections N (64)  --json
                  --built: measure what was built before
";

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether everything that was asked for succeeded.
fn run() -> Result<bool> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["test"] => test::full(),
        ["test", "quick"] => test::quick(),
        ["lint"] => lint::run(),
        ["conformance", suites @ ..] => conformance::run(suites),
        ["fuzz", options @ ..] => fuzz::run(&fuzz::Options::parse(options)?),
        ["bench", options @ ..] => bench::run(&bench::options::Options::parse(options)?).map(|()| true),
        [] | ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(true)
        }
        other => bail!("There is no command `{}`.\n\n{USAGE}", other.join(" ")),
    }
}
