//! Rules for files that no compiler knows.

mod links;
mod rust;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{place, step::Done};

/// Directories that hold nothing of ours.
const NOT_OURS: [&str; 5] = ["target", "node_modules", ".git", "corpus", "artifacts"];

/// Checks every file of the repository and reports every mistake together.
pub(crate) fn check(_: &'static str) -> Result<Done> {
    let mut files = Vec::new();
    collect(place::root(), &mut files)?;
    ensure!(
        files.len() > 10,
        "there are only {} files to check below {}",
        files.len(),
        place::root().display()
    );
    let mut mistakes = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))?;
        let found = match file.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => rust::mistakes(&text),
            _ => links::mistakes(&text, |target| exists_from(file, target)),
        };
        let name = file.strip_prefix(place::root()).unwrap_or(file).display();
        mistakes.extend(found.into_iter().map(|mistake| format!("{name}{mistake}")));
    }
    if mistakes.is_empty() {
        return Ok(Done::Passed);
    }
    bail!("{}", mistakes.join("\n"))
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory).with_context(|| format!("{} can't be read", directory.display()))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_symlink() || NOT_OURS.contains(&name) {
            continue;
        }
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "md") {
            files.push(path);
        }
    }
    Ok(())
}

/// Whether a link in `file` leads to something in the repository.
fn exists_from(file: &Path, target: &str) -> bool {
    match target.strip_prefix('/') {
        Some(from_root) => place::root().join(from_root).exists(),
        None => file.with_file_name(target).exists(),
    }
}
