//! The data plane's view of the control plane.

use std::sync::Arc;

use doorward_core::{http::context::RequestContext, service::Service};
use doorward_proxy::{
    control::{ControlPlane, Demanded, Problem, Refused, Reply},
    session::BoxFuture,
};
use doorward_web::{App, Denied};
use http::Request;
use hyper::body::Incoming;

/// The control plane behind the data plane's port.
pub(crate) struct Control(pub(crate) App);

impl ControlPlane for Control {
    fn portal(&self, request: Request<Incoming>, context: RequestContext) -> BoxFuture<'_, Reply> {
        Box::pin(self.0.portal(request, context))
    }

    fn reserved(
        &self,
        service: Arc<Service>,
        request: Request<Incoming>,
        context: RequestContext,
    ) -> BoxFuture<'_, Reply> {
        Box::pin(self.0.reserved(service, request, context))
    }

    fn demanded(&self, demanded: &Demanded<'_>, context: &RequestContext) -> Reply {
        let Demanded { service, demand, head, navigation } = *demanded;
        self.0.demanded(&doorward_web::Demanded { service, demand, head, navigation }, context)
    }

    fn denied(&self, refused: &Refused<'_>, as_page: bool, context: &RequestContext) -> Reply {
        let Refused { service, identity, denial, detail } = *refused;
        self.0.denied(&Denied { service, identity, denial, detail }, as_page, context)
    }

    fn problem(&self, problem: &Problem, as_page: bool, context: &RequestContext) -> Reply {
        let problem = match problem {
            Problem::Malformed(what) => doorward_web::Problem::Malformed(what),
            Problem::DuplicateSession => doorward_web::Problem::DuplicateSession,
            Problem::Misdirected => doorward_web::Problem::Misdirected,
            Problem::UpstreamDown(service) => doorward_web::Problem::UpstreamDown(service),
            Problem::NotFound(service) => doorward_web::Problem::NotFound(service),
            Problem::TooLarge(service) => doorward_web::Problem::TooLarge(service),
            Problem::TooSlow(service) => doorward_web::Problem::TooSlow(service),
            Problem::Unavailable => doorward_web::Problem::Unavailable,
            Problem::TooManyAttempts => doorward_web::Problem::TooManyAttempts,
            Problem::Unanswered(unanswered) => doorward_web::Problem::Unanswered(*unanswered),
        };
        self.0.problem(problem, as_page, context)
    }
}
