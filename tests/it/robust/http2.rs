//! HTTP/2 frames (RFC 9113), one by one, also those that no library would send.

use std::io::{Read as _, Write as _};

use super::{Server, Tls};

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

/// A frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The header block of a request for `/` of `host`: static names, a literal value (RFC 7541 section 6.2.2).
pub(super) fn block(method: &str, host: &str) -> Vec<u8> {
    let mut block = vec![if method == "GET" { 0x82 } else { 0x83 }, 0x87, 0x84, 0x01];
    block.push(u8::try_from(host.len()).unwrap());
    block.extend(host.as_bytes());
    block
}

/// A connection on which the preface was exchanged.
pub(super) struct Http2 {
    tls: Tls,
}

impl Http2 {
    pub(super) fn open(server: &Server, host: &str) -> Self {
        let mut tls = server.tls(host, b"h2");
        tls.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        tls.write_all(&frame(SETTINGS, 0, 0, &[])).unwrap();
        tls.flush().unwrap();
        let mut http2 = Self { tls };
        assert_eq!(http2.next().unwrap().0, SETTINGS);
        http2
    }

    /// The next frame: kind and payload; `None` when the connection has ended.
    pub(super) fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 9];
        self.tls.read_exact(&mut head).ok()?;
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        self.tls.read_exact(&mut payload).ok()?;
        Some((head[3], payload))
    }

    /// Sends frames until there are no more or the other side takes none: how many bytes it took.
    pub(super) fn flood(&mut self, frames: impl Iterator<Item = Vec<u8>>) -> usize {
        let mut sent = 0;
        let mut batch = Vec::new();
        for frame in frames {
            batch.extend(frame);
            if batch.len() < 8192 {
                continue;
            }
            let taken = self.tls.write_all(&batch).and_then(|()| self.tls.flush());
            if taken.is_err() {
                return sent;
            }
            sent += batch.len();
            batch.clear();
        }
        let _ = self.tls.write_all(&batch).and_then(|()| self.tls.flush());
        sent + batch.len()
    }

    /// The code with which the other side says goodbye; `None` if it just ends, or was reset by our own unread bytes.
    pub(super) fn goodbye(&mut self) -> Option<u32> {
        while let Some((kind, payload)) = self.next() {
            if kind == GOAWAY {
                return Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
            }
        }
        None
    }
}
