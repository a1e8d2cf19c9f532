//! Devices that wait for their person, and tokens of clients for themselves.

use doorward_core::{
    id::FamilyId,
    identity::AuthContext,
    oidc::{
        device::{self, Approval, Pending, Step, UserCode},
        grant::device_code::Waiting,
    },
    token::{Device, Hashed, Machine},
};
use doorward_store::{DevicePoll, NewDevice};

use super::world::{CLIENT, NOW, World, groups, later, race, winners};

on_both_engines![
    o_2_a_device_gets_what_was_granted_once,
    o_2_of_many_questions_at_once_one_is_answered,
    o_28_a_device_is_decided_about_once,
    o_24_a_device_gets_nothing_when_its_person_is_gone,
    d_12_the_pace_grows_with_each_question_that_is_too_early,
    e_3_a_device_waits_for_fifteen_minutes,
    e_7_a_code_of_a_person_is_under_a_key,
    o_3_a_token_of_a_client_is_its_own,
];

struct Begun {
    device: Hashed<Device>,
    code: [u8; 32],
}

async fn begin(world: &World) -> Begun {
    let (device, code) = (world.token::<Device>().hash(), UserCode::from_random(world.bytes()).hash());
    let new = NewDevice {
        device,
        user_code: code,
        client_id: CLIENT.to_owned(),
        scope: vec!["openid".to_owned()],
        expires_at: later(900),
    };
    assert!(world.store.begin_device(new.clone(), NOW).await.unwrap());
    assert!(!world.store.begin_device(new, NOW).await.unwrap(), "a code is somebody's already");
    Begun { device, code }
}

/// What a person of the policy grants.
async fn approval(world: &World, username: &str) -> (FamilyId, Approval) {
    let person = world.person(username, &["users"]).await;
    let portal = world.sign_in(&person).await;
    let mut approval = granted();
    (approval.user, approval.session) = (person.id, portal.id);
    approval.context = AuthContext { auth_time: NOW, amr: vec!["user".to_owned(), "hwk".to_owned()] };
    (FamilyId::from_random(world.bytes()), approval)
}

/// An approval as the core makes it.
fn granted() -> Approval {
    use std::sync::Arc;

    use doorward_core::{
        id::{SessionId, UserId},
        identity::{Identity, IdentityParts},
        oauth::{client::Client, scope::ScopeSet},
        policy::{Allow, Policy},
        user::{Profile, Username},
    };
    let policy = Policy { name: "all".to_owned(), allow: Allow::Anyone, networks: None };
    let client = Client::new("tv", CLIENT, Arc::new(policy));
    let session = SessionId::from_random([1; 16]);
    let identity = Identity::new(IdentityParts {
        subject: UserId::from_random([1; 16]),
        profile: Profile::new(Username::parse("grace").unwrap(), "Grace".to_owned()),
        groups: groups(&[]),
        context: AuthContext { auth_time: NOW, amr: Vec::new() },
        session,
        portal_session: session,
        expires_at: later(3600),
    });
    let pending = Pending { client: &client, scope: ScopeSet::parse("openid"), asked_at: NOW };
    let here = std::net::IpAddr::from([127, 0, 0, 1]);
    match device::next_step(&pending, Some(&Arc::new(identity)), here, NOW) {
        Step::Ask(approval) => *approval,
        other => panic!("{other:?}"),
    }
}

async fn o_2_a_device_gets_what_was_granted_once(world: World) {
    let begun = begin(&world).await;
    let pending = world.store.pending_device(begun.code, NOW).await.unwrap().unwrap();
    assert_eq!((pending.client_id.as_str(), pending.created_at), (CLIENT, NOW));
    let (family, approval) = approval(&world, "grace").await;
    let user = approval.user;
    assert!(world.store.approve_device(begun.code, (family, approval), NOW).await.unwrap());
    assert_eq!(world.store.pending_device(begun.code, NOW).await.unwrap(), None);
    let other = world.store.poll_device(begun.device, "files", NOW).await.unwrap();
    assert!(matches!(other, DevicePoll::Unknown));
    let DevicePoll::Granted(grant) = world.store.poll_device(begun.device, CLIENT, NOW).await.unwrap() else {
        panic!("nothing was granted")
    };
    assert_eq!((grant.family, grant.identity.subject, grant.client_id.as_str()), (family, user, CLIENT));
    let tokens = world.new_tokens();
    assert!(world.store.issue_tokens(family, tokens).await.unwrap());
    let again = world.store.poll_device(begun.device, CLIENT, NOW).await.unwrap();
    assert!(matches!(again, DevicePoll::Unknown));
    assert!(world.store.access_token(tokens.access, NOW).await.unwrap().is_none(), "somebody has a copy");
}

