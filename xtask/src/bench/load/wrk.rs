//! What `wrk` prints.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::Printed;

/// Reads what `wrk --latency` prints. Anything but answers of 200 makes the figures worthless.
pub(super) fn parse(text: &str) -> Result<Printed> {
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
            half: Some(duration(after("50%")?)?),
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
        let half = Some(Duration::from_micros(1_280));
        assert_eq!(read, Printed { requests: 243_893, per_second: 48_767.93, half });
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
