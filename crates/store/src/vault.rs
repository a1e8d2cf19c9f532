//! Sealing of columns: what the database holds can't be read, moved to another row or replaced without the root
//! secret.

use std::sync::Arc;

use doorward_core::{
    seal::{IndexKey, Purpose, RootSecret, SealingKey},
    time::{Random, draw},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::error::StoreError;

/// A column whose values are sealed. Its name is authenticated together with the row's identifier.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
}

impl Column {
    pub(crate) const fn corrupt(self) -> StoreError {
        StoreError::Corrupt { table: self.table, column: self.column }
    }

    fn context(self, row: &[u8]) -> Vec<u8> {
        [self.table.as_bytes(), b"/", self.column.as_bytes(), b"/", row].concat()
    }
}

/// Keys of the store.
#[derive(Clone)]
pub(crate) struct Vault {
    columns: SealingKey,
    signing_keys: SealingKey,
    canary: SealingKey,
    index: IndexKey,
    pub(crate) random: Arc<dyn Random>,
}

impl Vault {
    pub(crate) fn new(root: &RootSecret, random: Arc<dyn Random>) -> Self {
        Self {
            columns: root.sealing_key(Purpose::Storage),
            signing_keys: root.sealing_key(Purpose::SigningKeys),
            canary: root.sealing_key(Purpose::Canary),
            index: root.index_key(Purpose::Storage),
            random,
        }
    }

    pub(crate) fn seal(&self, column: Column, row: &[u8], plaintext: &[u8]) -> Vec<u8> {
        self.columns.seal(draw(&*self.random), &column.context(row), plaintext)
    }

    pub(crate) fn open(&self, column: Column, row: &[u8], sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        let opened = self.columns.open(&column.context(row), sealed).ok_or(column.corrupt())?;
        Ok(opened.to_vec())
    }

    pub(crate) fn seal_text(&self, column: Column, row: &[u8], text: &str) -> Vec<u8> {
        self.seal(column, row, text.as_bytes())
    }

    pub(crate) fn open_text(&self, column: Column, row: &[u8], sealed: &[u8]) -> Result<String, StoreError> {
        String::from_utf8(self.open(column, row, sealed)?).map_err(|_| column.corrupt())
    }

    pub(crate) fn seal_value<T: Serialize>(
        &self,
        column: Column,
        row: &[u8],
        value: &T,
    ) -> Result<Vec<u8>, StoreError> {
        let bytes = serde_json::to_vec(value).map_err(|_| column.corrupt())?;
        Ok(self.seal(column, row, &bytes))
    }

    pub(crate) fn open_value<T: DeserializeOwned>(
        &self,
        column: Column,
        row: &[u8],
        sealed: &[u8],
    ) -> Result<T, StoreError> {
        serde_json::from_slice(&self.open(column, row, sealed)?).map_err(|_| column.corrupt())
    }

    /// Private keys have a key of their own, so that reading columns never means signing.
    pub(crate) fn seal_signing_key(&self, kid: &str, private: &[u8]) -> Vec<u8> {
        self.signing_keys.seal(draw(&*self.random), kid.as_bytes(), private)
    }

    pub(crate) fn open_signing_key(&self, kid: &str, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        const COLUMN: Column = Column { table: "signing_keys", column: "private_key" };
        Ok(self.signing_keys.open(kid.as_bytes(), sealed).ok_or(COLUMN.corrupt())?.to_vec())
    }

    /// A value by which a wrong root secret is recognised.
    pub(crate) fn canary(&self) -> Vec<u8> {
        self.canary.seal(draw(&*self.random), b"canary", b"doorward")
    }

    pub(crate) fn knows_canary(&self, sealed: &[u8]) -> bool {
        self.canary.open(b"canary", sealed).is_some()
    }

    /// The blind index of a value: equal values are equal, and nothing can be tried out without the key.
    pub(crate) fn index(&self, column: Column, value: &str) -> Vec<u8> {
        self.index.index(&column.context(value.as_bytes())).to_vec()
    }
}
