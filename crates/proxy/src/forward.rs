//! Forwarding a permitted request, and bringing back the answer.

use std::{rc::Rc, sync::Arc};

use doorward_core::{
    http::headers::{self, ForwardedValues},
    policy::Permit,
    service::Service,
};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, Version, header, request::Parts};
use hyper::body::Incoming;

use crate::{
    body::{AnswerBody, UpstreamBody},
    control::Problem,
    service::{Answer, Arrival, control},
    upgrade,
    upstream::Sent,
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
    prepare(&permit, &mut outgoing);
    let Outgoing {
        service,
        arrival,
        mut head,
        body,
        websocket,
        navigation,
        watch,
    } = outgoing;
    let downstream = websocket
        .then(|| head.extensions.remove::<hyper::upgrade::OnUpgrade>())
        .flatten();
    let request = Request::from_parts(head, body);
    let sent = worker.pools.send(&arrival.config, &service, request).await;
    match sent {
        Ok(Sent { mut response, lease }) => {
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                return upgrade::switch(downstream, response, watch);
            }
            headers::strip_response(response.headers_mut());
            response.extensions_mut().clear();
            *response.version_mut() = Version::HTTP_11;
            response.map(|incoming| AnswerBody::Upstream(UpstreamBody::new(incoming, lease, watch)))
        }
        Err(error) => {
            tracing::warn!(request = %arrival.context.id, service = %service.name, %error, "the upstream does not answer");
            control(
                worker
                    .control
                    .problem(&Problem::UpstreamDown(service), navigation, &arrival.context),
            )
        }
    }
}

/// Makes the request what the upstream shall see: the canonical target, nothing of the client's under our names, and
/// what we say about the person and the connection.
fn prepare(permit: &Permit, outgoing: &mut Outgoing) {
    let Outgoing {
        service,
        arrival,
        head,
        websocket,
        ..
    } = outgoing;
    if head.version == Version::HTTP_2 {
        adapt_from_http2(head);
    }
    headers::strip(&mut head.headers, &arrival.config.reserved_headers);
    let forwarded = ForwardedValues {
        client: address(arrival.context.client),
        scheme: arrival.route.forwarded_scheme.clone(),
        port: arrival.route.forwarded_port.clone(),
    };
    headers::apply(&mut head.headers, permit, &service.identity_headers, &forwarded);
    if !service.upstream.original_host
        && let Ok(host) = HeaderValue::from_str(&service.upstream.authority())
    {
        head.headers.insert(header::HOST, host);
    }
    if *websocket {
        head.headers
            .insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        head.headers
            .insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
    head.uri = Uri::from(arrival.target.clone());
    head.version = Version::HTTP_11;
}

fn address(client: std::net::IpAddr) -> HeaderValue {
    HeaderValue::from_str(&client.to_string()).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}

/// HTTP/2 names the host in `:authority` and may split cookies; HTTP/1.1 has one `Host` and one `Cookie` (RFC 9113
/// sections 8.2.3 and 8.3.1).
fn adapt_from_http2(head: &mut Parts) {
    if let Some(authority) = head.uri.authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        head.headers.insert(header::HOST, host);
    }
    if head.headers.get_all(header::COOKIE).iter().nth(1).is_some() {
        join_cookies(&mut head.headers);
    }
}

fn join_cookies(headers: &mut HeaderMap) {
    let lines: Vec<&[u8]> = headers
        .get_all(header::COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if let Ok(joined) = HeaderValue::from_bytes(&lines.join(&b"; "[..])) {
        headers.insert(header::COOKIE, joined);
    }
}
