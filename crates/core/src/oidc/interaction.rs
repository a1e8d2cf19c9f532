//! What `/authorize` does next. One dispatcher: every step comes back here, and none calls another.

use std::{net::IpAddr, sync::Arc};

use super::{
    authorization::AuthorizationRequest, issue::CodeGrant, progress::Progress, response::ErrorResponse,
};
use crate::{
    id::UserId,
    identity::Identity,
    oauth::{error::ErrorCode, grant_type::GrantType, scope::ScopeSet},
    policy::{self, Denial},
    time::UnixTime,
};

/// Everything else that the next step depends on.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The person of the portal session, if a live one came with the request.
    pub identity: Option<&'a Arc<Identity>>,
    /// Whom the client expects, by [`AuthorizationRequest::hinted`].
    pub hinted: Option<UserId>,
    /// What this person granted to this client before; empty for nothing.
    pub consented: ScopeSet,
    /// How far the request has come, by [`Progress::open`].
    pub progress: Option<Progress>,
    /// The effective client address.
    pub client: IpAddr,
    /// The time of the request.
    pub now: UnixTime,
}

/// The one thing to do.
#[must_use]
#[derive(PartialEq, Eq, Debug)]
pub enum Step {
    /// Let the person sign in, then come back.
    SignIn {
        /// There is a session and it is not enough: the page must ask for a passkey all the same.
        reauthenticate: bool,
    },
    /// Let the person say whether it is to be them, then come back.
    Choose,
    /// Ask the person, then come back.
    Consent(Question),
    /// Store a code and send it.
    Issue(Box<CodeGrant>),
    /// Tell the client.
    Refuse(Box<ErrorResponse>),
    /// Tell the person, who may switch accounts or go back to the client with the refusal.
    Denied {
        /// Why.
        denial: Denial,
        /// What the client learns if the person goes back to it.
        response: Box<ErrorResponse>,
    },
}

/// What a person is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Question {
    /// Everything that the client wants.
    pub requested: ScopeSet,
    /// What to store if the person agrees: that, and what was granted before.
    pub if_granted: ScopeSet,
}

/// Decides, in the order: how the request came, session, sign-in again, choice of the
/// account, policy, consent.
pub fn next_step(request: &AuthorizationRequest, situation: &Situation<'_>) -> Step {
    if !request.client.may_use(GrantType::AuthorizationCode) {
        return refuse(
            request,
            ErrorCode::UnauthorizedClient,
            "this application may not sign people in by codes",
        );
    }
    if request.client.require_par && !situation.progress.is_some_and(Progress::is_pushed) {
        return refuse(request, ErrorCode::InvalidRequest, "this application must push its requests");
    }
    let live = situation.identity.filter(|identity| identity.expires_at > situation.now);
    let Some(identity) = live else {
        return sign_in(request, false);
    };
    let started = situation.progress.and_then(Progress::started);
    let answered = started.is_some_and(|started| identity.context.auth_time >= started);
    if situation.hinted.is_some_and(|hinted| hinted != identity.subject) {
        return if answered { someone_else(request) } else { sign_in(request, true) };
    }
    if !answered && wants_new_sign_in(request, identity, situation.now) {
        return sign_in(request, true);
    }
    let chosen = situation.progress.is_some_and(|progress| progress.is_chosen_by(identity.subject));
    if request.prompt.select_account && !answered && !chosen {
        return Step::Choose;
    }
    let permit = match policy::admit(&request.client.policy, identity, situation.client, situation.now) {
        Ok(permit) => permit,
        Err(denial) => return deny(request, denial),
    };
    if wants_consent(request, situation, identity.subject) {
        return ask(request, situation.consented);
    }
    match CodeGrant::new(&permit, request, situation.now) {
        Some(grant) => Step::Issue(Box::new(grant)),
        None => refuse(request, ErrorCode::ServerError, "nobody is signed in"),
    }
}

fn wants_new_sign_in(request: &AuthorizationRequest, identity: &Identity, now: UnixTime) -> bool {
    let age = now.since(identity.context.auth_time);
    // Zero is as good as `prompt=login` (OpenID Connect Core section 3.1.2.1), whatever second it is.
    let too_old = request.max_age.is_some_and(|max_age| max_age == 0 || age > i64::from(max_age));
    let too_weak = request.claims.needs_phishing_resistance() && !identity.context.is_phishing_resistant();
    too_old || too_weak || request.client.reauthenticate || request.prompt.login
}

fn wants_consent(request: &AuthorizationRequest, situation: &Situation<'_>, user: UserId) -> bool {
    let just_given = situation.progress.is_some_and(|progress| progress.is_consented_by(user));
    let demanded = request.prompt.consent && !just_given;
    let needed = request.client.consent && !request.scope.is_within(situation.consented);
    demanded || needed
}

fn sign_in(request: &AuthorizationRequest, reauthenticate: bool) -> Step {
    if request.prompt.none {
        return refuse(request, ErrorCode::LoginRequired, "the person has to sign in");
    }
    Step::SignIn { reauthenticate }
}

/// The person signed in for this request and is still not whom the client expects: asking again would go on for ever.
fn someone_else(request: &AuthorizationRequest) -> Step {
    refuse(request, ErrorCode::LoginRequired, "somebody else than the application expects is signed in")
}

fn ask(request: &AuthorizationRequest, consented: ScopeSet) -> Step {
    if request.prompt.none {
        return refuse(request, ErrorCode::ConsentRequired, "the person has to consent");
    }
    Step::Consent(Question { requested: request.scope, if_granted: request.scope.union(consented) })
}

fn deny(request: &AuthorizationRequest, denial: Denial) -> Step {
    let response = request.target.refuse(ErrorCode::AccessDenied, "the person may not use this application");
    let response = Box::new(response);
    if request.prompt.none { Step::Refuse(response) } else { Step::Denied { denial, response } }
}

fn refuse(request: &AuthorizationRequest, code: ErrorCode, description: &'static str) -> Step {
    Step::Refuse(Box::new(request.target.refuse(code, description)))
}

#[cfg(test)]
mod tests;
