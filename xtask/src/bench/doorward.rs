//! The server that is measured: the real program with a configuration file.

use std::{
    fmt::Write as _,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use super::{fresh_directory, running::Running, session, tls::Certificate};
use crate::place;

/// A host without a gate.
pub(super) const OPEN: &str = "open.localhost";

/// A directory with a configuration, to start servers from.
pub(super) struct Installation {
    directory: PathBuf,
    port: u16,
    secure_port: u16,
}

impl Installation {
    /// `services` beside the one that is measured and the one without a gate.
    pub(super) fn make(name: &str, ports: [u16; 2], upstream: u16, services: usize) -> Result<Self> {
        Self::with(name, ports, upstream, services, "")
    }

    /// The same with more lines at the top of the file.
    pub(super) fn with(
        name: &str,
        ports: [u16; 2],
        upstream: u16,
        services: usize,
        lines: &str,
    ) -> Result<Self> {
        let directory = fresh_directory(name)?;
        let certificate = Certificate::make(&directory)?;
        let [port, secure_port] = ports;
        let installation = Self { directory, port, secure_port };
        let file = installation.file();
        fs::write(&file, format!("{lines}{}", installation.configuration(upstream, services, &certificate)))
            .with_context(|| format!("{} can't be written", file.display()))?;
        Ok(installation)
    }

    fn file(&self) -> PathBuf {
        self.directory.join("doorward.toml")
    }

    /// The database.
    pub(super) fn database(&self) -> PathBuf {
        self.directory.join("state/doorward.db")
    }

    /// Starts the server. Returns the link that makes the first administrator, too.
    pub(super) fn start_new(&self, place_on_core: impl Fn(&Path) -> Command) -> Result<(Running, String)> {
        let running = self.start(place_on_core)?;
        Ok((running, wait_for_link(&self.output())?))
    }

    fn output(&self) -> PathBuf {
        self.directory.join("output.log")
    }

    /// Starts the server once more.
    pub(super) fn start(&self, place_on_core: impl Fn(&Path) -> Command) -> Result<Running> {
        let output = self.output();
        let log = File::create(&output).with_context(|| format!("{} can't be written", output.display()))?;
        let mut command = place_on_core(&program()?);
        command.arg("serve").arg("--config").arg(self.file()).stdout(log.try_clone()?).stderr(log);
        let running = Running::start(&mut command, self.port);
        let running = running.with_context(|| format!("see {}", output.display()))?;
        Ok(running.with_secure_port(self.secure_port))
    }

    fn configuration(&self, upstream: u16, services: usize, certificate: &Certificate) -> String {
        let upstream = format!("upstream = \"http://127.0.0.1:{upstream}\"");
        let gated = "posture = \"sso\"\npolicy = \"users\"\nidentity_headers = true";
        let mut text = format!(
            "domain = \"localhost\"\ndata_directory = {state:?}\n\n\
             [public]\nscheme = \"http\"\nport = {port}\n\n\
             [[listeners]]\naddress = \"127.0.0.1:{port}\"\n\n\
             [[listeners]]\naddress = \"127.0.0.1:{secure_port}\"\n\
             tls = {{ certificate_file = {chain:?}, key_file = {key:?} }}\n\n\
             [services.app]\nhost = \"{host}\"\n{upstream}\n{gated}\n\n\
             [services.open]\nhost = \"{OPEN}\"\n{upstream}\nposture = \"public\"\n",
            state = self.directory.join("state").display().to_string(),
            port = self.port,
            secure_port = self.secure_port,
            chain = certificate.chain.display().to_string(),
            key = certificate.key.display().to_string(),
            host = session::HOST,
        );
        for number in 0..services {
            // Writing to a string can't fail.
            let _ =
                write!(text, "\n[services.s{number}]\nhost = \"s{number}.localhost\"\n{upstream}\n{gated}\n");
        }
        text
    }
}

/// The release binary.
pub(super) fn program() -> Result<PathBuf> {
    Ok(place::target()?.join("release/doorward"))
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
