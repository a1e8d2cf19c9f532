//! Drafts, held against the reader of configurations.

use doorward_core::policy::Posture;
use proptest::prelude::*;

use crate::config::{self, Checked, Diagnostic, Format, Source};

fn check(text: &str) -> Result<Checked, Vec<Diagnostic>> {
    let source =
        Source { path: "/etc/doorward/draft.toml".into(), text: text.to_owned(), format: Format::Toml };
    config::check(&source)
}

/// The draft of a Caddyfile, which must be a sound configuration whatever is in it.
fn drafted(text: &str) -> Option<Checked> {
    let draft = doorward_import::caddyfile::draft(text).ok()?;
    let checked = check(&draft.text).unwrap_or_else(|mistakes| {
        let found: Vec<String> =
            mistakes.iter().map(|found| format!("{} {}: {}", found.code, found.key, found.message)).collect();
        panic!("{text}\n--- became\n{}\n--- which has {found:#?}", draft.text)
    });
    // A rule or a bypass that is none would close a service without a word.
    assert!(checked.warnings.iter().all(|found| !found.code.starts_with('Q')), "{:?}", checked.warnings);
    Some(checked)
}

#[test]
fn drafts_of_whole_files_are_sound() {
    for name in ["founding", "house", "pocket-id"] {
        let path = format!("{}/crates/import/tests/caddyfiles/{name}.Caddyfile", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        assert!(!drafted(&text).unwrap().config.services.is_empty(), "{name}");
    }
}

/// Lines of sites: what opens, what closes, what answers, and what nobody knows.
const LINES: [&str; 44] = [
    "reverse_proxy app:80",
    "reverse_proxy https://app:443 {\ntransport http {\ntls_insecure_skip_verify\n}\n}",
    "reverse_proxy app:80 {\nheader_up Remote-User {http.auth.user.id}\nheader_up -X-A\nheader_up X-B c\n}",
    "reverse_proxy /api/* other:80",
    "reverse_proxy a:1 b:2 {\nlb_policy round_robin\nhealth_uri /up\n}",
    "reverse_proxy unix//run/app.sock",
    "reverse_proxy {$UP}",
    "reverse_proxy app:80 {\nhandle_response {\n}\n}",
    "authorize with admins",
    "authorize with users",
    "authorize with nobody",
    "authorize @a with users",
    "authorize @n with users",
    "authorize /api/* with admins",
    "authenticate with portal",
    "basic_auth {\nada $2y$10$x\n}",
    "basic_auth /admin/* {\nada $2y$10$x\n}",
    "forward_auth asked:1 {\nuri /x\n}",
    "@a path /api/* /x",
    "@n not path /api/*",
    "@n not remote_ip 10.0.0.0/8",
    "@o method GET",
    "@u expression {method} == 'GET'",
    "handle {\nreverse_proxy app:80\n}",
    "handle @a {\nreverse_proxy app:80\n}",
    "handle @n {\nauthorize with admins\nreverse_proxy app:80\n}",
    "handle @o {\nauthorize with users\nreverse_proxy app:80\n}",
    "handle @u {\nreverse_proxy app:80\n}",
    "handle /admin/* {\nauthorize with admins\nreverse_proxy app:80\n}",
    "route /* {\nauthorize with users\nreverse_proxy app:80\n}",
    "handle_path /sub/* {\nreverse_proxy app:80\n}",
    "abort @n",
    "abort @a",
    "respond 404",
    "respond /health 200",
    "redir https://b.test{uri} 301",
    "redir /old /new",
    "root * /srv",
    "file_server",
    "try_files {path} /index.html",
    "encode gzip",
    "tls internal",
    "header {\nX-A b\n-Server\n}",
    "whatever it is",
];

const SECURITY: &str = "{\nsecurity {\noauth identity provider p {\nbase_auth_url https://id.a.test\n}\n\
    authorization policy admins {\nallow roles admins\nbypass uri prefix /open\n}\n\
    authorization policy users {\nallow roles users\ninject headers with claims\n}\n}\n}\n";

fn site(lines: &[usize]) -> String {
    let body: Vec<&str> = lines.iter().map(|at| LINES[*at]).collect();
    format!("{SECURITY}x.a.test {{\n{}\n}}\n", body.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_draft_is_sound(lines in prop::collection::vec(0..LINES.len(), 1..7)) {
        drafted(&site(&lines));
    }

    /// With a gate for everything and a directive that nobody knows, nobody gets in, wherever the two stand.
    #[test]
    fn what_is_not_understood_beside_a_gate_closes(
        mut lines in prop::collection::vec(0..LINES.len(), 0..5), gate in 8..10_usize, at in 0..6_usize,
    ) {
        lines.insert(at.min(lines.len()), gate);
        lines.push(LINES.len() - 1);
        if let Some(checked) = drafted(&site(&lines)) {
            for service in &checked.config.services {
                let guard = &service.guard;
                prop_assert!(matches!(guard.posture, Posture::Sso(_)), "{}", site(&lines));
                prop_assert!(guard.bypass.is_empty() && guard.rules.len() == 1, "{}", site(&lines));
            }
        }
    }

    /// A site with a gate for everything is never open: not by its posture, and not by a bypass that the file does not have.
    #[test]
    fn a_gate_for_everything_stays_one(lines in prop::collection::vec(0..LINES.len(), 0..6)) {
        let mut lines: Vec<usize> = lines.into_iter().filter(|line| !(11..=13).contains(line)).collect();
        lines.insert(0, 9);
        if let Some(checked) = drafted(&site(&lines)) {
            for service in &checked.config.services {
                prop_assert!(matches!(service.guard.posture, Posture::Sso(_)), "{}", site(&lines));
                prop_assert!(service.guard.bypass.is_empty(), "{}", site(&lines));
            }
        }
    }

    #[test]
    fn no_text_stops_the_reader(text in "([a-z@/*{}\"`<#\\\\ ]|\n|reverse_proxy |handle |x\\.test \\{\n|not |path ){0,200}") {
        drafted(&text);
    }
}
