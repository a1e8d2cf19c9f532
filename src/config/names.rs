//! Names that people give to policies, services and clients.

use super::reader::{Findings, Place};

/// Whether `name` is fit: it appears in logs, URLs and headers.
pub(super) fn check(name: &str, place: &Place, findings: &Findings) -> bool {
    let fit = (1..=63).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_')
        && !name.starts_with('-');
    if !fit {
        findings.add("E005", place, format!("`{name}` can't be a name"), "use 1 to 63 of a-z, 0-9, - and _");
    }
    fit
}
