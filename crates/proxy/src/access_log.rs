//! One line per decision (R48). Never a cookie, a query or a token.

use doorward_core::{http::context::RequestContext, identity::Identity, service::Service};
use http::Method;

/// What a line says about a request.
#[derive(Clone, Copy)]
pub(crate) struct Line<'a> {
    pub(crate) context: &'a RequestContext,
    pub(crate) service: &'a Service,
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) identity: Option<&'a Identity>,
    /// The request carried `X-Forwarded-For` from a peer that is not trusted.
    pub(crate) forwarding_ignored: bool,
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

    /// The same with what a refusal was compared with.
    pub(crate) const fn because(self, detail: &'a str) -> Self {
        Self { detail, ..self }
    }

    /// Logs a decision: denied, redirected and bypassed requests for everyone to see, forwarded ones for debugging.
    pub(crate) fn decided(&self, outcome: &'static str, reason: &dyn std::fmt::Display) {
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    request = %self.context.id,
                    host = %self.context.host,
                    service = %self.service.name,
                    method = %self.method,
                    path = self.path,
                    posture = self.service.guard.posture.word(),
                    outcome,
                    reason = %reason,
                    user = self.identity.map_or("", |identity| identity.profile.username.as_str()),
                    client = %self.context.client,
                    peer = %self.context.peer,
                    forwarding_ignored = self.forwarding_ignored,
                    detail = self.detail,
                    via = self.via,
                    "decision"
                )
            };
        }
        if outcome == "forwarded" {
            line!(debug);
        } else {
            line!(info);
        }
    }
}
