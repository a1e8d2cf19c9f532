//! Values that are texts in the file: networks, durations, hosts, addresses.

use std::{path::PathBuf, time::Duration};

use doorward_core::{
    http::{forwarded::UNIX_PEER, host::Host, origin::Scheme},
    time::Lifetime,
};
use http::Method;
use ipnet::IpNet;

use super::{
    Source,
    reader::{Findings, Place, Section, Text},
};

/// A list of networks: `10.0.0.0/8`, `fd00::/8`, or single addresses.
pub(super) fn networks(section: &mut Section<'_>, names: &[&'static str]) -> Option<Vec<IpNet>> {
    let (_, texts) = section.texts(names)?;
    Some(texts.iter().filter_map(|text| network(text, section.findings)).collect())
}

/// A list of networks that peers are in; `unix` is whoever connects to a unix socket.
pub(super) fn peers(section: &mut Section<'_>, name: &'static str) -> Option<Vec<IpNet>> {
    let (place, texts) = section.texts(&[name])?;
    let read = |text: &Text| match text.text.as_str() {
        "unix" => Some(IpNet::from(UNIX_PEER)),
        _ => network(text, section.findings),
    };
    let peers: Vec<IpNet> = texts.iter().filter_map(read).collect();
    if peers.iter().any(|network| network.prefix_len() == 0) {
        section.findings.add(
            "E009",
            &place,
            "trusting every peer lets anybody choose their address",
            "name the proxies in front of this one",
        );
    }
    Some(peers)
}

fn network(text: &Text, findings: &Findings) -> Option<IpNet> {
    let single = || text.text.parse::<std::net::IpAddr>().ok().map(IpNet::from);
    let found = text.text.parse::<IpNet>().ok().or_else(single);
    match found {
        None => {
            findings.add(
                "E005",
                &text.place,
                format!("`{}` is no network", text.text),
                "write an address, or a network such as 192.168.1.0/24",
            );
        }
        Some(network) if network.trunc() != network => {
            let help = format!("did you mean `{}`?", network.trunc());
            findings.add("E005", &text.place, format!("`{}` has bits beyond its prefix", text.text), help);
        }
        Some(_) => {}
    }
    found
}

/// A duration such as `90s`, `15m`, `12h`, `30d`, within bounds in seconds.
pub(super) fn lifetime(
    section: &mut Section<'_>,
    name: &'static str,
    bounds: (u32, u32),
    default: Lifetime,
) -> Lifetime {
    let help = || {
        format!(
            "write a duration from {} seconds to {} days, such as 15m, 12h or 30d",
            bounds.0,
            bounds.1 / 86_400
        )
    };
    seconds(section, name, bounds, help).map_or(default, Lifetime)
}

/// The same, shorter, and without a default.
pub(super) fn duration(
    section: &mut Section<'_>,
    name: &'static str,
    bounds: (u32, u32),
) -> Option<Duration> {
    let help = || format!("write a duration from {}s to {}h, such as 30s or 15m", bounds.0, bounds.1 / 3600);
    seconds(section, name, bounds, help).map(|seconds| Duration::from_secs(seconds.into()))
}

fn seconds(
    section: &mut Section<'_>,
    name: &'static str,
    bounds: (u32, u32),
    help: impl Fn() -> String,
) -> Option<u32> {
    let text = section.text(&[name])?;
    let parsed = parse_lifetime(&text.text).filter(|seconds| (bounds.0..=bounds.1).contains(seconds));
    if parsed.is_none() {
        let message = format!("`{}` is not possible here", text.text);
        section.findings.add("E005", &text.place, message, help());
    }
    parsed
}

fn parse_lifetime(text: &str) -> Option<u32> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    let digits = &text[..text.len() - 1];
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse::<u32>().ok()?.checked_mul(unit)).flatten()
}

/// A bare host name.
pub(super) fn host(text: &Text, findings: &Findings) -> Option<Host> {
    let parsed = Host::parse(&text.text).ok();
    if parsed.is_none() {
        let inner = text.text.split_once("://").map_or(text.text.as_str(), |(_, rest)| rest);
        let inner = inner.split(['/', ':']).next().and_then(|inner| Host::parse(inner).ok());
        let help = "write the bare name, without scheme, port or path";
        let help = inner.map_or_else(|| help.to_owned(), |inner| format!("{help}: did you mean `{inner}`?"));
        findings.add("E005", &text.place, format!("`{}` is no host name", text.text), help);
    }
    parsed
}

/// A host that has a name: addresses can't be relying parties, and nothing is below them.
pub(super) fn name(text: &Text, findings: &Findings) -> Option<Host> {
    let host = host(text, findings)?;
    let last = host.as_str().rsplit('.').next().unwrap_or_default();
    let address = host.as_str().contains(':') || last.bytes().all(|byte| byte.is_ascii_digit());
    if address {
        let message = format!("`{}` is an address; passkeys need a name", text.text);
        findings.add("E005", &text.place, message, "write a domain, such as example.org, or localhost");
    }
    (!address).then_some(host)
}

/// Whether browsers trust this host over clear text: it never leaves the machine.
pub(super) fn is_localhost(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost")
}

/// Reports a host whose sessions would go over clear text.
pub(super) fn check_scheme(scheme: Scheme, host: &Host, place: &Place, findings: &Findings) {
    if scheme == Scheme::Http && !is_localhost(host.as_str()) {
        findings.add(
            "E009",
            place,
            format!("sessions of {host} would go over clear text"),
            "use https; http is for hosts below localhost only",
        );
    }
}

/// A list of methods.
pub(super) fn methods(section: &mut Section<'_>) -> Option<Vec<Method>> {
    let (_, texts) = section.texts(&["methods"])?;
    let mut methods = Vec::new();
    for text in texts {
        let upper = text.text.bytes().all(|byte| byte.is_ascii_uppercase());
        match text.text.parse::<Method>() {
            Ok(method) if upper => methods.push(method),
            _ => section.findings.add(
                "E005",
                &text.place,
                format!("`{}` is no method", text.text),
                "write it in upper case, such as GET",
            ),
        }
    }
    Some(methods)
}

/// A path of a file; a relative one starts at the configuration's folder.
pub(super) fn file(source: &Source, text: &Text) -> PathBuf {
    let folder = source.path.parent().map(PathBuf::from).unwrap_or_default();
    folder.join(&text.text)
}
