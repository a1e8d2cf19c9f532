//! Values and rows, alike on both engines.

use crate::error::StoreError;

/// A parameter or a column.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// Longest text or bytes that are handed to an engine, in bytes. Everything that comes from outside is much shorter by
/// limits of its own.
const LONGEST: usize = 1 << 20;

/// Refuses what is too long before an engine sees it: one whose protocol writes a length in fewer bits takes the rest of
/// the value for statements (S-16).
pub(super) fn demand_bounded(params: &[Value]) -> Result<(), StoreError> {
    let length = |value: &Value| match value {
        Value::Null | Value::Integer(_) => 0,
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
    };
    if params.iter().all(|value| length(value) <= LONGEST) { Ok(()) } else { Err(StoreError::TooLarge) }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Integer(value.into())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl From<&[u8; 32]> for Value {
    fn from(value: &[u8; 32]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A row of a result. Columns are taken by position; a column of another type is [`StoreError::Corrupt`].
#[derive(Debug)]
pub(crate) struct Row {
    pub(super) values: Vec<Value>,
}

impl Row {
    pub(crate) fn integer(&self, at: usize) -> Result<i64, StoreError> {
        match self.values.get(at) {
            Some(Value::Integer(value)) => Ok(*value),
            _ => Err(unexpected()),
        }
    }

    pub(crate) fn optional_integer(&self, at: usize) -> Result<Option<i64>, StoreError> {
        if self.values.get(at) == Some(&Value::Null) { Ok(None) } else { self.integer(at).map(Some) }
    }

    pub(crate) fn text(&self, at: usize) -> Result<&str, StoreError> {
        match self.values.get(at) {
            Some(Value::Text(value)) => Ok(value),
            _ => Err(unexpected()),
        }
    }

    pub(crate) fn optional_text(&self, at: usize) -> Result<Option<&str>, StoreError> {
        if self.values.get(at) == Some(&Value::Null) { Ok(None) } else { self.text(at).map(Some) }
    }

    pub(crate) fn bytes(&self, at: usize) -> Result<&[u8], StoreError> {
        match self.values.get(at) {
            Some(Value::Bytes(value)) => Ok(value),
            _ => Err(unexpected()),
        }
    }

    pub(crate) fn optional_bytes(&self, at: usize) -> Result<Option<&[u8]>, StoreError> {
        if self.values.get(at) == Some(&Value::Null) { Ok(None) } else { self.bytes(at).map(Some) }
    }
}

const fn unexpected() -> StoreError {
    StoreError::Corrupt { table: "a result", column: "of another type" }
}
