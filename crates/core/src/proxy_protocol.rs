//! The PROXY protocol, versions 1 and 2: what a load balancer says about a connection before its first byte.
//!
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// Bytes that a header of version 1 has at most, with its end of line.
const V1_MAX: usize = 107;
/// Bytes that a header of version 2 may have behind its first 16: addresses, and what we do not read.
const V2_MAX: usize = 4096;
const V2_SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
const V2_FIXED: usize = 16;

/// What has been read so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// The header is not whole: at least so many bytes of it are still to come. Reading exactly these takes nothing
    /// of what follows the header.
    Needs(usize),
    /// The header is whole.
    Done(Header),
}

/// A header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Its length in bytes; what follows belongs to the client.
    pub length: usize,
    /// The client, unless the balancer speaks for itself (`LOCAL`, a health check) or can't tell (`UNKNOWN`).
    pub client: Option<SocketAddr>,
}

/// Bytes that are no header, or not one that can be believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProxyProtocolError(pub &'static str);

impl fmt::Display for ProxyProtocolError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "not the PROXY protocol: {}", self.0)
    }
}

impl std::error::Error for ProxyProtocolError {}

/// Reads the beginning of a connection.
///
/// # Errors
/// As soon as the bytes can't become a header any more.
pub fn parse(read: &[u8]) -> Result<Progress, ProxyProtocolError> {
    let signature = read.len().min(V2_SIGNATURE.len());
    if read[..signature] == V2_SIGNATURE[..signature] {
        return parse_v2(read);
    }
    let word = read.len().min(V1_WORD.len());
    if read[..word] == V1_WORD[..word] {
        return parse_v1(read);
    }
    Err(ProxyProtocolError("neither version's signature"))
}

const V1_WORD: &[u8] = b"PROXY ";

fn parse_v1(read: &[u8]) -> Result<Progress, ProxyProtocolError> {
    let within = &read[..read.len().min(V1_MAX)];
    let Some(end) = within.windows(2).position(|pair| pair == b"\r\n") else {
        if read.len() >= V1_MAX {
            return Err(ProxyProtocolError("the line has no end"));
        }
        // The shortest header has 15 bytes; after these, what is certain to come is the end of the line.
        let least = if read.ends_with(b"\r") { 1 } else { 2 };
        return Ok(Progress::Needs(least.max(b"PROXY UNKNOWN\r\n".len().saturating_sub(read.len()))));
    };
    let line = std::str::from_utf8(&read[V1_WORD.len()..end])
        .map_err(|_| ProxyProtocolError("the line is not ASCII"))?;
    let done = |client| Ok(Progress::Done(Header { length: end + 2, client }));
    // "The receiver must ignore anything presented before the CRLF" after UNKNOWN.
    if line == "UNKNOWN" || line.starts_with("UNKNOWN ") {
        return done(None);
    }
    let fields: Vec<&str> = line.split(' ').collect();
    let &[family, source, destination, source_port, destination_port] = fields.as_slice() else {
        return Err(ProxyProtocolError("the line has not five fields"));
    };
    let address = |text: &str| {
        let parsed = match family {
            "TCP4" => text.parse::<Ipv4Addr>().map(IpAddr::V4),
            "TCP6" => text.parse::<Ipv6Addr>().map(IpAddr::V6),
            _ => return Err(ProxyProtocolError("the family is unknown")),
        };
        parsed.map_err(|_| ProxyProtocolError("an address is none"))
    };
    let (source, _) = (address(source)?, address(destination)?);
    let (port, _) = (port(source_port)?, port(destination_port)?);
    done(Some(believed(SocketAddr::new(source, port))?))
}

fn port(text: &str) -> Result<u16, ProxyProtocolError> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    let parsed = if plain { text.parse().ok() } else { None };
    parsed.ok_or(ProxyProtocolError("a port is none"))
}

fn parse_v2(read: &[u8]) -> Result<Progress, ProxyProtocolError> {
    let Some((fixed, rest)) = read.split_first_chunk::<V2_FIXED>() else {
        // No more than the signature at first: the shortest header of version 1 is shorter than 16 bytes.
        let known = if read.len() < V2_SIGNATURE.len() { V2_SIGNATURE.len() } else { V2_FIXED };
        return Ok(Progress::Needs(known - read.len()));
    };
    let [.., version_and_command, family, high, low] = *fixed;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if version_and_command >> 4 != 2 {
        return Err(ProxyProtocolError("the version is unknown"));
    }
    if length > V2_MAX {
        return Err(ProxyProtocolError("it is too long"));
    }
    let Some(body) = rest.get(..length) else {
        return Ok(Progress::Needs(length - rest.len()));
    };
    let client = match version_and_command & 15 {
        // LOCAL: the addresses, if any, are to be ignored.
        0 => None,
        1 => client_v2(family, body)?,
        _ => return Err(ProxyProtocolError("the command is unknown")),
    };
    Ok(Progress::Done(Header { length: V2_FIXED + length, client }))
}

fn client_v2(family: u8, body: &[u8]) -> Result<Option<SocketAddr>, ProxyProtocolError> {
    let short = ProxyProtocolError("the addresses are not whole");
    let client = match family {
        // TCP over IPv4: source, destination, source port, destination port.
        0x11 => {
            let [a, b, c, d, _, _, _, _, high, low, _, _] = *body.first_chunk::<12>().ok_or(short)?;
            SocketAddr::new(Ipv4Addr::new(a, b, c, d).into(), u16::from_be_bytes([high, low]))
        }
        0x21 => {
            let all = body.first_chunk::<36>().ok_or(short)?;
            let source: [u8; 16] = *all.first_chunk().ok_or(short)?;
            SocketAddr::new(Ipv6Addr::from(source).into(), u16::from_be_bytes([all[32], all[33]]))
        }
        // UNSPEC: the balancer can't tell.
        0x00 => return Ok(None),
        _ => return Err(ProxyProtocolError("the family is not TCP over IPv4 or IPv6")),
    };
    believed(client).map(Some)
}

/// The unspecified address stands for peers of unix sockets, and nobody may claim to be one.
fn believed(client: SocketAddr) -> Result<SocketAddr, ProxyProtocolError> {
    let ip = client.ip().to_canonical();
    if ip.is_unspecified() {
        return Err(ProxyProtocolError("the source is the unspecified address"));
    }
    Ok(SocketAddr::new(ip, client.port()))
}

#[cfg(test)]
mod tests;
