//! What a proof leads to.

use super::authenticator::{Authenticator, BE, Said, UP, UV, registered, signed_in, user};
use crate::{
    id::UserId,
    login::{Account, Refusal, complete},
    time::UnixTime,
};

const NOW: UnixTime = UnixTime(1_800_000_000);

fn account() -> Account {
    Account { user: user(), disabled_at: None }
}

#[test]
fn a_verified_person_may_have_a_session() {
    let authenticator = Authenticator::eddsa();
    let said = Said { flags: UP | UV | BE, ..Said::getting() };
    let proof = signed_in(&authenticator.credential(), authenticator.sign_in(&said)).unwrap();
    let login = complete(account(), &proof, NOW).unwrap();
    assert_eq!(login.user(), user());
    assert_eq!(login.context().auth_time, NOW);
    assert_eq!(login.context().amr, ["user", "swk"]);
}

/// Whoever was disabled, when does not matter, gets no session; nor does a proof of somebody else.
#[test]
fn e_2_a_disabled_person_and_another_person_get_none() {
    let proof = registered(Authenticator::eddsa().register(&Said::creating())).unwrap().as_assertion();
    for at in [0, NOW.0, NOW.0 + 1000] {
        let disabled = Account { disabled_at: Some(UnixTime(at)), ..account() };
        assert_eq!(complete(disabled, &proof, NOW).unwrap_err(), Refusal::Disabled);
    }
    let other = Account { user: UserId::from_random([2; 16]), ..account() };
    assert_eq!(complete(other, &proof, NOW).unwrap_err(), Refusal::UserMismatch);
}
