//! The documents say what is so: their snippets, commands, keys, codes, addresses, links and names of tests.

pub(crate) mod markdown;
mod security;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use clap::Parser as _;
use doorward::{
    cli::Cli,
    config::{self, CODES, Diagnostic, Format, Source},
};
use doorward_testkit::Scratch;
use markdown::{Block, code_spans, document, documents, root, rows, sources};

/// Headings of docs/configuration.md, with the prefix of the keys that they describe.
const SECTIONS: [(&str, &str); 32] = [
    ("Top level", ""),
    ("public", "public."),
    ("portal", "portal."),
    ("listeners", "listeners[0]."),
    ("tls", "listeners[0].tls."),
    ("certificates", "certificates[0]."),
    ("acme", "acme."),
    ("dns", "acme.dns."),
    ("limits", "limits."),
    ("log", "log."),
    ("admin", "admin."),
    ("database", "database."),
    ("signing_keys", "signing_keys."),
    ("policies", "policies.x."),
    ("services", "services.x."),
    ("bypass", "services.x.bypass[0]."),
    ("keys", "services.x.keys[0]."),
    ("rules", "services.x.rules[0]."),
    ("basic", "services.x.basic."),
    ("health", "services.x.health."),
    ("roles", "services.x.roles[0]."),
    ("inject", "services.x.inject[0]."),
    ("static", "services.y.static."),
    ("cache", "services.y.static.cache[0]."),
    ("api", "services.y.static.api[0]."),
    ("query", "services.x.query[0]."),
    ("headers", "services.x.request_headers."),
    ("service limits", "services.x.limits."),
    ("danger", "services.x.danger."),
    ("clients", "clients.x."),
    ("client secrets", "clients.x.client_secrets[0]."),
    ("client claims", "clients.x.claims[0]."),
];

/// A key that is near to no other, so that the answer lists the whole choice.
const NO_KEY: &str = "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzz";

/// Addresses in the documents that are an application's, not ours.
const OF_APPLICATIONS: [&str; 9] = [
    "/ADMIN",
    "/ada/feed",
    "/admin",
    "/api",
    "/api/x",
    "/apis",
    "/api/health",
    "/api/healthz",
    "/login/generic_oauth",
];

fn check(text: String, format: Format) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
    let source = Source { path: PathBuf::from("/etc/doorward/doorward.toml"), text, format };
    config::check(&source).map(|checked| checked.warnings)
}

fn show(found: &[Diagnostic]) -> Vec<String> {
    let line = |found: &Diagnostic| format!("{} {}: {}", found.code, found.key, found.message);
    found.iter().map(line).collect()
}

/// A fragment becomes a whole file by what every file needs, unless it has it.
fn whole(fragment: &str) -> String {
    let has = |start: &str| fragment.lines().any(|line| line.starts_with(start));
    let mut text = String::new();
    for (start, line) in [
        ("domain", "domain = \"example.org\"\n"),
        ("root_secret_file", "root_secret_file = \"root-secret\"\n"),
    ] {
        if !has(start) {
            text.push_str(line);
        }
    }
    text.push_str(fragment);
    if !has("[[listeners]]") {
        text.push_str("\n[[listeners]]\naddress = \"127.0.0.1:8443\"\n");
        text.push_str("tls = { certificate_file = \"chain.pem\", key_file = \"key.pem\" }\n");
    }
    text
}

fn check_snippet(block: &Block) {
    let format = if block.language() == "json" { Format::Json } else { Format::Toml };
    let text = if block.is("fragment") { whole(&block.text) } else { block.text.clone() };
    let expected = |name: &str| block.words(name).into_iter().collect::<BTreeSet<_>>();
    let codes =
        |found: &[Diagnostic]| found.iter().map(|found| found.code.to_owned()).collect::<BTreeSet<_>>();
    let found = match check(text, format) {
        Ok(warnings) => (BTreeSet::new(), codes(&warnings), show(&warnings)),
        Err(mistakes) => (codes(&mistakes), BTreeSet::new(), show(&mistakes)),
    };
    let expected = (expected("mistakes"), expected("warns"));
    assert_eq!((&found.0, &found.1), (&expected.0, &expected.1), "{}: {:#?}", block.place, found.2);
}

#[test]
fn every_configuration_in_the_documents_is_sound() {
    let mut snippets = 0;
    for document in documents() {
        for block in document.blocks() {
            match (block.language(), block.is("answer")) {
                ("json", true) => {
                    let read = serde_json::from_str::<serde_json::Value>(&block.text);
                    assert!(read.is_ok(), "{}: {read:?}", block.place);
                }
                ("toml" | "json", _) => {
                    check_snippet(&block);
                    snippets += 1;
                }
                _ => {}
            }
        }
    }
    assert!(snippets > 10, "only {snippets} snippets were found");
}

