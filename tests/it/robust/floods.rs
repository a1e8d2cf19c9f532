//! S-6: floods of HTTP/2 frames that cost their sender nearly nothing. Memory stays bounded, and others are served.

use super::{
    Server,
    http2::{
        CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, Http2, PING, RST_STREAM, SETTINGS,
        WINDOW_UPDATE, block, frame,
    },
};

/// KiB that a flood may cost, whatever it is. TLS and the test of it take a part.
const BOUND: u64 = 24 * 1024;
const ENHANCE_YOUR_CALM: u32 = 11;

const NOTES: &str = "notes.localhost";
const SILENT: &str = "silent.localhost";

/// Streams of a client: odd numbers.
fn streams(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|number| 2 * number + 1)
}

fn cheap(server: &Server, before: u64, what: &str) {
    let more = server.most_memory().saturating_sub(before);
    assert!(more < BOUND, "{what} took {more} KiB");
    server.serves();
}

#[test]
fn s_6_streams_that_are_opened_to_be_reset_end_the_connection() {
    let server = Server::start();
    server.serves();
    let before = server.most_memory();
    for host in [NOTES, SILENT] {
        let mut rapid = Http2::open(&server, host);
        let pairs = streams(200_000).map(|stream| {
            let mut pair = frame(HEADERS, END_HEADERS | END_STREAM, stream, &block("GET", host));
            pair.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
            pair
        });
        let sent = rapid.flood(pairs);
        assert!(sent < 4_000_000, "{sent} bytes of resets were taken");
        cheap(&server, before, "rapid reset");
    }
    // The other side is made to reset: each stream is sent a frame that is an error for it alone.
    let mut made = Http2::open(&server, SILENT);
    let errors = streams(200_000).map(|stream| {
        let mut pair = frame(HEADERS, END_HEADERS, stream, &block("POST", SILENT));
        pair.extend(frame(WINDOW_UPDATE, 0, stream, &0_u32.to_be_bytes()));
        pair
    });
    let sent = made.flood(errors);
    assert!(sent < 4_000_000, "{sent} bytes of errors were taken");
    cheap(&server, before, "made resets");
}

#[test]
fn s_6_heads_without_end_end_the_connection() {
    let server = Server::start();
    server.serves();
    let before = server.most_memory();
    let mut endless = Http2::open(&server, NOTES);
    let mut first = vec![frame(HEADERS, END_STREAM, 1, &block("GET", NOTES))];
    let piece: Vec<u8> = [vec![0x00, 1, b'x', 0x7f, 0x80, 0x7d], vec![b'y'; 16_127]].concat();
    first.extend((0..4000).map(|_| frame(CONTINUATION, 0, 1, &piece)));
    let sent = endless.flood(first.into_iter());
    assert!(sent < 8_000_000, "{sent} bytes of one head were taken");
    cheap(&server, before, "continuation");
    let mut empty = Http2::open(&server, NOTES);
    let start = std::iter::once(frame(HEADERS, END_STREAM, 1, &block("GET", NOTES)));
    let sent = empty.flood(start.chain((0..1_000_000).map(|_| frame(CONTINUATION, 0, 1, &[]))));
    assert!(sent < 8_000_000, "{sent} bytes of empty pieces were taken");
    cheap(&server, before, "empty continuation");
    // A line that is told once and then named by a byte, over and over (a bomb).
    let mut bomb = Http2::open(&server, NOTES);
    let mut lines = block("GET", NOTES);
    lines.extend([0x40, 1, b'x', 0x7f, 0xa1, 0x1e]);
    lines.extend([b'y'; 4000]);
    lines.extend([0xbe; 12_000]);
    bomb.flood(std::iter::once(frame(HEADERS, END_HEADERS | END_STREAM, 1, &lines)));
    assert!(bomb.next().is_some(), "it is answered or refused");
    cheap(&server, before, "a bomb of headers");
}

#[test]
fn s_6_frames_that_must_be_answered_are_held_back_or_ended() {
    let server = Server::start();
    server.serves();
    let before = server.most_memory();
    for (what, one) in [
        ("pings", frame(PING, 0, 0, &[7; 8])),
        ("settings", frame(SETTINGS, 0, 0, &[])),
        ("changes of settings", frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0])),
        ("windows", frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes())),
        ("priorities", frame(2, 0, 3, &[0, 0, 0, 0, 1])),
        ("unknown frames", frame(0xbb, 0, 0, &[0; 64])),
    ] {
        let mut flood = Http2::open(&server, NOTES);
        flood.flood((0..300_000).map(|_| one.clone()));
        cheap(&server, before, what);
    }
}

/// The application never reads: what came for it must not pile up here.
#[test]
fn s_6_bodies_that_nobody_reads_are_held_back() {
    let server = Server::start();
    server.serves();
    let before = server.most_memory();
    for (what, piece) in [("empty data", &[][..]), ("small data", b"x"), ("padding", &[])] {
        let mut flood = Http2::open(&server, SILENT);
        let start = std::iter::once(frame(HEADERS, END_HEADERS, 1, &block("POST", SILENT)));
        let data = if what == "padding" { frame(DATA, 8, 1, &[255; 256]) } else { frame(DATA, 0, 1, piece) };
        let count = 400_000;
        let sent = flood.flood(start.chain((0..count).map(|_| data.clone())));
        cheap(&server, before, what);
        if sent > count * data.len() / 2 && what != "empty data" {
            // The window was overrun: that is said, and the connection ends.
            assert!(flood.goodbye().is_none_or(|code| code == 3 || code == ENHANCE_YOUR_CALM), "{what}");
        }
    }
    // As many requests as are allowed, with answers that are never read.
    let mut many = Http2::open(&server, NOTES);
    many.flood(std::iter::once(frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])));
    many.flood(
        streams(100_000).map(|stream| frame(HEADERS, END_HEADERS | END_STREAM, stream, &block("GET", NOTES))),
    );
    cheap(&server, before, "answers that nobody reads");
}
