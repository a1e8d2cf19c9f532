//! What the gate answers in place of a service: sign in first, not you, not now.

use axum::body::Body;
use doorward_core::{
    http::{context::RequestContext, fetch},
    policy::{self, Demand, Denial, Posture, TokenProblem},
    time::Lifetime,
};
use http::{HeaderValue, Response, StatusCode, header, request::Parts};

use crate::{
    app::{App, Demanded, Denied, ReplyBody, with_status},
    page::{self, Action, Frame},
    reply,
    transaction::{self, Wanted},
};

/// What a program is told when a session is missing.
const CHALLENGE: &str = "Doorward realm=\"session\"";

impl App {
    /// What must be done first. Navigations are sent to the sign-in (303); anything else is told so (401): a form that
    /// was sent by a page, a script by JSON.
    pub fn demanded(&self, demanded: &Demanded<'_>, context: &RequestContext) -> Response<ReplyBody> {
        let Demanded { service, demand, head, navigation } = *demanded;
        let response = match demand {
            Demand::Password => self.password(demanded, context),
            Demand::SignIn | Demand::StepUp(_) if navigation => {
                let wanted = Wanted { path: Wanted::path_of(head), max_age: max_age(demand) };
                transaction::begin_from(&self.environment, (service, wanted), &head.headers, context)
            }
            Demand::SignIn | Demand::StepUp(_) => self.unauthorized(head, max_age(demand), context),
        };
        Self::finish(response, None, context)
    }

    /// 401 for a session that is missing, or whose sign-in is too long ago (RFC 9470 section 3).
    fn unauthorized(
        &self,
        head: &Parts,
        max_age: Option<Lifetime>,
        context: &RequestContext,
    ) -> Response<Body> {
        let address = format!("{}{}", context.origin, transaction::sign_in_path(max_age));
        let response = if fetch::wants_page(&head.headers) {
            self.lost_form(address, max_age, context)
        } else {
            let (error, message) = match max_age {
                None => ("sign_in_required", "Sign in to use this service."),
                Some(_) => (
                    "step_up_required",
                    "This needs a passkey that was used a short time ago. Sign in again.",
                ),
            };
            let mut body = serde_json::json!({
                "error": error,
                "message": message,
                "sign_in": address,
                "request_id": context.id.to_string(),
            });
            if let Some(Lifetime(seconds)) = max_age {
                body["max_age"] = seconds.into();
            }
            reply::json(&body)
        };
        let challenge = max_age.map(|Lifetime(seconds)| {
            format!(
                "{CHALLENGE}, error=\"insufficient_user_authentication\", \
                 error_description=\"a passkey must have been used within {seconds} seconds\", max_age=\"{seconds}\""
            )
        });
        challenged(response, challenge.as_deref().unwrap_or(CHALLENGE))
    }

    /// A form that arrived too late: nothing was done with it, and the person learns how to send it again.
    fn lost_form(&self, href: String, max_age: Option<Lifetime>, context: &RequestContext) -> Response<Body> {
        let text = match max_age {
            None => {
                "Your session ended before this form arrived, so nothing was changed. Sign in, go back and send it again."
            }
            Some(_) => {
                "This form needs a passkey that was used a short time ago, so nothing was changed. Use your passkey again, go back and send the form once more."
            }
        };
        let action = Action { href, label: "Sign in".to_owned() };
        let frame = Frame::of(&self.environment, context);
        page::message(frame, context, ("Sign in and send it again", text), Some(action))
    }

    /// 401 by which browsers ask for name and password (RFC 7617).
    fn password(&self, demanded: &Demanded<'_>, context: &RequestContext) -> Response<Body> {
        let message = "Name and password are needed here.";
        let response = if fetch::wants_page(&demanded.head.headers) {
            let frame = Frame::abroad(&self.environment);
            self.with_assets(page::message(frame, context, ("Say who you are", message), None))
        } else {
            reply::json(&serde_json::json!({
                "error": "password_required",
                "message": message,
                "request_id": context.id.to_string(),
            }))
        };
        let realm = match &demanded.service.guard.posture {
            Posture::Basic(realm) => realm.name.as_str(),
            _ => "",
        };
        challenged(response, &format!("Basic realm=\"{realm}\", charset=\"UTF-8\""))
    }

    /// A refusal, as a page or as JSON: 403; 401 for a key, and 503 for a service that is closed.
    pub fn denied(
        &self,
        denied: &Denied<'_>,
        as_page: bool,
        context: &RequestContext,
    ) -> Response<ReplyBody> {
        let Denied { service, denial, .. } = denied;
        let message = || format!("{}: {}.", service.title, policy::explain(denial));
        let response = match denial {
            Denial::Quarantined { .. } => self.closed(denied, &message(), as_page, context),
            Denial::Key { header, .. } => {
                // One word for every reason: whoever guesses does not learn what was near.
                let body = json("invalid_key", "key", &message(), context);
                let challenge = if *header == header::AUTHORIZATION {
                    "Bearer realm=\"key\", error=\"invalid_token\"".to_owned()
                } else {
                    format!("Doorward realm=\"key\", header=\"{header}\"")
                };
                challenged(body, &challenge)
            }
            // One answer for every reason, and never a page: whoever presents a token is a program (RFC 6750 section 3.1).
            Denial::Token(TokenProblem::Unknown) => challenged(
                json("invalid_token", denial.code(), &message(), context),
                "Bearer realm=\"token\", error=\"invalid_token\"",
            ),
            _ if as_page => with_status(
                page::denied_at_service(&self.environment, context, denied),
                StatusCode::FORBIDDEN,
            ),
            _ => {
                with_status(json("access_denied", denial.code(), &message(), context), StatusCode::FORBIDDEN)
            }
        };
        Self::finish(response, None, context)
    }

    /// A service whose declaration can't be enforced: nobody can open it, whoever they are.
    fn closed(
        &self,
        denied: &Denied<'_>,
        message: &str,
        as_page: bool,
        context: &RequestContext,
    ) -> Response<Body> {
        let response = if as_page {
            let frame = Frame::abroad(&self.environment);
            let text = format!("{message} Reason: {}.", denied.denial.code());
            self.with_assets(page::message(frame, context, ("This service is closed", &text), None))
        } else {
            json("service_closed", denied.denial.code(), message, context)
        };
        let mut response = with_status(response, StatusCode::SERVICE_UNAVAILABLE);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
        response
    }
}

const fn max_age(demand: Demand) -> Option<Lifetime> {
    match demand {
        Demand::StepUp(longest) => Some(longest),
        Demand::SignIn | Demand::Password => None,
    }
}

fn challenged(response: Response<Body>, challenge: &str) -> Response<Body> {
    let mut response = with_status(response, StatusCode::UNAUTHORIZED);
    if let Ok(challenge) = HeaderValue::from_str(challenge) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

fn json(error: &str, reason: &str, message: &str, context: &RequestContext) -> Response<Body> {
    reply::json(&serde_json::json!({
        "error": error,
        "reason": reason,
        "message": message,
        "request_id": context.id.to_string(),
    }))
}
