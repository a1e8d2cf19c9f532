//! Devices without a browser (RFC 8628): their endpoint, and the page where a person enters their code.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, response::Response};
use doorward_core::{
    http::context::RequestContext,
    id::FamilyId,
    identity::Identity,
    oauth::{client::Client, parameters::Parameters, scope::ScopeSet},
    oidc::device::{self, Approval, Pending, Step, UserCode},
    return_to::{self, ReturnTo},
    token::{Device, Plain},
};
use doorward_store::NewDevice;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::{
    consent,
    token::{Failed, authenticate, settle},
};
use crate::{
    app,
    environment::Environment,
    extract::{Context, Env, Form, Query},
    login,
    page::{self, Frame},
    refusal::{self, Refusal},
    reply,
    session::{SignedIn, Visitor},
    sign_out,
};

/// How often a code is drawn again that somebody has already. Three times in a row is a mistake of ours.
const DRAWS: usize = 3;

/// `POST /api/oidc/device/authorize`.
pub(crate) async fn authorize(
    State(environment): Env,
    Context(context): Context,
    headers: HeaderMap,
    Form(parameters): Form,
) -> Response {
    let answer = begin(&environment, &context, &headers, &parameters);
    let show = |answer: Option<Value>| match answer {
        Some(answer) => reply::json(&answer),
        None => refusal::too_many_attempts(),
    };
    settle(&environment, &context, answer, show).await
}

async fn begin(
    environment: &Environment,
    context: &RequestContext,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Option<Value>, Failed> {
    let client = authenticate(environment, context, headers, parameters).await?;
    // Anybody can say that they are a public client, so what they may have us keep is bounded.
    if client.is_public() && !environment.limits.take(context.client, context.now) {
        return Ok(None);
    }
    let scope = device::request(parameters, &client)?;
    let token: Plain<Device> = environment.token();
    for _ in 0..DRAWS {
        let code = UserCode::from_random(environment.draw());
        let new = NewDevice {
            device: token.hash(),
            user_code: code.hash(),
            client_id: client.client_id.clone(),
            scope: scope.names(),
            expires_at: context.now.after(device::LIFETIME),
        };
        if environment.store.begin_device(new, context.now).await? {
            return Ok(Some(device::answer(&environment.config().portal.origin, &token, &code)));
        }
    }
    Err(Failed::server_error())
}

#[derive(Template)]
#[template(path = "device_code.html")]
struct Enter {
    frame: Frame,
    trouble: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "device.html")]
struct Confirm {
    frame: Frame,
    client: String,
    user: String,
    learns: Vec<&'static str>,
    code: String,
    switch: String,
}

/// What a person entered, and who they are.
struct Entered {
    environment: Arc<Environment>,
    context: RequestContext,
    visitor: Option<Arc<Identity>>,
    code: UserCode,
}

/// `GET /device`: asks for a code, or about the device that has the one in the query.
pub(crate) async fn show(
    State(environment): Env,
    Context(context): Context,
    Visitor(visitor): Visitor,
    Query(query): Query,
) -> Result<Response, Refusal> {
    let Some(text) = query.value("code") else {
        if visitor.is_none() {
            return Ok(reply::see_other(&login::path(&ReturnTo::Page(return_to::Page::Device))));
        }
        return Ok(enter(&environment, visitor.as_deref(), None));
    };
    let Some(code) = UserCode::parse(text) else {
        return Ok(enter(&environment, visitor.as_deref(), Some(MISTYPED)));
    };
    let entered = Entered { environment, context, visitor, code };
    // Whether there is such a device is told to people only, each guess of whom counts.
    if entered.visitor.is_none() {
        return Ok(reply::see_other(&login::path(&entered.here())));
    }
    match entered.look().await? {
        Found::Answer(answer) => Ok(answer),
        Found::Device { client, scope, .. } => Ok(entered.confirm(&client, scope)),
    }
}

