//! Every mistake together, each in its place.

use super::{Source, diagnostics, toml};

const MISTAKES: &str = include_str!("../../../tests/fixtures/config/mistakes.toml");

fn source() -> Source {
    Source { path: "doorward.toml".into(), ..toml(MISTAKES) }
}

/// The fixture announces each mistake in its line; no more and no fewer are found.
#[test]
fn every_mistake_is_reported_in_its_line() {
    let mut announced: Vec<(usize, &str)> = MISTAKES
        .lines()
        .enumerate()
        .flat_map(|(index, line)| line.split(" !").skip(1).map(move |code| (index + 1, code)))
        .collect();
    let found = diagnostics(&source());
    let mut reported: Vec<(usize, &str)> =
        found.iter().map(|found| (found.position(MISTAKES).0, found.code)).collect();
    assert!(reported.is_sorted_by_key(|(line, _)| *line), "in the order of the text");
    announced.sort_unstable();
    reported.sort_unstable();
    assert_eq!(reported, announced);
    assert!(announced.len() > 50);
}

#[test]
fn mistakes_for_people() {
    let source = source();
    insta::assert_snapshot!(source.render(&diagnostics(&source), false));
}

#[test]
fn mistakes_for_machines() {
    let source = source();
    let lines: Vec<String> =
        diagnostics(&source).iter().map(|found| found.to_json(&source).to_string()).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn columns_count_characters() {
    let text = "\"schlüssel\" = 1 # ü\n";
    let found = diagnostics(&toml(text));
    let unknown = found.iter().find(|found| found.code == "E002").unwrap();
    assert_eq!(unknown.position(text), (1, 1));
    let text = "portal = { \"ü\" = 1, x = 2 }\n";
    let found = diagnostics(&toml(text));
    let unknown = found.iter().find(|found| found.key == "portal.x").unwrap();
    assert_eq!(unknown.position(text), (1, 21));
}

/// A terminal is not told what to do by the text of a file (D-19).
#[test]
fn d_19_control_characters_are_not_shown_as_such() {
    let text = "\"a\\u001b[31mb\" = 1\ndomain = \"x\u{7f}\"\n";
    let source = toml(text);
    let shown = source.render(&diagnostics(&source), false);
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}

/// Whoever writes a secret into the file does not find it in the log afterwards.
#[test]
fn impossible_12_secrets_in_the_file_are_not_shown() {
    let source = toml(
        "[services.a]\nupstream = \"http://ada:hunter2@127.0.0.1\"\n[clients.a]\nclient_secret = \"hunter2\"\n\
         [database]\nurl = \"postgres://door:hunter2@db/door\"\npassword = 'hunter2'\n",
    );
    let found = diagnostics(&source);
    assert!(found.len() > 5);
    assert!(!source.render(&found, false).contains("hunter2"));
    assert!(found.iter().all(|found| !found.to_json(&source).to_string().contains("hunter2")));
}
