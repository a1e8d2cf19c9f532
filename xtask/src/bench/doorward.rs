//! The server that is measured: the real program with a configuration file.

use std::{
    fs::{self, File},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use super::{cores::Cores, fresh_directory, running::Running, session};
use crate::place;

/// Starts it in front of the upstream. Returns the link that makes the first administrator, too.
pub(super) fn start(port: u16, upstream: u16, cores: &Cores) -> Result<(Running, String)> {
    let directory = fresh_directory("doorward")?;
    let file = directory.join("doorward.toml");
    fs::write(&file, configuration(&directory, port, upstream))
        .with_context(|| format!("{} can't be written", file.display()))?;
    let output = directory.join("output.log");
    let log = File::create(&output).with_context(|| format!("{} can't be written", output.display()))?;
    let mut command = cores.server(&place::target()?.join("release/doorward"));
    command.arg("serve").arg("--config").arg(&file).stdout(log.try_clone()?).stderr(log);
    let running = Running::start(&mut command, port).with_context(|| format!("see {}", output.display()))?;
    let link = wait_for_link(&output)?;
    Ok((running, link))
}

fn configuration(directory: &Path, port: u16, upstream: u16) -> String {
    format!(
        "domain = \"localhost\"\ndata_directory = {:?}\n\n\
         [public]\nscheme = \"http\"\nport = {port}\n\n\
         [[listeners]]\naddress = \"127.0.0.1:{port}\"\n\n\
         [services.app]\nhost = \"{}\"\nupstream = \"http://127.0.0.1:{upstream}\"\n\
         posture = \"sso\"\npolicy = \"users\"\nidentity_headers = true\n",
        directory.join("state").display().to_string(),
        session::HOST,
    )
}

/// It listens before it prints the link.
fn wait_for_link(output: &Path) -> Result<String> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(10) {
        let text =
            fs::read_to_string(output).with_context(|| format!("{} can't be read", output.display()))?;
        // A line is whole when its end is there.
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        if let Some(link) = lines.flat_map(str::split_whitespace).find(|word| word.contains("/setup/")) {
            return Ok(link.to_owned());
        }
        thread::sleep(Duration::from_millis(20));
    }
    bail!("no set-up link was printed; see {}", output.display())
}
