//! Why one service is closed while the others are served.

/// Why a service is closed: a part of its declaration can't be enforced, and without that part it would be open to more
/// people than it says, or reached without the checks that it says. Nothing of it is served until that is mended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Quarantine {
    /// A stable word for answers and logs, such as `closed_regex`. Listed in `docs/operations.md`.
    pub id: &'static str,
    /// The key that it is about, such as `services.notes.upstream_ca_file`.
    pub key: String,
    /// What is wrong, for administrators. Never a secret.
    pub cause: String,
}

impl Quarantine {
    /// A reason with its key and cause.
    pub fn new(id: &'static str, key: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { id, key: key.into(), cause: cause.into() }
    }
}
