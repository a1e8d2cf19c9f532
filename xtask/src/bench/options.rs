//! The options of `bench`.

use anyhow::{Context as _, Result, bail, ensure};

/// How long and how hard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Options {
    /// How many times both are driven.
    pub(crate) rounds: u32,
    /// Seconds of one drive.
    pub(crate) seconds: u32,
    /// Connections that are kept open.
    pub(crate) connections: u32,
    /// Print JSON and nothing else.
    pub(crate) json: bool,
}

impl Options {
    /// Reads the command line after `bench`.
    pub(crate) fn parse(arguments: &[&str]) -> Result<Self> {
        let mut options = Self { rounds: 6, seconds: 5, connections: 64, json: false };
        let mut arguments = arguments.iter();
        while let Some(name) = arguments.next() {
            let number = match *name {
                "--json" => {
                    options.json = true;
                    continue;
                }
                "--rounds" => &mut options.rounds,
                "--seconds" => &mut options.seconds,
                "--connections" => &mut options.connections,
                other => bail!("bench has no option `{other}`."),
            };
            let given = arguments.next().with_context(|| format!("{name} needs a number."))?;
            *number = given.parse().with_context(|| format!("{name} {given}: that is no number."))?;
            ensure!(*number > 0, "{name} must be at least 1.");
        }
        Ok(options)
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
        let read = Options::parse(&["--rounds", "2", "--json"]).expect("good options");
        assert_eq!(read, Options { rounds: 2, seconds: 5, connections: 64, json: true });
        for wrong in [&["--rounds"][..], &["--rounds", "0"], &["--seconds", "x"], &["--fast"]] {
            assert!(Options::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
