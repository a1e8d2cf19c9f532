//! Where things are.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// Cargo's target directory: the one that this program was built in.
pub(crate) fn target() -> Result<PathBuf> {
    let program = env::current_exe().context("this program's own path is unknown")?;
    let target = program.ancestors().nth(2).context("this program is in no target directory")?;
    Ok(target.to_owned())
}

/// A directory of ours below the target directory; made if needed.
pub(crate) fn scratch(name: &str) -> Result<PathBuf> {
    let directory = target()?.join("xtask").join(name);
    std::fs::create_dir_all(&directory).with_context(|| format!("{} can't be made", directory.display()))?;
    Ok(directory)
}

/// A program on the search path, or where Debian keeps servers.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let servers = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(servers).map(|directory| directory.join(name)).find(|file| file.is_file())
}
