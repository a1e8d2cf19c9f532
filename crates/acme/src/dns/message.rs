//! DNS messages (RFC 1035 section 4), as much of them as a challenge needs. A library for all of DNS would be a hundred
//! times as much code to watch.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) const A: u16 = 1;
pub(super) const NS: u16 = 2;
pub(super) const CNAME: u16 = 5;
pub(super) const SOA: u16 = 6;
pub(super) const TXT: u16 = 16;
pub(super) const AAAA: u16 = 28;
/// The class of everything here.
pub(super) const IN: u16 = 1;

/// Longest name (section 2.3.4).
const NAME_BYTES: usize = 255;
/// Pointers that one name may follow: there are no more labels than that.
const POINTERS: usize = 128;

/// An answer.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) id: u16,
    /// Whether it is an answer at all.
    pub(super) is_response: bool,
    pub(super) truncated: bool,
    pub(super) code: u8,
    pub(super) answers: Vec<Record>,
}

/// A record of an answer.
#[derive(Debug)]
pub(super) struct Record {
    /// Whose it is, in lower case, without the last dot.
    pub(super) name: String,
    pub(super) data: Data,
}

/// What a record says.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Data {
    Text(String),
    Name(String),
    Address(IpAddr),
    Authority,
    Other,
}

/// Writes a name; `None` when it is none.
pub(super) fn write_name(name: &str, bytes: &mut Vec<u8>) -> Option<()> {
    let start = bytes.len();
    for label in name.trim_end_matches('.').split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        bytes.push(length);
        bytes.extend(label.to_ascii_lowercase().as_bytes());
    }
    bytes.push(0);
    (bytes.len() - start <= NAME_BYTES).then_some(())
}

/// A question about one name.
pub(super) fn question(id: u16, name: &str, kind: u16, recursion: bool) -> Option<Vec<u8>> {
    let mut bytes = id.to_be_bytes().to_vec();
    bytes.extend([u8::from(recursion), 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    write_name(name, &mut bytes)?;
    bytes.extend(kind.to_be_bytes());
    bytes.extend(IN.to_be_bytes());
    Some(bytes)
}

/// Reads an answer; `None` when the bytes are none.
pub(super) fn parse(bytes: &[u8]) -> Option<Message> {
    let mut reader = Reader { bytes, at: 0 };
    let id = reader.number()?;
    let flags = reader.number()?;
    let (questions, answers) = (reader.number()?, reader.number()?);
    reader.skip(4)?;
    for _ in 0..questions {
        reader.name()?;
        reader.skip(4)?;
    }
    let mut message = Message {
        id,
        is_response: flags & 0x8000 != 0,
        truncated: flags & 0x0200 != 0,
        code: u8::try_from(flags & 0xf).ok()?,
        answers: Vec::new(),
    };
    for _ in 0..answers {
        message.answers.push(reader.record()?);
    }
    Some(message)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn number(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.at += count;
        (self.at <= self.bytes.len()).then_some(())
    }

    /// A name, whose end may be elsewhere (section 4.1.4). A circle of pointers ends by their number.
    fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        let mut reader = Reader { bytes: self.bytes, at: self.at };
        let mut end = None;
        for _ in 0..POINTERS {
            match reader.byte()? {
                0 => {
                    self.at = end.unwrap_or(reader.at);
                    return Some(name);
                }
                length @ 1..=63 => {
                    let label = self.bytes.get(reader.at..reader.at + usize::from(length))?;
                    reader.at += label.len();
                    if !name.is_empty() {
                        name.push('.');
                    }
                    name.push_str(&String::from_utf8_lossy(label).to_ascii_lowercase());
                    if name.len() > 4 * NAME_BYTES {
                        return None;
                    }
                }
                high @ 0xc0.. => {
                    let target = usize::from(high & 0x3f) << 8 | usize::from(reader.byte()?);
                    end.get_or_insert(reader.at);
                    reader.at = target;
                }
                _ => return None,
            }
        }
        None
    }

    fn record(&mut self) -> Option<Record> {
        let name = self.name()?;
        let kind = self.number()?;
        self.skip(6)?;
        let length = usize::from(self.number()?);
        let (start, end) = (self.at, self.at + length);
        let data = self.bytes.get(start..end)?;
        let data = match (kind, data) {
            (TXT, data) => Data::Text(text(data)?),
            (NS | CNAME, _) => Data::Name(Reader { bytes: self.bytes, at: start }.name()?),
            (A, data) => Data::Address(IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?))),
            (AAAA, data) => Data::Address(IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?))),
            (SOA, _) => Data::Authority,
            _ => Data::Other,
        };
        self.at = end;
        Some(Record { name, data })
    }
}

/// The pieces of a text put together (section 3.3.14).
fn text(mut data: &[u8]) -> Option<String> {
    let mut text = Vec::new();
    while let Some((&length, rest)) = data.split_first() {
        let (piece, rest) = rest.split_at_checked(usize::from(length))?;
        text.extend(piece);
        data = rest;
    }
    Some(String::from_utf8_lossy(&text).into_owned())
}
