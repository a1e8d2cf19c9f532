//! Where a person goes on a service's own host after signing in.

/// A path with query on the same host. Never another host: it begins with exactly one slash and has nothing that a
/// browser would read as one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReturnPath(String);

impl ReturnPath {
    /// Longest path that is remembered, in bytes.
    pub const MAX: usize = 2048;

    /// Reads a path with query; whatever is not one is `/`.
    pub fn parse(text: &str) -> Self {
        let ours = text.len() <= Self::MAX
            && text.starts_with('/')
            && !text.starts_with("//")
            && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\' && byte != b'#')
            && !crate::http::path::has_segment_prefix(
                text.split('?').next().unwrap_or_default(),
                "/.doorward",
            );
        Self(if ours { text.to_owned() } else { "/".to_owned() })
    }

    /// The path with query.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_8_a_return_path_stays_on_its_host() {
        for text in ["/a?b=c", "/", "/a//b"] {
            assert_eq!(ReturnPath::parse(text).as_str(), text);
        }
        for text in [
            "",
            "//evil.test",
            "/\\evil.test",
            "https://evil.test",
            "/a\tb",
            "/a#b",
            "/.doorward/callback?x",
            " /a",
        ] {
            assert_eq!(ReturnPath::parse(text).as_str(), "/", "{text:?}");
        }
    }
}
