//! Which requests something is about: paths AND networks AND methods, until a time.

use std::{fmt, net::IpAddr};

use ::http::Method;
use ipnet::IpNet;
use regex::bytes::{Regex, RegexBuilder};

use super::{Access, within};
use crate::{http::path, time::UnixTime};

/// Bytes that one compiled regular expression may take.
const REGEX_SIZE: usize = 1 << 20;

/// Which requests a bypass opens, a rule is about, or a key is good for. All parts must agree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scope {
    /// The paths.
    pub paths: Paths,
    /// Networks to come from; `None` for anywhere. An empty list is nowhere.
    pub networks: Option<Vec<IpNet>>,
    /// Methods; `None` for all. An empty list is none.
    pub methods: Option<Vec<Method>>,
    /// When it ends: the first second in which it covers nothing any more.
    pub expires_at: Option<UnixTime>,
}

/// Which paths.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Paths {
    /// Every path.
    All,
    /// Those that a prefix or a regular expression matches. Two empty lists are no path.
    Some {
        /// Prefixes that end at segments: `/api` has `/api` and `/api/x`, not `/apis`.
        prefixes: Vec<String>,
        /// Expressions that the whole path must match.
        regexes: Vec<PathRegex>,
    },
}

/// Which part of a scope does not cover a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Miss {
    /// The path.
    Path,
    /// The client address.
    Network,
    /// The method.
    Method,
    /// It has ended.
    Expired,
}

impl Scope {
    /// Every request, for ever.
    pub const fn everything() -> Self {
        Self { paths: Paths::All, networks: None, methods: None, expires_at: None }
    }

    /// Paths below these prefixes, from anywhere, with any method, for ever.
    pub fn below<P: Into<String>>(prefixes: impl IntoIterator<Item = P>) -> Self {
        let prefixes = prefixes.into_iter().map(Into::into).collect();
        Self { paths: Paths::Some { prefixes, regexes: Vec::new() }, ..Self::everything() }
    }

    /// Whether it covers this request.
    pub fn covers(&self, access: &Access<'_>) -> bool {
        self.missed(access).is_none()
    }

    /// The first part that does not cover this request; `None` when all do.
    pub fn missed(&self, access: &Access<'_>) -> Option<Miss> {
        if self.expires_at.is_some_and(|end| end <= access.now) {
            return Some(Miss::Expired);
        }
        if !self.allows_network(access.client) {
            return Some(Miss::Network);
        }
        if !self.methods.as_ref().is_none_or(|methods| methods.contains(access.method)) {
            return Some(Miss::Method);
        }
        (!self.paths.contain(access.path)).then_some(Miss::Path)
    }

    /// Whether a client may come from this address.
    pub fn allows_network(&self, client: IpAddr) -> bool {
        within(self.networks.as_deref(), client)
    }
}

impl Paths {
    /// Whether this canonical path is one of them. The query is no part of it: `?x=/public` opens nothing (P-1).
    pub fn contain(&self, canonical: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some { prefixes, regexes } => {
                prefixes.iter().any(|prefix| path::has_segment_prefix(canonical, prefix))
                    || regexes.iter().any(|regex| regex.matches(canonical))
            }
        }
    }
}

/// A regular expression for whole paths. Matching takes time linear in the path, whatever the expression.
#[derive(Clone)]
pub struct PathRegex {
    pattern: String,
    anchored: Regex,
    /// The same for any part of a path: decides nothing, and tells why a path was not matched.
    part: Regex,
}

impl PathRegex {
    /// Compiles a pattern, and anchors it: `/api/.*` matches `/api/x`, neither `/x/api/x` nor a part of another path.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the pattern.
    pub fn new(pattern: &str) -> Result<Self, String> {
        // Alone first: `a)|(b` would close the group that anchors it, and match a part.
        let part = build(pattern)?;
        let anchored = build(&format!(r"\A(?:{pattern})\z"))?;
        Ok(Self { pattern: pattern.to_owned(), anchored, part })
    }

    /// Whether the whole path matches.
    pub fn matches(&self, path: &str) -> bool {
        self.anchored.is_match(path.as_bytes())
    }

    /// Whether a part of the path matches, or all of it: for explanations alone.
    pub(super) fn matches_part(&self, path: &str) -> bool {
        self.part.is_match(path.as_bytes())
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.pattern
    }
}

/// Canonical paths are ASCII, so classes such as `\d` and `(?i)` mean ASCII too.
fn build(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern).unicode(false).size_limit(REGEX_SIZE).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
        regex::Error::Syntax(text) => {
            // The last line says what; the ones before point at it in several lines.
            let what = text.lines().last().unwrap_or_default();
            what.trim_start_matches("error: ").to_owned()
        }
        other => other.to_string(),
    })
}

impl PartialEq for PathRegex {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern
    }
}

impl Eq for PathRegex {}

impl fmt::Debug for PathRegex {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PathRegex({:?})", self.pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_1_a_regex_matches_whole_paths() {
        for (pattern, path, expected) in [
            ("/[^/]+/api", "/abc/api", true),
            ("/[^/]+/api", "/abc/api/x", false),
            ("/[^/]+/api", "/x/abc/api", false),
            ("/[^/]+/api(/.*)?", "/abc/api/x/y", true),
            ("/a|/b", "/a", true),
            ("/a|/b", "/a/secret", false),
            ("/a|/ab", "/ab", true),
            ("^/api$", "/api", true),
            ("^/api", "/api/x", false),
            ("(?i)/API", "/api", true),
            (r"/v\d+", "/v12", true),
            ("", "/", false),
            ("(?m)^/a$", "/a", true),
            (".*", "/anything/at/all", true),
        ] {
            assert_eq!(PathRegex::new(pattern).unwrap().matches(path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn t_9_an_unfit_regex_is_an_error() {
        for pattern in ["(", "a)|(?:b", "[", "*", r"\q", "(?<=a)b", r"(a)\1", "x{1000}{1000}", "(?x)a #"] {
            let error = PathRegex::new(pattern).unwrap_err();
            assert!(!error.is_empty() && !error.contains('\n'), "{pattern}: {error}");
        }
    }

    /// A pattern that takes exponential time elsewhere.
    #[test]
    fn matching_takes_linear_time() {
        let regex = PathRegex::new("(/a|/aa|/a/?)*b").unwrap();
        assert!(!regex.matches(&"/a".repeat(4_000)));
    }
}
