//! A control plane whose answers say what it was asked.

use std::sync::Arc;

use bytes::Bytes;
use doorward_core::{
    http::context::RequestContext,
    policy::{Demand, Denial},
    service::Service,
};
use doorward_proxy::{
    control::{ControlPlane, Demanded, Problem, Refused, Reply},
    session::BoxFuture,
};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;

pub(crate) struct Control;

fn reply(status: StatusCode, text: &str) -> Reply {
    let body = Full::new(Bytes::from(text.to_owned())).map_err(|never| match never {}).boxed_unsync();
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    reply
}

impl ControlPlane for Control {
    fn portal(&self, request: Request<Incoming>, context: RequestContext) -> BoxFuture<'_, Reply> {
        let text = format!("portal {} for {}", request.uri().path(), context.client);
        Box::pin(async move { reply(StatusCode::OK, &text) })
    }

    fn reserved(
        &self,
        service: Arc<Service>,
        request: Request<Incoming>,
        _: RequestContext,
    ) -> BoxFuture<'_, Reply> {
        let text = format!("reserved {} {}", service.name, request.uri().path());
        Box::pin(async move { reply(StatusCode::OK, &text) })
    }

    fn demanded(&self, demanded: &Demanded<'_>, context: &RequestContext) -> Reply {
        let Demanded { service, demand, navigation, .. } = *demanded;
        let status = if navigation && demand != Demand::Password {
            StatusCode::SEE_OTHER
        } else {
            StatusCode::UNAUTHORIZED
        };
        let what = match demand {
            Demand::SignIn => "sign in".to_owned(),
            Demand::StepUp(longest) => format!("use a passkey of the last {} seconds", longest.0),
            Demand::Password => "say name and password".to_owned(),
        };
        reply(status, &format!("{what} to {} from {}", service.name, context.client))
    }

    fn denied(&self, refused: &Refused<'_>, _: bool, _: &RequestContext) -> Reply {
        let status = match refused.denial {
            Denial::Quarantined { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Denial::Key { .. } => StatusCode::UNAUTHORIZED,
            _ => StatusCode::FORBIDDEN,
        };
        reply(status, &format!("denied: {}", refused.denial.code()))
    }

    fn problem(&self, problem: &Problem, _: bool, context: &RequestContext) -> Reply {
        let (status, text) = match problem {
            Problem::Malformed(what) => (StatusCode::BAD_REQUEST, (*what).to_owned()),
            Problem::DuplicateSession => (StatusCode::BAD_REQUEST, "two sessions".to_owned()),
            Problem::Misdirected => (StatusCode::MISDIRECTED_REQUEST, "not here".to_owned()),
            Problem::UpstreamDown(service) => (StatusCode::BAD_GATEWAY, format!("{} is down", service.name)),
            Problem::TooManyAttempts => (StatusCode::TOO_MANY_REQUESTS, "too often".to_owned()),
            Problem::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "ask later".to_owned()),
            Problem::Unanswered(unanswered) => (unanswered.status(), unanswered.code().to_owned()),
        };
        reply(status, &format!("{text}, request {}", context.id))
    }
}
