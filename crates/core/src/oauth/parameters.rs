//! Request parameters (RFC 6749 section 3.1 and appendix B): each at most once, none guessed at.

use std::fmt;

/// Longest parameter text that is read, in bytes.
pub const MAX_LENGTH: usize = 8 * 1024;

/// Most parameters that are read.
pub const MAX_COUNT: usize = 64;

/// Why parameters are refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParametersError {
    /// More than [`MAX_LENGTH`] bytes or [`MAX_COUNT`] parameters.
    TooLarge,
    /// A broken escape, or bytes that are not UTF-8.
    Malformed,
    /// A parameter, known or not, is there twice: two readers could each believe another one (R-6).
    Repeated,
}

impl fmt::Display for ParametersError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::TooLarge => "the request has too many or too long parameters",
            Self::Malformed => "the parameters are not well-formed",
            Self::Repeated => "a parameter is there twice",
        })
    }
}

impl std::error::Error for ParametersError {}

/// The parameters of one request, decoded.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads `application/x-www-form-urlencoded` text: a query or a body.
    pub fn parse(text: &[u8]) -> Result<Self, ParametersError> {
        if text.len() > MAX_LENGTH {
            return Err(ParametersError::TooLarge);
        }
        let mut found: Vec<(String, String)> = Vec::new();
        for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at(at);
            let name = decode(name).ok_or(ParametersError::Malformed)?;
            let value =
                decode(value.strip_prefix(b"=").unwrap_or(value)).ok_or(ParametersError::Malformed)?;
            if found.iter().any(|(earlier, _)| *earlier == name) {
                return Err(ParametersError::Repeated);
            }
            if found.len() == MAX_COUNT {
                return Err(ParametersError::TooLarge);
            }
            found.push((name, value));
        }
        Ok(Self(found))
    }

    /// The value of a parameter. One without a value is as good as absent (RFC 6749 section 3.1).
    pub fn value(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(found, _)| found == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// These parameters without the one of this name.
    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|(found, _)| found != name);
        self
    }

    /// These parameters and one more, in place of one of the same name.
    pub fn with(self, name: &str, value: &str) -> Self {
        let mut parameters = self.without(name);
        parameters.0.push((name.to_owned(), value.to_owned()));
        parameters
    }

    /// Names and values, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The encoded text.
    pub fn to_query(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.0);
        query.finish()
    }
}

/// Names only: values may be secrets.
impl fmt::Debug for Parameters {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Decodes one name or value: `+` is a space and `%XX` a byte. `None` for a broken escape or no UTF-8.
pub(crate) fn decode(text: &[u8]) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        decoded.push(match first {
            b'+' => b' ',
            b'%' => {
                let (digits, after) = after.split_first_chunk::<2>()?;
                rest = after;
                hexadecimal(digits[0])? << 4 | hexadecimal(digits[1])?
            }
            byte => *byte,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_6_a_parameter_is_there_once_in_any_spelling() {
        for text in ["a=1&a=1", "a=1&a=2", "a&a=1", "unknown=1&x=2&unknown=", "a=1&%61=2", "a=1&&a=1"] {
            assert_eq!(Parameters::parse(text.as_bytes()), Err(ParametersError::Repeated), "{text}");
        }
        let read = Parameters::parse(b"a=1&A=2&b=x+y%2Bz&c=&d").unwrap();
        assert_eq!(
            ["a", "A", "b", "c", "d", "e"].map(|name| read.value(name)),
            [Some("1"), Some("2"), Some("x y+z"), None, None, None]
        );
    }

    #[test]
    fn broken_text_is_refused_rather_than_repaired() {
        for text in [&b"a=%"[..], b"a=%2", b"a=%zz", b"a=%ff", b"%c3=1", b"a=\xff", b"a=%+1"] {
            assert_eq!(Parameters::parse(text), Err(ParametersError::Malformed), "{text:?}");
        }
    }

    #[test]
    fn there_are_bounds() {
        assert_eq!(Parameters::parse(&vec![b'a'; MAX_LENGTH + 1]), Err(ParametersError::TooLarge));
        let many = |count: usize| (0..count).map(|at| format!("p{at}=1")).collect::<Vec<_>>().join("&");
        assert_eq!(Parameters::parse(many(MAX_COUNT + 1).as_bytes()), Err(ParametersError::TooLarge));
        assert!(Parameters::parse(many(MAX_COUNT).as_bytes()).is_ok());
    }

    #[test]
    fn what_is_written_is_read_back() {
        let parameters =
            Parameters::default().with("redirect_uri", "https://a.test/?x=1&y=ä").with("state", "+ %");
        assert_eq!(Parameters::parse(parameters.to_query().as_bytes()), Ok(parameters));
    }

    #[test]
    fn values_do_not_print() {
        let parameters = Parameters::parse(b"client_secret=hunter2").unwrap();
        assert_eq!(format!("{parameters:?}"), r#"["client_secret"]"#);
    }
}
