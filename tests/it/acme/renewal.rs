//! Renewal, refusals, and who is asked how often.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::{
    certificate::facts,
    time::{Clock as _, UnixTime},
};

use super::{
    failed,
    front::{Front, Renewals},
    now, obtained,
    pebble::{Options, Pebble},
    presented, until,
};
use crate::door::Door;

const HOUR: i64 = 3600;

/// A wrong answer is refused by the authority, the reason is told, and waits grow.
#[tokio::test]
async fn a_refused_proof_is_told_and_tried_again_later() {
    let pebble = Pebble::new(Options::default()).up();
    let front = Front::start(&pebble).await;
    // The authority asks at another port than ours.
    let text = front.config(&pebble, "challenge = \"http-01\"").replace(
        &format!("address = \"127.0.0.1:{}\"\n\n[acme]", pebble.http_port),
        "address = \"127.0.0.1:0\"\n\n[acme]",
    );
    let clock = now();
    let door = Door::at(&text, &[], clock.clone()).await;
    let status = until(&door, failed).await;
    let reason = status[1].last_error.clone().unwrap();
    assert!(reason.contains("www.home.test") && reason.contains("connection"), "{reason}");
    let mut orders = 2;
    for wait in [120, 240, 480] {
        assert_eq!(front.orders().len(), orders, "{wait}");
        clock.advance(wait - 1);
        door.running.look_at_certificates().await;
        assert_eq!(front.orders().len(), orders, "not before {wait} s are over");
        // A quarter longer at most.
        clock.advance(1 + wait / 4);
        door.running.look_at_certificates().await;
        orders += 2;
    }
    assert_eq!(front.orders().len(), orders);
    assert!(door.running.certificates().iter().all(failed));
}

#[tokio::test]
async fn a_certificate_is_renewed_when_it_is_due() {
    let pebble = Pebble::new(Options::default()).up();
    let clock = now();
    let door = Door::at(&pebble.config("", ""), &[], clock.clone()).await;
    let address = door.running.addresses()[0];
    until(&door, obtained).await;
    let first = presented(address, "www.home.test").await;
    let facts = facts(&first).unwrap();
    let life = facts.not_after.since(facts.not_before);
    clock.advance(life * 2 / 3 - 2 * HOUR);
    door.running.look_at_certificates().await;
    assert_eq!(presented(address, "www.home.test").await, first);
    clock.advance(2 * HOUR + 100);
    door.running.look_at_certificates().await;
    assert_ne!(presented(address, "www.home.test").await, first);
    assert!(door.running.certificates().iter().all(obtained));
}

/// RFC 9773: the authority is asked when it wants a certificate renewed, no more often than it says; when it wants it now,
/// a new one is ordered in the place of the former.
#[tokio::test]
async fn a_certificate_is_renewed_when_the_authority_wants_it() {
    let pebble = Pebble::new(Options::default()).up();
    let front = Front::start(&pebble).await;
    let clock = now();
    let later = |days: i64| UnixTime(clock.now().0 + days * 24 * HOUR);
    front.suggest(later(50), later(60), 6 * HOUR);
    let door = Door::at(&front.config(&pebble, ""), &[], clock.clone()).await;
    until(&door, obtained).await;
    assert_eq!(front.questions(), 2, "one for each certificate");
    let first = presented(door.running.addresses()[0], "www.home.test").await;

    // Something happened at the authority: all shall be renewed now.
    front.suggest(later(-2), later(-1), HOUR);
    clock.advance(6 * HOUR - 1);
    door.running.look_at_certificates().await;
    assert_eq!((front.questions(), front.orders().len()), (2, 2), "it said six hours");
    clock.advance(1);
    door.running.look_at_certificates().await;
    let orders = front.orders();
    assert_eq!(orders.len(), 4);
    let status = door.running.certificates();
    assert!(status.iter().all(obtained), "{status:?}");
    let second = presented(door.running.addresses()[0], "www.home.test").await;
    assert_ne!(first, second);
    let facts = facts(&first).unwrap();
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let replaced = format!("{}.{}", part(&facts.authority_key.unwrap()), part(&facts.serial));
    let asked_for = |order: &serde_json::Value| order["replaces"].as_str().map(str::to_owned);
    assert!(orders[..2].iter().all(|order| asked_for(order).is_none()), "{orders:?}");
    assert!(orders[2..].iter().any(|order| asked_for(order) == Some(replaced.clone())), "{orders:?}");

    // That the new ones shall be renewed at once too is not believed at once.
    clock.advance(HOUR - 1);
    door.running.look_at_certificates().await;
    assert_eq!((front.questions(), front.orders().len()), (6, 4));

    // What is not to be renewed yet is not, and an order that is no renewal for the authority is placed as a new one,
    // whether it says so or not.
    front.suggest(later(50), later(60), HOUR);
    clock.advance(1);
    door.running.look_at_certificates().await;
    assert_eq!(front.orders().len(), 4);
    front.suggest(later(-2), later(-1), HOUR);
    let mut former = second;
    for (renewals, before) in [(Renewals::Refused, 4), (Renewals::NotUnderstood, 8)] {
        front.renewals(renewals);
        clock.advance(HOUR);
        door.running.look_at_certificates().await;
        let orders = front.orders();
        assert_eq!(orders.len(), before + 4, "each is placed twice");
        assert_eq!(orders[before..].iter().filter(|order| asked_for(order).is_some()).count(), 2);
        let next = presented(door.running.addresses()[0], "www.home.test").await;
        assert_ne!(next, former);
        former = next;
    }
}

/// An authority that is asked too often is left alone as long as it says.
#[tokio::test]
async fn an_authority_that_asks_for_patience_is_not_asked() {
    let pebble = Pebble::new(Options::default()).up();
    let front = Front::start(&pebble).await;
    front.refuse_orders(Some(2 * HOUR));
    let clock = now();
    let door = Door::at(&front.config(&pebble, ""), &[], clock.clone()).await;
    let status = until(&door, failed).await;
    assert!(status[0].last_error.as_ref().unwrap().contains("rateLimited"), "{status:?}");
    assert_eq!(front.orders().len(), 2);
    front.refuse_orders(None);
    clock.advance(2 * HOUR - 1);
    door.running.look_at_certificates().await;
    assert_eq!(front.orders().len(), 2);
    clock.advance(1);
    door.running.look_at_certificates().await;
    assert!(door.running.certificates().iter().all(obtained));
    assert_eq!(front.orders().len(), 4);
}
