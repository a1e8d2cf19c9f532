//! `doorward import …`: what people come from.

mod draft;

use crate::{cli::Import, exit::Failure};

/// Brings something over.
///
/// # Errors
/// [`Stop::File`](crate::exit::Stop::File) when a file can't be read, is not what it should be, or can't be written.
pub fn run(from: Import) -> Result<(), Failure> {
    match from {
        Import::Caddyfile(options) => draft::run(&options, doorward_import::caddyfile::draft),
    }
}

#[cfg(test)]
mod tests;