async fn o_2_of_many_questions_at_once_one_is_answered(world: World) {
    let begun = begin(&world).await;
    assert!(world.store.approve_device(begun.code, approval(&world, "grace").await, NOW).await.unwrap());
    let outcome = race(30, |_| world.store.poll_device(begun.device, CLIENT, NOW));
    let granted = |outcome: &&Result<DevicePoll, _>| matches!(outcome, Ok(DevicePoll::Granted(_)));
    assert_eq!(outcome.iter().filter(granted).count(), 1);
}

async fn o_28_a_device_is_decided_about_once(world: World) {
    let begun = begin(&world).await;
    let people = [approval(&world, "grace").await, approval(&world, "vera").await];
    let outcome = race(12, |at| {
        let (family, approval) = people[at % 2].clone();
        let store = &world.store;
        async move {
            if at % 3 == 0 {
                store.refuse_device(begun.code, NOW).await.unwrap()
            } else {
                store.approve_device(begun.code, (family, approval), NOW).await.unwrap()
            }
        }
    });
    assert_eq!(winners(&outcome), 1);
    assert!(world.raw().count("token_families").await <= 1);
}

async fn o_24_a_device_gets_nothing_when_its_person_is_gone(world: World) {
    world.administrator().await;
    let begun = begin(&world).await;
    let (family, approval) = approval(&world, "grace").await;
    let user = approval.user;
    assert!(world.store.approve_device(begun.code, (family, approval), NOW).await.unwrap());
    world.store.set_disabled(user, true, NOW).await.unwrap();
    let outcome = world.store.poll_device(begun.device, CLIENT, NOW).await.unwrap();
    assert!(matches!(outcome, DevicePoll::Unknown));
}

async fn d_12_the_pace_grows_with_each_question_that_is_too_early(world: World) {
    let begun = begin(&world).await;
    for (at, expected) in [
        (0, Waiting::Pending),
        (5, Waiting::Pending),
        (6, Waiting::TooFast),
        (11, Waiting::TooFast),
        (25, Waiting::Pending),
        (40, Waiting::Pending),
    ] {
        match world.store.poll_device(begun.device, CLIENT, later(at)).await.unwrap() {
            DevicePoll::Waiting(found) => assert_eq!(found, expected, "{at}"),
            other => panic!("{at}: {other:?}"),
        }
    }
}

async fn e_3_a_device_waits_for_fifteen_minutes(world: World) {
    let begun = begin(&world).await;
    let granted = approval(&world, "grace").await;
    assert!(world.store.pending_device(begun.code, later(899)).await.unwrap().is_some());
    assert!(world.store.pending_device(begun.code, later(900)).await.unwrap().is_none());
    assert!(!world.store.approve_device(begun.code, granted, later(900)).await.unwrap());
    assert!(!world.store.refuse_device(begun.code, later(900)).await.unwrap());
    let outcome = world.store.poll_device(begun.device, CLIENT, later(900)).await.unwrap();
    assert!(matches!(outcome, DevicePoll::Waiting(Waiting::Expired)));
    world.store.sweep(later(899), 1000).await.unwrap();
    assert_eq!(world.raw().count("device_requests").await, 1);
    world.store.sweep(later(900), 1000).await.unwrap();
    assert_eq!(world.raw().count("device_requests").await, 0);
}

/// 35 bits are few: whoever has a copy of the database must not find a code by trying all of them.
async fn e_7_a_code_of_a_person_is_under_a_key(world: World) {
    let begun = begin(&world).await;
    let stored = world.raw().dump("device_requests").await;
    assert!(stored.contains(&super::raw::hex(begun.device.as_bytes())));
    assert!(!stored.contains(&super::raw::hex(&begun.code)), "{stored}");
}

async fn o_3_a_token_of_a_client_is_its_own(world: World) {
    let token = world.token::<Machine>().hash();
    world.store.issue_client_token(token, CLIENT, later(60)).await.unwrap();
    let found = world.store.client_token(token, later(59)).await.unwrap().unwrap();
    assert_eq!((found.client_id.as_str(), found.expires_at), (CLIENT, later(60)));
    assert_eq!(world.store.client_token(token, later(60)).await.unwrap(), None);
    assert!(!world.store.revoke_client_token(token, "files").await.unwrap());
    assert_eq!(world.store.sweep(later(59), 1000).await.unwrap(), 0);
    assert!(world.store.revoke_client_token(token, CLIENT).await.unwrap());
    assert_eq!(world.store.client_token(token, NOW).await.unwrap(), None);
}
