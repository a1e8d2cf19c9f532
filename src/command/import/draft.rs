//! Drafts: the configuration to standard output or a file, the list of what is missing to standard error.

use std::{fmt::Write as _, io::Write as _, path::Path};

use doorward_import::{Draft, Note, draft::Unreadable};

use crate::{
    cli::Drafting,
    exit::{Failure, Stop},
    terminal::{complain, say},
};

/// Largest file that is read, in bytes.
const SIZE_MAX: u64 = 1024 * 1024;

/// Reads a file, makes a draft of it and prints it.
pub(super) fn run(options: &Drafting, make: fn(&str) -> Result<Draft, Unreadable>) -> Result<(), Failure> {
    let file = &options.file;
    let text = read(file)?;
    let draft = make(&text).map_err(|problem| {
        let sentence = format!("{} can't be understood: {problem}; nothing was written", file.display());
        Failure::new(Stop::File, sentence)
    })?;
    let json = options.json.then(|| in_json(&draft));
    match (&options.output, json) {
        (Some(output), json) => {
            write(output, &draft.text)?;
            say(&json.unwrap_or_default());
        }
        (None, Some(json)) => say(&json),
        (None, None) => say(&draft.text),
    }
    if !options.json {
        complain(in_words(file, &draft).trim_end());
    }
    Ok(())
}

fn read(file: &Path) -> Result<String, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::new(Stop::File, format!("{} can't be read: {error}", file.display()))
    };
    let size = std::fs::metadata(file).map_err(unreadable)?.len();
    if size > SIZE_MAX {
        let sentence = format!("{} has {size} bytes; at most {SIZE_MAX} are read", file.display());
        return Err(Failure::new(Stop::File, sentence));
    }
    std::fs::read_to_string(file).map_err(unreadable)
}

/// Never over something that is there: it may be the configuration that is served.
fn write(output: &Path, text: &str) -> Result<(), Failure> {
    let unwritable = |error: std::io::Error| {
        Failure::new(Stop::File, format!("{} can't be written: {error}", output.display()))
    };
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).open(output).map_err(unwritable)?;
    file.write_all(text.as_bytes()).map_err(unwritable)
}

fn in_json(draft: &Draft) -> String {
    let note = |note: &Note| {
        serde_json::json!({
            "line": note.line,
            "about": note.about,
            "text": note.text,
            "closes": note.closes,
        })
    };
    let notes: Vec<_> = draft.notes.iter().map(note).collect();
    let all = serde_json::json!({
        "configuration": draft.text,
        "services": draft.services,
        "closed": draft.closed,
        "notes": notes,
    });
    format!("{all}\n")
}

fn in_words(file: &Path, draft: &Draft) -> String {
    let mut text = String::new();
    for note in &draft.notes {
        let closed = if note.closes { " (closed)" } else { "" };
        // Writing into a text can't fail.
        let _ = writeln!(text, "{}:{}: {}{closed}: {}", file.display(), note.line, note.about, note.text);
    }
    let _ = writeln!(
        text,
        "{}: {} services, {} of them closed; {} things to look at",
        file.display(),
        draft.services,
        draft.closed,
        draft.notes.len()
    );
    text
}
