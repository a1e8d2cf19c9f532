//! The decision itself.

use std::{net::IpAddr, sync::Arc};

use ::http::Method;
use ipnet::IpNet;

use super::{Access, Allow, Decision, Demand, Denial, Grounds, Guard, Permit, Policy, Posture};
use crate::{http::fetch::Site, identity::Identity, time::UnixTime};

/// Decides about one request, in the order: service networks, bypass, session, policy, cross-origin shield.
pub fn decide(guard: &Guard, access: &Access<'_>) -> Decision {
    if let Posture::Quarantined(reason) = &guard.posture {
        return Decision::Deny(Denial::Quarantined { id: reason.id });
    }
    if !within(guard.networks.as_deref(), access.client) {
        return Decision::Deny(Denial::ServiceNetwork);
    }
    let policy = match &guard.posture {
        Posture::Sso(policy) => policy,
        Posture::Public | Posture::NativeOidc | Posture::AppLogin => return open(Grounds::Open),
        Posture::Quarantined(reason) => {
            return Decision::Deny(Denial::Quarantined { id: reason.id });
        }
    };
    if let Some(index) = guard.bypass.iter().position(|bypass| bypass.covers(access)) {
        return open(Grounds::Bypass(index));
    }
    let Some(identity) = access.identity else {
        return Decision::Demand(Demand::SignIn);
    };
    if guard.csrf_shield && crosses_origins(access) {
        return Decision::Deny(Denial::CrossOrigin);
    }
    admit(policy, identity, access.client, access.now).map_or_else(Decision::Deny, Decision::Permit)
}

/// Whether `policy` lets this person in from this address now: the same answer for a gated service and for an
/// OAuth client.
pub fn admit(
    policy: &Policy,
    identity: &Arc<Identity>,
    client: IpAddr,
    now: UnixTime,
) -> Result<Permit, Denial> {
    if identity.expires_at <= now {
        return Err(Denial::Expired);
    }
    if !within(policy.networks.as_deref(), client) {
        return Err(Denial::PolicyNetwork { policy: policy.name.clone() });
    }
    admit_person(policy, identity, now)
}

/// The same without the address: for requests that an application makes about a person, from wherever it runs
/// (the token and userinfo endpoints). The person's address was checked when the code was issued.
pub fn admit_person(policy: &Policy, identity: &Arc<Identity>, now: UnixTime) -> Result<Permit, Denial> {
    if identity.expires_at <= now {
        return Err(Denial::Expired);
    }
    let allowed = match &policy.allow {
        Allow::Anyone => true,
        Allow::AnyOf(groups) => groups.iter().any(|group| identity.groups.contains(group)),
    };
    if allowed {
        return Ok(Permit { identity: Some(Arc::clone(identity)), grounds: Grounds::Session });
    }
    let any_of = match &policy.allow {
        Allow::Anyone => Vec::new(),
        Allow::AnyOf(groups) => groups.clone(),
    };
    Err(Denial::Group { policy: policy.name.clone(), any_of })
}

/// Whether `client` is in one of `networks`; everywhere when there is no list, nowhere when it is empty.
pub(super) fn within(networks: Option<&[IpNet]>, client: IpAddr) -> bool {
    networks.is_none_or(|networks| networks.iter().any(|network| network.contains(&client)))
}

const fn open(grounds: Grounds) -> Decision {
    Decision::Permit(Permit { identity: None, grounds })
}

/// Whether another origin uses this person's session for more than reading: an unsafe method, or a WebSocket,
/// which browsers let any page open (cross-site WebSocket hijacking).
fn crosses_origins(access: &Access<'_>) -> bool {
    let safe = matches!(*access.method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
    let elsewhere = access.fetch.site == Site::Other;
    elsewhere && (!safe || access.fetch.websocket)
}