/// A command line of ours, as the arguments of the binary.
fn ours(line: &str) -> Option<Vec<String>> {
    let line = line.trim().trim_start_matches("$ ");
    let rest = line
        .strip_prefix("cargo run --release -- ")
        .or_else(|| line.strip_prefix("target/release/doorward "))
        .or_else(|| line.strip_prefix("doorward "))?;
    let rest = rest.split(" #").next().unwrap_or_default();
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

fn run(folder: &Path, arguments: &[String]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_doorward")).args(arguments).current_dir(folder).output().unwrap()
}

/// Runs the commands of a block where the files that the block names with `with=FILE` and README's configuration are.
fn run_block(block: &Block, folder: &Path) {
    let mut lines = block.text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(arguments) = ours(line) else { continue };
        let output = run(folder, &arguments);
        let printed = String::from_utf8(output.stdout).unwrap();
        let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
        let code = output.status.code().unwrap_or(-1).to_string();
        let expected = block.words("exit").pop().unwrap_or_else(|| "0".to_owned());
        assert_eq!(code, expected, "{}: {line}\n{printed}{complaints}", block.place);
        if block.language() == "console" {
            let mut shown = String::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
                shown.push_str(line);
                shown.push('\n');
            }
            assert_eq!(printed.trim_end(), shown.trim_end(), "{}: {line}", block.place);
        }
    }
}

#[test]
fn every_command_in_the_documents_exists() {
    let mut commands = 0;
    for document in documents() {
        for block in document.blocks() {
            if !matches!(block.language(), "sh" | "console") {
                continue;
            }
            for arguments in block.text.lines().filter_map(ours) {
                let all = std::iter::once("doorward".to_owned()).chain(arguments);
                if let Err(error) = Cli::try_parse_from(all) {
                    let harmless = matches!(
                        error.kind(),
                        clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion
                    );
                    assert!(harmless, "{}: {error}", block.place);
                }
                commands += 1;
            }
        }
    }
    assert!(commands > 5, "only {commands} commands were found");
}

#[test]
fn commands_that_the_documents_show_do_what_they_show() {
    let scratch = Scratch::new("documents").unwrap();
    let mut ran = 0;
    for document in documents() {
        for block in document.blocks() {
            if let Some(name) = block.words("file").pop() {
                std::fs::write(scratch.path().join(name), &block.text).unwrap();
            }
            if block.is("run") {
                run_block(&block, scratch.path());
                ran += 1;
            }
        }
    }
    assert!(ran > 2, "only {ran} blocks were run");
}

/// A file with a wrong key in every table, so that the answers tell which keys there are.
fn keys_of_the_schema() -> Vec<(&'static str, BTreeSet<String>)> {
    let wrong = format!("{NO_KEY} = 1\n");
    let inline = format!("{{ {NO_KEY} = 1 }}");
    let text = format!(
        "{wrong}[public]\n{wrong}[portal]\n{wrong}[[listeners]]\n{wrong}tls = {inline}\n[[certificates]]\n{wrong}[acme]\n{wrong}\
         dns = {{ provider = \"exec\", {NO_KEY} = 1 }}\n[limits]\n{wrong}[log]\n{wrong}[admin]\n{wrong}[database]\n{wrong}[signing_keys]\n{wrong}\
         [policies.x]\n{wrong}[services.x]\n{wrong}danger = {inline}\nhealth = {inline}\nbypass = [{inline}]\nkeys = [{inline}]\nrules = [{inline}]\nbasic = {inline}\nroles = [{inline}]\ninject = [{inline}]\nquery = [{inline}]\nrequest_headers = {inline}\n\
         limits = {inline}\n[services.y.static]\n{wrong}cache = [{inline}]\napi = [{inline}]\n[clients.x]\n{wrong}client_secrets = [{inline}]\nclaims = [{inline}]\n"
    );
    let found = check(text, Format::Toml).unwrap_err();
    let keys = |prefix: &str| {
        let path = format!("{prefix}{NO_KEY}");
        let found = found.iter().find(|found| found.code == "E002" && found.key == path);
        let help = &found.unwrap_or_else(|| panic!("no answer about {path}")).help;
        let list = help.strip_prefix("possible here: ").unwrap_or_else(|| panic!("{path}: {help}"));
        list.split(", ").map(str::to_owned).collect()
    };
    SECTIONS.iter().map(|(heading, prefix)| (*heading, keys(prefix))).collect()
}

#[test]
fn every_key_is_documented_and_no_other() {
    let configuration = document("docs/configuration.md");
    for (heading, keys) in keys_of_the_schema() {
        let lines = configuration.section(heading);
        let rows = rows(&lines);
        let documented: BTreeSet<String> = rows.iter().flat_map(|row| code_spans(row[0])).collect();
        assert_eq!(documented, keys, "docs/configuration.md, {heading}");
        for row in rows {
            assert_eq!(row.len(), 4, "{heading}: key, type, default and meaning: {row:?}");
        }
    }
    // A table that is read somewhere must be in SECTIONS.
    let readers = sources(&["src/config"], &["rs"]).matches(".finish();").count();
    assert_eq!(readers, SECTIONS.len(), "tables that are read, and tables that are documented");
}

