//! Host names.

use std::{
    borrow::Borrow,
    fmt,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

/// A canonical host: lower case, no trailing dot, no port; a DNS name, an IPv4 address or an IPv6 address without
/// brackets.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Host(Arc<str>);

impl Host {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Host {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Why a text is no host.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub struct InvalidHost;

impl fmt::Display for InvalidHost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not a host name")
    }
}

impl std::error::Error for InvalidHost {}

impl Host {
    /// Reads a host without a port: upper case is folded and one trailing dot is dropped.
    pub fn parse(text: &str) -> Result<Self, InvalidHost> {
        if let Some(inner) = text.strip_prefix('[') {
            let address = inner.strip_suffix(']').and_then(|inner| inner.parse::<Ipv6Addr>().ok());
            return address.map(|address| Self(address.to_string().into())).ok_or(InvalidHost);
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(address.to_string().into()));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if name.len() <= 253 && name.split('.').all(label) { Ok(Self(name.into())) } else { Err(InvalidHost) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RUSTSEC-2024-0421: `xn--` followed by what decodes to ASCII is no other spelling of that, because nothing is decoded:
    /// a name is its bytes. Letters beyond ASCII, which others fold into ASCII, are no name at all.
    #[test]
    fn s_14_punycode_is_never_read_as_another_name() {
        for text in ["xn--example-", "xn--example-.org", "xn--.org", "xn--a-.example.org"] {
            assert_eq!(Host::parse(text), Err(InvalidHost), "{text}");
        }
        for text in ["xn--example.org", "xn--bcher-kva.example", "xn--a.example.org", "xn--0.pt"] {
            assert_eq!(Host::parse(text).unwrap().as_str(), text);
        }
        for text in [
            "ｅxample.org",
            "example。org",
            "example．org",
            "ex\u{ad}ample.org",
            "ﬁ.example.org",
            "examp\u{2113}e.org",
            "\u{212a}.example.org",
            "exam\u{200d}ple.org",
            "ß.example.org",
            "bücher.example",
        ] {
            assert_eq!(Host::parse(text), Err(InvalidHost), "{text}");
        }
    }

    #[test]
    fn p_5_a_host_has_one_spelling() {
        for (text, canonical) in [
            ("Notes.Example.ORG.", "notes.example.org"),
            ("localhost", "localhost"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]", "::1"),
            ("0:0:0:0:0:0:0:1", "::1"),
        ] {
            assert_eq!(Host::parse(text).unwrap().as_str(), canonical, "{text}");
        }
        for text in [
            "",
            ".",
            "a..b",
            "-a",
            "a-",
            "a b",
            "a:1",
            "a/b",
            "u@a",
            "a..",
            "ä",
            "[::1",
            "::1]",
            "[[::1]]",
            "[127.0.0.1]",
            "[a]",
            "*.a",
            &"a".repeat(64),
            &"a.".repeat(128),
        ] {
            assert_eq!(Host::parse(text), Err(InvalidHost), "{text}");
        }
    }
}
