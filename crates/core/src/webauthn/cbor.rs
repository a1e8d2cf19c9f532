//! The part of CBOR (RFC 8949) that authenticators write: integers, strings, arrays, maps, simple values. Definite
//! lengths only, four levels deep at most. Map order is not enforced: imported keys are not always canonical.

const DEPTH: u8 = 4;

/// A data item that borrows from its bytes.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Item<'a> {
    Integer(i64),
    Bytes(&'a [u8]),
    Text(&'a str),
    Array(Vec<Item<'a>>),
    Map(Vec<(Item<'a>, Item<'a>)>),
    Simple(u8),
}

impl<'a> Item<'a> {
    /// The value of an integer key in a map; `None` also when the key is there twice.
    pub(super) fn at(&self, key: i64) -> Option<&Item<'a>> {
        self.find(|found| *found == Item::Integer(key))
    }

    /// The value of a text key in a map; `None` also when the key is there twice.
    pub(super) fn field(&self, key: &str) -> Option<&Item<'a>> {
        self.find(|found| *found == Item::Text(key))
    }

    fn find(&self, wanted: impl Fn(&Item<'a>) -> bool) -> Option<&Item<'a>> {
        let Item::Map(entries) = self else { return None };
        let mut found = entries.iter().filter(|(key, _)| wanted(key)).map(|(_, value)| value);
        let first = found.next()?;
        if found.next().is_some() { None } else { Some(first) }
    }

    pub(super) const fn integer(&self) -> Option<i64> {
        if let Item::Integer(value) = self { Some(*value) } else { None }
    }

    pub(super) const fn bytes(&self) -> Option<&'a [u8]> {
        if let Item::Bytes(value) = self { Some(value) } else { None }
    }

    pub(super) const fn text(&self) -> Option<&'a str> {
        if let Item::Text(value) = self { Some(value) } else { None }
    }
}

/// Reads one item; what follows it comes back.
pub(super) fn read(bytes: &[u8]) -> Option<(Item<'_>, &[u8])> {
    let mut reader = Reader { rest: bytes };
    let item = reader.item(DEPTH)?;
    Some((item, reader.rest))
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn item(&mut self, depth: u8) -> Option<Item<'a>> {
        let depth = depth.checked_sub(1)?;
        let initial = self.take(1)?[0];
        let (major, low) = (initial >> 5, initial & 0x1f);
        if major == 7 {
            return (low < 24).then_some(Item::Simple(low));
        }
        let argument = self.argument(low)?;
        match major {
            0 => i64::try_from(argument).ok().map(Item::Integer),
            1 => i64::try_from(argument).ok().map(|value| Item::Integer(-1 - value)),
            2 => self.take(usize::try_from(argument).ok()?).map(Item::Bytes),
            3 => std::str::from_utf8(self.take(usize::try_from(argument).ok()?)?).ok().map(Item::Text),
            4 => self.items(argument, depth).map(Item::Array),
            5 => self.entries(argument, depth).map(Item::Map),
            _ => None,
        }
    }

    /// Every item has at least one byte, so a count beyond what is left is a lie told to make us allocate.
    fn count(&self, argument: u64) -> Option<usize> {
        usize::try_from(argument).ok().filter(|count| *count <= self.rest.len())
    }

    fn items(&mut self, argument: u64, depth: u8) -> Option<Vec<Item<'a>>> {
        (0..self.count(argument)?).map(|_| self.item(depth)).collect()
    }

    fn entries(&mut self, argument: u64, depth: u8) -> Option<Vec<(Item<'a>, Item<'a>)>> {
        (0..self.count(argument)?).map(|_| Some((self.item(depth)?, self.item(depth)?))).collect()
    }

    fn argument(&mut self, low: u8) -> Option<u64> {
        let length = match low {
            0..=23 => return Some(u64::from(low)),
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => return None,
        };
        Some(self.take(length)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }
}