#[test]
fn every_code_is_documented_and_no_other() {
    let known: BTreeSet<&str> = CODES.iter().map(|(code, _)| *code).collect();
    let configuration = document("docs/configuration.md");
    let lines = configuration.section("Codes");
    let listed: Vec<String> = rows(&lines).iter().flat_map(|row| code_spans(row[0])).collect();
    assert_eq!(listed.iter().map(String::as_str).collect::<BTreeSet<_>>(), known);
    for document in documents() {
        for (line, span) in document.code_spans() {
            let is_code = span.len() == 4
                && span.starts_with(['E', 'W'])
                && span[1..].bytes().all(|byte| byte.is_ascii_digit());
            assert!(!is_code || known.contains(span.as_str()), "{}:{line}: {span}", document.name);
        }
    }
}

/// The metrics that docs/metrics.md describes.
pub(crate) fn metrics() -> BTreeSet<String> {
    let document = document("docs/metrics.md");
    let lines = document.section("Metrics");
    rows(&lines).iter().flat_map(|row| code_spans(row[0])).collect()
}

#[test]
fn every_exit_code_is_documented_and_no_other() {
    let source = std::fs::read_to_string(root().join("src/exit.rs")).unwrap();
    let (_, body) = source.split_once("pub enum Stop {").unwrap();
    let (body, _) = body.split_once('}').unwrap();
    let codes = body.lines().filter_map(|line| line.trim().strip_suffix(',')?.split_once(" = "));
    let mut expected: BTreeSet<&str> = codes.map(|(_, code)| code).collect();
    // Success, and a command line that can't be understood.
    expected.extend(["0", "2"]);
    let operations = document("docs/operations.md");
    let lines = operations.section("Exit codes");
    let listed: Vec<&str> = rows(&lines).iter().map(|row| row[0]).collect();
    assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), expected);
    assert_eq!(listed.len(), expected.len(), "a code is listed twice");
}

#[test]
fn every_address_in_the_documents_is_served() {
    let folders = ["crates/web/src", "crates/core/src/oidc", "crates/core/src/http", "src"];
    let served = sources(&folders, &["rs"]);
    let mut addresses = 0;
    for document in documents() {
        // These speak of files, and of attacks, too.
        if ["CHANGELOG.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "SECURITY.md"]
            .contains(&document.name.as_str())
        {
            continue;
        }
        for (line, span) in document.code_spans() {
            let file =
                ["/etc/", "/var/", "/run/", "/usr/", "/srv/"].iter().any(|start| span.starts_with(start));
            let address = span.strip_prefix('/').is_some_and(|rest| {
                rest.starts_with(|first: char| first.is_ascii_alphabetic())
                    || rest.starts_with(".doorward")
                    || rest.starts_with(".well-known")
            });
            if !address || file || OF_APPLICATIONS.contains(&span.as_str()) {
                continue;
            }
            addresses += 1;
            let literal = format!("\"{span}\"");
            let known = served.contains(&literal) || ["/.doorward", "/.doorward/"].contains(&span.as_str());
            assert!(known, "{}:{line}: `{span}` is not served", document.name);
        }
    }
    assert!(addresses > 15, "only {addresses} addresses were found");
}

#[test]
fn every_relative_link_leads_somewhere() {
    for document in documents() {
        let folder = root().join(&document.name).parent().unwrap().to_owned();
        for (line, target) in document.links() {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (path, wanted) = target.split_once('#').unwrap_or((&target, ""));
            let file = if path.is_empty() { root().join(&document.name) } else { folder.join(path) };
            assert!(file.exists(), "{}:{line}: {target}", document.name);
            if !wanted.is_empty() {
                let there = markdown::document(&file.display().to_string());
                let found = there.anchors().iter().any(|anchor| anchor == wanted);
                assert!(found, "{}:{line}: {target}: no such heading", document.name);
            }
        }
    }
}

#[test]
fn every_message_in_the_troubleshooting_is_one_of_ours() {
    // Not from tests, which say much else.
    let crates = ["core", "proxy", "store", "web"].map(|name| format!("crates/{name}/src"));
    let mut folders: Vec<&str> = crates.iter().map(String::as_str).collect();
    folders.extend(["src", "crates/web/templates", "crates/web/assets"]);
    let messages = sources(&folders, &["rs", "html", "js"]);
    let troubleshooting = document("docs/troubleshooting.md");
    let mut found = 0;
    for (line, text) in troubleshooting.prose() {
        let heading = text.strip_prefix("### `").and_then(|rest| rest.strip_suffix('`'));
        for part in heading.into_iter().flat_map(|heading| heading.split('…')) {
            let part = part.trim();
            if part.len() < 4 {
                continue;
            }
            assert!(messages.contains(part), "docs/troubleshooting.md:{line}: nothing says `{part}`");
            found += 1;
        }
    }
    assert!(found > 10, "only {found} messages were found");
}
