//! Forwarding a permitted request, and bringing back the answer.

use std::{rc::Rc, sync::Arc};

use doorward_core::{
    http::{
        forward_auth::Unanswered,
        framing,
        headers::{self, ForwardedValues},
    },
    policy::{self, Permit},
    service::{Backend, Disclosed, Service},
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, Version, header, request::Parts};
use http_body::Body as _;
use hyper::{body::Incoming, upgrade::OnUpgrade};

use crate::{
    body::{AnswerBody, Arriving, RequestBody, UpstreamBody},
    control::Problem,
    credentials,
    service::{Answer, Arrival, control},
    upgrade,
    upstream::{Lease, Sent, UpstreamError},
    watch::Watch,
    worker::Worker,
};

/// A request on its way to an upstream.
pub(crate) struct Outgoing {
    pub(crate) service: Arc<Service>,
    pub(crate) arrival: Arrival,
    pub(crate) head: Parts,
    pub(crate) body: Incoming,
    pub(crate) websocket: bool,
    pub(crate) navigation: bool,
    pub(crate) watch: Box<Watch>,
}

/// Forwards a request. The permit is used up by it.
pub(crate) async fn forward(worker: &Rc<Worker>, permit: Permit, mut outgoing: Outgoing) -> Answer {
    let Outgoing { service, arrival, .. } = &outgoing;
    let disclosed = worker.disclosures.of(&permit, service, &arrival.config, arrival.context.now);
    match disclosed {
        Ok(person) => prepare(&permit, person.as_deref(), &mut outgoing),
        Err(error) => {
            // An application that wants a statement about the person is not asked without one.
            tracing::error!(request = %arrival.context.id, service = %service.name, %error, "no assertion");
            let problem = Problem::Unavailable;
            return control(worker.control.problem(&problem, outgoing.navigation, &arrival.context));
        }
    }
    let Outgoing { service, arrival, mut head, body, websocket, navigation, watch } = outgoing;
    let downstream = websocket.then(|| head.extensions.remove::<OnUpgrade>()).flatten();
    head.extensions.clear();
    let request = Request::from_parts(head, RequestBody::Client(body));
    let Backend::Upstream(upstream) = &service.backend else {
        let problem = Problem::Unanswered(Unanswered::Elsewhere);
        return control(worker.control.problem(&problem, navigation, &arrival.context));
    };
    let error = match worker.pools.send(&arrival.config, upstream, request, websocket).await {
        Ok(Sent { response, lease }) if response.status() != StatusCode::SWITCHING_PROTOCOLS => {
            match framing::check_answer(response.headers(), response.version()) {
                Ok(()) => return bring_back(response, lease, watch),
                // The connection is dropped with it: where its next answer begins can't be told.
                Err(error) => UpstreamError::Framing(error.0),
            }
        }
        Ok(Sent { response, lease }) => {
            let switched =
                downstream.and_then(|downstream| upgrade::switch(downstream, response, (lease, watch)));
            match switched {
                Some(answer) => return answer,
                // Nobody asked: what follows would be nobody's request (S-1, P-14).
                None => UpstreamError::Switched,
            }
        }
        Err(error) => error,
    };
    tracing::warn!(request = %arrival.context.id, service = %service.name, %error, "the upstream does not answer");
    control(worker.control.problem(&Problem::UpstreamDown(service), navigation, &arrival.context))
}

fn bring_back(mut response: Response<Arriving>, lease: Lease, watch: Box<Watch>) -> Answer {
    headers::strip_response(response.headers_mut());
    response.extensions_mut().clear();
    *response.version_mut() = Version::HTTP_11;
    response.map(|incoming| AnswerBody::Upstream(UpstreamBody::new(incoming, lease, watch)))
}

/// Makes the request what the upstream shall see: the canonical target, nothing of the client's under our names, and
/// what we say about the person and the connection.
fn prepare(permit: &Permit, person: Option<&Disclosed>, outgoing: &mut Outgoing) {
    let Outgoing { service, arrival, head, body, websocket, .. } = outgoing;
    join_cookies(&mut head.headers);
    let wants_trailers = head.headers.get(header::TE).is_some_and(mentions_trailers);
    headers::strip(&mut head.headers, &arrival.config.reserved_headers);
    credentials::pass_on(service, permit.user().map(|user| &**user), &mut head.headers);
    // It was meant for us: the body is read, and the client told to send it, when the upstream takes it.
    head.headers.remove(header::EXPECT);
    let forwarded = ForwardedValues {
        client: address(arrival.context.client),
        scheme: arrival.route.forwarded_scheme.clone(),
        port: arrival.route.forwarded_port.clone(),
        host: arrival.route.forwarded_host.clone(),
    };
    headers::apply(&mut head.headers, person, &forwarded);
    if service.guard.tokens {
        policy::strip_presented(&mut head.headers);
    }
    service.disclosure.lend(&mut head.headers, permit);
    if wants_trailers {
        head.headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    if *websocket {
        head.headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        head.headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
    if !body.is_end_stream() && body.size_hint().exact().is_none() {
        // Otherwise the body of a GET would get lost.
        head.headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    head.uri = Uri::from(arrival.target.clone());
    head.version = Version::HTTP_11;
}

fn address(client: std::net::IpAddr) -> HeaderValue {
    HeaderValue::from_str(&client.to_string()).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}

fn mentions_trailers(te: &HeaderValue) -> bool {
    let codings = te.to_str().unwrap_or_default().split(',');
    codings.into_iter().any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
}

/// HTTP/2 may split cookies into several fields; HTTP/1.1 has one (RFC 9113 section 8.2.3).
pub(crate) fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(header::COOKIE).iter().nth(1).is_none() {
        return;
    }
    let lines: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_bytes(&lines.join(&b"; "[..])) {
        headers.insert(header::COOKIE, joined);
    }
}
