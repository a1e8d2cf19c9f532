//! A signed-in person: the visitor with its software passkey walks through the front door once.

use anyhow::{Context as _, Result, ensure};

use super::http;
use crate::{command::command, place};

/// The host of the service that is measured.
pub(super) const HOST: &str = "app.localhost";
/// The first administrator.
pub(super) const USERNAME: &str = "ada";

/// Makes the first administrator, opens the service, and returns the cookie of that host as `name=value`.
pub(super) fn cookie(setup_link: &str, port: u16) -> Result<String> {
    let program = place::target()?.join("release/examples/session");
    let service = format!("http://{}/", http::authority(HOST, port));
    let address = format!("127.0.0.1:{port}");
    let output = command(&program, &[setup_link, USERNAME, &service, &address]).output();
    let output = output.with_context(|| format!("{} did not start", program.display()))?;
    ensure!(output.status.success(), "no session: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8(output.stdout).context("a cookie is text")?.trim().to_owned())
}
