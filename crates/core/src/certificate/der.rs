//! What we need to know of a certificate, read from its DER (X.690, RFC 5280 section 4.1). Nothing here is believed
//! for security: it only says when a certificate is renewed.

use crate::time::UnixTime;

/// What a certificate says about itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// From when on it is valid.
    pub not_before: UnixTime,
    /// Until when.
    pub not_after: UnixTime,
    /// Its serial number: the content of the INTEGER, big endian.
    pub serial: Vec<u8>,
    /// The identifier of its issuer's key, if it names one (section 4.2.1.1).
    pub authority_key: Option<Vec<u8>>,
    /// What its issuer is called: the common name (section 4.1.2.4), if it has one.
    pub issuer: Option<String>,
}

/// Not a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed;

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// id-at-commonName, 2.5.4.3.
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];
/// id-ce-authorityKeyIdentifier, 2.5.29.35.
const AUTHORITY_KEY: [u8; 3] = [0x55, 0x1d, 0x23];
/// `keyIdentifier` in it.
const KEY_IDENTIFIER: u8 = 0x80;

/// Reads a certificate.
///
/// # Errors
/// When the bytes are none.
pub fn facts(certificate: &[u8]) -> Result<Facts, Malformed> {
    let mut body = Reader(Reader(Reader(certificate).expect(SEQUENCE)?).expect(SEQUENCE)?);
    if body.0.first() == Some(&VERSION) {
        body.expect(VERSION)?;
    }
    let serial = body.expect(INTEGER)?.to_vec();
    // The signature's algorithm.
    body.expect(SEQUENCE)?;
    let issuer = common_name(body.expect(SEQUENCE)?)?;
    let mut validity = Reader(body.expect(SEQUENCE)?);
    let (not_before, not_after) = (validity.time()?, validity.time()?);
    let mut authority_key = None;
    while let Ok((tag, content)) = body.next() {
        if tag == EXTENSIONS {
            authority_key = find_authority_key(content)?;
        }
    }
    Ok(Facts { not_before, not_after, serial, authority_key, issuer })
}

fn common_name(name: &[u8]) -> Result<Option<String>, Malformed> {
    let mut parts = Reader(name);
    while !parts.0.is_empty() {
        let mut attributes = Reader(parts.expect(SET)?);
        while !attributes.0.is_empty() {
            let mut attribute = Reader(attributes.expect(SEQUENCE)?);
            if attribute.expect(OBJECT_IDENTIFIER)? == COMMON_NAME {
                let (_, text) = attribute.next()?;
                return Ok(std::str::from_utf8(text).ok().map(str::to_owned));
            }
        }
    }
    Ok(None)
}

fn find_authority_key(extensions: &[u8]) -> Result<Option<Vec<u8>>, Malformed> {
    let mut extensions = Reader(Reader(extensions).expect(SEQUENCE)?);
    while !extensions.0.is_empty() {
        let mut extension = Reader(extensions.expect(SEQUENCE)?);
        if extension.expect(OBJECT_IDENTIFIER)? != AUTHORITY_KEY {
            continue;
        }
        while let Ok((tag, content)) = extension.next() {
            if tag == OCTET_STRING {
                let mut fields = Reader(Reader(content).expect(SEQUENCE)?);
                let (tag, identifier) = fields.next()?;
                return Ok((tag == KEY_IDENTIFIER).then(|| identifier.to_vec()));
            }
        }
    }
    Ok(None)
}

/// A reader of tag, length and value.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(u8, &'a [u8]), Malformed> {
        let (&tag, rest) = self.0.split_first().ok_or(Malformed)?;
        let (&first, rest) = rest.split_first().ok_or(Malformed)?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            // Longer than four bytes is longer than any certificate.
            let count = usize::from(first & 0x7f);
            if count == 0 || count > 4 {
                return Err(Malformed);
            }
            let (bytes, rest) = rest.split_at_checked(count).ok_or(Malformed)?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        };
        let (content, rest) = rest.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok((tag, content))
    }

    fn expect(&mut self, expected: u8) -> Result<&'a [u8], Malformed> {
        let (tag, content) = self.next()?;
        if tag == expected { Ok(content) } else { Err(Malformed) }
    }

    /// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ` (section 4.1.2.5).
    fn time(&mut self) -> Result<UnixTime, Malformed> {
        let (tag, content) = self.next()?;
        let digits = content.strip_suffix(b"Z").ok_or(Malformed)?;
        let (year, rest) = match (tag, digits.len()) {
            (UTC_TIME, 12) => {
                let year = number(&digits[..2])?;
                (if year < 50 { 2000 + year } else { 1900 + year }, &digits[2..])
            }
            (GENERALIZED_TIME, 14) => (number(&digits[..4])?, &digits[4..]),
            _ => return Err(Malformed),
        };
        let field = |at: usize| number(&rest[at..at + 2]);
        let (month, day) = (field(0)?, field(2)?);
        let (hour, minute, second) = (field(4)?, field(6)?, field(8)?);
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
            return Err(Malformed);
        }
        Ok(UnixTime(days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second))
    }
}

