//! `database.json`: tables of rows, as every release writes them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use doorward_core::{rfc3339, time::UnixTime};
use serde_json::{Map, Value};

/// Rows of one table.
const ROWS_MAX: usize = 1_000_000;

/// All tables.
pub(super) struct Database {
    pub(super) version: i64,
    tables: Map<String, Value>,
}

/// A row.
#[derive(Clone, Copy)]
pub(super) struct Row<'a>(&'a Value);

impl Database {
    pub(super) fn read(content: &[u8]) -> Result<Self, String> {
        let damaged = |what: &str| format!("database.json in it is damaged: {what}");
        let mut all: Value = serde_json::from_slice(content).map_err(|_| damaged("it is no JSON"))?;
        let version = all.get("version").and_then(Value::as_i64);
        let version = version.ok_or_else(|| damaged("there is no version"))?;
        let Some(Value::Object(tables)) = all.get_mut("tables").map(Value::take) else {
            return Err(damaged("there are no tables"));
        };
        for (name, rows) in &tables {
            let sound = match rows {
                Value::Null => true,
                Value::Array(rows) => rows.len() <= ROWS_MAX && rows.iter().all(Value::is_object),
                _ => false,
            };
            if !sound {
                return Err(damaged(&format!("{name:?} is no table")));
            }
        }
        Ok(Self { version, tables })
    }

    /// The rows of a table; a table without rows may be absent.
    pub(super) fn table(&self, name: &str) -> Vec<Row<'_>> {
        let rows = self.tables.get(name).and_then(Value::as_array);
        rows.map_or_else(Vec::new, |rows| rows.iter().map(Row).collect())
    }

    /// What the table `kv`, or in earlier releases the settings, have under this key.
    pub(super) fn value(&self, key: &str, former: &str) -> Option<&str> {
        let named = |table, key: &str| {
            let rows = self.tables.get(table)?.as_array()?.iter().map(Row);
            rows.filter(|row| row.text("key") == Some(key)).find_map(|row| row.text("value"))
        };
        named("kv", key).or_else(|| named("app_config_variables", former))
    }
}

impl<'a> Row<'a> {
    pub(super) fn text(self, column: &str) -> Option<&'a str> {
        self.0.get(column)?.as_str()
    }

    /// Whether a flag is set: `true`, or 1 where a database has no booleans.
    pub(super) fn is(self, column: &str) -> bool {
        match self.0.get(column) {
            Some(Value::Bool(set)) => *set,
            Some(Value::Number(number)) => number.as_i64() == Some(1),
            _ => false,
        }
    }

    /// A moment: a text, or seconds.
    pub(super) fn time(self, column: &str) -> Option<UnixTime> {
        match self.0.get(column)? {
            Value::String(text) => rfc3339::parse(text),
            Value::Number(number) => number.as_i64().map(UnixTime),
            _ => None,
        }
    }

    /// Bytes, in base64.
    pub(super) fn bytes(self, column: &str) -> Option<Vec<u8>> {
        STANDARD.decode(self.text(column)?).ok()
    }

    /// A list of texts: JSON in base64, or in early releases words.
    pub(super) fn list(self, column: &str) -> Vec<String> {
        let decoded = self.bytes(column).and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let read: Option<Vec<String>> =
            decoded.or_else(|| serde_json::from_str(self.text(column).unwrap_or_default()).ok());
        read.unwrap_or_else(|| {
            self.text(column).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
        })
    }
}
