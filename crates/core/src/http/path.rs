//! Paths.

/// Whether `path` is `prefix` or lies below it: `/api` has the prefixes `/api` and `/`, `/apis` does not have `/api`.
pub fn has_segment_prefix(path: &str, prefix: &str) -> bool {
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
