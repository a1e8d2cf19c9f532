//! State changes come from our own pages only.

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use doorward_core::http::{
    context::RequestContext,
    fetch::{FetchMetadata, Site},
};
use http::StatusCode;

use crate::refusal::Refusal;

/// Refuses a request that another origin started, and one that does not say who started it: every browser of this
/// decade does.
pub(crate) async fn demand(request: Request, next: Next) -> Response {
    let own = request.extensions().get::<RequestContext>().is_some_and(|context| {
        let fetch = FetchMetadata::read(request.method(), request.headers(), &context.origin, false);
        fetch.site == Site::Own
    });
    if own {
        return next.run(request).await;
    }
    let message =
        "Another site started this request, so nothing was changed. Open the page here and try again.";
    Refusal::new(StatusCode::FORBIDDEN, "cross_origin", message).into_response()
}
