//! `[limits]`, `[admin]` and `[log]`.

use doorward_core::config::{Address, Decisions, Limits};

use super::{Source, listener::parse_address, reader::Section, suggest, value};

const GRACE: (u32, u32) = (0, 7 * 86_400);
const WAIT: (u32, u32) = (1, 86_400);

pub(super) fn limits(section: Option<Section<'_>>) -> Limits {
    let default = Limits::default();
    let Some(mut section) = section else { return default };
    let connections = number(&mut section, "connections", default.connections);
    // Nobody has everything: others get in beside the greediest.
    let share = (connections / 4 * 3).max(1);
    let wait =
        |section: &mut Section<'_>, name, default| value::duration(section, name, WAIT).unwrap_or(default);
    let limits = Limits {
        connections,
        connections_per_client: number(&mut section, "connections_per_client", share),
        handshake_timeout: wait(&mut section, "handshake_timeout", default.handshake_timeout),
        head_timeout: wait(&mut section, "head_timeout", default.head_timeout),
        send_timeout: wait(&mut section, "send_timeout", default.send_timeout),
        stop_grace: value::lifetime(&mut section, "stop_grace", GRACE, default.stop_grace),
        handover_grace: value::lifetime(&mut section, "handover_grace", GRACE, default.handover_grace),
    };
    section.finish();
    limits
}

fn number(section: &mut Section<'_>, name: &'static str, default: usize) -> usize {
    const MOST: usize = 1_000_000;
    let Some((number, place)) = section.integer(name) else { return default };
    let fits = usize::try_from(number).ok().filter(|number| (16..=MOST).contains(number));
    fits.unwrap_or_else(|| {
        let message = format!("{number} is not possible here");
        section.findings.add("E005", &place, message, format!("write a number from 16 to {MOST}"));
        default
    })
}

/// Which decisions are logged.
pub(super) fn decisions(section: Option<Section<'_>>) -> Decisions {
    let Some(mut section) = section else { return Decisions::default() };
    let word = section.text(&["decisions"]);
    let decisions = match word.as_ref().map(|word| word.text.as_str()) {
        None | Some("exceptions") => Decisions::Exceptions,
        Some("all") => Decisions::All,
        Some(other) => {
            let place = word.as_ref().map_or(&section.place, |word| &word.place);
            let help = suggest::help(other, &["exceptions", "all"]);
            section.findings.add("E005", place, format!("`{other}` is not possible here"), help);
            Decisions::default()
        }
    };
    section.finish();
    decisions
}

/// Where health and metrics are told. They are for the operator: an address that others reach must be acknowledged.
pub(super) fn admin(section: Option<Section<'_>>, source: &Source) -> Option<Address> {
    let mut section = section?;
    let address = section.required(&["address"], "such as address = \"127.0.0.1:9090\"");
    let mode = section.text(&["mode"]);
    let public = section.boolean("public", false);
    let findings = section.findings;
    section.finish();
    let text = address?;
    let address = parse_address(&text, mode, source, findings)?;
    let elsewhere = matches!(address, Address::Tcp(tcp) if !tcp.ip().to_canonical().is_loopback());
    if elsewhere && !public {
        let message = "metrics would be told to everybody who reaches this address";
        let help = "listen on 127.0.0.1, [::1] or a unix socket, or write `public = true` beside it";
        findings.add("E009", &text.place, message, help);
    }
    if elsewhere && public {
        let message = "everybody who reaches this address reads names of services and numbers of requests";
        findings.add("W105", &text.place, message, "let a firewall say who reaches it");
    }
    Some(address)
}
