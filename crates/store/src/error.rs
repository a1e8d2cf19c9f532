//! What can go wrong.

use std::fmt;

/// A unit of work that failed. Nothing of it happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoreError {
    /// A rule of the data forbids it.
    Conflict(Constraint),
    /// A value is longer than any may be.
    TooLarge,
    /// The database did not answer as it should; the text is for the log.
    Unavailable(String),
    /// A row holds what can't be: the wrong root secret for it, or a hand at work.
    Corrupt {
        /// Where.
        table: &'static str,
        /// What.
        column: &'static str,
    },
}

/// A rule of the data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Constraint {
    /// Somebody has this user name.
    Username,
    /// Somebody has this mail address.
    Email,
    /// A client has this identifier.
    Client,
    /// A group has this name.
    Group,
    /// Nobody could administer any more.
    LastAdministrator,
    /// The person would have no passkey.
    LastCredential,
    /// The passkey is registered already.
    Credential,
    /// Another unique value is taken.
    Other,
}

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(constraint) => write!(formatter, "conflict: {constraint:?}"),
            Self::TooLarge => formatter.write_str("a value is longer than any may be"),
            Self::Unavailable(cause) => write!(formatter, "the database is unavailable: {cause}"),
            Self::Corrupt { table, column } => {
                write!(formatter, "the database holds an impossible value in {table}.{column}")
            }
        }
    }
}

impl std::error::Error for StoreError {}

/// Why a store does not open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OpenError {
    /// The root secret is not the one that the database was sealed with.
    WrongRootSecret,
    /// The database was written by a newer version.
    Newer {
        /// The newest migration in it.
        found: i64,
        /// The newest that this version knows.
        known: i64,
    },
    /// The database was written by an older version, and another process still works with it.
    Older {
        /// The newest migration in it.
        found: i64,
        /// The newest that this version knows.
        known: i64,
    },
    /// The database can't be reached or read.
    Unavailable(String),
}

impl fmt::Display for OpenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongRootSecret => formatter.write_str(
                "the root secret is not the one that this database was sealed with; put the right one back, or restore the backup that belongs to it",
            ),
            Self::Newer { found, known } => write!(
                formatter,
                "the database was written by a newer version (schema {found}, this one knows {known}); run that version or a later one",
            ),
            Self::Older { found, known } => write!(
                formatter,
                "this version changes the database (schema {found} to {known}), and the process that hands over still works with it; stop that one and start this one",
            ),
            Self::Unavailable(cause) => write!(formatter, "the database can't be opened: {cause}"),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}
