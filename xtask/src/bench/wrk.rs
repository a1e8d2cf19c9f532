//! The load.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use super::{cores::Cores, http, running::Running};
use crate::place;

/// Who asks, and how hard.
pub(super) struct Load<'a> {
    pub(super) connections: u32,
    pub(super) cookie: &'a str,
    pub(super) cores: &'a Cores,
}

/// What one drive of one server showed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Drive {
    /// Requests per second.
    pub(super) per_second: f64,
    /// Half of the requests took at most this.
    pub(super) half: Duration,
    /// 99 of 100 requests took at most this.
    pub(super) most: Duration,
    /// Microseconds of processor time per request.
    pub(super) cost: f64,
    /// Share of its core that the server used, 0 to 1.
    pub(super) busy: f64,
}

/// What `wrk` printed.
#[derive(PartialEq, Debug)]
struct Printed {
    requests: u32,
    per_second: f64,
    half: Duration,
    most: Duration,
}

impl Load<'_> {
    /// Drives a server. Both servers get the same bytes; only the port in them differs.
    pub(super) fn drive(&self, server: &Running, seconds: u32) -> Result<Drive> {
        let mut command = self.cores.load(&place::program("wrk").context("wrk is missing")?);
        command.arg("--threads=1").arg("--latency").arg(format!("--connections={}", self.connections));
        command.arg(format!("--duration={seconds}s")).arg("--timeout=10s");
        command.arg("-H").arg(format!("Host: {}", http::authority(server.port)));
        command.arg("-H").arg(format!("Cookie: {}", self.cookie));
        command.arg(format!("http://127.0.0.1:{}/", server.port));
        let before = server.processor_time()?;
        let output = command.output().context("wrk did not start")?;
        let spent = server.processor_time()?.saturating_sub(before);
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(
            output.status.success(),
            "wrk ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        let Printed { requests, per_second, half, most } = parse(&text)?;
        let cost = spent.as_secs_f64() * 1e6 / f64::from(requests.max(1));
        let busy = spent.as_secs_f64() / f64::from(seconds);
        Ok(Drive { per_second, half, most, cost, busy })
    }
}

/// Reads what `wrk --latency` prints. Anything but answers of 200 makes the figures worthless.
fn parse(text: &str) -> Result<Printed> {
    for bad in ["Non-2xx or 3xx responses", "Socket errors"] {
        if let Some(line) = text.lines().find(|line| line.contains(bad)) {
            bail!("the load met errors: {}", line.trim());
        }
    }
    let after = |label: &str| {
        let mut words = text.lines().filter_map(|line| line.trim().strip_prefix(label));
        words.next().and_then(|rest| rest.split_whitespace().next())
    };
    let all = text.lines().find_map(|line| line.trim().split_once(" requests in "));
    let read = || {
        Some(Printed {
            requests: all?.0.parse().ok()?,
            per_second: after("Requests/sec:")?.parse().ok()?,
            half: duration(after("50%")?)?,
            most: duration(after("99%")?)?,
        })
    };
    read().with_context(|| format!("wrk printed something else:\n{text}"))
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "Running 5s test @ http://127.0.0.1:1/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.31ms  211.09us   9.61ms   94.54%
    Req/Sec    49.02k     1.53k   51.41k    82.00%
  Latency Distribution
     50%    1.28ms
     75%    1.33ms
     90%    1.42ms
     99%  987.00us
  243893 requests in 5.00s, 276.33MB read
Requests/sec:  48767.93
Transfer/sec:     55.25MB
";

    #[test]
    fn what_wrk_prints_is_read() {
        let read = parse(PRINTED).expect("good output");
        let (half, most) = (Duration::from_micros(1_280), Duration::from_micros(987));
        assert_eq!(read, Printed { requests: 243_893, per_second: 48_767.93, half, most });
        assert!(parse("Unable to connect").is_err());
    }

    #[test]
    fn a_drive_with_errors_is_worthless() {
        for error in
            ["  Non-2xx or 3xx responses: 3\n", "  Socket errors: connect 0, read 1, write 0, timeout 0\n"]
        {
            let text = format!("{PRINTED}{error}");
            assert!(parse(&text).expect_err("refused").to_string().contains(error.trim()));
        }
    }
}
