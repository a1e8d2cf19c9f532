//! The database without the store: what somebody with a copy of it sees, or a hand at work changes.

use std::{fmt::Write as _, path::PathBuf};

use tokio_postgres::{NoTls, SimpleQueryMessage};

/// Access to the bare database.
pub(crate) enum Raw {
    Sqlite(PathBuf),
    Postgres(String),
}

impl Raw {
    /// Runs statements.
    pub(crate) async fn run(&self, sql: &str) {
        match self {
            Self::Sqlite(path) => rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap(),
            Self::Postgres(url) => drop(ask(url, sql).await),
        }
    }

    /// The first column of the first row, as text.
    pub(crate) async fn value(&self, sql: &str) -> String {
        match self {
            Self::Sqlite(path) => {
                let connection = rusqlite::Connection::open(path).unwrap();
                connection.query_row(sql, [], |row| row.get_ref(0).map(printed)).unwrap()
            }
            Self::Postgres(url) => ask(url, sql).await.remove(0).remove(0),
        }
    }

    pub(crate) async fn count(&self, table: &str) -> u64 {
        self.value(&format!("SELECT COUNT(*) FROM {table}")).await.parse().unwrap()
    }

    /// Bytes as SQL spells them here.
    pub(crate) fn literal(&self, bytes: &[u8]) -> String {
        match self {
            Self::Sqlite(_) => format!("x'{}'", hex(bytes)),
            Self::Postgres(_) => format!("'\\x{}'", hex(bytes)),
        }
    }

    /// Names of all tables.
    pub(crate) async fn tables(&self) -> Vec<String> {
        match self {
            Self::Sqlite(path) => {
                let connection = rusqlite::Connection::open(path).unwrap();
                let mut statement =
                    connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
                statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
            }
            Self::Postgres(url) => {
                let rows = ask(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'").await;
                rows.into_iter().flatten().collect()
            }
        }
    }

    /// All rows of a table: texts as they are, bytes in hexadecimal.
    pub(crate) async fn dump(&self, table: &str) -> String {
        let sql = format!("SELECT * FROM {table}");
        let rows = match self {
            Self::Sqlite(path) => {
                let connection = rusqlite::Connection::open(path).unwrap();
                let mut statement = connection.prepare(&sql).unwrap();
                let columns = statement.column_count();
                let read =
                    |row: &rusqlite::Row<'_>| (0..columns).map(|at| row.get_ref(at).map(printed)).collect();
                statement.query_map([], read).unwrap().collect::<Result<Vec<Vec<String>>, _>>().unwrap()
            }
            Self::Postgres(url) => ask(url, &sql).await,
        };
        rows.iter().map(|row| row.join(" ") + "\n").collect()
    }
}

/// What a database's files or a network capture would be searched for: the text's bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

async fn ask(url: &str, sql: &str) -> Vec<Vec<String>> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let driver = tokio::spawn(connection);
    let messages = client.simple_query(sql).await.unwrap();
    drop(client);
    driver.await.unwrap().unwrap();
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    rows.map(|row| (0..row.len()).map(|at| row.get(at).unwrap_or_default().to_owned()).collect()).collect()
}

fn printed(value: rusqlite::types::ValueRef<'_>) -> String {
    match value {
        rusqlite::types::ValueRef::Null => String::new(),
        rusqlite::types::ValueRef::Integer(value) => value.to_string(),
        rusqlite::types::ValueRef::Real(value) => value.to_string(),
        rusqlite::types::ValueRef::Text(value) => String::from_utf8_lossy(value).into_owned(),
        rusqlite::types::ValueRef::Blob(value) => hex(value),
    }
}
