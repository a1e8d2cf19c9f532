//! What came back.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use url::Url;

/// One redirect on the way to a page.
#[derive(Clone, Debug)]
pub struct Hop {
    /// The address that answered with a redirect.
    pub url: Url,
    /// Its status.
    pub status: StatusCode,
    /// Its headers, with `Location` and `Set-Cookie`.
    pub headers: HeaderMap,
}

/// The last answer of a navigation, or the only one of a request.
#[derive(Clone, Debug)]
pub struct Page {
    /// The address that answered.
    pub url: Url,
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, as sent.
    pub body: Bytes,
    /// The redirects that led here, first one first.
    pub chain: Vec<Hop>,
}

impl Page {
    /// The body as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// If it is none.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("{} answered {} with a body that is not JSON.", self.url, self.status))
    }

    /// The first header of this name, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Where a redirect leads, resolved against the page; none if this is no redirect.
    ///
    /// # Errors
    /// If `Location` can't be read.
    pub fn location(&self) -> Result<Option<Url>> {
        if !super::is_redirect(self.status) {
            return Ok(None);
        }
        let Some(location) = self.headers.get("location") else {
            return Ok(None);
        };
        let unreadable = || format!("{} redirects to an unreadable address: {location:?}.", self.url);
        let text = std::str::from_utf8(location.as_bytes()).with_context(unreadable)?;
        self.url.join(text).map(Some).with_context(unreadable)
    }

    /// The value of the first query parameter of this name in the page's address.
    pub fn query(&self, name: &str) -> Option<String> {
        self.url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}
