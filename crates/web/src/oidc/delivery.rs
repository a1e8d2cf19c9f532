//! Sending a response to an application.

use askama::Template;
use axum::response::Response;
use doorward_core::{oauth::redirect_uri, oidc::response::Delivery};
use http::header;

use crate::{
    environment::Environment,
    page::{self, Frame},
    reply,
};

#[derive(Template)]
#[template(path = "form_post.html")]
struct Page {
    frame: Frame,
    action: String,
    fields: Vec<(String, String)>,
}

/// The redirect, or the page whose form the browser posts (OAuth 2.0 Form Post Response Mode). That page has no script
/// of its own inside, and its policy lets the form lead to the application alone.
pub(super) fn send(environment: &Environment, delivery: Delivery) -> Response {
    let (action, fields) = match delivery {
        Delivery::Location(location) => return reply::see_other(&location),
        Delivery::Form { action, fields } => (action, fields),
    };
    let policy = redirect_uri::csp_source(&action).and_then(|source| reply::policy_with_form_to(&source));
    let mut response = page::show(&Page { frame: Frame::portal(environment, None), action, fields });
    response.headers_mut().extend(policy.map(|policy| (header::CONTENT_SECURITY_POLICY, policy)));
    response
}
