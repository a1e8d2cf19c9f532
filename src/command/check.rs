//! `doorward check FILE`: every mistake at once, offline.

use std::{io::IsTerminal as _, path::Path};

use crate::{
    config::{self, Diagnostic, LoadError, Source},
    exit::{Failure, Stop},
    terminal::{complain, say},
};

/// Checks a file and prints what was found; nothing that the file names is opened.
///
/// # Errors
/// [`Stop::Configuration`] when it has mistakes, [`Stop::File`] when it can't be read.
pub fn run(file: &Path, json: bool) -> Result<(), Failure> {
    let source = Source::read(file).map_err(failure)?;
    let (diagnostics, sound) = match config::check(&source) {
        Ok(checked) => (checked.warnings, Some((checked.config.services.len(), checked.clients.len()))),
        Err(mistakes) => (mistakes, None),
    };
    if json {
        let list: Vec<_> = diagnostics.iter().map(|diagnostic| diagnostic.to_json(&source)).collect();
        say(&format!("{}\n", serde_json::json!({ "ok": sound.is_some(), "diagnostics": list })));
    } else {
        say(&source.render(&diagnostics, std::io::stdout().is_terminal()));
        say(&summary(file, &diagnostics, sound));
    }
    if sound.is_some() { Ok(()) } else { Err(Failure::new(Stop::Configuration, "")) }
}

fn summary(file: &Path, diagnostics: &[Diagnostic], sound: Option<(usize, usize)>) -> String {
    let file = file.display();
    match sound {
        Some((services, clients)) => {
            let warnings = diagnostics.len();
            format!("{file}: sound ({services} services, {clients} clients, {warnings} warnings)\n")
        }
        None => format!("{file}: {} to correct; nothing was started\n", count(diagnostics)),
    }
}

fn count(diagnostics: &[Diagnostic]) -> String {
    match diagnostics.iter().filter(|diagnostic| diagnostic.severity() == config::Severity::Error).count() {
        1 => "1 mistake".to_owned(),
        many => format!("{many} mistakes"),
    }
}

/// How a configuration that does not load ends a command; mistakes are printed here.
pub fn failure(error: LoadError) -> Failure {
    match error {
        LoadError::Mistakes(source, mistakes) => {
            complain(source.render(&mistakes, std::io::stderr().is_terminal()).trim_end());
            complain(summary(&source.path, &mistakes, None).trim_end());
            Failure::new(Stop::Configuration, "")
        }
        LoadError::Unreadable(..) | LoadError::Secret(_) => Failure::new(Stop::File, error),
    }
}
