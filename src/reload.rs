//! Reading the configuration again: built anew and whole, then swapped in at once.

use std::{path::Path, sync::Arc};

use doorward_core::config::{Config, Listener};

use crate::{
    certificates::Certificates,
    config::{self, LoadError},
    serve::Running,
};

pub(crate) fn reload(running: &Running, file: &Path) -> Result<(), String> {
    let loaded = config::load(file).map_err(|error| match error {
        LoadError::Mistakes(source, mistakes) => {
            format!("it has mistakes\n{}", source.render(&mistakes, false).trim_end())
        }
        LoadError::Unreadable(..) | LoadError::Secret(_) => error.to_string(),
    })?;
    let config = loaded.config;
    if let Some(key) = needs_restart(&running.config.load(), &config) {
        return Err(format!("`{key}` changed, which needs a restart; nothing else was taken over either"));
    }
    let certificates = Certificates::prepare(&config).map_err(|error| error.to_string())?;
    // Everything has been built: from here on nothing fails.
    running.certificates.take_over(certificates, &config, running.clock.now());
    running.config.store(Arc::new(config));
    // What is open rests on the former configuration: it is decided again.
    running.store.announce();
    drop(running.keeper.wake());
    running.keys.wake();
    Ok(())
}

/// The key whose new value this process can't take over.
fn needs_restart(old: &Config, new: &Config) -> Option<&'static str> {
    let sockets = |config: &Config| -> Vec<_> {
        let socket = |listener: &Listener| {
            let Listener { address, tls, redirect, forward_auth, proxy_protocol } = listener.clone();
            (address, tls.is_some(), redirect, forward_auth, proxy_protocol)
        };
        config.listeners.iter().map(socket).collect()
    };
    let keys = [
        (sockets(old) != sockets(new), "listeners"),
        (old.listening.admin != new.listening.admin, "admin"),
        (old.data_directory != new.data_directory, "data_directory"),
        (old.database != new.database, "database"),
        (old.root_secret_file != new.root_secret_file, "root_secret_file"),
        // Passkeys belong to the identity host.
        (old.portal.host != new.portal.host, "portal.host"),
    ];
    keys.into_iter().find_map(|(changed, key)| changed.then_some(key))
}
