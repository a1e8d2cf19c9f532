//! Answers that lead elsewhere: to the origin that a service names, and, over clear text when everything else is served
//! over TLS, to the same address there. Also an authority's question whether a name is ours.

use bytes::Bytes;
use doorward_core::service::Redirect;
use http::{HeaderValue, Method, Request, Response, StatusCode, header, uri::PathAndQuery};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;

use crate::{
    body::AnswerBody,
    connection::{Peer, Way},
    service::{Answer, Arrival},
    worker::Worker,
};

/// The answer to HTTP-01 (RFC 8555 section 8.3). Only tokens that are open at this moment are known; any other path
/// under the same prefix is a path as all are.
pub(crate) fn challenge(worker: &Worker, peer: &Peer, request: &Request<Incoming>) -> Option<Answer> {
    if peer.way == Way::Tls || request.method() != Method::GET {
        return None;
    }
    let authorization = worker.challenges.answer(request.uri().path())?;
    let mut answer = Response::new(text(authorization));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    Some(answer)
}

/// 308: method and body stay what they were. The host is one of ours: it was looked up before, so nobody can have
/// themselves named here.
pub(crate) fn to_https(arrival: &Arrival) -> Answer {
    let location = format!("{}{}", arrival.route.origin, arrival.target);
    let mut answer = Response::new(AnswerBody::Empty);
    match HeaderValue::try_from(location) {
        Ok(location) => {
            *answer.status_mut() = StatusCode::PERMANENT_REDIRECT;
            answer.headers_mut().insert(header::LOCATION, location);
        }
        // A target that was parsed is visible ASCII: this does not happen, and it must not go on in clear text.
        Err(_) => *answer.status_mut() = StatusCode::BAD_REQUEST,
    }
    // What the request carries is not read, so nothing of it may be taken for another request.
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// The same path and query at another origin. The origin is the declaration's, and the path that follows it begins
/// with a slash, so no request can name another host.
pub(crate) fn lead(redirect: &Redirect, method: &Method, target: &PathAndQuery) -> Answer {
    let Redirect { to, permanent } = redirect;
    // Old clients know the older codes; others must not turn a form into a page.
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let status = match (permanent, reads) {
        (true, true) => StatusCode::MOVED_PERMANENTLY,
        (true, false) => StatusCode::PERMANENT_REDIRECT,
        (false, true) => StatusCode::FOUND,
        (false, false) => StatusCode::TEMPORARY_REDIRECT,
    };
    let mut answer = Response::new(AnswerBody::Empty);
    match HeaderValue::try_from(format!("{to}{target}")) {
        Ok(location) => {
            *answer.status_mut() = status;
            answer.headers_mut().insert(header::LOCATION, location);
        }
        // A target that was parsed is visible ASCII: this does not happen.
        Err(_) => *answer.status_mut() = StatusCode::BAD_REQUEST,
    }
    answer
}

fn text(text: String) -> AnswerBody {
    AnswerBody::Control(Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync())
}
