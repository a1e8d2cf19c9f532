//! The database of a configuration, opened by a command while a server may be running on it. What a command changes moves
//! the generation, and every server follows that.

use std::sync::Arc;

use doorward_core::{
    config::{Config, Database},
    time::Random,
};
use doorward_store::{DataDirectory, Engine, Store};

use crate::{
    exit::{Failure, Stop},
    secrets,
    serve::{database_url, not_opened},
};

/// Opens it. Nothing is made, and no table is changed: a server does that at its first start.
///
/// # Errors
/// There is none yet, it is of another version, or the root secret is not its own.
pub(crate) fn open(config: &Config, random: Arc<dyn Random>) -> Result<Store, Failure> {
    let engine = match &config.database {
        Database::Sqlite => {
            let path = DataDirectory::database_in(&config.data_directory);
            if !path.exists() {
                let sentence = format!("there is no database {} yet: start the server once", path.display());
                return Err(Failure::new(Stop::Database, sentence));
            }
            Engine::Sqlite { path }
        }
        Database::Postgres { url_file } => Engine::Postgres { url: database_url(url_file)? },
    };
    let root = secrets::existing_root(config)?;
    Store::open_beside(doorward_store::Settings { engine, root: &root, random }).map_err(not_opened)
}
