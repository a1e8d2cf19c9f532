//! The root secret: read from its file, or made once in the data directory.

use std::path::Path;

use doorward_core::{config::Config, seal::RootSecret, time::Random};
use doorward_store::DataDirectory;

use crate::exit::{Failure, Stop};

/// Reads the root secret that `config` names; without one, reads or makes the one in the data directory.
pub(crate) fn root(
    config: &Config,
    directory: &DataDirectory,
    random: &dyn Random,
) -> Result<RootSecret, Failure> {
    match &config.root_secret_file {
        Some(file) => from_file(file),
        None => directory.root_secret(random).map_err(|error| Failure::new(Stop::File, error)),
    }
}

/// Reads the root secret without making one, and without the lock of the data directory: a server may hold it.
pub(crate) fn existing_root(config: &Config) -> Result<RootSecret, Failure> {
    match &config.root_secret_file {
        Some(file) => from_file(file),
        None => DataDirectory::root_secret_in(&config.data_directory)
            .map_err(|error| Failure::new(Stop::File, error)),
    }
}

fn from_file(file: &Path) -> Result<RootSecret, Failure> {
    let content = std::fs::read(file).map_err(|error| {
        Failure::new(Stop::File, format!("the root secret {} can't be read: {error}", file.display()))
    })?;
    RootSecret::from_file_content(&content)
        .map_err(|error| Failure::new(Stop::File, format!("the root secret {} {error}", file.display())))
}
