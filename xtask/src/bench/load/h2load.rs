//! What `h2load` prints.

use anyhow::{Context as _, Result, ensure};

use super::Printed;

/// Reads what `h2load --duration` prints. Anything but answers of 200 makes the figures worthless.
pub(super) fn parse(text: &str) -> Result<Printed> {
    let line = |label: &str| text.lines().find_map(|line| line.strip_prefix(label));
    // `5.02s` and what follows, separated by commas.
    let finished = line("finished in ").and_then(|rest| rest.split(", ").nth(1));
    let requests = line("requests: ").unwrap_or_default();
    let count = |label: &str| {
        let mut parts = requests.split(", ").filter_map(|part| part.strip_suffix(label));
        parts.next().and_then(|number| number.trim().parse::<u32>().ok())
    };
    let good = line("status codes: ").and_then(|rest| rest.split(" 2xx").next()?.trim().parse::<u32>().ok());
    let read = || {
        Some((
            finished?.strip_suffix(" req/s")?.parse::<f64>().ok()?,
            count(" done")?,
            count(" failed")?,
            good?,
        ))
    };
    let (per_second, done, failed, good) =
        read().with_context(|| format!("h2load printed something else:\n{text}"))?;
    ensure!(failed == 0 && good >= done && done > 0, "the load met errors:\n{text}");
    Ok(Printed { requests: done, per_second, half: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "starting benchmark...
finished in 2.00s, 38211.50 req/s, 41.54MB/s
requests: 76423 total, 77063 started, 76423 done, 76423 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 76430 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 83.08MB (87113236) total, 1.63MB (1707712) headers (space savings 91.33%), 74.63MB (78257152) data
";

    #[test]
    fn what_h2load_prints_is_read() {
        let read = parse(PRINTED).expect("good output");
        assert_eq!(read, Printed { requests: 76_423, per_second: 38_211.50, half: None });
        for wrong in [("0 failed", "3 failed"), ("76430 2xx", "70000 2xx"), ("finished in", "never in")] {
            assert!(parse(&PRINTED.replace(wrong.0, wrong.1)).is_err(), "{wrong:?}");
        }
    }
}
