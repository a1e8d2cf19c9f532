//! Names of headers that mean something else on the way, so that none of them can tell who somebody is.

/// Names that an identity header can't have: they mean something else on the way.
const NOT_OURS_TO_SET: [&str; 25] = [
    "host",
    "cookie",
    "set-cookie",
    "authorization",
    "content-length",
    "content-type",
    "content-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "transfer-encoding",
    "upgrade",
    "te",
    "trailer",
    "expect",
    "range",
    "origin",
    "referer",
    "forwarded",
    "via",
    "x-forwarded",
    "x-real-ip",
    "x-http-method-override",
    "x-request-id",
];
/// Beginnings of such names.
const NOT_OURS_TO_BEGIN: [&str; 4] = ["x-forwarded-", "x-original-", "sec-", "x-doorward-"];

/// Whether a name, canonical, means something else on the way: identity headers and credentials can't have it.
pub fn is_taken_header(canonical: &str) -> bool {
    NOT_OURS_TO_SET.contains(&canonical)
        || NOT_OURS_TO_BEGIN.iter().any(|beginning| canonical.starts_with(beginning))
}
