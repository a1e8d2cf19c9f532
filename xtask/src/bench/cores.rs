//! Which core does what.

use std::{fmt, fs, path::Path, process::Command};

use anyhow::{Context as _, Result};

/// The cores: one for the server that is measured, one for the load and the upstream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Cores(Option<(u32, u32)>);

impl Cores {
    /// The first two that this process may use.
    pub(super) fn of_this_process() -> Result<Self> {
        let status = fs::read_to_string("/proc/self/status").context("/proc is needed to choose cores")?;
        let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        Ok(Self::from_list(list.unwrap_or_default().trim()))
    }

    fn from_list(list: &str) -> Self {
        let mut cores = list.split(',').flat_map(|range| {
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            match (from.parse::<u32>(), to.parse::<u32>()) {
                (Ok(from), Ok(to)) => from..to + 1,
                _ => 0..0,
            }
        });
        Self(cores.next().zip(cores.next()))
    }

    /// `program` on the core of the server that is measured.
    pub(super) fn server(self, program: &Path) -> Command {
        pinned(program, self.0.map(|(server, _)| server))
    }

    /// `program` on the core of the load.
    pub(super) fn load(self, program: &Path) -> Command {
        pinned(program, self.0.map(|(_, load)| load))
    }
}

/// `program` on whatever core is free.
pub(super) fn anywhere(program: &Path) -> Command {
    Command::new(program)
}

impl fmt::Display for Cores {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some((server, load)) => write!(
                formatter,
                "The measured server has core {server}; load and upstream share core {load}."
            ),
            None => formatter.write_str(
                "There is one core for all: load and upstream take time from the measured server.",
            ),
        }
    }
}

fn pinned(program: &Path, core: Option<u32>) -> Command {
    let Some(core) = core else {
        return Command::new(program);
    };
    let mut command = Command::new("taskset");
    command.arg("-c").arg(core.to_string()).arg(program);
    command
}

#[cfg(test)]
mod tests {
    use super::Cores;

    #[test]
    fn the_first_two_cores_are_taken() {
        assert_eq!(Cores::from_list("0-1"), Cores(Some((0, 1))));
        assert_eq!(Cores::from_list("3,8-15"), Cores(Some((3, 8))));
        assert_eq!(Cores::from_list("2"), Cores(None));
        assert_eq!(Cores::from_list(""), Cores(None));
    }
}
