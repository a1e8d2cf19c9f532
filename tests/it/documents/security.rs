//! The table of SECURITY.md, held against the tests whose names begin with a case.

use std::collections::{BTreeMap, BTreeSet};

use super::markdown::{document, root, sources};

/// What stands where a case has no test.
const NONE: &str = "none yet";

/// Tests that are named by a requirement, which the table does not list: the series R has cases up to 13.
const REQUIREMENTS: [&str; 15] = [
    "r_13_a_second",
    "r_13_it_is_made",
    "r_13_one_that",
    "r_33_",
    "r_38_",
    "r_46_",
    "r_48_",
    "r_5_a_wrong",
    "r_5_no_new",
    "r_71_",
    "r_74_",
    "r_83_",
    "r_84_",
    "r_85_",
    "r_91_",
];

/// The cases that a test's name begins with: `h_1_h_3_…` and `h_1_and_h_3_…` are about H-1 and H-3, `r_1_to_r_3_…` about
/// `impossible_2_…` about impossible 2, `tob_9_…` about finding 9 of the audit.
fn cases(name: &str) -> Vec<String> {
    if REQUIREMENTS.iter().any(|start| name.starts_with(start)) {
        return Vec::new();
    }
    let mut words = name.split('_').peekable();
    let mut found: Vec<(&str, u32)> = Vec::new();
    loop {
        let up_to = words.next_if_eq(&"to").is_some();
        if words.next_if_eq(&"and").is_some() {
            continue;
        }
        let (Some(series), Some(Ok(number))) = (words.next(), words.next().map(str::parse)) else {
            break;
        };
        if series.len() != 1 && !["impossible", "audit", "tob", "mfa"].contains(&series) {
            break;
        }
        let first = found.last().map_or(number, |(_, last)| last + 1);
        found.extend((if up_to { first } else { number }..=number).map(|number| (series, number)));
    }
    found.into_iter().map(|(series, number)| case(series, number)).collect()
}

fn case(series: &str, number: u32) -> String {
    match series {
        "impossible" => format!("impossible {number}"),
        "audit" | "tob" | "mfa" => format!("audit {number}"),
        _ => format!("{}-{number}", series.to_uppercase()),
    }
}

/// Names of the tests by case.
fn tests_by_case() -> BTreeMap<String, BTreeSet<String>> {
    let text = sources(&["crates", "src", "tests"], &["rs"]);
    let mut by_case: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for rest in text.split("fn ").skip(1) {
        let name = rest.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').next();
        let name = name.unwrap_or_default();
        for case in cases(name) {
            by_case.entry(case).or_default().insert(name.to_owned());
        }
    }
    by_case
}

fn cell(tests: Option<&BTreeSet<String>>) -> String {
    let Some(tests) = tests else {
        return NONE.to_owned();
    };
    let names: Vec<String> = tests.iter().map(|name| format!("`{name}`")).collect();
    names.join(" ")
}

/// The table as it must be: each row's last cell has the tests of the row's case. Also the cases that have no row.
fn complete(text: &str, mut tests: BTreeMap<String, BTreeSet<String>>) -> (String, Vec<String>) {
    let mut written = String::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        match cells.as_slice() {
            [case, attack, mechanism, _] if *case != "case" && !case.starts_with("---") => {
                let found = cell(tests.remove(*case).as_ref());
                written.extend(["| ", case, " | ", attack, " | ", mechanism, " | ", &found, " |\n"]);
            }
            _ => {
                written.push_str(line);
                written.push('\n');
            }
        }
    }
    (written, tests.into_keys().collect())
}

#[test]
fn security_md_lists_the_tests_of_each_case() {
    let security = document("SECURITY.md");
    let tests = tests_by_case();
    assert!(tests.len() > 50, "only {} cases were found in names of tests", tests.len());
    let (complete, without_row) = complete(&security.text, tests);
    if std::env::var_os("DOCUMENTS").is_some_and(|value| value == "write") {
        std::fs::write(root().join("SECURITY.md"), &complete).unwrap();
    } else {
        let wrong: Vec<_> =
            security.text.lines().zip(complete.lines()).filter(|(one, other)| one != other).collect();
        assert!(
            wrong.is_empty() && security.text == complete,
            "SECURITY.md and the names of the tests differ; `DOCUMENTS=write cargo test --test it documents` \
             writes the names into the table, then look at them: {wrong:#?}"
        );
    }
    assert!(
        without_row.is_empty(),
        "tests are named by cases that SECURITY.md has no row for: {without_row:?}"
    );
}

#[test]
fn names_begin_with_their_cases() {
    assert_eq!(cases("h_1_h_3_impossible_2_a_thing"), ["H-1", "H-3", "impossible 2"]);
    assert_eq!(cases("audit_9_sign_out"), ["audit 9"]);
    assert_eq!(cases("o_1_o_2_and_o_3_a_code"), ["O-1", "O-2", "O-3"]);
    assert_eq!(cases("r_1_to_r_3_errors"), ["R-1", "R-2", "R-3"]);
    assert_eq!(cases("tob_9_signing_out"), ["audit 9"]);
    assert_eq!(cases("rfc_7515_appendix"), Vec::<String>::new());
    assert_eq!(cases("names_begin_with_their_cases"), Vec::<String>::new());
}

#[test]
fn a_test_that_is_gone_or_not_listed_shows() {
    let row = "| H-1 | forged | removed | `h_1_gone` |\n| H-2 | other | kept | none yet |\n";
    let tests = BTreeMap::from([
        ("H-1".to_owned(), BTreeSet::from(["h_1_there".to_owned()])),
        ("H-9".to_owned(), BTreeSet::from(["h_9_there".to_owned()])),
    ]);
    let (written, without_row) = complete(row, tests);
    assert_eq!(written, "| H-1 | forged | removed | `h_1_there` |\n| H-2 | other | kept | none yet |\n");
    assert_eq!(without_row, ["H-9"]);
}
