//! Frames of a WebSocket (RFC 6455 section 5.2): where one ends, so that a word of ours can stand between two.

/// Going away: the server stops (RFC 6455 section 7.4.1).
pub(crate) const GOING_AWAY: u16 = 1001;
/// Policy violation: whoever this is may not be here any more.
pub(crate) const POLICY: u16 = 1008;

/// Follows the frames of one direction as they pass.
#[derive(Default)]
pub(crate) struct Frames {
    at: At,
    closing: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum At {
    /// Between two frames.
    #[default]
    Start,
    /// Before the length.
    Length,
    /// In a long length, of which so many bytes are missing.
    Long { missing: u8, length: u64, masked: bool },
    /// So many bytes before the end: of the mask and of what is said.
    Rest(u64),
}

impl Frames {
    /// Follows what was passed on.
    pub(crate) fn follow(&mut self, mut passed: &[u8]) {
        while let [byte, rest @ ..] = passed {
            passed = rest;
            self.at = match self.at {
                At::Start => {
                    self.closing |= byte & 0x0f == 8;
                    At::Length
                }
                At::Length => {
                    let masked = byte & 0x80 != 0;
                    match byte & 0x7f {
                        126 => At::Long { missing: 2, length: 0, masked },
                        127 => At::Long { missing: 8, length: 0, masked },
                        length => rest_of(length.into(), masked),
                    }
                }
                At::Long { missing, length, masked } => {
                    let length = length << 8 | u64::from(*byte);
                    match missing {
                        1 => rest_of(length, masked),
                        _ => At::Long { missing: missing - 1, length, masked },
                    }
                }
                At::Rest(missing) => {
                    // The byte itself, and those behind it that belong to it.
                    let more = usize::try_from(missing - 1).unwrap_or(usize::MAX).min(passed.len());
                    passed = &passed[more..];
                    match missing - 1 - more as u64 {
                        0 => At::Start,
                        missing => At::Rest(missing),
                    }
                }
            };
        }
    }

    /// Whether a close frame of ours can be said now: no frame is half said, and nobody has said goodbye.
    pub(crate) fn can_close(&self) -> bool {
        self.at == At::Start && !self.closing
    }
}

fn rest_of(length: u64, masked: bool) -> At {
    match length.saturating_add(if masked { 4 } else { 0 }) {
        0 => At::Start,
        missing => At::Rest(missing),
    }
}

/// A close frame; what a client says is masked.
pub(crate) fn close(code: u16, mask: Option<[u8; 4]>) -> Vec<u8> {
    let [high, low] = code.to_be_bytes();
    match mask {
        None => vec![0x88, 2, high, low],
        Some(mask) => {
            let mut frame = vec![0x88, 0x82];
            frame.extend(mask);
            frame.extend([high ^ mask[0], low ^ mask[1]]);
            frame
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(opcode: u8, masked: bool, length: usize) -> Vec<u8> {
        let flag = if masked { 0x80 } else { 0 };
        let mut frame = vec![opcode];
        match length {
            0..126 => frame.push(flag | u8::try_from(length).unwrap()),
            126..65536 => {
                frame.push(flag | 0x7e);
                frame.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                frame.push(flag | 0x7f);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.resize(frame.len() + length + if masked { 4 } else { 0 }, 8);
        frame
    }

    #[test]
    fn ends_of_frames_are_found_however_they_are_cut() {
        let mut sent = Vec::new();
        let mut ends = vec![0];
        for length in [0, 1, 125, 126, 127, 65535, 65536, 0, 0, 70000] {
            for masked in [false, true] {
                for opcode in [0x81, 0x02, 0x80, 0x89, 0x8a] {
                    sent.extend(frame(opcode, masked, length));
                    ends.push(sent.len());
                }
            }
        }
        for size in [1, 2, 3, 7, 1000, 8192, sent.len()] {
            let (mut frames, mut passed) = (Frames::default(), 0);
            for piece in sent.chunks(size) {
                frames.follow(piece);
                passed += piece.len();
                assert_eq!(frames.can_close(), ends.binary_search(&passed).is_ok(), "{size} {passed}");
            }
        }
    }

    #[test]
    fn nothing_is_said_after_a_goodbye_or_in_a_frame_that_never_ends() {
        let mut frames = Frames::default();
        frames.follow(&close(1000, Some([1, 2, 3, 4])));
        assert!(!frames.can_close());
        let mut frames = Frames::default();
        frames.follow(&[0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        frames.follow(&[0; 100]);
        assert!(!frames.can_close());
    }
}
