//! The directions of ARCHITECTURE.md, held over what Cargo resolves.

use std::{collections::BTreeMap, process::Command};

/// For each of our crates, the crates of ours that it may depend on, and outside crates that it may not.
const RULES: [(&str, &[&str], &[&str]); 9] = [
    ("doorward-acme", &["doorward-core"], &["axum", "rusqlite", "tokio-postgres"]),
    (
        "doorward-core",
        &[],
        &["tokio", "hyper", "axum", "rusqlite", "tokio-postgres", "tracing", "rand", "getrandom"],
    ),
    (
        "doorward-import",
        &["doorward-core"],
        &["tokio", "hyper", "axum", "rusqlite", "tokio-postgres", "tracing", "rand", "getrandom"],
    ),
    ("doorward-store", &["doorward-core"], &["hyper", "axum", "rustls"]),
    ("doorward-proxy", &["doorward-core"], &["axum", "rusqlite", "tokio-postgres"]),
    ("doorward-web", &["doorward-core", "doorward-store"], &["rusqlite", "tokio-postgres", "hyper"]),
    ("doorward-visitor", &[], &["axum", "rusqlite", "tokio-postgres"]),
    ("doorward-testkit", &["doorward-core", "doorward-import"], &["axum", "rusqlite", "tokio-postgres"]),
    (
        "doorward",
        &[
            "doorward-acme",
            "doorward-core",
            "doorward-import",
            "doorward-store",
            "doorward-proxy",
            "doorward-web",
            "doorward-visitor",
        ],
        &["rusqlite", "tokio-postgres"],
    ),
];

fn direct_dependencies() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--locked", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo metadata runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    packages.iter().map(|package| (text(&package["name"]), normal_dependencies(package))).collect()
}

fn normal_dependencies(package: &serde_json::Value) -> Vec<String> {
    let all = package["dependencies"].as_array().expect("dependencies");
    all.iter()
        .filter(|dependency| dependency["kind"].is_null())
        .map(|dependency| text(&dependency["name"]))
        .collect()
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().expect("a string").to_owned()
}

#[test]
fn crates_depend_only_in_the_allowed_directions() {
    let found = direct_dependencies();
    for (name, ours, forbidden) in RULES {
        let dependencies = &found[name];
        for dependency in dependencies {
            let own = dependency.starts_with("doorward");
            assert!(!own || ours.contains(&dependency.as_str()), "{name} must not depend on {dependency}");
            assert!(!forbidden.contains(&dependency.as_str()), "{name} must not depend on {dependency}");
        }
    }
}

/// The budget of CONTRIBUTING.md: a file that passes it holds more than one thing.
#[test]
fn no_source_file_is_longer_than_500_lines() {
    let mut folders = ["src", "crates", "xtask", "tests"]
        .map(|name| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name))
        .to_vec();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.ends_with("node_modules") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let lines = std::fs::read_to_string(&path).expect("a source file").lines().count();
                assert!(lines <= 500, "{} has {lines} lines", path.display());
            }
        }
    }
}
