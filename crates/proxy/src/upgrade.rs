//! WebSockets (RFC 6455): bytes both ways until one side closes or the permission ends.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use crate::{
    body::{AnswerBody, Arriving},
    copy,
    service::Answer,
    upstream::{Lease, http1::Upgraded},
    watch::Watch,
};

/// Whether the upstream switches to what was asked for, and not to something else.
fn is_websocket(headers: &HeaderMap) -> bool {
    let protocol = headers.get(header::UPGRADE);
    protocol.is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Passes the upstream's 101 on and joins the two connections. `None` if it switches to anything else.
pub(crate) fn switch(
    downstream: OnUpgrade,
    response: Response<Arriving>,
    (lease, watch): (Lease, Box<Watch>),
) -> Option<Answer> {
    let (head, body) = response.into_parts();
    let Arriving::Http1(body) = body else { return None };
    let upstream = body.into_upgraded().filter(|_| is_websocket(&head.headers))?;
    tokio::task::spawn_local(async move {
        join(downstream, upstream, watch).await;
        drop(lease);
    });
    let mut answer = Response::new(AnswerBody::Empty);
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *answer.headers_mut() = head.headers;
    doorward_core::http::headers::strip_response(answer.headers_mut());
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    answer.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    Some(answer)
}

async fn join(downstream: OnUpgrade, mut upstream: Upgraded, watch: Box<Watch>) {
    let Ok(downstream) = downstream.await else {
        return;
    };
    // It counts as a connection until its end, and a server that stops waits for it as long as it waits for anybody.
    let _open = watch.worker.connections.enter_websocket();
    let mut downstream = TokioIo::new(downstream);
    let copying = copy::both_ways(&mut downstream, &mut upstream);
    // Whichever comes first drops both connections, which closes them.
    tokio::select! {
        _ = copying => {}
        () = watch.ended() => {}
    }
}
