//! `cargo xtask conformance`: suites that others made, against a listener of the real program.

mod server;

use std::{fs, process::Command};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    command::{answer, clear_logs, command, run_logged},
    place,
    setup::debian,
    step::{Done, Step, run_all},
};
use server::Server;

const H2SPEC: &str = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible";
const WEBSOCKETS: &str = "websockets==15.0.1";

/// What testssl grades and this set-up can't have: a certificate that somebody vouches for, a name in the DNS, headers
/// of an application. Nor is there an order of ciphers: all that are offered are equally good, so clients choose the
/// one that is quickest for them.
const NOT_OURS: [&str; 12] = [
    "cipher_order",
    "security_headers",
    "cert_trust",
    "cert_chain_of_trust",
    "cert_revocation",
    "cert_ocspURL",
    "cert_notAfter",
    "cert_validityPeriod",
    "DNS_CAArecord",
    "overall_grade",
    "HSTS",
    "cert_expirationStatus",
];

/// Runs one suite, or all.
pub(crate) fn run(suites: &[&str]) -> Result<bool> {
    let all = ["h2spec", "websocket", "testssl"];
    if let Some(unknown) = suites.iter().find(|suite| !all.contains(suite)) {
        bail!("There is no suite `{unknown}`. These are: {}.", all.join(", "));
    }
    clear_logs()?;
    let wanted = |name: &str| suites.is_empty() || suites.contains(&name);
    let mut steps = vec![Step::new("packages", debian::for_conformance), Step::new("build", build)];
    if wanted("h2spec") {
        steps.push(Step::new("h2spec", h2spec).needs(&["packages", "build"]));
    }
    if wanted("websocket") {
        steps.push(Step::new("websocket", websocket).needs(&["packages", "build"]));
    }
    if wanted("testssl") {
        steps.push(Step::new("testssl", testssl).needs(&["packages", "build"]));
    }
    Ok(run_all(&steps))
}

fn build(step: &'static str) -> Result<Done> {
    run_logged(step, &mut command("cargo", &["build", "--locked"]))?;
    Ok(Done::Passed)
}

/// RFC 9113 and RFC 7541.
fn h2spec(step: &'static str) -> Result<Done> {
    let directory = place::scratch("h2spec")?;
    let program = directory.join("h2spec");
    if !program.is_file() {
        let go = place::program("go").context("h2spec is built with Go, which is not installed")?;
        run_logged(step, command(go, &["install", H2SPEC]).env("GOBIN", &directory))?;
    }
    let server = Server::start()?;
    let port = server.port.to_string();
    let arguments = ["--host", "localhost", "--port", &port, "--tls", "--insecure", "--timeout", "3"];
    let output = run_logged(step, &mut command(program, &arguments))?;
    say(output.lines().rev().find(|line| line.contains(" tests, ")))
}

/// RFC 6455 and RFC 7692, between a client and a server that disagree with nothing but the gate between them.
fn websocket(step: &'static str) -> Result<Done> {
    let environment = place::scratch("conformance-python")?;
    let python = environment.join("bin/python");
    if answer(&python, &["-c", "import websockets"]).is_none() {
        run_logged(step, command("python3", &["-m", "venv", "--clear"]).arg(&environment))?;
        run_logged(step, &mut command(&python, &["-m", "pip", "install", "--no-input", WEBSOCKETS]))?;
    }
    let server = Server::start()?;
    let (gate, application) = (server.port.to_string(), server.sockets.to_string());
    let script = "tests/conformance/websocket.py";
    let output = run_logged(step, &mut command(python, &[script, &gate, &application, "sockets.localhost"]))?;
    say(output.lines().find(|line| line.contains("exchanges of bytes")))?;
    say(output.lines().find(|line| line.contains("exchanges of messages")))
}

/// What a scanner finds about the TLS of a listener.
fn testssl(step: &'static str) -> Result<Done> {
    let server = Server::start()?;
    let report = place::scratch("testssl")?.join("report.json");
    let _ = fs::remove_file(&report);
    let program = place::program("testssl").context("testssl is not installed")?;
    let target = format!("localhost:{}", server.port);
    let mut scan: Command =
        command(program, &["--quiet", "--color", "0", "--warnings", "off", "--ip", "127.0.0.1"]);
    // Its exit code counts what it can't test; its report says what it found.
    let _ = run_logged(step, scan.arg("--jsonfile").arg(&report).arg(target));
    let report = fs::read_to_string(&report).context("testssl wrote no report")?;
    let (found, bad) = findings(&report);
    ensure!(found > 80, "testssl found only {found} things to say");
    ensure!(bad.is_empty(), "testssl finds:\n{}", bad.join("\n"));
    say(Some(&format!("{found} findings, none of them MEDIUM or worse")))
}

/// How many findings there are, and those that are bad.
fn findings(report: &str) -> (usize, Vec<String>) {
    let value = |text: &str, name: &str| {
        let (_, rest) = text.split_once(&format!("\"{name}\""))?;
        rest.split('"').nth(1).map(str::to_owned)
    };
    let entries: Vec<&str> = report.split("\"id\"").skip(1).collect();
    let mut bad = Vec::new();
    for entry in &entries {
        let id = entry.split('"').nth(1).unwrap_or_default();
        let severity = value(entry, "severity").unwrap_or_default();
        let ours = !NOT_OURS.iter().any(|name| id.starts_with(name));
        if ours && ["MEDIUM", "HIGH", "CRITICAL", "FATAL"].contains(&severity.as_str()) {
            bad.push(format!("{severity} {id}: {}", value(entry, "finding").unwrap_or_default()));
        }
    }
    (entries.len(), bad)
}

fn say(line: Option<&str>) -> Result<Done> {
    print!("{} … ", line.context("it does not say how it ended")?.trim());
    Ok(Done::Passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_findings_are_found_and_others_are_not() {
        let entry = |id: &str, severity: &str| {
            format!(
                "{{ \"id\" : \"{id}\", \"ip\" : \"x\", \"severity\" : \"{severity}\", \"finding\" : \"f\" }},"
            )
        };
        let report = [entry("TLS1", "OK"), entry("BREACH", "HIGH"), entry("cert_trust", "CRITICAL")].concat();
        assert_eq!(findings(&report), (3, vec!["HIGH BREACH: f".to_owned()]));
    }

    #[test]
    fn an_unknown_suite_is_named() {
        assert!(run(&["h3spec"]).expect_err("unknown").to_string().contains("h3spec"));
    }
}
