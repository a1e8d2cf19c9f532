//! Many sessions for a program that measures: `sessions DATABASE COUNT` copies the newest session on a service's host in
//! the SQLite database of a server that does not run, and prints the cookie of each copy as `name=value`.
#![expect(clippy::print_stdout, reason = "the cookies are its output")]

use std::error::Error;

use doorward_core::{
    http::cookie,
    id::SessionId,
    token::{Plain, Session},
};
use rusqlite::{Connection, OpenFlags};

const COPY: &str = "INSERT INTO sessions (id, token_hash, parent_id, user_id, host, service, amr, auth_time, \
                    user_agent, created_at, last_used_at, expires_at, ended_at) \
                    SELECT ?1, ?2, parent_id, user_id, host, service, amr, auth_time, \
                    user_agent, created_at, last_used_at, expires_at, ended_at \
                    FROM sessions WHERE id = ?3";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [database, count] = arguments.as_slice() else {
        return Err("Usage: sessions DATABASE COUNT".into());
    };
    let count: u32 = count.parse()?;
    let mut connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let newest = "SELECT id FROM sessions WHERE parent_id IS NOT NULL ORDER BY created_at DESC LIMIT 1";
    let model: String = connection.query_row(newest, [], |row| row.get(0))?;
    let transaction = connection.transaction()?;
    for number in 0..count {
        // Numbers will do: these sessions are for a load on this machine.
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&number.to_le_bytes());
        bytes[4..10].copy_from_slice(b"bench!");
        let token = Plain::<Session>::from_random(bytes);
        let mut id = [0xbe; 16];
        id[..4].copy_from_slice(&number.to_le_bytes());
        let id = SessionId::from_random(id);
        transaction.prepare_cached(COPY)?.execute((id.as_str(), token.hash().as_bytes(), &model))?;
        println!("{}={}", cookie::SESSION, token.expose());
    }
    Ok(transaction.commit()?)
}
