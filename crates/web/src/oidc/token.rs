//! The token endpoint (RFC 6749 section 3.2).

use std::sync::Arc;

use axum::{extract::State, response::Response};
use doorward_core::{
    http::context::RequestContext,
    id::FamilyId,
    oauth::{
        client::Client,
        client_auth::{self, ClientAuthError, Presented},
        parameters::Parameters,
        slow_secret::{self, SlowSecret},
    },
    oidc::grant::{
        self, Issuance, TokenError, TokenRequest, authorization_code, client_credentials, device_code,
        refresh_token,
    },
    policy::Permit,
    token::{Access, Plain, Refresh},
};
use doorward_store::{DevicePoll, NewTokens, Rotation, StoreError};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;

use super::{Grant, unavailable};
use crate::{
    clients::Found,
    environment::Environment,
    extract::{Context, Env, Form},
    refusal, reply,
};

/// Why a client does not get what it asks for.
pub(super) enum Failed {
    Refused(TokenError),
    Store(StoreError),
}

impl Failed {
    /// Something of ours failed.
    pub(super) fn server_error() -> Self {
        Self::Refused(TokenError::server_error())
    }
}

impl From<TokenError> for Failed {
    fn from(error: TokenError) -> Self {
        Self::Refused(error)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// `POST /api/oidc/token`.
pub(crate) async fn issue(
    State(environment): Env,
    Context(context): Context,
    headers: HeaderMap,
    Form(parameters): Form,
) -> Response {
    let answer = answer(&environment, &context, &headers, &parameters);
    settle(&environment, &context, answer, |answer| reply::json(&answer)).await
}

/// What comes of a client's request, as `show` writes it, or the answer that refuses it. Only what fails counts against
/// the limit: an application's server asks for all of its people from one address.
pub(super) async fn settle<T>(
    environment: &Environment,
    context: &RequestContext,
    answer: impl Future<Output = Result<T, Failed>>,
    show: impl FnOnce(T) -> Response,
) -> Response {
    if !environment.limits.has_left(context.client, context.now) {
        return refusal::too_many_attempts();
    }
    match answer.await {
        Ok(answer) => show(answer),
        Err(Failed::Store(error)) => unavailable(error),
        Err(Failed::Refused(error)) => {
            if error.is_guess() {
                environment.limits.take(context.client, context.now);
            }
            refuse(context, &error)
        }
    }
}

async fn answer(
    environment: &Environment,
    context: &RequestContext,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Value, Failed> {
    let client = authenticate(environment, context, headers, parameters).await?;
    let exchange = Exchange {
        environment,
        context,
        client: &client,
        access: environment.token(),
        refresh: environment.token(),
    };
    match grant::parse(parameters, &client)? {
        TokenRequest::AuthorizationCode(request) => exchange.redeem(&request).await,
        TokenRequest::RefreshToken(request) => exchange.refresh(&request).await,
        TokenRequest::ClientCredentials(grant) => exchange.for_itself(grant).await,
        TokenRequest::DeviceCode(request) => exchange.poll(&request).await,
    }
}

/// The client, if it is who it says.
pub(super) async fn authenticate(
    environment: &Environment,
    context: &RequestContext,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Arc<Client>, Failed> {
    let authorization = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let presented =
        Presented::read(authorization, parameters).map_err(|error| TokenError::of_client(error, false))?;
    let basic = presented.is_basic();
    let checked = match environment.find_client(presented.client_id()).await? {
        Some(Found { client, slow }) => match client_auth::verify(&client, &presented, context.now) {
            Err(ClientAuthError::WrongSecret) if !slow.is_empty() => {
                compare_slowly(environment, context, slow, presented).await?.map(|()| client)
            }
            checked => checked.map(|()| client),
        },
        None => Err(ClientAuthError::UnknownClient),
    };
    checked.map_err(|error| {
        tracing::warn!(request = %context.id, client = %context.client, cause = %error, "client not authenticated");
        TokenError::of_client(error, basic).into()
    })
}

/// Compares with secrets that came from elsewhere as bcrypt hashes. That takes long, so each try counts against the
/// limit, and the secret that fits is stored by its quick hash: it is compared like this once.
async fn compare_slowly(
    environment: &Environment,
    context: &RequestContext,
    slow: Vec<SlowSecret>,
    presented: Presented,
) -> Result<Result<(), ClientAuthError>, StoreError> {
    if !environment.limits.take(context.client, context.now) {
        return Ok(Err(ClientAuthError::WrongSecret));
    }
    let now = context.now;
    let compare =
        move || slow_secret::find(&slow, &presented, now).map(|(secret, quick)| (secret.id.clone(), quick));
    let found = tokio::task::spawn_blocking(compare).await;
    let found = found.map_err(|_| StoreError::Unavailable("a comparison was given up".to_owned()))?;
    let Some((id, quick)) = found else {
        return Ok(Err(ClientAuthError::WrongSecret));
    };
    environment.store.quicken_client_secret(&id, quick).await?;
    Ok(Ok(()))
}

fn refuse(context: &RequestContext, error: &TokenError) -> Response {
    tracing::info!(request = %context.id, client = %context.client, error = error.code().as_str(), "client refused");
    let mut response = reply::json(&error.body());
    *response.status_mut() = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
    if let Some(challenge) = error.www_authenticate() {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
}

/// A grant on its way to becoming tokens.
struct Exchange<'a> {
    environment: &'a Environment,
    context: &'a RequestContext,
    client: &'a Client,
    access: Plain<Access>,
    refresh: Plain<Refresh>,
}

impl Exchange<'_> {
    fn new_tokens(&self) -> NewTokens {
        NewTokens {
            access: self.access.hash(),
            access_expires_at: self.context.now.after(self.client.lifetimes.access),
            refresh: self.refresh.hash(),
            refresh_expires_at: self.context.now.after(self.client.lifetimes.refresh),
        }
    }

    async fn redeem(&self, request: &authorization_code::Request) -> Result<Value, Failed> {
        let (store, now) = (&self.environment.store, self.context.now);
        let issued = store.consume_code(request.code.hash(), &self.client.client_id, now).await?;
        let issued = issued.ok_or_else(TokenError::not_valid)?;
        let (family, nonce): (FamilyId, _) = (issued.grant.family, issued.grant.nonce.clone());
        let grant = Grant::new(issued.grant);
        let stored = authorization_code::Issued {
            granted: grant.granted(),
            redirect_uri: &issued.redirect_uri,
            code_challenge: issued.code_challenge.as_deref(),
        };
        let permit = authorization_code::check(request, &stored, self.client, now)?;
        if !store.issue_tokens(family, self.new_tokens()).await? {
            return Err(TokenError::not_valid().into());
        }
        self.tokens(permit, &grant, nonce.as_deref())
    }

    async fn for_itself(&self, grant: client_credentials::Grant) -> Result<Value, Failed> {
        let token = self.environment.token();
        let expires_at = grant.expires_at(self.context.now);
        self.environment.store.issue_client_token(token.hash(), &self.client.client_id, expires_at).await?;
        Ok(grant.answer(&token))
    }

    async fn poll(&self, request: &device_code::Request) -> Result<Value, Failed> {
        let (store, now) = (&self.environment.store, self.context.now);
        let (code, client_id) = (request.device_code.hash(), &self.client.client_id);
        let granted = match store.poll_device(code, client_id, now).await? {
            DevicePoll::Granted(grant) => grant,
            DevicePoll::Waiting(waiting) => return Err(TokenError::from(waiting).into()),
            DevicePoll::Unknown => return Err(TokenError::not_valid().into()),
        };
        let family = granted.family;
        let grant = Grant::new(*granted);
        let permit = device_code::check(&grant.granted(), self.client, now)?;
        if !store.issue_tokens(family, self.new_tokens()).await? {
            return Err(TokenError::not_valid().into());
        }
        self.tokens(permit, &grant, None)
    }

    async fn refresh(&self, request: &refresh_token::Request) -> Result<Value, Failed> {
        let (store, now) = (&self.environment.store, self.context.now);
        let (token, client_id) = (request.refresh_token.hash(), &self.client.client_id);
        let grant = match store.rotate_refresh_token(token, client_id, self.new_tokens(), now).await? {
            Rotation::Rotated(grant) => Grant::new(*grant),
            Rotation::Reused => {
                tracing::warn!(request = %self.context.id, client = %self.context.client, application = %self.client.name,
                    "a refresh token was used twice; everything that descends from its sign-in is revoked");
                return Err(TokenError::not_valid().into());
            }
            Rotation::Unknown => return Err(TokenError::not_valid().into()),
        };
        let permit = refresh_token::check(request, &grant.granted(), self.client, now)?;
        self.tokens(permit, &grant, None)
    }

    fn tokens(&self, permit: Permit, grant: &Grant, nonce: Option<&str>) -> Result<Value, Failed> {
        let issuance = Issuance {
            issuer: &self.environment.config().portal.origin,
            client: self.client,
            scope: grant.scope,
            nonce,
            access: &self.access,
            refresh: &self.refresh,
            now: self.context.now,
        };
        Ok(grant::answer(permit, &issuance, &self.environment.keys())?)
    }
}
