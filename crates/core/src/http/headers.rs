//! Strip, then set.

use std::collections::HashSet;

/// Header names that never pass from a client to an upstream, in canonical form (lower case, `-` for `_` and `.`).
#[derive(Clone, Debug, Default)]
pub struct ReservedHeaders {
    names: HashSet<String>,
}

impl ReservedHeaders {
    /// The fixed set plus `injected`, the names that any service injects.
    pub fn new<'a>(injected: impl IntoIterator<Item = &'a str>) -> Self {
        Self { names: injected.into_iter().map(str::to_ascii_lowercase).collect() }
    }
}
