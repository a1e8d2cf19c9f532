//! `cargo xtask fuzz`: looks for inputs for which a property of `doorward_testkit::properties` does not hold.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    command::{clear_logs, command, run_logged},
    place,
    step::{Done, Step, run_all},
};

const VERSION: &str = "0.13.1";

/// What to fuzz, and for how long.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Options {
    /// One target, or all.
    target: Option<String>,
    /// Seconds per target.
    seconds: u32,
}

impl Options {
    /// Reads the command line after `fuzz`.
    pub(crate) fn parse(arguments: &[&str]) -> Result<Self> {
        let mut options = Self { target: None, seconds: 60 };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            if *argument == "--seconds" {
                let given = arguments.next().context("--seconds needs a number.")?;
                options.seconds =
                    given.parse().with_context(|| format!("--seconds {given}: that is no number."))?;
                ensure!(options.seconds > 0, "--seconds must be at least 1.");
            } else if argument.starts_with('-') || options.target.is_some() {
                bail!("fuzz has no option `{argument}`.");
            } else {
                options.target = Some((*argument).to_owned());
            }
        }
        Ok(options)
    }
}

/// Installs what is needed, and runs the targets one after another.
pub(crate) fn run(options: &Options) -> Result<bool> {
    clear_logs()?;
    let all = targets()?;
    let chosen: Vec<&String> = match &options.target {
        None => all.iter().collect(),
        Some(target) => all.iter().filter(|known| *known == target).collect(),
    };
    ensure!(!chosen.is_empty(), "There is no such fuzz target. These are: {}.", all.join(", "));
    let install = Step::new("cargo-fuzz", |step| install(step).map(|()| Done::Passed));
    if !run_all(&[install]) {
        return Ok(false);
    }
    let program = program()?;
    let mut failed = Vec::new();
    for target in chosen {
        println!("\n{target}, {} s:", options.seconds);
        let status = fuzz(&program, target, options.seconds)?.status().context("cargo-fuzz did not start")?;
        if !status.success() {
            failed.push(target.as_str());
        }
    }
    if failed.is_empty() {
        println!("\nNothing was found.");
        return Ok(true);
    }
    println!("\nSomething was found by: {}. The input is below fuzz/artifacts.", failed.join(", "));
    println!("Add it to fuzz/corpus once the bug is mended: the tests replay it from there.");
    Ok(false)
}

/// Finds go to a directory of their own, not among the seeds; the seeds are read only.
fn fuzz(program: &Path, target: &str, seconds: u32) -> Result<Command> {
    let found = place::scratch(&format!("fuzz/corpus/{target}"))?;
    let seeds = place::root().join("fuzz/corpus").join(target);
    // No sanitizer: there is no unsafe code of ours to watch, and stable has none.
    let mut command = command(program, &["run", "--sanitizer", "none", "--target-dir"]);
    command.arg(place::scratch("fuzz/target")?).arg(target).arg(found).arg(seeds);
    command
        .arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .args(["-max_len=4096", "-print_final_stats=1"]);
    // The instrumentation of coverage is a compiler option that stable knows but does not show.
    command.env("RUSTC_BOOTSTRAP", "1");
    Ok(command)
}

fn targets() -> Result<Vec<String>> {
    let folder = place::root().join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("{} can't be read", folder.display()))? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

fn root() -> Result<PathBuf> {
    place::scratch(&format!("cargo-fuzz-{VERSION}"))
}

fn program() -> Result<PathBuf> {
    Ok(root()?.join("bin/cargo-fuzz"))
}

/// The pinned version, built once below the target directory.
fn install(step: &str) -> Result<()> {
    if program()?.is_file() {
        return Ok(());
    }
    let root = root()?;
    let arguments = ["install", "--locked", "--debug", "cargo-fuzz", "--version", VERSION, "--root"];
    let mut cargo = command("cargo", &arguments);
    run_logged(step, cargo.arg(&root).arg("--target-dir").arg(root.join("build")))?;
    // Nothing needs it any more; if it stays, it only takes room.
    let _ = fs::remove_dir_all(root.join("build"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_mistakes_refused() {
        let read = Options::parse(&["target", "--seconds", "5"]).expect("good options");
        assert_eq!(read, Options { target: Some("target".to_owned()), seconds: 5 });
        assert_eq!(Options::parse(&[]).expect("none").seconds, 60);
        for wrong in [&["--seconds"][..], &["--seconds", "0"], &["--fast"], &["a", "b"]] {
            assert!(Options::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn there_are_targets() {
        assert!(targets().expect("they are files").contains(&"target".to_owned()));
    }
}
