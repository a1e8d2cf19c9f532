//! Rules for some paths of a service: another policy, a fresh sign-in, or nobody.

use std::{net::IpAddr, sync::Arc};

use super::{Access, Denial, Guard, Permit, Policy, Posture, Scope, admit, admit_person};
use crate::{
    identity::Identity,
    time::{Lifetime, UnixTime},
};

/// What holds for some requests in place of the service's own policy. A rule opens nothing without a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// The requests that it is about.
    pub scope: Scope,
    /// What it demands of them.
    pub effect: Effect,
}

/// What a rule demands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Nobody passes: no session, no key, no bypass.
    Deny,
    /// Somebody passes who may.
    Require {
        /// The policy that decides; `None` for the service's own.
        policy: Option<Arc<Policy>>,
        /// The longest time since a passkey was used; `None` for any.
        step_up: Option<Lifetime>,
    },
}

impl Guard {
    /// Whether it asks who somebody is, at least for some requests, so that something can be said about them.
    pub fn asks_who(&self) -> bool {
        let asks = |rule: &Rule| matches!(&rule.effect, Effect::Require { policy: Some(_), .. });
        self.posture.asks_who() || self.rules.iter().any(asks)
    }

    /// The first rule that is about this request, with its index.
    pub(super) fn rule(&self, access: &Access<'_>) -> Option<(usize, &Rule)> {
        self.rules.iter().enumerate().find(|(_, rule)| rule.scope.covers(access))
    }

    /// Every policy that lets people in to some part of the service: its own first, then its rules'.
    pub(super) fn policies(&self) -> impl Iterator<Item = &Arc<Policy>> {
        let own = match &self.posture {
            Posture::Sso(policy) => Some(policy),
            _ => None,
        };
        let of_rules = self.rules.iter().filter_map(|rule| match &rule.effect {
            Effect::Require { policy, .. } => policy.as_ref(),
            Effect::Deny => None,
        });
        own.into_iter().chain(of_rules)
    }

    /// Whether this person may have a session on the service's host: its policy, or one of its rules, lets them in
    /// somewhere. Each request is decided on its own. `None` when no part of the service asks who somebody is.
    pub fn admits(
        &self,
        identity: &Arc<Identity>,
        client: IpAddr,
        now: UnixTime,
    ) -> Option<Result<Permit, Denial>> {
        self.first_to_admit(|policy| admit(policy, identity, client, now))
    }

    /// The same without the address: whether there is any use in a token that this person makes. Where a request with it
    /// comes from is decided when it comes.
    pub fn admits_person(&self, identity: &Arc<Identity>, now: UnixTime) -> Option<Result<Permit, Denial>> {
        self.first_to_admit(|policy| admit_person(policy, identity, now))
    }

    fn first_to_admit(
        &self,
        admit: impl Fn(&Policy) -> Result<Permit, Denial>,
    ) -> Option<Result<Permit, Denial>> {
        if matches!(self.posture, Posture::Quarantined(_)) {
            return None;
        }
        let mut first = None;
        for policy in self.policies() {
            match admit(policy) {
                Ok(permit) => return Some(Ok(permit)),
                Err(denial) => {
                    first.get_or_insert(Err(denial));
                }
            }
        }
        first
    }
}
