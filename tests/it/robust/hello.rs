//! S-8: what a TLS listener does with beginnings that are none.

use std::{
    io::{Read as _, Write as _},
    net::Shutdown,
};

use super::Server;

/// A real beginning, of which every byte is changed once, that is cut everywhere, and whose lengths lie.
#[test]
fn s_8_malformed_client_hellos_end_their_connection_alone() {
    let server = Server::start();
    server.serves();
    let before = server.most_memory();
    let mut hello = Vec::new();
    server.client("notes.localhost", b"h2").write_tls(&mut hello).unwrap();
    assert!(hello.len() > 200 && hello[0] == 22, "this is no hello");
    let mut corpus: Vec<Vec<u8>> = Vec::new();
    // The head, and what follows in larger steps: keys are long and have no structure.
    for at in (0..160).chain((160..hello.len()).step_by(29)) {
        corpus.push(hello[..at].to_vec());
        for value in [0, 255, hello[at] ^ 1] {
            let mut changed = hello.clone();
            changed[at] = value;
            corpus.push(changed);
        }
    }
    corpus.push(hello.repeat(40));
    corpus.push([&hello[..], b"GET / HTTP/1.1\r\n\r\n"].concat());
    // Split into records of one byte, and records that say more than they have.
    corpus.push(hello[5..].iter().flat_map(|byte| [22, 3, 1, 0, 1, *byte]).collect());
    corpus.push([&[22, 3, 1, 255, 255][..], &hello[5..]].concat());
    corpus.push([22, 3, 1, 0, 0].repeat(5000));
    corpus.push([21, 3, 1, 0, 2, 1, 0].repeat(5000));
    corpus.push([20, 3, 3, 0, 1, 1].repeat(5000));
    corpus.push(b"\x80\x2e\x01\x03\x01".to_vec());
    for bytes in corpus {
        let mut stream = server.connect();
        // It may have heard enough before the end.
        let _ = stream.write_all(&bytes).and_then(|()| stream.shutdown(Shutdown::Write));
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "it hangs: {bytes:?}");
            }
        }
        assert!(!answer.windows(5).any(|word| word == b"HTTP/"), "an answer without TLS");
    }
    server.serves();
    let more = server.most_memory().saturating_sub(before);
    assert!(more < 24 * 1024, "it took {more} KiB");
}