/// `POST /device`: the person's word.
pub(crate) async fn decide(
    State(environment): Env,
    Context(context): Context,
    SignedIn(identity): SignedIn,
    Form(form): Form,
) -> Result<Response, Refusal> {
    let Some(code) = form.value("code").and_then(UserCode::parse) else {
        return Ok(enter(&environment, Some(&identity), Some(MISTYPED)));
    };
    let entered = Entered { environment, context, visitor: Some(identity), code };
    let (client, approval) = match entered.look().await? {
        Found::Answer(answer) => return Ok(answer),
        Found::Device { client, approval, .. } => (client, approval),
    };
    let Entered { environment, context, code, .. } = &entered;
    let allowed = form.value("decision") == Some("allow");
    let done = if allowed {
        let family = FamilyId::from_random(environment.draw());
        environment.store.approve_device(code.hash(), (family, *approval), context.now).await?
    } else {
        environment.store.refuse_device(code.hash(), context.now).await?
    };
    if !done {
        return Ok(enter(environment, entered.visitor.as_deref(), Some(NOT_WAITING)));
    }
    tracing::info!(request = %context.id, client = %context.client, application = %client.name, allowed, "device decided about");
    let said = if allowed {
        ("Your device is signed in", "Go on there. It may take a few seconds until it notices.")
    } else {
        ("Your device is not signed in", "Nothing was granted. You can close this page.")
    };
    Ok(page::message(Frame::portal(environment, entered.visitor.as_deref()), context, said, None))
}

const MISTYPED: &str = "This can't be a code: it has eight letters and digits and begins with E.";
const NOT_WAITING: &str = "No device waits with this code. It may have expired: start again on the device.";

/// What there is to a code.
enum Found {
    /// Something else comes first, or nothing at all.
    Answer(Response),
    /// A device that the person may decide about.
    Device { client: Arc<Client>, scope: ScopeSet, approval: Box<Approval> },
}

fn enter(environment: &Environment, visitor: Option<&Identity>, trouble: Option<&'static str>) -> Response {
    let page = page::show(&Enter { frame: Frame::portal(environment, visitor), trouble });
    if trouble.is_some() { app::with_status(page, StatusCode::BAD_REQUEST) } else { page }
}

impl Entered {
    /// The way back here.
    fn here(&self) -> ReturnTo {
        ReturnTo::Device(Parameters::default().with("code", &self.code.shown()).to_query())
    }

    async fn look(&self) -> Result<Found, Refusal> {
        let Self { environment, context, visitor, code } = self;
        if !environment.limits.has_left(context.client, context.now) {
            return Ok(Found::Answer(refusal::too_many_attempts()));
        }
        let pending = environment.store.pending_device(code.hash(), context.now).await?;
        let client = match &pending {
            Some(pending) => environment.client(&pending.client_id).await?,
            None => None,
        };
        let Some((client, pending)) = client.zip(pending) else {
            environment.limits.take(context.client, context.now);
            return Ok(Found::Answer(enter(environment, visitor.as_deref(), Some(NOT_WAITING))));
        };
        let scope = ScopeSet::from_names(&pending.scope);
        let waiting = Pending { client: &client, scope, asked_at: pending.created_at };
        Ok(match device::next_step(&waiting, visitor.as_ref(), context.client, context.now) {
            Step::SignIn { reauthenticate: false } => {
                Found::Answer(reply::see_other(&login::path(&self.here())))
            }
            Step::SignIn { reauthenticate: true } => {
                Found::Answer(reply::see_other(&login::path_to_confirm(&self.here())))
            }
            Step::Denied(denial) => {
                let refused = (client.title.as_str(), visitor.as_deref(), &denial);
                Found::Answer(page::denied(environment, context, refused, &self.here().to_path()))
            }
            Step::Ask(approval) => Found::Device { client, scope, approval },
        })
    }

    fn confirm(&self, client: &Client, scope: ScopeSet) -> Response {
        let user = self.visitor.as_ref().map(|identity| identity.profile.username.to_string());
        page::show(&Confirm {
            frame: Frame::portal(&self.environment, None),
            client: client.title.clone(),
            user: user.unwrap_or_default(),
            learns: consent::lines(scope),
            code: self.code.shown(),
            switch: sign_out::to_switch("", &self.here().to_path()),
        })
    }
}
