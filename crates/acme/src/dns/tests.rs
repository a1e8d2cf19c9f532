use proptest::prelude::*;

use super::message::{self, Data, TXT};

/// An answer with a text whose owner is an alias, with names that point back.
fn answer() -> Vec<u8> {
    let mut bytes = message::question(7, "_acme-challenge.A.test", TXT, true).unwrap();
    bytes[2] = 0x81;
    bytes[7] = 2;
    // An alias: the question's name, to `x` before `test`, whose place is 12 + 16 + 2.
    bytes.extend([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 4, 1, b'x', 0xc0, 30]);
    // A text of two pieces at the alias's target.
    bytes.extend([1, b'x', 0xc0, 30, 0, 16, 0, 1, 0, 0, 0, 60, 0, 7, 2, b'a', b'b', 3, b'c', b'd', b'e']);
    bytes
}

#[test]
fn answers_are_read_through_aliases() {
    let read = message::parse(&answer()).unwrap();
    assert_eq!((read.id, read.code, read.truncated, read.is_response), (7, 0, false, true));
    let records: Vec<_> = read.answers.iter().map(|record| (record.name.as_str(), &record.data)).collect();
    assert_eq!(
        records,
        [
            ("_acme-challenge.a.test", &Data::Name("x.test".to_owned())),
            ("x.test", &Data::Text("abcde".to_owned()))
        ]
    );
}

#[test]
fn names_that_are_none_are_not_written() {
    let long = "a".repeat(64);
    let many = "a.".repeat(130);
    for name in ["", ".", "a..b", &long, &many] {
        assert!(message::question(1, name, TXT, true).is_none(), "{name}");
    }
}

/// A name that points at itself ends.
#[test]
fn s_17_a_circle_of_pointers_ends() {
    let mut bytes = message::question(7, "a.test", TXT, true).unwrap();
    bytes[7] = 1;
    bytes[12] = 0xc0;
    bytes[13] = 12;
    assert!(message::parse(&bytes).is_none());
}

proptest! {
    #[test]
    fn s_17_no_bytes_stop_the_reader(random in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..80, cut in 0_usize..90) {
        let _ = message::parse(&random);
        let mut bent = answer();
        if let (Some(place), Some(byte)) = (bent.get_mut(at), random.first()) {
            *place = *byte;
        }
        bent.truncate(cut);
        let _ = message::parse(&bent);
    }
}
