//! WebSockets (RFC 6455): bytes both ways until one side closes or the permission ends.

use std::{io, net::IpAddr, time::Duration};

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::{
    body::{AnswerBody, Arriving},
    copy::BothWays,
    frames::{self, Frames},
    service::Answer,
    upstream::{Lease, http1::Upgraded},
    watch::Watch,
};

/// How long both sides have to hear that it is over.
pub(crate) const LAST_WORDS: Duration = Duration::from_secs(1);

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
    peer: IpAddr,
) -> Option<Answer> {
    let (head, body) = response.into_parts();
    let Arriving::Http1(body) = body else { return None };
    let upstream = body.into_upgraded().filter(|_| is_websocket(&head.headers))?;
    tokio::task::spawn_local(async move {
        join(downstream, upstream, watch, peer).await;
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

async fn join(downstream: OnUpgrade, mut upstream: Upgraded, watch: Box<Watch>, peer: IpAddr) {
    let Ok(downstream) = downstream.await else {
        return;
    };
    // It counts as a connection until its end, and a server that stops waits for it as long as it waits for anybody.
    let open = watch.worker.connections.enter_websocket(watch.worker.counted_client(peer));
    // Clients mask what they say (RFC 6455 section 5.3). Here it hides nothing: we always say the same.
    let mask = watch.worker.name_request().0.to_be_bytes();
    let mut downstream = TokioIo::new(downstream);
    let mut ways = BothWays::default();
    // Whichever comes first drops both connections, which closes them.
    let code = tokio::select! {
        _ = ways.run(&mut downstream, &mut upstream) => return,
        () = watch.ended() => frames::POLICY,
        () = open.over() => frames::GOING_AWAY,
    };
    let client = say_goodbye(&mut downstream, ways.back(), frames::close(code, None));
    let application = say_goodbye(
        &mut upstream,
        ways.there(),
        frames::close(frames::GOING_AWAY, mask.first_chunk().copied()),
    );
    let _ = tokio::time::timeout(LAST_WORDS, async { tokio::join!(client, application) }).await;
}

/// Ends one side with a close frame, unless that would fall into a frame. Nothing is passed on any more, but read: bytes
/// that nobody reads would make the system reset the connection, and take back what was said.
async fn say_goodbye<S>(stream: &mut S, told: &Frames, close: Vec<u8>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if told.can_close() {
        stream.write_all(&close).await?;
    }
    stream.shutdown().await?;
    let mut unheard = [0; 512];
    while stream.read(&mut unheard).await? > 0 {}
    Ok(())
}
