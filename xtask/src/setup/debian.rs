//! Packages of the operating system.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail, ensure};

use crate::{
    command::{answer, command, run_logged},
    place,
    step::Done,
};

/// A package of Debian, and whether what we want of it is there, wherever it came from.
struct Package {
    name: &'static str,
    is_there: fn() -> bool,
}

const BIND: Package = Package { name: "bind9", is_there: || Path::new("/usr/sbin/named").is_file() };
const CHROMIUM: Package = Package { name: "chromium", is_there: || chromium().is_some() };
const CADDY: Package = Package { name: "caddy", is_there: || place::program("caddy").is_some() };
const H2LOAD: Package = Package { name: "nghttp2-client", is_there: || place::program("h2load").is_some() };
const NGINX: Package = Package { name: "nginx-light", is_there: || place::program("nginx").is_some() };
const OPENSSL: Package = Package { name: "openssl", is_there: || place::program("openssl").is_some() };
const PEBBLE: Package = Package { name: "pebble", is_there: || place::program("pebble").is_some() };
const POSTGRESQL: Package = Package { name: "postgresql", is_there: || postgresql().is_some() };
const PYTHON: Package = Package {
    name: "python3-venv",
    is_there: || answer("python3", &["-c", "import ensurepip, venv"]).is_some(),
};
const TESTSSL: Package = Package { name: "testssl.sh", is_there: || place::program("testssl").is_some() };
const GO: Package = Package { name: "golang-go", is_there: || place::program("go").is_some() };
const WRK: Package = Package { name: "wrk", is_there: || place::program("wrk").is_some() };

/// For `cargo xtask test`.
pub(crate) fn for_all_tests(step: &'static str) -> Result<Done> {
    install(step, &[BIND, CHROMIUM, NGINX, OPENSSL, PEBBLE, POSTGRESQL, PYTHON, WRK])
}

/// For `cargo xtask test quick`.
pub(crate) fn for_quick_tests(step: &'static str) -> Result<Done> {
    install(step, &[BIND, OPENSSL, PEBBLE, POSTGRESQL])
}

/// For `cargo xtask conformance`.
pub(crate) fn for_conformance(step: &'static str) -> Result<Done> {
    install(step, &[GO, OPENSSL, PYTHON, TESTSSL])
}

/// For `cargo xtask bench`.
pub(crate) fn for_bench(step: &'static str) -> Result<Done> {
    install(step, &[CADDY, H2LOAD, NGINX, OPENSSL, WRK])
}

/// The browser of the browser tests.
pub(crate) fn chromium() -> Option<PathBuf> {
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(place::program)
}

/// PostgreSQL's `initdb`, which Debian keeps off the search path.
fn postgresql() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut files = versions.map(|version| version.path().join("bin/initdb"));
    files.find(|file| file.is_file()).or_else(|| place::program("initdb"))
}

fn install(step: &str, packages: &[Package]) -> Result<Done> {
    let missing = |packages: &[Package]| -> Vec<&'static str> {
        packages.iter().filter(|package| !(package.is_there)()).map(|package| package.name).collect()
    };
    let wanted = missing(packages);
    if wanted.is_empty() {
        return Ok(Done::Passed);
    }
    let names = wanted.join(" ");
    let Some(mut apt) = apt() else {
        bail!(
            "These are missing, and can't be installed from here: {names}. Run: sudo apt-get install {names}"
        );
    };
    eprint!("installing {names} … ");
    run_logged(step, apt.arg(script(&names)))?;
    let still = missing(packages).join(" ");
    ensure!(still.is_empty(), "These were installed, but what they are for is still not found: {still}");
    Ok(Done::Passed)
}

/// A root shell that waits for its script; `None` where there is no apt-get or no way to be root.
fn apt() -> Option<Command> {
    place::program("apt-get")?;
    if answer("id", &["-u"])? == "0" {
        return Some(command("sh", &["-c"]));
    }
    answer("sudo", &["-n", "true"])?;
    Some(command("sudo", &["-n", "sh", "-c"]))
}

/// Installs without starting servers: the policy file is the way to tell Debian so.
fn script(names: &str) -> String {
    format!(
        "set -e
        export DEBIAN_FRONTEND=noninteractive
        policy=/usr/sbin/policy-rc.d
        if [ ! -e $policy ]; then
            trap 'rm -f $policy' EXIT
            printf '#!/bin/sh\\nexit 101\\n' >$policy
            chmod +x $policy
        fi
        apt-get -o DPkg::Lock::Timeout=300 update
        apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends {names}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_installed_when_all_is_there() {
        let there = Package { name: "no-such-package", is_there: || true };
        assert_eq!(install("nothing", &[there]).expect("nothing to do"), Done::Passed);
    }

    #[test]
    fn servers_are_not_started_and_the_policy_file_goes_again() {
        let script = script("one two");
        assert!(script.ends_with("--no-install-recommends one two"));
        assert!(script.contains("trap 'rm -f $policy' EXIT"));
    }
}
