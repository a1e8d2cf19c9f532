//! The reader of configurations, by what people write and what they are told.

mod certificates;
mod clients;
mod codes;
mod credentials;
mod forward_auth;
mod guards;
mod listening;
mod mistakes;
mod mutation;
mod roles;
mod root;
mod services;
mod syntaxes;

use super::{Checked, Diagnostic, Format, Source, check, check_files};

/// A sound beginning without warnings. Tables can follow.
const SOUND: &str = r#"domain = "example.org"
root_secret_file = "root.secret"
listeners = [{ address = "0.0.0.0:443", tls = { certificate_file = "c.pem", key_file = "k.pem" } }]
"#;

fn toml(text: impl Into<String>) -> Source {
    Source { path: "/etc/doorward/doorward.toml".into(), text: text.into(), format: Format::Toml }
}

fn json(text: impl Into<String>) -> Source {
    Source { path: "/etc/doorward/doorward.json".into(), text: text.into(), format: Format::Json }
}

/// Mistakes, or warnings where there are none.
fn diagnostics(source: &Source) -> Vec<Diagnostic> {
    check(source).map_or_else(|mistakes| mistakes, |checked| checked.warnings)
}

/// `CODE key` of everything found in this text.
fn found_in(text: impl Into<String>) -> Vec<String> {
    let found = diagnostics(&toml(text));
    found.into_iter().map(|found| format!("{} {}", found.code, found.key)).collect()
}

/// `CODE key` of everything found in these lines after the sound beginning.
fn found(lines: &str) -> Vec<String> {
    found_in(format!("{SOUND}{lines}"))
}

/// What the only finding in these lines says to write instead.
fn help(lines: &str) -> String {
    let found = diagnostics(&toml(format!("{SOUND}{lines}")));
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].help.clone()
}

fn checked(lines: &str) -> Checked {
    check(&toml(format!("{SOUND}{lines}"))).unwrap()
}
