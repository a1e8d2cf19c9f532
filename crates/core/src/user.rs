//! What a person may be called.

pub mod claims;

use std::{borrow::Cow, fmt};

/// Longest user name, in bytes.
pub const USERNAME_MAX: usize = 50;

/// A name that identifies a person to applications, in `Remote-User` and `preferred_username`.
///
/// 1 to 50 of `a-z A-Z 0-9 . _ - @ +`, beginning and ending with a letter or digit. It is shown as it was written, and
/// two that differ in case alone are the same name; ASCII only, so that it survives any header parser.
#[derive(Clone, Debug)]
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
    /// Reads a name; surrounding spaces are dropped.
    pub fn parse(text: &str) -> Result<Self, InvalidUsername> {
        let name = text.trim().to_owned();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@+".contains(&byte);
        let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
        let bytes = name.as_bytes();
        let well_formed = bytes.len() <= USERNAME_MAX
            && bytes.iter().copied().all(allowed)
            && ends(bytes.first().copied())
            && ends(bytes.last().copied());
        if well_formed { Ok(Self(name)) } else { Err(InvalidUsername) }
    }

    /// The name, as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name in the one spelling that decides whether it is taken.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl PartialEq for Username {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Username {}

impl fmt::Display for Username {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A person's names and address as an administrator wrote them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Profile {
    /// The unique name.
    pub username: Username,
    /// The name to show: 1 to 100 characters, no control characters.
    pub display_name: String,
    /// Given name: at most 50 characters; empty when none is known.
    pub first_name: String,
    /// Family name: the same.
    pub last_name: String,
    /// The language that the person reads (BCP 47), if one is known.
    pub locale: Option<String>,
    /// Mail address, if one is known.
    pub email: Option<String>,
    /// Whether the address is known to be the person's own. Only administrators and we ourselves say so.
    pub email_verified: bool,
}

impl Profile {
    /// The profile of somebody of whom no more is known than what they are called. An address that is added counts as
    /// verified: it is an administrator who writes it.
    pub const fn new(username: Username, display_name: String) -> Self {
        Self {
            username,
            display_name,
            first_name: String::new(),
            last_name: String::new(),
            locale: None,
            email: None,
            email_verified: true,
        }
    }

    /// Given and family name, or what is known of them, or the name to show.
    pub fn full_name(&self) -> Cow<'_, str> {
        match (self.first_name.as_str(), self.last_name.as_str()) {
            ("", "") => Cow::Borrowed(&self.display_name),
            (first, "") => Cow::Borrowed(first),
            ("", last) => Cow::Borrowed(last),
            (first, last) => Cow::Owned(format!("{first} {last}")),
        }
    }
}

/// Reads a display name: trimmed, 1 to 100 characters, no control characters.
pub fn parse_display_name(text: &str) -> Option<String> {
    let name = text.trim();
    (!name.is_empty() && is_label(name, 100)).then(|| name.to_owned())
}

/// Reads a given or family name: trimmed, at most 50 characters, no control characters. It may be empty.
pub fn parse_part_of_name(text: &str) -> Option<String> {
    let name = text.trim();
    is_label(name, 50).then(|| name.to_owned())
}

/// Reads a language tag: `en`, `pt-BR`. Its form alone is checked (BCP 47 section 2.1).
pub fn parse_locale(text: &str) -> Option<String> {
    let text = text.trim();
    let part =
        |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (text.len() <= 35 && text.split('-').all(part)).then(|| text.to_owned())
}

/// Whether a text has at most `longest` characters, none of which controls a terminal or a header.
pub fn is_label(text: &str, longest: usize) -> bool {
    text.chars().count() <= longest && !text.chars().any(char::is_control)
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

/// Whether this can be a group's name: 1 to 255 characters, no control characters, no comma, because names are joined
/// by commas in headers, and no space at either end, which nobody sees.
pub fn is_group_name(name: &str) -> bool {
    !name.is_empty() && is_label(name, 255) && !name.contains(',') && name.trim() == name
}

/// Whether this can be a role of a service: 1 to 63 visible ASCII characters without comma. Roles are joined by spaces
/// for some applications, so they have none inside.
pub fn is_role_name(name: &str) -> bool {
    (1..=63).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_19_names_are_folded_once() {
        let (written, plain) = (Username::parse(" Ada ").unwrap(), Username::parse("ada").unwrap());
        assert_eq!(written, plain);
        assert_eq!((written.folded(), written.as_str()), (plain.folded(), "Ada"));
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
        assert!(
            is_group_name("family-2") && is_group_name("Große Familie") && is_group_name(&"ä".repeat(255))
        );
        for name in ["", " ", "a,admins", " a", "a ", "a\u{a0}", "a\r\nb", "a\u{9b}b", &"g".repeat(256)] {
            assert!(!is_group_name(name), "{name:?}");
        }
        assert!(is_role_name("editor") && is_role_name(&"g".repeat(63)));
        for name in ["", "a,admins", "a b", "a\r\nb", "ä", &"g".repeat(64)] {
            assert!(!is_role_name(name), "{name:?}");
        }
    }

    #[test]
    fn a_full_name_is_made_of_what_is_known() {
        let mut ada = Profile::new(Username::parse("ada").unwrap(), "Countess".to_owned());
        for (first, last, expected) in [
            ("", "", "Countess"),
            ("Ada", "", "Ada"),
            ("", "Lovelace", "Lovelace"),
            ("Ada", "Lovelace", "Ada Lovelace"),
        ] {
            (ada.first_name, ada.last_name) = (first.to_owned(), last.to_owned());
            assert_eq!(ada.full_name(), expected);
        }
    }

    #[test]
    fn languages_and_parts_of_names_are_short_and_plain() {
        for (text, fits) in [("en", true), ("pt-BR", true), ("zh-Hant-TW", true), ("", false), ("e n", false)]
        {
            assert_eq!(parse_locale(text).is_some(), fits, "{text:?}");
        }
        assert_eq!(parse_locale("en-"), None);
        assert_eq!(parse_part_of_name("").as_deref(), Some(""));
        assert_eq!(parse_part_of_name(" Ada ").as_deref(), Some("Ada"));
        assert_eq!(parse_part_of_name(&"a".repeat(51)), None);
        assert_eq!(parse_part_of_name("a\nb"), None);
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
