//! What a handler refuses, and how that reads.

use std::borrow::Cow;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use doorward_core::{
    http::{context::RequestContext, cookie},
    webauthn::Refused,
};
use doorward_store::{Constraint, StoreError};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::{
    page::{self, Frame},
    reply,
};

/// A request that is not answered as it was meant: a fixed word for programs, a sentence for people, and the cause for
/// the log.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    cause: Option<String>,
    clear_session: bool,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), cause: None, clear_session: false }
    }

    pub(crate) fn because(mut self, cause: impl std::fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    pub(crate) fn bad_request(message: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    pub(crate) fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "There is nothing at this address. Check it, or begin at the list of your services.",
        )
    }

    pub(crate) fn sign_in_required() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "sign_in_required",
            "Your session has ended. Sign in and try again.",
        )
    }

    pub(crate) fn step_up_required() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "step_up_required",
            "This change needs a sign-in from the last ten minutes. Use your passkey once more.",
        )
    }

    pub(crate) fn duplicate_session() -> Self {
        let message = "The session cookie came twice, so it was cleared. Load the page again and sign in.";
        Self { clear_session: true, ..Self::new(StatusCode::BAD_REQUEST, "duplicate_session", message) }
    }

    pub(crate) fn link_spent() -> Self {
        let message = "This link was used, replaced or has expired. Ask for a new one.";
        Self::new(StatusCode::GONE, "link_spent", message)
    }

    pub(crate) const fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The one log line of a refusal.
    pub(crate) fn log(&self, context: &RequestContext) {
        let (code, cause) = (self.code, self.cause.as_deref().unwrap_or_default());
        if self.status.is_server_error() {
            tracing::error!(request = %context.id, client = %context.client, host = %context.host, code, cause, "request failed");
        } else {
            tracing::info!(request = %context.id, client = %context.client, host = %context.host, code, cause, "request refused");
        }
    }

    /// The reply: a page if there is a frame for one, JSON otherwise. `former` are headers that the handler's reply
    /// had already.
    pub(crate) fn render(
        &self,
        frame: Option<Frame>,
        context: &RequestContext,
        former: &HeaderMap,
    ) -> Response {
        let mut response = if let Some(frame) = frame {
            page::message(frame, context, (heading(self.status), &self.message), None)
        } else {
            let body = serde_json::json!({
                "error": self.code,
                "message": self.message,
                "request_id": context.id.to_string(),
            });
            reply::json(&body)
        };
        *response.status_mut() = self.status;
        for name in [header::ALLOW, header::RETRY_AFTER, header::ACCESS_CONTROL_ALLOW_ORIGIN] {
            if let Some(value) = former.get(&name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
        if self.clear_session
            && let Some(line) = cookie::expire(cookie::SESSION)
        {
            response.headers_mut().append(header::SET_COOKIE, line);
        }
        response
    }
}

fn heading(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "Nothing is here",
        StatusCode::FORBIDDEN => "This is not open to you",
        StatusCode::GONE => "This link no longer works",
        StatusCode::UNAUTHORIZED => "Sign in first",
        StatusCode::TOO_MANY_REQUESTS => "Too many attempts",
        StatusCode::MISDIRECTED_REQUEST => "Nobody lives at this address",
        StatusCode::BAD_GATEWAY => "The application does not answer",
        status if status.is_server_error() => "Something is wrong on our side",
        _ => "That did not work",
    }
}

/// Somebody tried too often; a minute brings all attempts back.
pub(crate) fn too_many_attempts() -> Response {
    let message = "Too many attempts from your network. Wait a minute and try again.";
    let mut response =
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", message).into_response();
    let minute = HeaderValue::from_static("60");
    response.headers_mut().insert(header::RETRY_AFTER, minute);
    response
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(constraint) => {
                Self::new(StatusCode::CONFLICT, "conflict", conflict(constraint))
            }
            StoreError::TooLarge => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "That is more than is kept here.")
            }
            StoreError::Unavailable(_) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "The database does not answer at the moment. Try again in a minute.",
            )
            .because(error),
            StoreError::Corrupt { .. } => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "server_error",
                "Something is wrong with the stored data. Tell an administrator the request number.",
            )
            .because(error),
        }
    }
}

const fn conflict(constraint: Constraint) -> &'static str {
    match constraint {
        Constraint::Username => "Somebody has this user name already. Choose another one.",
        Constraint::Email => "Somebody has this mail address already. Use another one.",
        Constraint::Client => "There is a client with this identifier already. Choose another one.",
        Constraint::Group => "A group has this name already. Choose another one.",
        Constraint::LastAdministrator => {
            "Then nobody could administer this place any more. Make somebody else an administrator first."
        }
        Constraint::LastCredential => "This is the only passkey. Add another one before you remove it.",
        Constraint::Credential => "This passkey is registered already.",
        Constraint::Other => "This can't be done: another entry is in the way.",
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        let (code, message) = match refused {
            Refused::NotDiscoverable => (
                "not_discoverable",
                "This device made a key that can't be found again at sign-in. Use another device, or a password manager that stores passkeys.",
            ),
            Refused::Expired => ("expired", "That took longer than five minutes. Try again."),
            _ => ("passkey_refused", "This passkey was not accepted. Try again, or use another one."),
        };
        Self::new(StatusCode::BAD_REQUEST, code, message).because(refused)
    }
}
