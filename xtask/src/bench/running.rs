//! A server that runs until it is dropped.

use std::{
    fs,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

/// Times in `/proc/PID/stat` are in hundredths of a second on every Linux (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// A server on a port of 127.0.0.1.
pub(super) struct Running {
    /// Its port.
    pub(super) port: u16,
    /// Its port with TLS; the same where it has none.
    pub(super) secure_port: u16,
    child: Child,
}

impl Running {
    /// Starts it and waits until the port answers.
    pub(super) fn start(command: &mut Command, port: u16) -> Result<Self> {
        let child =
            command.stdin(Stdio::null()).spawn().with_context(|| format!("{command:?} did not start"))?;
        let mut running = Self { port, secure_port: port, child };
        let start = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = running.child.try_wait()? {
                bail!("{command:?} ended with {status}");
            }
            if start.elapsed() > Duration::from_secs(20) {
                bail!("{command:?} does not listen on port {port}");
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(running)
    }

    /// The same, with a port that speaks TLS.
    pub(super) fn with_secure_port(self, secure_port: u16) -> Self {
        let mut running = self;
        running.secure_port = secure_port;
        running
    }

    /// Resident memory now, in KiB.
    pub(super) fn resident(&self) -> Result<f64> {
        self.memory("VmRSS:")
    }

    /// The most resident memory since [`Self::forget_peak`], in KiB.
    pub(super) fn peak(&self) -> Result<f64> {
        self.memory("VmHWM:")
    }

    /// Begins to look for the peak afresh (proc(5), `clear_refs`).
    pub(super) fn forget_peak(&self) -> Result<()> {
        let file = format!("/proc/{}/clear_refs", self.child.id());
        fs::write(&file, "5").with_context(|| format!("{file} can't be written"))
    }

    fn memory(&self, label: &str) -> Result<f64> {
        let file = format!("/proc/{}/status", self.child.id());
        let text = fs::read_to_string(&file).with_context(|| format!("{file} can't be read"))?;
        let line = text.lines().find_map(|line| line.strip_prefix(label));
        let number =
            line.and_then(|line| line.trim().strip_suffix(" kB")).and_then(|number| number.parse().ok());
        number.with_context(|| format!("{file} has no {label}"))
    }

    /// Processor time that it and its children took since they started.
    pub(super) fn processor_time(&self) -> Result<Duration> {
        let pid = self.child.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let mut ticks = 0;
        for pid in std::iter::once(pid.to_string()).chain(children.split_whitespace().map(str::to_owned)) {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat"))
                .with_context(|| format!("process {pid} is gone"))?;
            ticks += ticks_in(&stat).with_context(|| format!("/proc/{pid}/stat can't be read"))?;
        }
        Ok(TICK * ticks)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // TERM, so that nginx takes its workers along. What has ended already needs no signal.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// User and system time (proc(5), fields 14 and 15). The program's name comes before, and may contain anything.
fn ticks_in(stat: &str) -> Option<u32> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::ticks_in;

    #[test]
    fn processor_time_is_read_behind_an_odd_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 120 34 0 0 20 0 1 0 5 0 0";
        assert_eq!(ticks_in(stat), Some(154));
        assert_eq!(ticks_in("7 (a"), None);
    }
}
