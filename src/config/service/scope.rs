//! Scopes: paths AND networks AND methods.

use doorward_core::{
    http::path,
    policy::{PathRegex, Paths},
};
use ipnet::IpNet;

use super::closing::Closing;
use crate::config::reader::{Section, Text};

/// Paths and regular expressions of a section. `None` when neither key is there.
pub(super) fn paths(
    section: &mut Section<'_>,
    (paths, regexes): (&'static [&'static str], &'static [&'static str]),
    closing: &Closing,
) -> Option<Paths> {
    let prefixes = section.texts(paths);
    let patterns = section.texts(regexes);
    if section.lacks(paths) && section.lacks(regexes) {
        return None;
    }
    let prefixes = prefixes.map_or_else(Vec::new, |(_, texts)| texts);
    let prefixes = prefixes.into_iter().filter_map(|text| prefix(text, section)).collect();
    let patterns = patterns.map_or_else(Vec::new, |(_, texts)| texts);
    let regexes = patterns.into_iter().filter_map(|text| regex(&text, section, closing)).collect();
    Some(Paths::Some { prefixes, regexes })
}

fn prefix(text: Text, section: &Section<'_>) -> Option<String> {
    let findings = section.findings;
    if path::has_segment_prefix(&text.text, "/.doorward") {
        let message = format!("`{}` is reserved", text.text);
        let help = "/.doorward/ belongs to the door on every host; name another path";
        findings.add("E005", &text.place, message, help);
        return None;
    }
    if path::is_canonical(&text.text) {
        return Some(text.text);
    }
    findings.add(
        "E005",
        &text.place,
        format!("`{}` is no path that a request can have", text.text),
        "begin with /, without //, dots as segments, escapes or ;",
    );
    None
}

fn regex(text: &Text, section: &Section<'_>, closing: &Closing) -> Option<PathRegex> {
    match PathRegex::new(&text.text) {
        Ok(regex) => Some(regex),
        Err(error) => {
            let cause = format!("`{}` is no regular expression: {error}", text.text);
            let help =
                "until it is one the service is closed; it must match whole paths, such as /[^/]+/api/.*";
            closing.close(section.findings, (&text.place, "closed_regex"), cause, help);
            None
        }
    }
}

/// The paths in words, for messages.
pub(super) fn in_words(paths: &Paths) -> String {
    match paths {
        Paths::All => "every path".to_owned(),
        Paths::Some { prefixes, regexes } => {
            let regexes = regexes.iter().map(PathRegex::as_str);
            prefixes.iter().map(String::as_str).chain(regexes).collect::<Vec<_>>().join(", ")
        }
    }
}

/// Whether these networks are no limit.
pub(super) fn are_everywhere(networks: &[IpNet]) -> bool {
    networks.iter().any(|network| network.prefix_len() == 0)
}
