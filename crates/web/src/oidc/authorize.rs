//! `/authorize`: one dispatcher. Each step comes back here, and none calls another.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use doorward_core::{
    http::context::RequestContext,
    id::FamilyId,
    identity::Identity,
    oauth::{parameters::Parameters, scope::ScopeSet},
    oidc::{
        authorization::{self, AuthorizationError, AuthorizationRequest},
        interaction::{Situation, Step, next_step},
        issue::CodeGrant,
        progress::Progress,
        pushed,
        response::ErrorResponse,
    },
    policy::Denial,
    return_to::ReturnTo,
    token::Code,
};
use doorward_store::{NewCode, StoreError};
use http::StatusCode;

use super::{account, consent, delivery};
use crate::{
    environment::Environment,
    extract::{Context, Env, Form, Query},
    login, page,
    refusal::Refusal,
    reply,
    session::Visitor,
};

/// `GET /authorize`.
pub(crate) async fn get(
    State(environment): Env,
    Context(context): Context,
    Visitor(visitor): Visitor,
    Query(parameters): Query,
) -> Result<Response, Refusal> {
    open(Ask { environment, context, visitor, parameters }).await
}

/// `POST /authorize` (OpenID Connect Core section 3.1.2.1). Sent from another site it comes without our cookie; the
/// sign-in page then finds the session and leads back here.
pub(crate) async fn post(
    State(environment): Env,
    Context(context): Context,
    Visitor(visitor): Visitor,
    Form(parameters): Form,
) -> Result<Response, Refusal> {
    open(Ask { environment, context, visitor, parameters }).await
}

/// Everything that came.
pub(super) struct Ask {
    pub(super) environment: Arc<Environment>,
    pub(super) context: RequestContext,
    pub(super) visitor: Option<Arc<Identity>>,
    pub(super) parameters: Parameters,
}

/// A request that stands for itself, or one that was pushed: that is taken out of the store, and its parameters are the
/// request from then on.
async fn open(mut ask: Ask) -> Result<Response, Refusal> {
    let Some(token) = pushed::named(&ask.parameters) else {
        return respond(ask, false).await;
    };
    let client_id = ask.parameters.value("client_id").unwrap_or_default().to_owned();
    let stored = match token {
        Some(token) => {
            ask.environment.store.take_pushed_request(token.hash(), &client_id, ask.context.now).await?
        }
        None => None,
    };
    let Some(request) = stored.as_deref().and_then(|stored| pushed::read(stored, &client_id)) else {
        let message =
            "This request was used before or has expired. Go back to the application and start again.";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "invalid_request_uri", message));
    };
    let progress = Progress::of_pushed(ask.context.now);
    ask.parameters = progress.add_to(request, &ask.environment.authorizations, ask.environment.draw());
    respond(ask, true).await
}

async fn respond(ask: Ask, just_pushed: bool) -> Result<Response, Refusal> {
    let request = match ask.read().await? {
        Ok(request) => request,
        Err(answer) => return Ok(*answer),
    };
    match ask.next(&request).await? {
        // A page has an address that can be loaded again, which the name of a pushed request is not.
        Step::Choose | Step::Consent(_) | Step::Denied { .. } if just_pushed => {
            Ok(reply::see_other(&format!("/authorize?{}", ask.parameters.to_query())))
        }
        Step::SignIn { reauthenticate } => Ok(ask.sign_in(reauthenticate)),
        Step::Choose => Ok(account::page(&ask, &request)),
        Step::Consent(question) => Ok(consent::page(&ask, &request, question)),
        Step::Issue(grant) => Ok(ask.issue(*grant).await?),
        Step::Refuse(response) => Ok(ask.refuse(&response)),
        Step::Denied { denial, .. } => Ok(ask.denied(&request, &denial)),
    }
}

impl Ask {
    /// The request that an answer of the person of this session to a page of ours is about.
    pub(super) fn of_form(
        environment: Arc<Environment>,
        context: RequestContext,
        visitor: Arc<Identity>,
        form: &Parameters,
    ) -> Result<Self, Refusal> {
        let query = form.value("request");
        let parameters = query.and_then(|query| Parameters::parse(query.as_bytes()).ok());
        let incomplete = "The form is not complete. Go back to the application and try again.";
        let parameters = parameters.ok_or_else(|| Refusal::bad_request(incomplete))?;
        Ok(Self { environment, context, visitor: Some(visitor), parameters })
    }

