//! `doorward check FILE`: every mistake at once, without the network.

use std::{io::IsTerminal as _, path::Path};

use crate::{
    config::{self, Diagnostic, LoadError, Severity, Source},
    exit::{Failure, Stop},
    terminal::{complain, say},
};

/// Checks a file and prints what was found. The files that single services name are opened as `serve` would, unless
/// `without_files`; nothing in them is printed.
///
/// # Errors
/// [`Stop::Configuration`] when it has mistakes or would close a service, [`Stop::File`] when it can't be read.
pub fn run(file: &Path, json: bool, without_files: bool) -> Result<(), Failure> {
    let source = Source::read(file).map_err(failure)?;
    let (mut diagnostics, sound) = match config::check(&source) {
        Ok(mut checked) => {
            let files = if without_files { Vec::new() } else { config::check_files(&mut checked) };
            checked.warnings.extend(files);
            (checked.warnings, Some((checked.config.services.len(), checked.clients.len())))
        }
        Err(mistakes) => (mistakes, None),
    };
    diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
    let ok = sound.is_some() && of(&diagnostics, Severity::Closed) == 0;
    if json {
        let list: Vec<_> = diagnostics.iter().map(|diagnostic| diagnostic.to_json(&source)).collect();
        say(&format!("{}\n", serde_json::json!({ "ok": ok, "diagnostics": list })));
    } else {
        say(&source.render(&diagnostics, std::io::stdout().is_terminal()));
        say(&summary(file, &diagnostics, sound));
    }
    if ok { Ok(()) } else { Err(Failure::new(Stop::Configuration, "")) }
}

fn of(diagnostics: &[Diagnostic], severity: Severity) -> usize {
    diagnostics.iter().filter(|diagnostic| diagnostic.severity() == severity).count()
}

fn summary(file: &Path, diagnostics: &[Diagnostic], sound: Option<(usize, usize)>) -> String {
    let file = file.display();
    match sound {
        Some((services, clients)) => {
            let warnings = of(diagnostics, Severity::Warning);
            match of(diagnostics, Severity::Closed) {
                0 => format!("{file}: sound ({services} services, {clients} clients, {warnings} warnings)\n"),
                1 => format!("{file}: 1 reason to close a service; every other service would be served\n"),
                many => {
                    format!("{file}: {many} reasons to close services; every other service would be served\n")
                }
            }
        }
        None => format!("{file}: {} to correct; nothing was started\n", count(diagnostics)),
    }
}

fn count(diagnostics: &[Diagnostic]) -> String {
    match of(diagnostics, Severity::Error) {
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
