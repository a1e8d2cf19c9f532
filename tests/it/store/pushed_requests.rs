//! Pushed authorization requests.

use doorward_core::token::{Hashed, Pushed};
use doorward_store::NewPushedRequest;

use super::world::{CLIENT, NOW, World, later, race};

on_both_engines![
    o_2_a_pushed_request_is_for_its_client_and_once,
    o_2_of_many_browsers_at_once_one_gets_it,
    e_3_a_pushed_request_ends_at_the_second_it_expires,
    d_1_what_was_pushed_is_sealed,
];

const REQUEST: &str = "client_id=wiki&state=nobody+else+needs+this";

async fn pushed(world: &World) -> Hashed<Pushed> {
    let token = world.token::<Pushed>().hash();
    let (client_id, request) = (CLIENT.to_owned(), REQUEST.to_owned());
    world
        .store
        .push_request(NewPushedRequest { token, client_id, request, expires_at: later(90) })
        .await
        .unwrap();
    token
}

async fn o_2_a_pushed_request_is_for_its_client_and_once(world: World) {
    let token = pushed(&world).await;
    assert_eq!(world.store.take_pushed_request(token, "files", NOW).await.unwrap(), None);
    assert_eq!(world.store.take_pushed_request(token, CLIENT, NOW).await.unwrap().as_deref(), Some(REQUEST));
    assert_eq!(world.store.take_pushed_request(token, CLIENT, NOW).await.unwrap(), None);
    assert_eq!(world.raw().count("pushed_requests").await, 0);
}

async fn o_2_of_many_browsers_at_once_one_gets_it(world: World) {
    let token = pushed(&world).await;
    let outcome = race(30, |_| world.store.take_pushed_request(token, CLIENT, NOW));
    assert_eq!(outcome.iter().filter(|outcome| outcome.as_ref().unwrap().is_some()).count(), 1);
}

async fn e_3_a_pushed_request_ends_at_the_second_it_expires(world: World) {
    let (first, second) = (pushed(&world).await, pushed(&world).await);
    assert!(world.store.take_pushed_request(first, CLIENT, later(89)).await.unwrap().is_some());
    assert_eq!(world.store.take_pushed_request(second, CLIENT, later(90)).await.unwrap(), None);
    assert_eq!(world.store.sweep(later(89), 1000).await.unwrap(), 0);
    assert_eq!(world.store.sweep(later(90), 1000).await.unwrap(), 1);
}

async fn d_1_what_was_pushed_is_sealed(world: World) {
    pushed(&world).await;
    let stored = world.raw().dump("pushed_requests").await;
    assert!(stored.contains(CLIENT) && !stored.contains("nobody"), "{stored}");
    assert!(!stored.contains(&super::raw::hex(b"nobody")), "{stored}");
}
