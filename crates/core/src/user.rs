//! What a person may be called.

use std::fmt;

/// Longest user name, in bytes.
pub const USERNAME_MAX: usize = 50;

/// A name that identifies a person to applications, in `Remote-User` and `preferred_username`.
///
/// 1 to 50 of `a-z 0-9 . _ - @ +`, beginning and ending with a letter or digit. Lower case only, so that two
/// names that look alike are the same name, and ASCII only, so that it survives any header parser.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Username(String);

/// Why a name is refused.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub struct InvalidUsername;

impl fmt::Display for InvalidUsername {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a user name has 1 to 50 letters a-z, digits and . _ - @ +, and begins and ends with a letter or digit")
    }
}

impl std::error::Error for InvalidUsername {}

impl Username {
    /// Reads a name; upper case is folded, surrounding spaces are dropped.
    pub fn parse(text: &str) -> Result<Self, InvalidUsername> {
        let name = text.trim().to_ascii_lowercase();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@+".contains(&byte);
        let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
        let bytes = name.as_bytes();
        let well_formed = bytes.len() <= USERNAME_MAX
            && bytes.iter().copied().all(allowed)
            && ends(bytes.first().copied())
            && ends(bytes.last().copied());
        if well_formed { Ok(Self(name)) } else { Err(InvalidUsername) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Username {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A person's name and address as they or an administrator wrote them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Profile {
    /// The unique name.
    pub username: Username,
    /// The name to show: 1 to 100 characters, no control characters.
    pub display_name: String,
    /// Mail address, if one is known.
    pub email: Option<String>,
}

/// Reads a display name: trimmed, 1 to 100 characters, no control characters.
pub fn parse_display_name(text: &str) -> Option<String> {
    let name = text.trim();
    let well_formed = !name.is_empty() && name.chars().count() <= 100 && !name.chars().any(char::is_control);
    well_formed.then(|| name.to_owned())
}

/// Reads a mail address strictly: exactly one `@`, visible ASCII around it, a dot-free edge, at most 254 bytes.
/// The domain is folded to lower case.
pub fn parse_email(text: &str) -> Option<String> {
    let text = text.trim();
    let (local, domain) = text.split_once('@')?;
    let visible = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>()[]\\,;:\"@".contains(&byte))
    };
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let well_formed = text.len() <= 254
        && visible(local)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && domain.split('.').all(label);
    well_formed.then(|| format!("{local}@{}", domain.to_ascii_lowercase()))
}

/// Whether this can be a group's name: 1 to 63 visible ASCII characters without comma, because names are joined by
/// commas in headers.
pub fn is_group_name(name: &str) -> bool {
    (1..=63).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_19_names_are_folded_once() {
        assert_eq!(Username::parse(" Ada "), Username::parse("ada"));
        for name in ["", "a b", ".ada", "ada.", "a\r\nb", "äda", "a\u{202e}b", &"a".repeat(51)] {
            assert_eq!(Username::parse(name), Err(InvalidUsername), "{name:?}");
        }
    }

    #[test]
    fn a_18_an_address_has_exactly_one_at_sign() {
        assert_eq!(parse_email("Ada@Example.ORG").as_deref(), Some("Ada@example.org"));
        for address in
            ["ada", "ada@", "@example.org", "a@evil@corp.example", "a b@c.d", "a@b..c", "a@-b.c", "a@b.c\n"]
        {
            assert_eq!(parse_email(address).is_some(), address == "a@b.c\n", "{address:?}");
        }
    }

    #[test]
    fn d_8_a_name_to_show_has_no_control_characters() {
        assert_eq!(parse_display_name("  Ada Lovelace "), Some("Ada Lovelace".to_owned()));
        assert!(parse_display_name(&"é".repeat(100)).is_some());
        for name in ["", "  ", "a\nb", "a\0b", "a\u{9b}b", &"a".repeat(101)] {
            assert_eq!(parse_display_name(name), None, "{name:?}");
        }
    }

    #[test]
    fn a_group_can_not_smuggle_another() {
        assert!(is_group_name("family-2") && is_group_name(&"g".repeat(63)));
        for name in ["", "a,admins", "a b", "a\r\nb", "ä", &"g".repeat(64)] {
            assert!(!is_group_name(name), "{name:?}");
        }
    }

    #[test]
    fn a_18_an_address_is_short_and_plain() {
        let longest = format!("{}@example.org", "a".repeat(242));
        assert!(parse_email(&longest).is_some());
        for address in
            [&format!("a{longest}"), ".a@b.c", "a.@b.c", "<a>@b.c", "a\r\nb@c.d", "ä@b.c", "a@b.c,d@e.f"]
        {
            assert_eq!(parse_email(address), None, "{address}");
        }
    }
}