    /// The request, or the answer that says what is wrong with it.
    pub(super) async fn read(&self) -> Result<Result<AuthorizationRequest, Box<Response>>, StoreError> {
        let client_id = self.parameters.value("client_id").unwrap_or_default();
        let client = self.environment.client(client_id).await?;
        Ok(authorization::parse(&self.parameters, client.as_slice()).map_err(|error| {
            Box::new(match error {
                AuthorizationError::Display(error) => {
                    let message = "The application sent you here with a request that can't be trusted, so it ends here. Whoever runs the application can correct it";
                    let message = format!("{message}: {error}.");
                    Refusal::new(StatusCode::BAD_REQUEST, "invalid_request", message).into_response()
                }
                AuthorizationError::Redirect(response) => self.refuse(&response),
            })
        }))
    }

    /// The one thing to do.
    pub(super) async fn next(&self, request: &AuthorizationRequest) -> Result<Step, StoreError> {
        let Self { environment, context, .. } = self;
        let issuer = &environment.config().portal.origin;
        let consented = match &self.visitor {
            Some(identity) => environment.store.consent(identity.subject, &request.client.client_id).await?,
            None => None,
        };
        let situation = Situation {
            identity: self.visitor.as_ref(),
            hinted: request.hinted(issuer, &environment.keys()),
            consented: consented.map_or_else(ScopeSet::default, |names| ScopeSet::from_names(&names)),
            progress: self.progress(),
            client: context.client,
            now: context.now,
        };
        Ok(next_step(request, &situation))
    }

    pub(super) fn progress(&self) -> Option<Progress> {
        Progress::open(&self.parameters, &self.environment.authorizations, self.context.now)
    }

    /// The way back here with this progress.
    pub(super) fn onward(&self, progress: Progress) -> ReturnTo {
        progress.seal(&self.parameters, &self.environment.authorizations, self.environment.draw())
    }

    /// The same request from its beginning, for another person.
    pub(super) fn again(&self) -> ReturnTo {
        let begin = Progress::begin(self.context.now);
        self.onward(self.progress().map_or(begin, |progress| progress.again(self.context.now)))
    }

    fn sign_in(&self, reauthenticate: bool) -> Response {
        let begin = Progress::begin(self.context.now);
        let then = self.onward(self.progress().map_or(begin, |progress| progress.asking(self.context.now)));
        reply::see_other(&if reauthenticate { login::path_to_confirm(&then) } else { login::path(&then) })
    }

    pub(super) fn refuse(&self, response: &ErrorResponse) -> Response {
        tracing::info!(request = %self.context.id, client = %self.context.client, error = response.code().as_str(),
            description = response.description(), "authorization refused");
        delivery::send(&self.environment, response.delivery(&self.environment.config().portal.origin))
    }

    fn denied(&self, request: &AuthorizationRequest, denial: &Denial) -> Response {
        tracing::info!(request = %self.context.id, client = %self.context.client, application = %request.client.name,
            reason = denial.code(), "authorization denied");
        let again = self.again().to_path();
        let refused = (request.client.title.as_str(), self.visitor.as_deref(), denial);
        page::denied(&self.environment, &self.context, refused, &again)
    }

    async fn issue(&self, grant: CodeGrant) -> Result<Response, StoreError> {
        let code = self.environment.token::<Code>();
        let delivery = grant.target.with_code(&code, &self.environment.config().portal.origin);
        let new = NewCode {
            code: code.hash(),
            family: FamilyId::from_random(self.environment.draw()),
            client_id: grant.client_id,
            user: grant.user,
            session: grant.session,
            context: grant.context,
            redirect_uri: grant.target.redirect_uri().to_owned(),
            scope: grant.scope.names(),
            nonce: grant.nonce,
            code_challenge: grant.code_challenge,
            expires_at: grant.expires_at,
            family_expires_at: grant.family_expires_at,
        };
        self.environment.store.issue_code(new, self.context.now).await?;
        Ok(delivery::send(&self.environment, delivery))
    }
}
