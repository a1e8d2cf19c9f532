//! What was acknowledged survives `kill -9`.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
};

use doorward_core::{
    id::{FamilyId, UserId},
    token::{Hashed, Refresh},
};
use doorward_store::Rotation;

use super::{
    raw::hex,
    world::{CLIENT, Kind, NOW, Place, World, block_on},
};

/// Tells the re-executed test binary where to write.
const ADDRESS: &str = "DOORWARD_CRASH_WRITER";
const WRITERS: usize = 8;
/// After how many acknowledgements the writer is killed.
const ENOUGH: usize = 120;

#[test]
fn o_6_sqlite_nothing_acknowledged_is_lost() {
    kill_a_writer(Kind::Sqlite);
}

#[test]
fn o_6_postgres_nothing_acknowledged_is_lost() {
    kill_a_writer(Kind::Postgres);
}

fn kill_a_writer(kind: Kind) {
    let place = Place::new(kind);
    for _ in 0..2 {
        let acknowledged = write_and_kill(&place);
        assert!(acknowledged.len() >= ENOUGH, "{}", acknowledged.len());
        // What is left of the writer must neither lock us out nor be half there.
        let world = World::at(&place.address());
        block_on(async {
            for line in &acknowledged {
                check(&world, line).await;
            }
        });
    }
}

/// Runs the writer, kills it in the middle, and returns the lines that it had printed.
fn write_and_kill(place: &Place) -> Vec<String> {
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::crash::writer", "--ignored", "--nocapture", "--test-threads=1"])
        .env(ADDRESS, place.address())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut said: Vec<String> = lines.by_ref().filter(|line| line.starts_with("ack ")).take(ENOUGH).collect();
    writer.kill().unwrap();
    // A line that was cut off is no acknowledgement.
    said.extend(lines.filter(|line| line.starts_with("ack ") && line.ends_with('.')));
    writer.wait().unwrap();
    said
}

async fn check(world: &World<()>, line: &str) {
    let words: Vec<&str> = line.trim_end_matches('.').split(' ').collect();
    let user = UserId::parse(words[1]).unwrap();
    assert!(world.store.user(user).await.unwrap().is_some(), "{line}");
    let refresh: Hashed<Refresh> = Hashed::from_stored(from_hex(words[2]));
    let again = world.store.rotate_refresh_token(refresh, CLIENT, world.new_tokens(), NOW).await.unwrap();
    assert!(matches!(again, Rotation::Reused), "an acknowledged rotation must not be forgotten: {again:?}");
}

fn from_hex(text: &str) -> [u8; 32] {
    let bytes = (0..32).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap());
    bytes.collect::<Vec<_>>().try_into().unwrap()
}

/// Not a test: the process that is killed. Prints what the store acknowledged, and nothing else.
#[test]
#[ignore = "run by the tests above, in a process of its own"]
#[expect(clippy::disallowed_methods, reason = "the parent says by the environment where to write")]
fn writer() {
    let Ok(address) = std::env::var(ADDRESS) else {
        return;
    };
    let world = World::at(&address);
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| block_on(async { while write_once(&world).await {} }));
        }
    });
}

async fn write_once(world: &World<()>) -> bool {
    let name = format!("p{}", hex(&world.bytes::<16>()));
    let new = world.new_user(&name, &["users"]);
    let (user, family) = (new.id, FamilyId::from_random(world.bytes()));
    world.store.create_user(new, NOW).await.unwrap();
    let session = doorward_core::id::SessionId::from_random(world.bytes());
    let mut code = world.new_code(user, session, &["openid", "offline_access"]);
    code.family = family;
    world.store.issue_code(code, NOW).await.unwrap();
    let (first, second) = (world.new_tokens(), world.new_tokens());
    assert!(world.store.issue_tokens(family, first).await.unwrap());
    let rotation = world.store.rotate_refresh_token(first.refresh, CLIENT, second, NOW).await.unwrap();
    assert!(matches!(rotation, Rotation::Rotated(_)));
    // Through the handle, so that the test harness does not capture it; one write, so that it is whole or absent.
    let line = format!("ack {user} {}.\n", hex(first.refresh.as_bytes()));
    std::io::stdout().write_all(line.as_bytes()).is_ok()
}
