//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use doorward_core::jose::Algorithm;

use crate::telemetry::LogFormat;

/// One passkey-first front door for everything you host.
#[derive(Debug, Parser)]
#[command(name = "doorward", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to log: error, warn, info, debug, or a filter such as doorward_proxy=debug.
    #[arg(long, global = true, default_value = "info", value_name = "FILTER")]
    pub log: String,
    /// How log lines look.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve what a configuration file declares.
    Serve {
        /// The configuration, TOML or JSON.
        #[arg(long, short, value_name = "FILE")]
        config: PathBuf,
        /// Take over from the process at the other end of standard input. SIGUSR2 to that process does it.
        #[arg(long, hide = true)]
        take_over: bool,
    },
    /// Check a configuration file and print every mistake in it.
    Check {
        /// The configuration, TOML or JSON.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Print mistakes as JSON.
        #[arg(long)]
        json: bool,
        /// Open nothing but this file, as where the files that it names can't be seen.
        #[arg(long)]
        without_files: bool,
    },
    /// Look at the keys that sign tokens, and change them, while the server runs.
    #[command(subcommand)]
    Keys(Keys),
    /// Bring over what you have: each prints what it would do, and what it can't.
    Import {
        /// Where you come from.
        #[command(subcommand)]
        from: Import,
    },
    /// Try everything on this machine: no file, no root, no DNS, no certificate.
    Demo(Demo),
}

/// What to do with the keys that sign tokens.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Show every key: algorithm, state, since when it signs.
    List(KeysOptions),
    /// Publish the next key now instead of when it is due. It signs after `publish_ahead`.
    Rotate {
        /// Of this algorithm only, such as RS256.
        #[arg(long, value_name = "ALG", value_parser = algorithm)]
        alg: Option<Algorithm>,
        /// The rest.
        #[command(flatten)]
        options: KeysOptions,
    },
    /// Stop believing a key at once. Another one signs from now on.
    Revoke {
        /// Its identifier, as `list` shows it.
        #[arg(value_name = "KEY")]
        kid: String,
        /// The rest.
        #[command(flatten)]
        options: KeysOptions,
    },
}

/// What all commands about keys take.
#[derive(Clone, Debug, clap::Args)]
pub struct KeysOptions {
    /// The configuration, TOML or JSON.
    #[arg(long, short, value_name = "FILE")]
    pub config: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

impl Keys {
    /// What all of them take.
    pub const fn options(&self) -> &KeysOptions {
        match self {
            Self::List(options) | Self::Rotate { options, .. } | Self::Revoke { options, .. } => options,
        }
    }
}

fn algorithm(name: &str) -> Result<Algorithm, String> {
    Algorithm::from_name(name)
        .ok_or_else(|| format!("one of {}", Algorithm::ALL.map(Algorithm::name).join(", ")))
}

/// The options of `demo`.
#[derive(Clone, Debug, clap::Args)]
pub struct Demo {
    /// Port to listen on, loopback only: 8080, or any free one for --selftest. 0 is any free one.
    #[arg(long)]
    pub port: Option<u16>,
    /// Keep the demo's state in this directory instead of a fresh one.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Walk through everything with a software passkey, print each step, and exit.
    #[arg(long)]
    pub selftest: bool,
}

/// What can be brought over.
#[derive(Clone, Debug, Subcommand)]
pub enum Import {
    /// Make a draft of a configuration from a Caddyfile. What isn't understood is closed.
    Caddyfile(Drafting),
    /// Bring people, passkeys and groups over from an archive that `pocket-id export` wrote. The server must be stopped.
    PocketId(Archive),
}

/// The options of `import pocket-id`.
#[derive(Clone, Debug, clap::Args)]
pub struct Archive {
    /// The archive.
    #[arg(value_name = "FILE.zip")]
    pub file: PathBuf,
    /// File of Pocket ID's `ENCRYPTION_KEY`, to keep the key that signs tokens.
    #[arg(long, value_name = "FILE")]
    pub encryption_key_file: Option<PathBuf>,
    /// The configuration whose database it goes to. Without it, the plan is printed and that is all.
    #[arg(long, short, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Carry out the plan without asking, administrators included.
    #[arg(long, requires = "config")]
    pub yes: bool,
    /// Print the plan as JSON.
    #[arg(long)]
    pub json: bool,
}

/// The options of what makes a draft.
#[derive(Clone, Debug, clap::Args)]
pub struct Drafting {
    /// The file to read.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Write the draft to this file, which must not exist yet, instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Print the draft and the list of what was not translated as JSON.
    #[arg(long)]
    pub json: bool,
}
