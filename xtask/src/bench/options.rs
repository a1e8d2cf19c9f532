//! The options of `bench`.

use anyhow::{Context as _, Result, bail, ensure};

use super::names;

/// What, how long and how hard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Options {
    /// The rows to measure; none means all.
    pub(crate) rows: Vec<String>,
    /// How many times each server is driven.
    pub(crate) rounds: u32,
    /// Seconds of one drive.
    pub(crate) seconds: u32,
    /// Connections that are kept open.
    pub(crate) connections: u32,
    /// Measure what was built before, however it was built.
    pub(crate) built: bool,
    /// Print JSON and nothing else.
    pub(crate) json: bool,
}

impl Options {
    /// Reads the command line after `bench`.
    pub(crate) fn parse(arguments: &[&str]) -> Result<Self> {
        let mut options =
            Self { rows: Vec::new(), rounds: 6, seconds: 5, connections: 64, built: false, json: false };
        // The gate is what there is to measure so far.
        let mut arguments = arguments.strip_prefix(&["gate"]).unwrap_or(arguments).iter();
        while let Some(name) = arguments.next() {
            let number = match *name {
                "--json" => {
                    options.json = true;
                    continue;
                }
                "--built" => {
                    options.built = true;
                    continue;
                }
                "--rounds" => &mut options.rounds,
                "--seconds" => &mut options.seconds,
                "--connections" => &mut options.connections,
                row if names().any(|name| name == row) => {
                    options.rows.push(row.to_owned());
                    continue;
                }
                other => {
                    let rows: Vec<_> = names().collect();
                    bail!("bench has no option and no row `{other}`. The rows are: {}.", rows.join(", "))
                }
            };
            let given = arguments.next().with_context(|| format!("{name} needs a number."))?;
            *number = given.parse().with_context(|| format!("{name} {given}: that is no number."))?;
            ensure!(*number > 0, "{name} must be at least 1.");
        }
        Ok(options)
    }

    /// Whether a row shall be measured.
    pub(super) fn wants(&self, row: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|wanted| wanted == row)
    }

    /// Tells the person at the terminal how far it is; a program that reads JSON does not want to know.
    pub(super) fn say(&self, sentence: &str) {
        if !self.json {
            println!("{sentence}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_mistakes_refused() {
        let read = Options::parse(&["gate", "tls", "--rounds", "2", "--json"]).expect("good options");
        assert_eq!((read.rounds, read.seconds, read.json, read.built), (2, 5, true, false));
        assert!(read.wants("tls") && !read.wants("http1"));
        assert!(Options::parse(&[]).expect("nothing is everything").wants("http1"));
        for wrong in [&["--rounds"][..], &["--rounds", "0"], &["--seconds", "x"], &["--fast"], &["gates"]] {
            assert!(Options::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
