//! Paths.

/// Whether `path` is `prefix` or lies below it: `/api` has the prefixes `/api` and `/`, `/apis` does not have `/api`.
pub fn has_segment_prefix(path: &str, prefix: &str) -> bool {
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether `path` is a canonical path without escapes, query or anything that a request target refuses.
pub fn is_canonical(path: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b';' | b'#' | b'?' | b'%');
    let inner = path.strip_prefix('/').map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    let segments =
        |inner: &str| inner.is_empty() || inner.split('/').all(|segment| !matches!(segment, "" | "." | ".."));
    path.bytes().all(allowed) && inner.is_some_and(segments) && path != "//"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_7_prefixes_end_at_segments() {
        for (path, prefix, expected) in [
            ("/api", "/api", true),
            ("/api/x", "/api", true),
            ("/api/x", "/api/", true),
            ("/apis", "/api", false),
            ("/x/api", "/api", false),
            ("/API", "/api", false),
            ("/x", "/", true),
        ] {
            assert_eq!(has_segment_prefix(path, prefix), expected, "{path} {prefix}");
        }
    }

    #[test]
    fn canonical_paths() {
        assert!(["/", "/a", "/a/", "/a/b.c"].into_iter().all(is_canonical));
        assert!(
            !["", "a", "//", "/a//b", "/a/../b", "/%61", "/a;b", "/a?b", "/a b"]
                .into_iter()
                .any(is_canonical)
        );
    }
}
