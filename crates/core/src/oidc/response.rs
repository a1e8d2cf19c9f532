//! Authorization responses (RFC 6749 sections 4.1.2 and 4.1.2.1) by each `response_mode`. Each says who sends it
//! (RFC 9207), so that a client of several providers can't be led to give our code to another.

use std::borrow::Cow;

use crate::{
    http::origin::Origin,
    oauth::error::ErrorCode,
    token::{Code, Plain},
};

/// How a response travels (OAuth 2.0 Multiple Response Type Encoding Practices section 2.1, OAuth 2.0 Form Post Response
/// Mode section 2).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum ResponseMode {
    /// In the query of the redirect URI: the default for codes.
    #[default]
    Query,
    /// In its fragment, which servers and `Referer` do not see.
    Fragment,
    /// In a form that the browser posts.
    FormPost,
}

impl ResponseMode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Query, Self::Fragment, Self::FormPost];

    /// The registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
        }
    }

    /// The mode of this name; `None` for an unknown one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// A response on its way.
#[must_use]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// By a `Location` header.
    Location(String),
    /// By a form that the browser posts.
    Form {
        /// The registered redirect URI.
        action: String,
        /// Names and values of its fields.
        fields: Vec<(String, String)>,
    },
}

/// Where a response goes. Only a parsed authorization request makes one, with a redirect URI that is registered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResponseTarget {
    redirect_uri: String,
    state: Option<String>,
    mode: ResponseMode,
}

impl ResponseTarget {
    pub(super) const fn new(redirect_uri: String, state: Option<String>, mode: ResponseMode) -> Self {
        Self { redirect_uri, state, mode }
    }

    /// The registered redirect URI as the client wrote it: what the store keeps with the code.
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// What carries `code` to the client.
    pub fn with_code(&self, code: &Plain<Code>, issuer: &Origin) -> Delivery {
        self.with(&[("code", code.expose())], issuer)
    }

    /// The refusal of the request, to be sent here.
    pub fn refuse(&self, code: ErrorCode, description: impl Into<Cow<'static, str>>) -> ErrorResponse {
        ErrorResponse { target: self.clone(), code, description: description.into() }
    }

    fn with(&self, parameters: &[(&str, &str)], issuer: &Origin) -> Delivery {
        let mut all = parameters.to_vec();
        all.extend(self.state.as_deref().map(|state| ("state", state)));
        all.push(("iss", issuer.as_str()));
        match self.mode {
            ResponseMode::Query => Delivery::Location(append(&self.redirect_uri, &all)),
            // A registered redirect URI has no fragment of its own.
            ResponseMode::Fragment => Delivery::Location(format!("{}#{}", self.redirect_uri, encode(&all))),
            ResponseMode::FormPost => Delivery::Form {
                action: self.redirect_uri.clone(),
                fields: all.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            },
        }
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
    /// What carries it to the client.
    pub fn delivery(&self, issuer: &Origin) -> Delivery {
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
    let encoded = encode(parameters);
    let separator = match uri.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some((_, query)) if query.ends_with('&') => "",
        Some(_) => "&",
    };
    if encoded.is_empty() { uri.to_owned() } else { format!("{uri}{separator}{encoded}") }
}

fn encode(parameters: &[(&str, &str)]) -> String {
    let mut encoded = url::form_urlencoded::Serializer::new(String::new());
    encoded.extend_pairs(parameters);
    encoded.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_13_each_mode_carries_the_same_parameters() {
        let issuer = Origin::parse("https://id.example.org").unwrap();
        let sent = |mode| {
            let uri = "https://a.test/cb?y=1".to_owned();
            let target = ResponseTarget::new(uri, Some("s &".to_owned()), mode);
            target.refuse(ErrorCode::AccessDenied, "no").delivery(&issuer)
        };
        let encoded = "error=access_denied&error_description=no&state=s+%26&iss=https%3A%2F%2Fid.example.org";
        assert_eq!(sent(ResponseMode::Query), Delivery::Location(format!("https://a.test/cb?y=1&{encoded}")));
        assert_eq!(
            sent(ResponseMode::Fragment),
            Delivery::Location(format!("https://a.test/cb?y=1#{encoded}"))
        );
        let fields = [
            ("error", "access_denied"),
            ("error_description", "no"),
            ("state", "s &"),
            ("iss", "https://id.example.org"),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let action = "https://a.test/cb?y=1".to_owned();
        assert_eq!(sent(ResponseMode::FormPost), Delivery::Form { action, fields });
        for name in ["", "QUERY", "web_message", "query.jwt"] {
            assert_eq!(ResponseMode::from_name(name), None, "{name}");
        }
    }

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
