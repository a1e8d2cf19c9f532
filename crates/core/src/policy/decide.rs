//! The decision itself.

use std::{net::IpAddr, sync::Arc};

use ::http::Method;
use ipnet::IpNet;

use super::{
    Access, Allow, Decision, Demand, Denial, Effect, Grounds, Guard, Permit, Policy, Posture, Realm, Rule,
    key,
};
use crate::{http::fetch::Site, identity::Identity, time::UnixTime};

/// Decides about one request, in the order: service networks, rules that close, keys, bypass, session, cross-origin
/// shield, policy, time since the passkey was used.
pub fn decide(guard: &Guard, access: &Access<'_>) -> Decision {
    if let Posture::Quarantined(reason) = &guard.posture {
        return Decision::Deny(Denial::Quarantined { id: reason.id });
    }
    if !within(guard.networks.as_deref(), access.client) {
        return Decision::Deny(Denial::ServiceNetwork);
    }
    let (policy, step_up) = match guard.rule(access) {
        Some((index, Rule { effect: Effect::Deny, .. })) => return Decision::Deny(Denial::Rule { index }),
        // Nobody is asked who they are here, so nobody's passkey can be young enough.
        Some((index, Rule { effect: Effect::Require { policy: None, step_up: Some(_) }, .. }))
            if !matches!(guard.posture, Posture::Sso(_)) =>
        {
            return Decision::Deny(Denial::Rule { index });
        }
        Some((_, Rule { effect: Effect::Require { policy, step_up }, .. })) => (policy.as_ref(), *step_up),
        None => (None, None),
    };
    match key::judge(guard, access) {
        Some(Ok(name)) => return open(Grounds::Key(name)),
        Some(Err(denial)) => return Decision::Deny(denial),
        None => {}
    }
    if let Some(index) = guard.bypass.iter().position(|bypass| bypass.covers(access)) {
        return open(Grounds::Bypass(index));
    }
    let policy = match (policy, &guard.posture) {
        (Some(policy), _) | (None, Posture::Sso(policy)) => policy,
        (None, Posture::Basic(realm)) => return by_password(guard, realm, access),
        (None, Posture::Public | Posture::NativeOidc | Posture::AppLogin | Posture::Redirect) => {
            return open(Grounds::Open);
        }
        (None, Posture::Quarantined(reason)) => {
            return Decision::Deny(Denial::Quarantined { id: reason.id });
        }
    };
    let Some(identity) = access.identity else {
        return Decision::Demand(Demand::SignIn);
    };
    if guard.csrf_shield && crosses_origins(access) {
        return Decision::Deny(Denial::CrossOrigin);
    }
    let permit = match admit(policy, identity, access.client, access.now) {
        Ok(permit) => permit,
        Err(denial) => return Decision::Deny(denial),
    };
    match step_up {
        Some(longest) if access.now.since(identity.context.auth_time) > i64::from(longest.0) => {
            Decision::Demand(Demand::StepUp(longest))
        }
        _ => Decision::Permit(permit),
    }
}

/// Browsers send a password along as they send a cookie, so the shield counts here too.
fn by_password(guard: &Guard, realm: &Realm, access: &Access<'_>) -> Decision {
    let Some(user) = access.credentials.user.filter(|user| realm.holds(user)) else {
        return Decision::Demand(Demand::Password);
    };
    if guard.csrf_shield && crosses_origins(access) {
        return Decision::Deny(Denial::CrossOrigin);
    }
    Decision::Permit(Permit { identity: None, user: Some(Arc::clone(user)), grounds: Grounds::Basic })
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
        return Ok(Permit { identity: Some(Arc::clone(identity)), user: None, grounds: Grounds::Session });
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

fn open(grounds: Grounds) -> Decision {
    Decision::Permit(Permit { identity: None, user: None, grounds })
}

/// Whether another origin uses this person's session for more than reading: an unsafe method, or a WebSocket,
/// which browsers let any page open (cross-site WebSocket hijacking).
fn crosses_origins(access: &Access<'_>) -> bool {
    let safe = matches!(*access.method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
    let elsewhere = access.fetch.site == Site::Other;
    elsewhere && (!safe || access.fetch.websocket)
}
