//! WebSockets (RFC 6455): bytes both ways until one side closes or the permission ends.

use http::{HeaderValue, Response, StatusCode, header};
use hyper::{body::Incoming, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;

use crate::{body::AnswerBody, service::Answer, upstream::Lease, watch::Watch};

/// Whether the upstream switches to what was asked for, and not to something else.
pub(crate) fn is_websocket(response: &Response<Incoming>) -> bool {
    let protocol = response.headers().get(header::UPGRADE);
    protocol.is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Passes the upstream's 101 on and joins the two connections.
pub(crate) fn switch(
    downstream: OnUpgrade,
    mut response: Response<Incoming>,
    (lease, watch): (Lease, Box<Watch>),
) -> Answer {
    let upstream = hyper::upgrade::on(&mut response);
    tokio::task::spawn_local(async move {
        join(downstream, upstream, watch).await;
        drop(lease);
    });
    let (head, _) = response.into_parts();
    let mut answer = Response::new(AnswerBody::Empty);
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *answer.headers_mut() = head.headers;
    doorward_core::http::headers::strip_response(answer.headers_mut());
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    answer.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    answer
}

async fn join(downstream: OnUpgrade, upstream: OnUpgrade, watch: Box<Watch>) {
    let (Ok(downstream), Ok(upstream)) = (downstream.await, upstream.await) else {
        return;
    };
    let (mut downstream, mut upstream) = (TokioIo::new(downstream), TokioIo::new(upstream));
    let copying = tokio::io::copy_bidirectional(&mut downstream, &mut upstream);
    // Whichever comes first drops both connections, which closes them.
    tokio::select! {
        _ = copying => {}
        () = watch.ended() => {}
    }
}
