//! `[acme]`.

use doorward_core::config::{Acme, Challenge, ExternalAccount, Listener};

use super::{super::schema::subsection, Section, Source, Text, dns, suggest, value};

const CHALLENGES: [Challenge; 3] = [Challenge::Http01, Challenge::TlsAlpn01, Challenge::Dns01];

pub(super) fn read(section: &mut Section<'_>, source: &Source, listeners: &[Listener]) -> Acme {
    let clear = listeners.iter().any(|listener| listener.tls.is_none());
    // Both are there: what one of them can't prove, the other may.
    let usual =
        if clear { vec![Challenge::TlsAlpn01, Challenge::Http01] } else { vec![Challenge::TlsAlpn01] };
    let Some(mut acme) = subsection(section, "acme") else {
        return Acme { challenges: usual, ..Acme::default() };
    };
    let dns = dns::read(&mut acme, source);
    let challenge = acme.text(&["challenge"]);
    let challenges = match challenge {
        Some(text) => challenge_of(&acme, &text, clear).map_or(usual, |challenge| vec![challenge]),
        None if dns.is_empty() => usual,
        // Who says how the DNS is changed wants it used where it can be.
        None if dns.iter().any(|dns| dns.zones.is_empty()) => vec![Challenge::Dns01],
        None => usual,
    };
    let directory = acme.text(&["directory"]).and_then(|text| address(&acme, &text));
    let ca_file = acme.text(&["ca_file"]).map(|text| value::file(source, &text));
    let email = acme.text(&["email"]).and_then(|text| email(&acme, text));
    let external_account = external_account(&mut acme, source);
    let preferred_chain = acme.text(&["preferred_chain"]).map(|text| text.text);
    acme.finish();
    Acme {
        directory: directory.unwrap_or_else(|| Acme::default().directory),
        ca_file,
        email,
        challenges,
        external_account,
        dns,
        preferred_chain,
    }
}

fn challenge_of(acme: &Section<'_>, text: &Text, clear: bool) -> Option<Challenge> {
    let findings = acme.findings;
    let found = CHALLENGES.into_iter().find(|challenge| challenge.as_str() == text.text);
    match found {
        None => {
            let help = suggest::help(&text.text, &CHALLENGES.map(Challenge::as_str));
            findings.add("E005", &text.place, format!("there is no challenge `{}`", text.text), help);
        }
        Some(Challenge::Http01) if !clear => {
            let help = "add a listener without `tls` on port 80";
            findings.add(
                "E008",
                &text.place,
                "http-01 is asked for in clear text, and no listener speaks it",
                help,
            );
        }
        Some(Challenge::Dns01) if acme.lacks(&["dns"]) => {
            findings.add("E004", &text.place, "dns-01 needs somebody who changes the DNS", "add [acme.dns]");
        }
        Some(_) => {}
    }
    found
}

/// An address of an interface: https, but for this machine.
pub(super) fn address(section: &Section<'_>, text: &Text) -> Option<String> {
    let parsed = text.text.parse::<http::Uri>().ok();
    let host = parsed.as_ref().and_then(|uri| uri.host());
    let here = host.is_some_and(|host| value::is_localhost(host) || matches!(host, "127.0.0.1" | "[::1]"));
    let scheme = parsed.as_ref().and_then(|uri| uri.scheme_str());
    if scheme == Some("https") || (scheme == Some("http") && here) {
        return Some(text.text.clone());
    }
    let message = format!("`{}` is no https address", text.text);
    section.findings.add("E005", &text.place, message, "such as https://acme.example.org/directory");
    None
}

fn email(section: &Section<'_>, text: Text) -> Option<String> {
    let fit = text.text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
        && !text.text.contains(|letter: char| letter.is_whitespace() || ",?&".contains(letter));
    if !fit {
        let message = format!("`{}` is no mail address", text.text);
        section.findings.add("E005", &text.place, message, "such as email = \"you@example.org\"");
    }
    fit.then_some(text.text)
}

fn external_account(acme: &mut Section<'_>, source: &Source) -> Option<ExternalAccount> {
    let key_id = acme.text(&["eab_key_id"]);
    let key_file = acme.text(&["eab_key_file"]);
    match (key_id, key_file) {
        (Some(key_id), Some(key_file)) => {
            Some(ExternalAccount { key_id: key_id.text, key_file: value::file(source, &key_file) })
        }
        (None, None) => None,
        (Some(_), None) => {
            acme.missing("eab_key_file", "name the file of the key that belongs to `eab_key_id`");
            None
        }
        (None, Some(_)) => {
            acme.missing("eab_key_id", "write the identifier that came with the key");
            None
        }
    }
}
