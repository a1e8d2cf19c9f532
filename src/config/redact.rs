//! What looks like a secret is not shown: mistakes end up in logs (impossible 12).

use std::ops::Range;

/// Ends of keys whose values are secrets. Such keys do not exist here, but people write them.
const SECRETS: [&str; 7] = ["secret", "password", "passwd", "token", "secret_key", "private_key", "api_key"];

/// `text` with stars for what looks like a secret. Every other byte stays in its place.
pub(super) fn redact(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for range in user_information(text).into_iter().chain(values(text)) {
        bytes[range].fill(b'*');
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// What stands between `://` and `@`.
fn user_information(text: &str) -> Vec<Range<usize>> {
    let hidden = |(at, separator): (usize, &str)| {
        let start = at + separator.len();
        let rest = &text[start..];
        let end = rest.find(['/', '"', '\'', '`', ' ', '\n', '\r']).unwrap_or(rest.len());
        rest[..end].rfind('@').map(|length| start..start + length)
    };
    text.match_indices("://").filter_map(hidden).collect()
}

/// The values of keys that end like a secret's.
fn values(text: &str) -> Vec<Range<usize>> {
    let folded = text.to_ascii_lowercase();
    let of = |word: &str| {
        folded.match_indices(word).filter_map(|(at, _)| value(&folded, at, word)).collect::<Vec<_>>()
    };
    SECRETS.into_iter().flat_map(of).collect()
}

/// The value of the key whose name ends at `at` with `word`, up to the end of its line.
fn value(text: &str, at: usize, word: &str) -> Option<Range<usize>> {
    const BLANK: [char; 2] = [' ', '\t'];
    const QUOTES: [char; 2] = ['"', '\''];
    let after = text[at + word.len()..].trim_start_matches(QUOTES).trim_start_matches(BLANK);
    let after = after.strip_prefix(['=', ':'])?.trim_start_matches(BLANK);
    let inner = after.trim_start_matches(QUOTES);
    let end = match after.chars().next() {
        Some(quote) if QUOTES.contains(&quote) => inner.find([quote, '\n', '\r']),
        _ => inner.find([',', '}', '\n', '\r']),
    };
    let start = text.len() - inner.len();
    Some(start..start + end.unwrap_or(inner.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_12_secrets_become_stars() {
        for (text, shown) in [
            ("client_secret = \"häx\" # x", "client_secret = \"****\" # x"),
            ("{\"clientSecret\": \"hx\", \"a\": 1}", "{\"clientSecret\": \"**\", \"a\": 1}"),
            ("{ password = 'a b', x = 1 }", "{ password = '***', x = 1 }"),
            ("password=1234\nx", "password=****\nx"),
            ("token = \"\"\"abc\nd", "token = \"\"\"***\nd"),
            ("url = \"postgres://u:p@h/d\"", "url = \"postgres://***@h/d\""),
            ("`http://u:p@a@h` is wrong", "`http://*****@h` is wrong"),
        ] {
            assert_eq!(redact(text), shown);
        }
        for text in [
            "client_secret_file = \"/run/secrets/x\"",
            "id_token_alg = \"RS256\"",
            "upstream = \"http://127.0.0.1:80/@\"",
            "# a secret",
            "secret",
        ] {
            assert_eq!(redact(text), text);
        }
    }
}
