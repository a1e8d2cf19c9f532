//! `doorward import …`: what people come from.

mod draft;
mod pocket_id;

use crate::{cli::Import, exit::Failure, serve::Shell};

/// Brings something over.
///
/// # Errors
/// [`Stop::File`](crate::exit::Stop::File) when a file can't be read, is not what it should be, or can't be written; what
/// [`serve`](crate::serve::start) stops with when the database can't be used.
pub async fn run(from: Import, shell: &Shell) -> Result<(), Failure> {
    match from {
        Import::Caddyfile(options) => draft::run(&options, doorward_import::caddyfile::draft),
        Import::PocketId(options) => pocket_id::run(&options, shell).await,
    }
}

#[cfg(test)]
mod tests;
