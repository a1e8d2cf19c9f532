//! Authorization responses (RFC 6749 sections 4.1.2 and 4.1.2.1) by `response_mode=query`. Each says who sends it
//! (RFC 9207), so that a client of several providers can't be led to give our code to another.

use std::borrow::Cow;

use crate::{
    http::origin::Origin,
    oauth::error::ErrorCode,
    token::{Code, Plain},
};

/// Where a response goes. Only a parsed authorization request makes one, with a redirect URI that is registered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResponseTarget {
    redirect_uri: String,
    state: Option<String>,
}

impl ResponseTarget {
    pub(super) const fn new(redirect_uri: String, state: Option<String>) -> Self {
        Self { redirect_uri, state }
    }

    /// The registered redirect URI as the client wrote it: what the store keeps with the code.
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// The URL that carries `code` to the client, for a `Location` header.
    pub fn with_code(&self, code: &Plain<Code>, issuer: &Origin) -> String {
        self.with(&[("code", code.expose())], issuer)
    }

    /// The refusal of the request, to be sent here.
    pub fn refuse(&self, code: ErrorCode, description: impl Into<Cow<'static, str>>) -> ErrorResponse {
        ErrorResponse { target: self.clone(), code, description: description.into() }
    }

    fn with(&self, parameters: &[(&str, &str)], issuer: &Origin) -> String {
        let mut all = parameters.to_vec();
        all.extend(self.state.as_deref().map(|state| ("state", state)));
        all.push(("iss", issuer.as_str()));
        append(&self.redirect_uri, &all)
    }
}

/// A refusal that the client learns of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ErrorResponse {
    target: ResponseTarget,
    code: ErrorCode,
    description: Cow<'static, str>,
}

impl ErrorResponse {
    /// The URL that carries it to the client, for a `Location` header.
    pub fn location(&self, issuer: &Origin) -> String {
        self.target.with(&[("error", self.code.as_str()), ("error_description", &self.description)], issuer)
    }

    /// The error code, for the log.
    pub const fn code(&self) -> ErrorCode {
        self.code
    }

    /// What is wrong, for the log.
    pub fn description(&self) -> &str {
        &self.description
    }
}

/// `uri` with parameters added to its query. The registered text itself stays as it is.
pub(super) fn append(uri: &str, parameters: &[(&str, &str)]) -> String {
    let mut encoded = url::form_urlencoded::Serializer::new(String::new());
    encoded.extend_pairs(parameters);
    let encoded = encoded.finish();
    let separator = match uri.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some((_, query)) if query.ends_with('&') => "",
        Some(_) => "&",
    };
    if encoded.is_empty() { uri.to_owned() } else { format!("{uri}{separator}{encoded}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_added_and_nothing_else_changes() {
        for (uri, expected) in [
            ("https://a.test/cb", "https://a.test/cb?x=1+%26"),
            ("https://a.test", "https://a.test?x=1+%26"),
            ("https://a.test/cb?", "https://a.test/cb?x=1+%26"),
            ("https://a.test/cb?y=%41", "https://a.test/cb?y=%41&x=1+%26"),
            ("https://a.test/cb?y&", "https://a.test/cb?y&x=1+%26"),
            ("app.immich:///oauth-callback", "app.immich:///oauth-callback?x=1+%26"),
        ] {
            assert_eq!(append(uri, &[("x", "1 &")]), expected);
        }
        assert_eq!(append("https://a.test/", &[]), "https://a.test/");
    }
}
