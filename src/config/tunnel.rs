//! `tunnels` and `client_address_header`.

use doorward_core::http::forwarded::Tunnels;
use http::HeaderName;
use ipnet::IpNet;

use super::{
    reader::{Section, Text},
    value,
};

/// Headers that mean something else, so that a tunnel's can't be one of them.
const TAKEN: [&str; 3] = ["x-forwarded-for", "forwarded", "host"];

pub(super) fn read(section: &mut Section<'_>, trusted_proxies: &[IpNet]) -> Tunnels {
    let peers = value::peers(section, "tunnels").unwrap_or_default();
    let both = |network: &&IpNet| {
        trusted_proxies.iter().any(|other| other.contains(*network) || network.contains(other))
    };
    if let Some(network) = peers.iter().find(both) {
        let message = format!("{network} is in `tunnels` and in `trusted_proxies`");
        let help = "a peer tells the client's address in one way; let each have an address of its own";
        section.findings.add("E008", &section.place_of("tunnels"), message, help);
    }
    let mut tunnels = Tunnels { peers, ..Tunnels::default() };
    if let Some(text) = section.text(&["client_address_header"]) {
        if tunnels.peers.is_empty() {
            let message = "nobody is declared who sends this header";
            section.findings.add("E008", &text.place, message, "name the peers in `tunnels`, or remove it");
        }
        if let Some(header) = header(section, &text) {
            tunnels.header = header;
        }
    }
    tunnels
}

fn header(section: &Section<'_>, text: &Text) -> Option<HeaderName> {
    let name = text.text.parse::<HeaderName>().ok();
    let name = name.filter(|name| !TAKEN.contains(&name.as_str()));
    if name.is_none() {
        let message = format!("`{}` can't be the header of a tunnel", text.text);
        section.findings.add("E005", &text.place, message, "such as CF-Connecting-IP");
    }
    name
}
