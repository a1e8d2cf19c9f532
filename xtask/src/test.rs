//! `cargo xtask test`.

use anyhow::{Context as _, Result, ensure};

use crate::{
    command::{cargo, clear_logs, command, run_logged},
    lint, place,
    setup::{self, debian, node, python},
    step::{Done, Step, run_all},
};

/// Everything: what continuous integration runs.
pub(crate) fn full() -> Result<bool> {
    clear_logs()?;
    let mut steps = vec![Step::new("packages", debian::for_all_tests)];
    steps.extend(lint::steps());
    steps.extend([
        Step::new("cargo test", cargo_test).needs(&["packages"]),
        Step::new("documentation", documentation),
        Step::new("cargo deny", setup::deny::check),
        Step::new("release build", release_build),
        Step::new("selftest", selftest).needs(&["release build"]),
        Step::new("python packages", python::install).needs(&["packages"]),
        Step::new("forward-auth by Envoy", envoy_tests).needs(&["cargo test", "python packages"]),
        Step::new("node packages", node::install).needs(&["python packages"]),
        Step::new("browser tests", browser_tests).needs(&["release build", "node packages"]),
    ]);
    Ok(run_all(&steps))
}

/// What takes less than five minutes: neither a browser nor a release build.
pub(crate) fn quick() -> Result<bool> {
    clear_logs()?;
    let mut steps = vec![Step::new("packages", debian::for_quick_tests)];
    steps.extend(lint::steps());
    steps.push(Step::new("cargo test", cargo_test).needs(&["packages"]));
    let passed = run_all(&steps);
    println!("Quick: no documentation, cargo deny, release build, selftest or browser tests.");
    Ok(passed)
}

fn cargo_test(name: &'static str) -> Result<Done> {
    let output = run_logged(name, &mut cargo(&["test", "--workspace", "--locked"]))?;
    Ok(unless_skipped(ignored(&output)))
}

fn documentation(name: &'static str) -> Result<Done> {
    let mut command = cargo(&["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"]);
    run_logged(name, command.env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(Done::Passed)
}

fn release_build(name: &'static str) -> Result<Done> {
    run_logged(name, &mut cargo(&["build", "--release", "--locked"]))?;
    Ok(Done::Passed)
}

fn selftest(name: &'static str) -> Result<Done> {
    // Port 0: another demo may run on this machine.
    let arguments = ["run", "--release", "--locked", "--", "demo", "--selftest", "--port", "0"];
    run_logged(name, &mut cargo(&arguments))?;
    Ok(Done::Passed)
}

fn browser_tests(name: &'static str) -> Result<Done> {
    let folder = place::root().join("tests/browser");
    let mut files = Vec::new();
    for entry in folder.read_dir().with_context(|| format!("{} can't be read", folder.display()))? {
        let path = entry?.path().to_string_lossy().into_owned();
        if path.ends_with(".test.mjs") {
            files.push(path);
        }
    }
    files.sort();
    ensure!(!files.is_empty(), "there is no *.test.mjs in {}", folder.display());
    let mut command = command(node::program("node")?, &["--test"]);
    command.args(files).env("DOORWARD_BIN", place::target()?.join("release/doorward"));
    command.env("CHROMIUM", debian::chromium().context("there is no Chromium")?);
    command.env("DOORWARD_TEST_GLANCES", python::program("glances")?);
    let output = run_logged(name, &mut command)?;
    Ok(unless_skipped(skipped(&output)))
}

/// The tests that are ignored where Envoy is not installed.
fn envoy_tests(name: &'static str) -> Result<Done> {
    let arguments = ["test", "--locked", "--package", "doorward", "--test", "it", "forward_auth::envoy"];
    let mut command = cargo(&arguments);
    command.args(["--", "--ignored"]).env("DOORWARD_TEST_ENVOY", python::program("envoy")?);
    let output = run_logged(name, &mut command)?;
    ensure!(output.contains("test result: ok. 5 passed"), "not all tests of Envoy ran");
    Ok(Done::Passed)
}

fn unless_skipped(tests: u32) -> Done {
    if tests == 0 { Done::Passed } else { Done::Partly(format!("{tests} tests, because they are marked so")) }
}

/// Ignored tests in what `cargo test` prints.
fn ignored(output: &str) -> u32 {
    let results = output.lines().filter(|line| line.starts_with("test result: "));
    let counts = results.flat_map(|line| line.split("; ")).filter_map(|part| part.strip_suffix(" ignored"));
    counts.filter_map(|count| count.parse::<u32>().ok()).sum()
}

/// Skipped tests in what `node --test` prints, for either of its reporters.
fn skipped(output: &str) -> u32 {
    let labels = ["# skipped ", "# todo ", "ℹ skipped ", "ℹ todo "];
    let counts = output.lines().filter_map(|line| labels.iter().find_map(|label| line.strip_prefix(label)));
    counts.filter_map(|count| count.parse::<u32>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_that_did_not_run_are_counted() {
        let cargo = "test result: ok. 3 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
                     test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        assert_eq!(ignored(cargo), 3);
        assert_eq!(skipped("# pass 4\n# skipped 1\n# todo 1\n"), 2);
        assert_eq!(skipped("ℹ pass 4\nℹ skipped 0\nℹ todo 0\n"), 0);
    }
}
