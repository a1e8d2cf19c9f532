//! Replies: JSON, redirects, and the headers that all replies carry.

use axum::{body::Body, response::Response};
use doorward_core::http::origin::Origin;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

/// What pages may do: load our own style and script, talk to us, and nothing else.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Headers of every reply, unless a handler set its own.
const HARDENING: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::CACHE_CONTROL, "no-store"),
    // Not `no-referrer`: it would make browsers send `Origin: null` with our own forms.
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        HeaderName::from_static("permissions-policy"),
        "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), geolocation=(), microphone=()",
    ),
    (HeaderName::from_static("x-robots-tag"), "noindex"),
];

/// Adds what every reply carries.
pub(crate) fn harden(headers: &mut HeaderMap) {
    for (name, value) in HARDENING {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// The policy of a page whose form may lead on to `source`, an application.
pub(crate) fn policy_with_form_to(source: &str) -> Option<HeaderValue> {
    let form = format!("form-action 'self' {source};");
    HeaderValue::from_str(&CONTENT_SECURITY_POLICY.replace("form-action 'self';", &form)).ok()
}

/// The policy of a page at a host where we serve no assets.
pub(crate) fn policy_with_assets_from(portal: &Origin) -> Option<HeaderValue> {
    let policy = format!(
        "default-src 'none'; style-src {portal}; img-src {portal}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).ok()
}

/// A JSON reply.
pub(crate) fn json(value: &serde_json::Value) -> Response {
    with_type("application/json", value.to_string())
}

/// A page.
pub(crate) fn html(text: String) -> Response {
    with_type("text/html; charset=utf-8", text)
}

/// A reply of this media type.
pub(crate) fn with_type(media_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// On to `location`, by GET (RFC 9110 section 15.4.4). What can't be a header value leads nowhere: 500.
pub(crate) fn see_other(location: &str) -> Response {
    let mut response = Response::new(Body::empty());
    match HeaderValue::from_str(location) {
        Ok(location) => {
            *response.status_mut() = StatusCode::SEE_OTHER;
            response.headers_mut().insert(header::LOCATION, location);
        }
        Err(_) => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
    }
    response
}

/// Adds a `Set-Cookie` line.
pub(crate) fn add_cookie(response: &mut Response, line: Option<HeaderValue>) {
    if let Some(line) = line {
        response.headers_mut().append(header::SET_COOKIE, line);
    }
}
