//! The few CBOR items that an authenticator writes (RFC 8949 section 3), in the shortest form as CTAP2 asks.

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const MAP: u8 = 5;

/// Writes items one after the other; a map is its head followed by twice as many items.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    out: Vec<u8>,
}

impl Writer {
    fn head(mut self, major: u8, argument: u64) -> Self {
        let major = major << 5;
        let wide = argument.to_be_bytes();
        match argument {
            0..=23 => self.out.push(major | wide[7]),
            24..=0xff => self.out.extend([major | 0x18, wide[7]]),
            0x100..=0xffff => self.out.extend([major | 0x19, wide[6], wide[7]]),
            0x1_0000..=0xffff_ffff => {
                self.out.push(major | 0x1a);
                self.out.extend(&wide[4..]);
            }
            _ => {
                self.out.push(major | 0x1b);
                self.out.extend(wide);
            }
        }
        self
    }

    pub(crate) fn map(self, pairs: u64) -> Self {
        self.head(MAP, pairs)
    }

    pub(crate) fn int(self, value: i64) -> Self {
        // For a negative number CBOR writes -1 - value, which is the complement of its bits.
        if value < 0 {
            self.head(NEGATIVE, !value.cast_unsigned())
        } else {
            self.head(UNSIGNED, value.cast_unsigned())
        }
    }

    pub(crate) fn text(mut self, value: &str) -> Self {
        self = self.head(TEXT, value.len() as u64);
        self.out.extend(value.as_bytes());
        self
    }

    pub(crate) fn bytes(mut self, value: &[u8]) -> Self {
        self = self.head(BYTES, value.len() as u64);
        self.out.extend(value);
        self
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Examples of RFC 8949 appendix A.
    #[test]
    fn numbers_take_the_shortest_form() {
        for (value, expected) in [
            (0, vec![0x00]),
            (23, vec![0x17]),
            (24, vec![0x18, 0x18]),
            (100, vec![0x18, 0x64]),
            (1000, vec![0x19, 0x03, 0xe8]),
            (1_000_000, vec![0x1a, 0x00, 0x0f, 0x42, 0x40]),
            (1_000_000_000_000, vec![0x1b, 0x00, 0x00, 0x00, 0xe8, 0xd4, 0xa5, 0x10, 0x00]),
            (-1, vec![0x20]),
            (-10, vec![0x29]),
            (-100, vec![0x38, 0x63]),
            (-1000, vec![0x39, 0x03, 0xe7]),
        ] {
            assert_eq!(Writer::default().int(value).finish(), expected, "{value}");
        }
    }

    #[test]
    fn maps_texts_and_bytes_follow_the_appendix_of_examples() {
        let written = Writer::default().map(2).text("a").int(1).text("b").bytes(&[1, 2, 3, 4]).finish();
        assert_eq!(written, [0xa2, 0x61, 0x61, 0x01, 0x61, 0x62, 0x44, 1, 2, 3, 4]);
    }
}
