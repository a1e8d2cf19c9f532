//! One line per decision (R48). Never a cookie, a query or a token.

use std::sync::Arc;

use doorward_core::{
    config::Decisions,
    http::{fetch::FetchMetadata, forwarded},
    identity::Identity,
    policy::{self, Access, Demand, Denial, VerifiedUser},
    service::Service,
};
use http::request::Parts;

use crate::service::{Arrival, trust};

/// What a line says about a request.
#[derive(Clone, Copy)]
pub(crate) struct Line<'a> {
    pub(crate) service: &'a Service,
    pub(crate) arrival: &'a Arrival,
    pub(crate) head: &'a Parts,
    pub(crate) identity: Option<&'a Identity>,
    /// Who gave a name and its password.
    pub(crate) named: &'a str,
    /// What a refusal was compared with.
    pub(crate) detail: &'a str,
    /// Who forwards what is permitted: this server, or another proxy that asked.
    pub(crate) via: &'static str,
}

impl<'a> Line<'a> {
    /// The same about a request at another proxy.
    pub(crate) const fn via_forward_auth(self) -> Self {
        Self { via: "forward-auth", ..self }
    }

    /// The same with who gave a name and its password.
    pub(crate) fn of(self, user: Option<&'a Arc<VerifiedUser>>) -> Self {
        Self { named: user.map_or("", |user| user.name()), ..self }
    }

    /// The same with what a refusal was compared with.
    pub(crate) const fn because(self, detail: &'a str) -> Self {
        Self { detail, ..self }
    }

    /// Logs a decision: denied, redirected and bypassed requests for everyone to see; forwarded ones where that is
    /// declared, and for debugging.
    pub(crate) fn decided(&self, outcome: &'static str, reason: &dyn std::fmt::Display) {
        let Self { service, arrival, head, .. } = self;
        let context = &arrival.context;
        let trust = trust(&arrival.config);
        // Within the macro, what a line needs is looked up only if the line is written.
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    request = %context.id,
                    host = %context.host,
                    service = %service.name,
                    method = %head.method,
                    path = arrival.target.path(),
                    posture = service.guard.posture.word(),
                    outcome,
                    reason = %reason,
                    user = self.identity.map_or(self.named, |identity| identity.profile.username.as_str()),
                    client = %context.client,
                    peer = %context.peer,
                    trusted = trust.speaks_for_others(context.peer.to_canonical()),
                    chain = forwarded::chain(&head.headers, trust),
                    forwarding_ignored = forwarded::was_ignored(context.peer, &head.headers, trust),
                    detail = self.detail,
                    via = self.via,
                    "decision"
                )
            };
        }
        if outcome == "forwarded" && arrival.config.decisions == Decisions::Exceptions {
            line!(debug);
        } else {
            line!(info);
        }
    }

    /// What the decision was compared with, and what was near to fit.
    pub(crate) fn detail_of(&self, why: Result<&Demand, &Denial>, fetch: FetchMetadata) -> String {
        let access = Access {
            method: &self.head.method,
            path: self.arrival.target.path(),
            client: self.arrival.context.client,
            identity: None,
            credentials: policy::Credential::default(),
            fetch,
            now: self.arrival.context.now,
        };
        policy::detail(&self.service.guard, why, &access, self.head.uri.path())
    }
}
