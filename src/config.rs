//! The configuration file: TOML or JSON, one schema, every mistake reported together.

mod certificates;
mod client;
mod diagnostic;
mod generate;
mod limits;
mod listener;
mod names;
mod policy;
mod reader;
mod redact;
mod resolve;
mod schema;
mod service;
mod signing_keys;
mod suggest;
mod tree;
mod tunnel;
mod value;

use std::{
    fmt,
    path::{Path, PathBuf},
};

pub use client::DeclaredClient;
pub use diagnostic::{CODES, Diagnostic, Severity};
use doorward_core::config::Config;
pub use resolve::read_secret;
pub use schema::Checked;
pub use service::ServiceFile;

/// Largest configuration that is read, in bytes.
pub const SIZE_MAX: u64 = 4 * 1024 * 1024;

/// A configuration's text.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where it comes from; relative paths in it start at its folder.
    pub path: PathBuf,
    /// The text.
    pub text: String,
    /// Its syntax.
    pub format: Format,
}

/// The syntax of a configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// TOML 1.1.
    Toml,
    /// JSON (RFC 8259).
    Json,
}

impl Source {
    /// Reads a file; JSON when its name ends in `.json`, TOML otherwise.
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        let unreadable = |error: std::io::Error| LoadError::Unreadable(path.to_owned(), error.to_string());
        let size = std::fs::metadata(path).map_err(unreadable)?.len();
        if size > SIZE_MAX {
            return Err(LoadError::Unreadable(
                path.to_owned(),
                format!("{size} bytes; at most {SIZE_MAX} are read"),
            ));
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        Ok(Self { path: path.to_owned(), text, format: if json { Format::Json } else { Format::Toml } })
    }

    /// The mistakes as text for people.
    pub fn render(&self, diagnostics: &[Diagnostic], colour: bool) -> String {
        diagnostic::render(self, diagnostics, colour)
    }
}

/// A configuration that can be served.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration, with the clients' secrets read and hashed.
    pub config: Config,
    /// What deserves a second look, and what closes single services.
    pub warnings: Vec<Diagnostic>,
    /// Its text.
    pub source: Source,
}

/// Why a configuration can't be served.
#[derive(Debug)]
pub enum LoadError {
    /// The file can't be read.
    Unreadable(PathBuf, String),
    /// It has mistakes.
    Mistakes(Box<Source>, Vec<Diagnostic>),
    /// Files that it names for secrets can't be read or are unfit: a sentence each, in lines.
    Secret(String),
}

impl fmt::Display for LoadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, cause) => {
                write!(formatter, "the configuration {} can't be read: {cause}", path.display())
            }
            Self::Mistakes(source, mistakes) => formatter.write_str(&source.render(mistakes, false)),
            Self::Secret(sentence) => formatter.write_str(sentence),
        }
    }
}

impl std::error::Error for LoadError {}

/// Checks a configuration without touching anything that it names: no secret is read, nothing is resolved.
///
/// # Errors
/// Every mistake in it, in the order of the text.
pub fn check(source: &Source) -> Result<Checked, Vec<Diagnostic>> {
    schema::check(source)
}

/// Opens the files that single services name, as [`load`] does: what is wrong with them, and would close their services.
/// Nothing of what is in them is kept or shown.
pub fn check_files(checked: &mut Checked) -> Vec<Diagnostic> {
    let files = std::mem::take(&mut checked.files);
    service::read_files(&mut checked.config, files)
}

/// Reads, checks and completes a configuration: the secrets of clients are read and hashed.
pub fn load(path: &Path) -> Result<Loaded, LoadError> {
    let source = Source::read(path)?;
    match check(&source) {
        Ok(checked) => resolve::resolve(checked, source),
        Err(mistakes) => Err(LoadError::Mistakes(Box::new(source), mistakes)),
    }
}

#[cfg(test)]
mod tests;
