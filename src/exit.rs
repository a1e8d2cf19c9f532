//! How a command ends: one sentence for the person, one number for the script.

use std::{fmt, process::ExitCode};

/// Why a command stopped. Each has its own exit code; `docs/operations.md` lists them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// The configuration has mistakes; they have been printed.
    Configuration = 1,
    /// A listener's address is in use or not ours.
    Port = 3,
    /// A secret or another needed file can't be read or is unfit.
    File = 4,
    /// The root secret is not the one that the database was sealed with.
    RootSecret = 5,
    /// The database was written by a newer version.
    NewerDatabase = 6,
    /// Another process works in the data directory.
    Locked = 7,
    /// The database can't be reached or opened.
    Database = 8,
    /// The self test missed a step.
    SelfTest = 9,
    /// What was asked about does not exist.
    Unknown = 10,
}

/// A command's failure.
#[derive(Debug)]
pub struct Failure {
    /// Which kind.
    pub stop: Stop,
    /// What happened and what to do next; empty when it has been printed already.
    pub sentence: String,
}

impl Failure {
    /// A failure with its sentence.
    pub fn new(stop: Stop, sentence: impl fmt::Display) -> Self {
        Self { stop, sentence: sentence.to_string() }
    }

    /// The process's exit code.
    pub fn code(&self) -> ExitCode {
        ExitCode::from(self.stop as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.sentence)
    }
}

impl std::error::Error for Failure {}
