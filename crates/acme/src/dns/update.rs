//! Dynamic updates (RFC 2136).

use std::net::SocketAddr;

use doorward_core::time::UnixTime;

use super::{
    message::{IN, SOA, TXT, write_name},
    resolver::{draw_id, exchange, zone_of},
    tsig::Key,
};

/// The class that means "remove this record" (section 2.5.4).
const NONE: u16 = 254;
/// How long others may remember the record, in seconds.
const TTL: u32 = 60;
/// The operation code of updates, at its place in the header.
const UPDATE: u8 = 5 << 3;

/// Adds a record; the zone that it is in.
pub(super) async fn add(
    server: SocketAddr,
    key: &Key,
    record: &str,
    value: &str,
    now: UnixTime,
) -> Result<String, String> {
    let zone = zone_of(server, record).await?;
    send(server, key, message(&zone, record, value, (IN, TTL))?, now).await?;
    Ok(zone)
}

/// Removes a record from its zone: zone, name and value.
pub(super) async fn remove(
    server: SocketAddr,
    key: &Key,
    (zone, record, value): (&str, &str, &str),
    now: UnixTime,
) -> Result<(), String> {
    send(server, key, message(zone, record, value, (NONE, 0))?, now).await
}

async fn send(server: SocketAddr, key: &Key, mut message: Vec<u8>, now: UnixTime) -> Result<(), String> {
    key.sign(&mut message, now);
    let id = u16::from_be_bytes([message[0], message[1]]);
    // The answer's own signature is not looked at: whether the record is there is asked for anyway.
    let answer = exchange(server, &message, id).await?;
    match answer.code {
        0 => Ok(()),
        5 => Err(format!("{server} refuses: the key may not change this record")),
        9 => Err(format!(
            "{server} does not accept the key: look at its name, algorithm and secret, and at the clocks"
        )),
        code => Err(format!("{server} answers with the code {code}")),
    }
}

fn message(zone: &str, record: &str, value: &str, (class, ttl): (u16, u32)) -> Result<Vec<u8>, String> {
    let unfit = || format!("{record} can't be written in {zone}");
    let mut bytes = draw_id().to_be_bytes().to_vec();
    // One zone, no condition, one update.
    bytes.extend([UPDATE, 0, 0, 1, 0, 0, 0, 1, 0, 0]);
    write_name(zone, &mut bytes).ok_or_else(unfit)?;
    bytes.extend(SOA.to_be_bytes());
    bytes.extend(IN.to_be_bytes());
    write_name(record, &mut bytes).ok_or_else(unfit)?;
    bytes.extend(TXT.to_be_bytes());
    bytes.extend(class.to_be_bytes());
    bytes.extend(ttl.to_be_bytes());
    let length = u8::try_from(value.len()).map_err(|_| unfit())?;
    bytes.extend((u16::from(length) + 1).to_be_bytes());
    bytes.push(length);
    bytes.extend(value.as_bytes());
    Ok(bytes)
}
