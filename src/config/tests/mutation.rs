//! Files that nobody meant to write (D-12, R88): never a panic, always an answer that can be shown.

use proptest::prelude::*;

use super::{diagnostics, json, toml};
use crate::config::{Source, check};

const COMPLETE_TOML: &str = include_str!("../../../tests/fixtures/config/complete.toml");
const COMPLETE_JSON: &str = include_str!("../../../tests/fixtures/config/complete.json");
const MISTAKES_TOML: &str = include_str!("../../../tests/fixtures/config/mistakes.toml");

/// Checks, and shows what was found in every form.
fn exercise(source: &Source) {
    let found = diagnostics(source);
    assert!(check(source).is_ok() || !found.is_empty(), "refused without a reason");
    for diagnostic in &found {
        let (line, column) = diagnostic.position(&source.text);
        assert!(line >= 1 && column >= 1 && line <= source.text.matches('\n').count() + 1);
        assert!(!diagnostic.message.is_empty());
        assert!(diagnostic.to_json(source).is_object());
    }
    // The first few: drawing hundreds of copies of the text would only be slow.
    let few = &found[..found.len().min(5)];
    assert_eq!(source.render(few, false).is_empty(), few.is_empty());
    assert_eq!(source.render(few, true).is_empty(), few.is_empty());
}

/// The text with `count` characters from `at` replaced.
fn bend(text: &str, at: prop::sample::Index, count: usize, with: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let at = at.index(characters.len());
    let end = (at + count).min(characters.len());
    characters[..at].iter().collect::<String>() + with + &characters[end..].iter().collect::<String>()
}

fn scrap() -> impl Strategy<Value = String> {
    let tokens = prop::sample::select(vec![
        "",
        "\"",
        "'",
        "\"\"\"",
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        "=",
        ":",
        ",",
        ".",
        "\n",
        "\r",
        "\t",
        "#",
        "\\",
        "\\u12",
        "\u{0}",
        "\u{feff}",
        "\u{1b}",
        "é",
        "🚪",
        "null",
        "true",
        "-1",
        "1e999",
        "0x",
        "2026-01-01",
        "[services]",
        "domain",
    ]);
    prop_oneof![tokens.prop_map(str::to_owned), "\\PC{0,6}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn d_12_bent_toml_never_panics(at: prop::sample::Index, count in 0_usize..40, with in scrap(), mistaken: bool) {
        let text = if mistaken { MISTAKES_TOML } else { COMPLETE_TOML };
        exercise(&toml(bend(text, at, count, &with)));
    }

    #[test]
    fn d_12_bent_json_never_panics(at: prop::sample::Index, count in 0_usize..40, with in scrap()) {
        exercise(&json(bend(COMPLETE_JSON, at, count, &with)));
    }

    #[test]
    fn d_12_random_text_never_panics(text in "\\PC{0,200}", scraps in prop::collection::vec(scrap(), 0..20)) {
        for text in [text, scraps.concat()] {
            exercise(&toml(text.as_str()));
            exercise(&json(text));
        }
    }

    /// Any text in any place that takes one.
    #[test]
    fn d_12_random_values_never_panic(value in "\\PC{0,30}") {
        let quoted = serde_json::to_string(&value).unwrap();
        let all = COMPLETE_JSON.lines().filter(|line| line.contains("\": \""));
        for line in all {
            let (key, _) = line.split_once("\": \"").unwrap();
            let comma = if line.ends_with(',') { "," } else { "" };
            let bent = COMPLETE_JSON.replacen(line, &format!("{key}\": {quoted}{comma}"), 1);
            let source = json(bent);
            prop_assert!(check(&source).is_ok() || !diagnostics(&source).is_empty());
        }
    }
}

#[test]
fn d_12_deep_and_long_texts_are_answered() {
    for text in [
        "[".repeat(50_000),
        "a.".repeat(50_000),
        "{a=".repeat(50_000),
        "x=[".to_owned() + &"[".repeat(50_000),
        "\"".repeat(50_001),
    ] {
        let source = toml(text);
        assert!(!diagnostics(&source).is_empty());
    }
}
