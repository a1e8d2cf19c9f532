//! One service whose declaration names what is not there is closed, and nobody else is.

use serde_json::Value;

use crate::{
    door::{Door, STANDARD},
    process::Process,
    wire::{self, head},
};

/// A service, what is wrong with it, the key and the file or text that `check` names, and the reason it is closed with.
const CLOSED: &[[&str; 5]] = &[
    [
        "ca",
        "upstream = \"https://UPSTREAM\"\nupstream_ca_file = \"DIR/none.pem\"",
        "upstream_ca_file",
        "none.pem",
        "closed_upstream_ca_file",
    ],
    [
        "torn",
        "upstream = \"https://UPSTREAM\"\nupstream_ca_file = \"DIR/torn.pem\"",
        "upstream_ca_file",
        "torn.pem",
        "closed_upstream_ca_file",
    ],
    [
        "named",
        "upstream = \"https://UPSTREAM\"\nupstream_certificate_file = \"DIR/none.crt\"\nupstream_key_file = \"DIR/none.key\"",
        "upstream_certificate_file",
        "none.crt",
        "closed_upstream_certificate",
    ],
    [
        "regex",
        "upstream = \"http://UPSTREAM\"\nbypass = [{ regexes = [\"/a(\"], public = true }]",
        "bypass[0].regexes[0]",
        "/a(",
        "closed_regex",
    ],
    [
        "keyless",
        "upstream = \"http://UPSTREAM\"\nkeys = [{ name = \"k\", key_file = \"DIR/none.secret\" }]",
        "keys[0].key_file",
        "none.secret",
        "closed_key_file",
    ],
    [
        "folder",
        "upstream = \"http://UPSTREAM\"\nkeys = [{ name = \"k\", key_file = \"DIR\" }]",
        "keys[0].key_file",
        "DIR",
        "closed_key_file",
    ],
    [
        "short",
        "upstream = \"http://UPSTREAM\"\nkeys = [{ name = \"k\", key_file = \"DIR/short.secret\" }]",
        "keys[0].key_file",
        "short.secret",
        "closed_key_file",
    ],
    [
        "lent",
        "upstream = \"http://UPSTREAM\"\ninject = [{ header = \"X-Api-Key\", value_file = \"DIR/none.lent\" }]",
        "inject[0].value_file",
        "none.lent",
        "closed_inject_file",
    ],
    ["site", "static = { directory = \"DIR/none\" }", "static.directory", "none", "closed_static_directory"],
];

/// Services behind `sso`, as `CLOSED` has them, beside those of the standard configuration.
fn declared() -> String {
    let declare = |[name, lines, ..]: &[&str; 5]| {
        format!("\n[services.{name}]\nposture = \"sso\"\npolicy = \"users\"\n{lines}\n")
    };
    let users = "\n[services.users]\nupstream = \"http://UPSTREAM\"\nposture = \"basic\"\n\
                 basic = { users_file = \"DIR/quick.users\", realm = \"Home\" }\n";
    format!("{STANDARD}{}{users}", CLOSED.iter().map(declare).collect::<String>())
}

#[tokio::test]
async fn impossible_5_check_names_what_is_missing_and_each_such_service_answers_503_with_its_reason() {
    let files = [
        ("torn.pem", "-----BEGIN CERTIFICATE-----\n!\n"),
        ("short.secret", "short-and-secret"),
        ("quick.users", "ada:{SHA}fEqNCco3Yq9h5ZUglD3CZJT4lBs=\n"),
    ];
    let door = Door::with_files(&declared(), &files).await;
    let (folder, config) = (door.scratch.path().display().to_string(), door.config_file.to_str().unwrap());
    let users = ["users", "", "basic.users_file", "quick.users", "closed_users_file"];
    let all: Vec<&[&str; 5]> = CLOSED.iter().chain([&users]).collect();
    let mut check = Process::start(&["check", "--json", config]);
    assert_eq!(check.code(), 1, "{}", check.out);
    assert!(!check.out.contains("short-and-secret") && !check.out.contains("fEqNCco3"), "{}", check.out);
    let found: Value = serde_json::from_str(&check.out).unwrap();
    for [name, _, key, file, reason] in &all {
        let key = format!("services.{name}.{key}");
        let list = found["diagnostics"].as_array().unwrap();
        let told =
            list.iter().find(|told| told["key"] == key.as_str()).unwrap_or_else(|| panic!("{key}: {found}"));
        let file = if *file == "DIR" { folder.as_str() } else { file };
        let message = told["message"].as_str().unwrap();
        let named = message.contains(file) || told.to_string().contains(&serde_json::json!(file).to_string());
        assert!(named || *reason == "closed_regex", "{key}: {message}");
        assert!(message.len() > file.len() + 10, "{key}: no cause in {message}");
        for (lines, part) in [
            ("", format!("\"reason\":\"{reason}\"")),
            ("Accept: text/html\r\n", format!("Reason: {reason}.")),
        ] {
            let host = format!("{name}.localhost");
            let reply = wire::ask(door.address(), head("GET", "/", &host, lines)).await.unwrap();
            assert_eq!(reply.status, 503, "{name}");
            let text = reply.text();
            assert!(text.contains(&part), "{name}: {text}");
            assert!(!text.contains(folder.as_str()), "{name} tells where its files are: {text}");
        }
    }
    let reply = wire::ask(door.address(), head("GET", "/", "www.localhost", "")).await.unwrap();
    assert_eq!(reply.status, 200, "every other service runs");
}
