//! The door opens, closes and opens again.

use crate::door::Door;

#[tokio::test]
async fn impossible_7_a_restart_signs_nobody_out() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let page = ada.open(&door.url("notes", "/x")).await.unwrap();
    assert_eq!((page.status.as_u16(), page.url.as_str()), (200, door.url("notes", "/x").as_str()));
    let door = door.restart().await;
    ada.client = ada.client.clone().host("notes.localhost", door.address());
    let page = ada.open(&door.url("notes", "/y")).await.unwrap();
    assert_eq!((page.status.as_u16(), page.url.as_str()), (200, door.url("notes", "/y").as_str()));
}
