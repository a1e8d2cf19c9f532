//! `cargo deny`: licences, banned crates, sources and advisories.

use std::path::PathBuf;

use anyhow::Result;

use crate::{
    command::{command, run_logged},
    place,
    step::Done,
};

const VERSION: &str = "0.20.2";

/// Checks everything that `deny.toml` holds. Advisories need their database, which is not everywhere within reach.
pub(crate) fn check(step: &'static str) -> Result<Done> {
    let program = install(step)?;
    run_logged(step, &mut command(&program, &["--locked", "check", "bans", "licenses", "sources"]))?;
    // Under another name: that this fails is not a failure of the step.
    if run_logged("advisory database", &mut command(&program, &["--locked", "fetch", "db"])).is_err() {
        return Ok(Done::Partly("advisories, because their database can't be reached".to_owned()));
    }
    run_logged(step, &mut command(&program, &["--locked", "check", "--disable-fetch", "advisories"]))?;
    Ok(Done::Passed)
}

/// The pinned version, built once below the target directory. It is not optimised: its work is small.
fn install(step: &str) -> Result<PathBuf> {
    let root = place::scratch(&format!("cargo-deny-{VERSION}"))?;
    let program = root.join("bin/cargo-deny");
    if !program.is_file() {
        eprint!("building cargo-deny {VERSION}, which takes two minutes … ");
        let mut cargo = command(
            "cargo",
            &["install", "--locked", "--debug", "cargo-deny", "--version", VERSION, "--root"],
        );
        run_logged(step, cargo.arg(&root).arg("--target-dir").arg(root.join("build")))?;
        // Half a gigabyte that nothing needs any more; if it stays, it only takes room.
        let _ = std::fs::remove_dir_all(root.join("build"));
    }
    Ok(program)
}
