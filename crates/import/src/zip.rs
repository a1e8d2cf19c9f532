//! ZIP archives in memory: one entry by its exact name, within bounds, and nothing is ever written by a name that an
//! archive says (S-12).

use std::io::Read as _;

use flate2::{Crc, bufread::DeflateDecoder};

/// Largest archive, in bytes.
pub(crate) const SIZE_MAX: usize = 512 << 20;
/// Entries of one archive.
const ENTRIES_MAX: usize = 100_000;
/// How many times larger than its compressed form an entry may be: what is written by people and machines stays far
/// below, and what is made to fill memory does not.
const RATIO_MAX: usize = 200;

/// An archive.
pub(crate) struct Archive<'a> {
    bytes: &'a [u8],
    entries: Vec<Entry<'a>>,
}

struct Entry<'a> {
    name: &'a [u8],
    method: u16,
    encrypted: bool,
    crc: u32,
    packed: usize,
    size: usize,
    at: usize,
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes(two.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

fn size_at(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32_at(bytes, at)?).ok()
}

const NO_ARCHIVE: &str = "it is no ZIP archive, or only a part of one";

impl<'a> Archive<'a> {
    /// Reads the list of entries.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, String> {
        if bytes.len() > SIZE_MAX {
            return Err(format!("it is larger than {SIZE_MAX} bytes"));
        }
        Self::parse(bytes).ok_or_else(|| NO_ARCHIVE.to_owned())
    }

    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let end = end_record(bytes)?;
        let count = usize::from(u16_at(bytes, end + 10)?);
        let mut at = size_at(bytes, end + 16)?;
        let mut entries = Vec::new();
        for _ in 0..count.min(ENTRIES_MAX) {
            if bytes.get(at..at.checked_add(4)?)? != b"PK\x01\x02" {
                return None;
            }
            let lengths = [28, 30, 32].map(|field| u16_at(bytes, at + field).map(usize::from));
            let [Some(name), Some(extra), Some(comment)] = lengths else { return None };
            let start = at.checked_add(46)?;
            entries.push(Entry {
                name: bytes.get(start..start.checked_add(name)?)?,
                encrypted: u16_at(bytes, at + 8)? & 1 != 0,
                method: u16_at(bytes, at + 10)?,
                crc: u32_at(bytes, at + 16)?,
                packed: size_at(bytes, at + 20)?,
                size: size_at(bytes, at + 24)?,
                at: size_at(bytes, at + 42)?,
            });
            at = start.checked_add(name + extra + comment)?;
        }
        Some(Self { bytes, entries })
    }

    /// How many entries have names that begin so.
    pub(crate) fn count(&self, beginning: &str) -> usize {
        let begins =
            |entry: &&Entry<'_>| entry.name.starts_with(beginning.as_bytes()) && !entry.name.ends_with(b"/");
        self.entries.iter().filter(begins).count()
    }

    /// The content of the entry of exactly this name, of at most `most` bytes; `None` if there is none.
    pub(crate) fn entry(&self, name: &str, most: usize) -> Result<Option<Vec<u8>>, String> {
        let mut found = self.entries.iter().filter(|entry| entry.name == name.as_bytes());
        let Some(entry) = found.next() else { return Ok(None) };
        if found.next().is_some() {
            return Err(format!("{name} is in it twice, and which one counts can't be told"));
        }
        if entry.encrypted {
            return Err(format!("{name} in it is encrypted"));
        }
        if entry.size > most || entry.size > entry.packed.saturating_mul(RATIO_MAX).saturating_add(1024) {
            return Err(format!("{name} in it has {} bytes, which is too much", entry.size));
        }
        let content = self.unpack(entry).ok_or_else(|| format!("{name} in it is damaged"))?;
        Ok(Some(content))
    }

    fn unpack(&self, entry: &Entry<'_>) -> Option<Vec<u8>> {
        if self.bytes.get(entry.at..entry.at.checked_add(4)?)? != b"PK\x03\x04" {
            return None;
        }
        let name = usize::from(u16_at(self.bytes, entry.at + 26)?);
        let extra = usize::from(u16_at(self.bytes, entry.at + 28)?);
        let start = entry.at.checked_add(30 + name + extra)?;
        let packed = self.bytes.get(start..start.checked_add(entry.packed)?)?;
        let content = match entry.method {
            0 => packed.to_vec(),
            8 => {
                let mut content = Vec::new();
                // One byte more than it says, to see that it says less than there is.
                let most = u64::try_from(entry.size).ok()?.checked_add(1)?;
                DeflateDecoder::new(packed).take(most).read_to_end(&mut content).ok()?;
                content
            }
            _ => return None,
        };
        let mut crc = Crc::new();
        crc.update(&content);
        (content.len() == entry.size && crc.sum() == entry.crc).then_some(content)
    }
}

/// Where the record is that ends an archive: a comment of up to 65,535 bytes may follow.
fn end_record(bytes: &[u8]) -> Option<usize> {
    let last = bytes.len().checked_sub(22)?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    (first..=last).rev().find(|at| {
        let comment = u16_at(bytes, at + 20).map(usize::from);
        bytes.get(*at..at + 4) == Some(b"PK\x05\x06") && comment == Some(bytes.len() - at - 22)
    })
}
