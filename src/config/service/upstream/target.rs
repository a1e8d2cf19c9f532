//! The address of an upstream.

use std::path::Path;

use doorward_core::{
    http::host::Host,
    service::{Address, Target, UpstreamScheme},
};

use crate::config::reader::{Findings, Text};

/// Reads `http://`, `https://` or `h2c://` with a host and perhaps a port, or `unix:` with a path.
pub(in crate::config::service) fn read(text: &Text, findings: &Findings) -> Option<Target> {
    let Some(target) = parse(&text.text) else {
        findings.add(
            "E005",
            &text.place,
            format!("`{}` is no upstream", text.text),
            "write http://, https:// or h2c://, a host, and perhaps a port, without a path; or unix:/run/app.sock",
        );
        return None;
    };
    if target.scheme != UpstreamScheme::Https && !target.is_local() {
        findings.add(
            "W102",
            &text.place,
            format!("requests go to {} without encryption", target.authority()),
            "use https, or keep the network between them to yourself",
        );
    }
    Some(target)
}

fn parse(text: &str) -> Option<Target> {
    if let Some(path) = text.strip_prefix("unix:") {
        let path = Path::new(path);
        let address = Address::Unix(path.to_owned());
        return path.is_absolute().then_some(Target { scheme: UpstreamScheme::Http, address });
    }
    let (scheme, rest, default) = match text.split_once("://")? {
        ("http", rest) => (UpstreamScheme::Http, rest, 80),
        ("https", rest) => (UpstreamScheme::Https, rest, 443),
        ("h2c", rest) => (UpstreamScheme::H2c, rest, 80),
        _ => return None,
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, parse_port(port)?),
        _ => (rest, default),
    };
    if host.contains(':') && !host.starts_with('[') {
        return None;
    }
    Some(Target::tcp(scheme, Host::parse(host).ok()?.as_str(), port))
}

fn parse_port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}
