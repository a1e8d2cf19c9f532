//! The syntax of `Set-Cookie` (RFC 6265bis section 5.6).

use std::time::{Duration, SystemTime};

use super::date;

/// What a header says, before anybody asks whether it may.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SetCookie {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) domain: Option<String>,
    pub(super) path: Option<String>,
    pub(super) secure: bool,
    max_age: Option<i64>,
    expires: Option<SystemTime>,
}

impl SetCookie {
    /// None if it is to be ignored as a whole. Of a repeated attribute, the last one counts.
    pub(super) fn parse(header: &str) -> Option<Self> {
        if header.chars().any(|c| c.is_ascii_control() && c != '\t') {
            return None;
        }
        let mut parts = header.split(';');
        let pair = parts.next()?;
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        let mut cookie =
            Self { name: name.trim().to_owned(), value: value.trim().to_owned(), ..Self::default() };
        if cookie.name.is_empty() && cookie.value.is_empty() {
            return None;
        }
        for part in parts {
            let (attribute, value) = part.split_once('=').unwrap_or((part, ""));
            cookie.attribute(&attribute.trim().to_ascii_lowercase(), value.trim());
        }
        Some(cookie)
    }

    fn attribute(&mut self, name: &str, value: &str) {
        match name {
            "domain" => {
                let value = value.strip_prefix('.').unwrap_or(value);
                self.domain = Some(value.to_ascii_lowercase());
            }
            "path" => self.path = Some(value.to_owned()),
            "secure" => self.secure = true,
            "max-age" => self.max_age = max_age(value).or(self.max_age),
            "expires" => self.expires = date::parse(value).or(self.expires),
            _ => {}
        }
    }

    /// `Max-Age` wins over `Expires`; zero and less mean the past.
    pub(super) fn expires_at(&self, now: SystemTime) -> Option<SystemTime> {
        let Some(seconds) = self.max_age else {
            return self.expires;
        };
        match u64::try_from(seconds) {
            Ok(seconds) if seconds > 0 => now.checked_add(Duration::from_secs(seconds)),
            _ => Some(SystemTime::UNIX_EPOCH),
        }
    }
}

/// Digits with an optional minus; a number beyond the range is as good as its end.
fn max_age(value: &str) -> Option<i64> {
    let digits = value.strip_prefix('-').unwrap_or(value);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let limit = if value.starts_with('-') { i64::MIN } else { i64::MAX };
    Some(value.parse().unwrap_or(limit))
}
