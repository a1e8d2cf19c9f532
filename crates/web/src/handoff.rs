//! The identity host's part in signing in to a service: the policy is asked, and a one-time code goes to the service's
//! own host.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::{
    http::{context::RequestContext, host::Host},
    identity::Identity,
    oauth::parameters::Parameters,
    policy::{Denial, Permit},
    return_to::ReturnTo,
    service::Service,
    time::{Lifetime, UnixTime},
    token::Handoff,
};
use doorward_store::NewHandoff;

use crate::{
    environment::Environment,
    extract::{Context, Env, Query},
    login, page,
    refusal::Refusal,
    reply,
    session::Visitor,
    transaction,
};

/// How long a browser may take from here to the service's host.
const LIFETIME: Lifetime = Lifetime(60);

/// What the service's host asked for.
struct Asked {
    service: Arc<Service>,
    host: Host,
    transaction: String,
    challenge: [u8; 32],
    max_age: Option<Lifetime>,
}

impl Asked {
    fn read(environment: &Environment, query: &Parameters) -> Result<Self, Refusal> {
        let read = || {
            let service = Arc::clone(environment.config().service(query.value("service")?)?);
            let host = service.hosts.iter().find(|host| Some(host.as_str()) == query.value("host"))?.clone();
            let transaction = query.value("tx").filter(|id| transaction::is_id(id))?.to_owned();
            let challenge = URL_SAFE_NO_PAD.decode(query.value("challenge")?).ok()?.try_into().ok()?;
            let max_age = transaction::max_age(query);
            Some(Self { service, host, transaction, challenge, max_age })
        };
        read().ok_or_else(|| {
            Refusal::bad_request("This address does not belong to a sign-in. Open the service itself.")
        })
    }

    fn needs_passkey(&self, identity: &Identity, now: UnixTime) -> bool {
        self.max_age.is_some_and(|longest| now.since(identity.context.auth_time) > i64::from(longest.0))
    }

    /// The same again, from what was understood.
    fn query(&self) -> String {
        let transaction = (self.transaction.as_str(), &self.challenge);
        transaction::query((&self.service, &self.host), transaction, self.max_age)
    }
}

/// `GET /handoff`.
pub(crate) async fn handoff(
    State(environment): Env,
    Context(context): Context,
    Query(query): Query,
    Visitor(visitor): Visitor,
) -> Result<Response, Refusal> {
    let asked = Asked::read(&environment, &query)?;
    let again = ReturnTo::Handoff(asked.query());
    let Some(identity) = visitor else {
        return Ok(reply::see_other(&login::path(&again)));
    };
    let Some(admitted) = asked.service.guard.admits(&identity, context.client, context.now) else {
        // Changed since the browser was sent here: the service asks for nobody now.
        return Ok(reply::see_other(&format!("{}/", environment.config().origin_of(&asked.host))));
    };
    match admitted {
        // The session of the service is as old as the one here: a rule there asks for a fresh one.
        Ok(_) if asked.needs_passkey(&identity, context.now) => {
            Ok(reply::see_other(&login::path_to_confirm(&again)))
        }
        Ok(permit) => issue(&environment, &context, &asked, permit).await,
        Err(Denial::Expired) => Ok(reply::see_other(&login::path(&again))),
        Err(denial) => {
            tracing::info!(request = %context.id, client = %context.client, service = %asked.service.name,
                user = %identity.profile.username, reason = denial.code(), "handoff denied");
            Ok(page::denied(
                &environment,
                &context,
                (&asked.service.title, Some(&identity), &denial),
                &again.to_path(),
            ))
        }
    }
}

async fn issue(
    environment: &Environment,
    context: &RequestContext,
    asked: &Asked,
    permit: Permit,
) -> Result<Response, Refusal> {
    let identity = permit.identity().ok_or_else(Refusal::sign_in_required)?;
    let code = environment.token::<Handoff>();
    let new = NewHandoff {
        code: code.hash(),
        session: identity.session,
        service: asked.service.name.to_string(),
        host: asked.host.to_string(),
        challenge: asked.challenge,
        expires_at: context.now.after(LIFETIME),
    };
    environment.store.issue_handoff(new).await?;
    let query = Parameters::default().with("code", code.expose()).with("tx", &asked.transaction).to_query();
    let origin = environment.config().origin_of(&asked.host);
    Ok(reply::see_other(&format!("{origin}/.doorward/callback?{query}")))
}
