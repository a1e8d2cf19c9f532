//! Where a service's requests go.

use doorward_core::{
    http::host::Host,
    service::{Upstream, UpstreamScheme},
};
use doorward_proxy::tls;

use super::{Context, closing::Closing};
use crate::config::{
    reader::{Section, Text},
    suggest, value,
};

pub(super) fn read(section: &mut Section<'_>, context: &Context<'_>, closing: &Closing) -> Option<Upstream> {
    let findings = section.findings;
    let original_host = match section.text(&["upstream_host"]) {
        None => true,
        Some(Text { text, .. }) if text == "original" => true,
        Some(Text { text, .. }) if text == "upstream" => false,
        Some(text) => {
            findings.add(
                "E005",
                &text.place,
                format!("`{}` is not possible here", text.text),
                suggest::help(&text.text, &["original", "upstream"]),
            );
            true
        }
    };
    let ca_file = section.text(&["upstream_ca_file"]).map(|text| {
        let file = value::file(context.source, &text);
        let authorities = file.clone();
        closing.read_later(text.place, "closed_upstream_ca_file", move |_| {
            tls::check_authorities(&authorities).map_err(|error| error.to_string())
        });
        file
    });
    let verify = verify(section);
    let text = section
        .required(&["upstream"], "write where requests go, such as upstream = \"http://127.0.0.1:3000\"")?;
    let parsed = parse_upstream(&text.text);
    let Some((scheme, host, port)) = parsed else {
        findings.add(
            "E005",
            &text.place,
            format!("`{}` is no upstream", text.text),
            "write http:// or https://, a host, and perhaps a port; no path",
        );
        return None;
    };
    let local =
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if scheme == UpstreamScheme::Http && !local {
        findings.add(
            "W102",
            &text.place,
            format!("requests go to {host} without encryption"),
            "use https, or keep the network between them to yourself",
        );
    }
    Some(Upstream { scheme, host, port, original_host, ca_file, verify })
}

fn verify(section: &mut Section<'_>) -> bool {
    let Some((place, node)) = section.take(&["danger"]) else {
        return true;
    };
    let Some(mut danger) = Section::new(place.clone(), node, section.findings) else {
        return true;
    };
    let verify = danger.boolean("verify_upstream", true);
    danger.finish();
    if !verify {
        section.findings.add(
            "W105",
            &place,
            "the upstream's certificate is not checked",
            "name its authority with `upstream_ca_file` instead",
        );
    }
    verify
}

fn parse_upstream(text: &str) -> Option<(UpstreamScheme, String, u16)> {
    let (scheme, rest, default) = match text.split_once("://")? {
        ("http", rest) => (UpstreamScheme::Http, rest, 80),
        ("https", rest) => (UpstreamScheme::Https, rest, 443),
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
    Some((scheme, Host::parse(host).ok()?.as_str().to_owned(), port))
}

fn parse_port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}
