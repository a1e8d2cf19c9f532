//! Mistakes and warnings, with their place in the text.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::{Source, redact::redact};

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// Nothing starts.
    Error,
    /// One service is closed, and the others are served.
    Closed,
    /// It works, and deserves a second look.
    Warning,
}

/// A mistake or warning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// Stable code, listed in [`CODES`].
    pub code: &'static str,
    /// Path of the key, such as `services.notes.policy`.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead; may be empty.
    pub help: String,
    /// Bytes of the text that it is about.
    pub span: Range<usize>,
}

/// Every code, with what it means.
pub const CODES: [(&str, &str); 17] = [
    ("E001", "the text is not TOML or JSON"),
    ("E002", "a key that does not exist"),
    ("E003", "a value of the wrong type"),
    ("E004", "a key that is missing"),
    ("E005", "a value that is not possible"),
    ("E006", "a name that is not declared"),
    ("E007", "something that is declared twice"),
    ("E008", "keys that contradict each other"),
    ("E009", "a setting that would open the door"),
    ("Q001", "a rule of one service that can't be used, so that the service is closed"),
    ("Q002", "a file of one service that is missing or unfit, so that the service is closed"),
    ("W101", "a bypass that is open to everybody"),
    ("W102", "an upstream elsewhere, reached without encryption"),
    ("W103", "the root secret is generated in the data directory"),
    ("W104", "clear-text listeners only, although the public scheme is https"),
    ("W105", "a setting that weakens a default"),
    ("W106", "a setting that has no effect as it stands"),
];

impl Diagnostic {
    /// Errors have codes that begin with E, what closes one service with Q.
    pub fn severity(&self) -> Severity {
        match self.code.as_bytes().first() {
            Some(b'E') => Severity::Error,
            Some(b'Q') => Severity::Closed,
            _ => Severity::Warning,
        }
    }

    /// Line and column, from 1, in characters.
    pub fn position(&self, text: &str) -> (usize, usize) {
        let before = text.get(..self.span.start).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    }

    /// For machines.
    pub fn to_json(&self, source: &Source) -> serde_json::Value {
        let (line, column) = self.position(&source.text);
        serde_json::json!({
            "code": self.code,
            "severity": match self.severity() {
                Severity::Error => "error",
                Severity::Closed => "closed",
                Severity::Warning => "warning",
            },
            "file": source.path.display().to_string(),
            "line": line,
            "column": column,
            "key": self.key,
            "message": redact(&self.message),
            "help": self.help,
        })
    }
}

/// All of them as text for people.
pub(super) fn render(source: &Source, diagnostics: &[Diagnostic], colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let path = source.path.display().to_string();
    let shown = redact(&source.text);
    let mut text = String::new();
    for diagnostic in diagnostics {
        let level = match diagnostic.severity() {
            Severity::Error | Severity::Closed => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let marked = AnnotationKind::Primary.span(diagnostic.span.clone()).label(&diagnostic.key);
        let snippet = Snippet::source(&shown).path(&path).annotation(marked);
        let mut group = level.primary_title(redact(&diagnostic.message)).id(diagnostic.code).element(snippet);
        if !diagnostic.help.is_empty() {
            group = group.element(Level::HELP.message(&diagnostic.help));
        }
        text.push_str(&renderer.render(&[group]));
        text.push_str("\n\n");
    }
    text
}
