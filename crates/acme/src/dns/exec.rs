//! A program that changes the DNS. It is called with arguments; no shell reads them.

use std::{process::Stdio, time::Duration};

use tokio::process::Command;

/// How long it may run.
const TIMEOUT: Duration = Duration::from_mins(2);
/// Characters of its complaint that are shown.
const SHOWN: usize = 300;

pub(super) async fn run(command: &[String], action: &str, record: &str, value: &str) -> Result<(), String> {
    let (program, first) = command.split_first().ok_or("`command` names no program")?;
    let running = Command::new(program)
        .args(first)
        .args([action, record, value])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{program} can't be started: {error}"))?;
    let ended = tokio::time::timeout(TIMEOUT, running.wait_with_output()).await;
    let output = ended.map_err(|_| format!("{program} runs too long"))?.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said: String = String::from_utf8_lossy(&output.stderr).trim().chars().take(SHOWN).collect();
    Err(format!("{program} {action} failed ({}): {said:?}", output.status))
}
