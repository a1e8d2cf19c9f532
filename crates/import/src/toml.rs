//! Just enough TOML to write a draft.

use std::fmt::Write as _;

/// A basic string, quoted.
pub(crate) fn string(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            letter if letter.is_control() => {
                // Writing into a text can't fail.
                let _ = write!(quoted, "\\u{:04X}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// An array of strings, in one line.
pub(crate) fn strings<S: AsRef<str>>(texts: &[S]) -> String {
    let all: Vec<String> = texts.iter().map(|text| string(text.as_ref())).collect();
    format!("[{}]", all.join(", "))
}

/// An inline table of strings.
pub(crate) fn table(pairs: &[(String, String)]) -> String {
    let all: Vec<String> =
        pairs.iter().map(|(key, value)| format!("{} = {}", string(key), string(value))).collect();
    format!("{{ {} }}", all.join(", "))
}

/// A comment of one line: what would end it is left out.
pub(crate) fn comment(text: &str) -> String {
    let text: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    format!("# {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_so_that_none_ends_early() {
        assert_eq!(string("a\"b\\c\nd\te\u{1}"), "\"a\\\"b\\\\c\\nd\\te\\u0001\"");
        assert_eq!(strings(&["a", "]"]), "[\"a\", \"]\"]");
        assert_eq!(table(&[("a b".to_owned(), "c".to_owned())]), "{ \"a b\" = \"c\" }");
        assert_eq!(comment("a\nposture = \"public\""), "# a posture = \"public\"");
    }
}