fn number(digits: &[u8]) -> Result<i64, Malformed> {
    digits.iter().try_fold(0, |number, digit| match digit {
        b'0'..=b'9' => Ok(number * 10 + i64::from(digit - b'0')),
        _ => Err(Malformed),
    })
}

/// Days from 1970-01-01 to a day of the Gregorian calendar. Years begin in March here, so that a leap day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A certificate with nothing but what is read, and the names around it.
    fn certificate(validity: &[u8], extensions: &[u8]) -> Vec<u8> {
        let body = [
            tlv(VERSION, &[2, 1, 2]),
            tlv(INTEGER, &[0, 0x87, 0x65]),
            tlv(SEQUENCE, &[]),
            tlv(
                SEQUENCE,
                &[attribute(&[0x55, 0x04, 0x0a], "Org"), attribute(&COMMON_NAME, "A Root")].concat(),
            ),
            tlv(SEQUENCE, validity),
            tlv(SEQUENCE, &[]),
            tlv(SEQUENCE, &[7; 200]),
            tlv(EXTENSIONS, &tlv(SEQUENCE, extensions)),
        ];
        tlv(SEQUENCE, &tlv(SEQUENCE, &body.concat()))
    }

    fn attribute(kind: &[u8], text: &str) -> Vec<u8> {
        let content = [tlv(OBJECT_IDENTIFIER, kind), tlv(0x0c, text.as_bytes())].concat();
        tlv(SET, &tlv(SEQUENCE, &content))
    }

    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        let header = match length {
            [0, short @ 0..0x80] => vec![tag, short],
            [high, low] => vec![tag, 0x82, high, low],
        };
        [&header, content].concat()
    }

    fn validity(from: &str, until: &str) -> Vec<u8> {
        let time =
            |text: &str| tlv(if text.len() == 13 { UTC_TIME } else { GENERALIZED_TIME }, text.as_bytes());
        [time(from), time(until)].concat()
    }

    #[test]
    fn a_certificate_says_how_long_it_is_valid_and_who_signed_it() {
        let key = tlv(SEQUENCE, &tlv(KEY_IDENTIFIER, &[1, 2, 3]));
        let other = tlv(SEQUENCE, &[tlv(OBJECT_IDENTIFIER, &[1, 2]), tlv(OCTET_STRING, &[9])].concat());
        let named = [tlv(OBJECT_IDENTIFIER, &AUTHORITY_KEY), tlv(OCTET_STRING, &key)].concat();
        let extensions = [other, tlv(SEQUENCE, &named)].concat();
        let read = facts(&certificate(&validity("700101000000Z", "20260228235959Z"), &extensions)).unwrap();
        assert_eq!(
            read,
            Facts {
                not_before: UnixTime(0),
                not_after: UnixTime(1_772_323_199),
                serial: vec![0, 0x87, 0x65],
                authority_key: Some(vec![1, 2, 3]),
                issuer: Some("A Root".to_owned()),
            }
        );
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (text, expected) in [
            ("490101000000Z", 2_493_072_000),
            ("500101000000Z", -631_152_000),
            ("000229120000Z", 951_825_600),
            ("000301000000Z", 951_868_800),
            ("20991231235959Z", 4_102_444_799),
            ("21000301000000Z", 4_107_542_400),
        ] {
            let read = facts(&certificate(&validity(text, text), &[])).unwrap();
            assert_eq!(read.not_after, UnixTime(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_none() {
        let sound = certificate(&validity("700101000000Z", "20260228235959Z"), &[]);
        assert!(facts(&sound).is_ok());
        for length in 0..sound.len() {
            assert_eq!(facts(&sound[..length]), Err(Malformed), "{length}");
        }
        for time in [
            "7001010000Z",
            "700101000000",
            "70010100000aZ",
            "701301000000Z",
            "700100000000Z",
            "700101240000Z",
        ] {
            assert_eq!(facts(&certificate(&validity(time, time), &[])), Err(Malformed), "{time}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_stop_the_reader(mut bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0_usize..300) {
            let _ = facts(&bytes);
            let mut sound = certificate(&validity("700101000000Z", "20260228235959Z"), &[]);
            if let (Some(place), Some(byte)) = (sound.get_mut(at), bytes.pop()) {
                *place = byte;
            }
            let _ = facts(&sound);
        }
    }
}
