//! Asking servers. What they say is not believed for security: an authority looks for itself.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket},
};

use super::message::{self, A, AAAA, CNAME, Data, Message, NS, SOA, TXT};

/// How long one answer is waited for.
const TIMEOUT: Duration = Duration::from_secs(4);
/// Servers of a zone that are asked at most.
const SERVERS: usize = 4;
/// Codes of answers (RFC 1035 section 4.1.1): all is well, and there is no such name.
const KNOWN: [u8; 2] = [0, 3];

/// The texts at a name.
pub(super) async fn texts(server: SocketAddr, name: &str) -> Result<Vec<String>, String> {
    let answer = ask(server, name, TXT).await?;
    let text = |record: message::Record| match record.data {
        Data::Text(text) => Some(text),
        _ => None,
    };
    Ok(answer.answers.into_iter().filter_map(text).collect())
}

/// What a name is an alias of, as the first of `servers` says that knows of it.
pub(super) async fn alias(servers: &[SocketAddr], name: &str) -> Option<String> {
    for server in servers {
        let Ok(answer) = ask(*server, name, CNAME).await else { continue };
        if !KNOWN.contains(&answer.code) {
            continue;
        }
        return answer.answers.into_iter().find_map(|record| match record.data {
            Data::Name(target) if record.name.eq_ignore_ascii_case(name) => Some(target),
            _ => None,
        });
    }
    None
}

/// The zone that a name is in, as `server` knows it.
pub(super) async fn zone_of(server: SocketAddr, name: &str) -> Result<String, String> {
    let mut candidate = name.trim_end_matches('.').to_ascii_lowercase();
    loop {
        let answer = ask(server, &candidate, SOA).await?;
        let is_zone = |record: &message::Record| record.data == Data::Authority && record.name == candidate;
        if answer.answers.iter().any(is_zone) {
            return Ok(candidate);
        }
        match candidate.split_once('.') {
            Some((_, parent)) if !parent.is_empty() => candidate = parent.to_owned(),
            _ => return Err(format!("{server} knows no zone of {name}")),
        }
    }
}

/// The servers that are responsible for a name, as the system's resolvers know them; those resolvers themselves where
/// that can't be found out.
pub(super) async fn responsible(name: &str) -> Vec<SocketAddr> {
    let system = system_resolvers();
    for resolver in &system {
        let found = find_responsible(*resolver, name).await.unwrap_or_default();
        if !found.is_empty() {
            return found;
        }
    }
    system
}

async fn find_responsible(resolver: SocketAddr, name: &str) -> Result<Vec<SocketAddr>, String> {
    let zone = zone_of(resolver, name).await?;
    let mut servers = Vec::new();
    for record in ask(resolver, &zone, NS).await?.answers {
        let Data::Name(host) = record.data else { continue };
        for kind in [A, AAAA] {
            let Ok(answer) = ask(resolver, &host, kind).await else { continue };
            let address = answer.answers.into_iter().find_map(|record| match record.data {
                Data::Address(address) => Some(SocketAddr::new(address, 53)),
                _ => None,
            });
            if let Some(address) = address {
                servers.push(address);
                break;
            }
        }
        if servers.len() == SERVERS {
            break;
        }
    }
    Ok(servers)
}

pub(super) fn system_resolvers() -> Vec<SocketAddr> {
    let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let mut found: Vec<SocketAddr> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver")?.trim().parse::<IpAddr>().ok())
        .map(|address| SocketAddr::new(address, 53))
        .collect();
    if found.is_empty() {
        found.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 53));
    }
    found
}

async fn ask(server: SocketAddr, name: &str, kind: u16) -> Result<Message, String> {
    let id = draw_id();
    let question = message::question(id, name, kind, true).ok_or_else(|| format!("{name} is no name"))?;
    let answer = tokio::time::timeout(TIMEOUT, over_udp(server, &question, id)).await;
    match answer {
        Ok(Ok(answer)) if !answer.truncated => Ok(answer),
        // Cut off, or lost on the way.
        _ => exchange(server, &question, id).await,
    }
}

async fn over_udp(server: SocketAddr, question: &[u8], id: u16) -> std::io::Result<Message> {
    let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut buffer = [0; 4096];
    loop {
        let length = socket.recv(&mut buffer).await?;
        // Late answers to other questions are passed over.
        if let Some(answer) =
            message::parse(&buffer[..length]).filter(|answer| answer.id == id && answer.is_response)
        {
            return Ok(answer);
        }
    }
}

/// Sends a message over TCP and reads the answer.
pub(super) async fn exchange(server: SocketAddr, message: &[u8], id: u16) -> Result<Message, String> {
    let talk = async {
        let mut stream = TcpStream::connect(server).await?;
        let length = u16::try_from(message.len()).map_err(|_| std::io::ErrorKind::InvalidInput)?;
        stream.write_all(&[&length.to_be_bytes()[..], message].concat()).await?;
        let length = stream.read_u16().await?;
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let answer =
        tokio::time::timeout(TIMEOUT, talk).await.map_err(|_| format!("{server} does not answer"))?;
    let answer = answer.map_err(|error| format!("{server}: {error}"))?;
    let answer = message::parse(&answer).filter(|answer| answer.id == id && answer.is_response);
    answer.ok_or_else(|| format!("{server} answers something else"))
}

/// The number of a question: what comes back must carry it.
pub(super) fn draw_id() -> u16 {
    let mut bytes = [0; 2];
    // Without randomness any number does: nothing rests on it.
    let _ = SystemRandom::new().fill(&mut bytes);
    u16::from_be_bytes(bytes)
}
