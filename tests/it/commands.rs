//! The commands of the real binary: what they print, and how they end.

use std::{net::TcpListener, path::Path};

use crate::{
    process::{Folder, Process, free_port},
    wire::{self, head},
};

/// A client whose secret is in a file.
const CLIENT: &str = "\n[clients.wiki]\nclient_id = \"wiki\"\nclient_secret_file = \"wiki.secret\"\n\
                      redirect_uris = [\"http://wiki.localhost/callback\"]\nallowed_groups = [\"users\"]\n";

/// Runs a command to its end: exit code, standard output, standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let mut process = Process::start(arguments);
    let code = process.code();
    (
        code,
        std::mem::take(&mut process.out),
        std::mem::take(&mut process.err),
    )
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// `serve` does not start: this code, and one sentence with these words on standard error.
fn does_not_serve(config: &Path, code: i32, words: &[&str]) {
    let (found, out, err) = run(&["serve", "--config", text(config)]);
    assert_eq!(found, code, "{out}{err}");
    assert!(out.is_empty(), "{out}");
    let sentences: Vec<&str> = err
        .lines()
        .filter(|line| line.starts_with("doorward: "))
        .collect();
    assert_eq!(sentences.len(), 1, "{err}");
    for word in words {
        assert!(sentences[0].contains(word), "`{word}` is not in: {err}");
    }
    assert!(!err.contains("panicked") && !err.contains("Error {"), "{err}");
}

#[test]
fn check_says_that_a_configuration_is_sound() {
    let folder = Folder::new();
    let config = folder.config("", CLIENT);
    let (code, out, err) = run(&["check", text(&config)]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("sound (2 services, 1 clients, 0 warnings)"), "{out}");
    let (code, out, _) = run(&["check", text(&config), "--json"]);
    let out: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &out["ok"]), (0, &true.into()));
    // Nothing that the file names was opened or made.
    assert!(!folder.scratch.path().join("state").exists());
}

const MISTAKES: &str = "\n[services.one]\nupstream = \"ftp://x\"\nposture = \"sso\"\npolicy = \"usres\"\n\n\
                        [services.two]\nupstream = \"http://127.0.0.1:9\"\n\n\
                        [services.three]\nhost = \"www.localhost\"\nupstream = \"http://127.0.0.1:9\"\nposture = \"public\"\n\n\
                        [services.four]\nupstream = \"http://127.0.0.1:9\"\nposture = \"sso\"\npolicy = \"users\"\n\
                        bypass = [{ paths = [\"/a/../b\"] }]\ncolour = \"red\"\n";

#[test]
fn t_9_t_10_check_and_serve_report_every_mistake_at_once_and_start_nothing() {
    let folder = Folder::new();
    let config = folder.config("", MISTAKES);
    let expected = [
        "ftp://x",
        "usres",
        "services.two",
        "posture",
        "www.localhost",
        "/a/../b",
        "colour",
        "open to everybody",
    ];
    let (code, out, err) = run(&["check", text(&config)]);
    assert_eq!((code, err.as_str()), (1, ""), "{out}");
    for word in expected {
        assert!(out.contains(word), "`{word}` is not in: {out}");
    }
    assert!(
        out.contains("7 mistakes to correct; nothing was started"),
        "{out}"
    );
    let (code, out, _) = run(&["check", "--json", text(&config)]);
    let out: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, out["diagnostics"].as_array().unwrap().len()),
        (1, 7),
        "{out}"
    );
    let (code, out, err) = run(&["serve", "--config", text(&config)]);
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    for word in expected {
        assert!(err.contains(word), "`{word}` is not in: {err}");
    }
    assert!(err.contains("nothing was started"), "{err}");
    assert!(!folder.scratch.path().join("state").exists());
    TcpListener::bind(("127.0.0.1", folder.port)).unwrap();
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    for arguments in [
        &["serve"][..],
        &["serve", "--config"],
        &["serve", "--confg", "x"],
        &["sreve"],
        &["check"],
        &["demo", "--port", "x"],
        &["check", "x", "--log", "a=b=c"],
        &["check", "x", "--log-format", "xml"],
    ] {
        let (code, out, err) = run(arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?} {err}");
        assert!(
            !err.is_empty() && !err.contains("panicked"),
            "{arguments:?} {err}"
        );
    }
    let (code, out, _) = run(&["--version"]);
    assert_eq!((code, out.starts_with("doorward ")), (0, true));
    let (code, out, _) = run(&["--help"]);
    assert!(
        code == 0 && out.contains("check") && out.contains("serve"),
        "{out}"
    );
}

#[test]
fn a_port_that_is_taken_ends_with_3() {
    let folder = Folder::new();
    let _taken = TcpListener::bind(("127.0.0.1", folder.port)).unwrap();
    does_not_serve(&folder.config("", ""), 3, &[&folder.port.to_string()]);
}

#[test]
fn impossible_10_a_file_that_is_missing_or_unfit_ends_with_4() {
    let folder = Folder::new();
    does_not_serve(&folder.scratch.path().join("no.toml"), 4, &["no.toml"]);
    does_not_serve(
        &folder.config("root_secret_file = \"missing\"\n", ""),
        4,
        &["missing", "root secret"],
    );
    for (content, word) in [
        ("", "0 bytes"),
        ("\n", "0 bytes"),
        ("                    ", "0 bytes"),
        ("short", "5 bytes"),
        ("ENC[AES256_GCM,data:abcdefgh]", "SOPS"),
        ("CHANGEME-CHANGEME-CHANGEME", "placeholder"),
        ("first-line-0123456789\nsecond-line", "one line"),
    ] {
        folder.file("unfit", content);
        does_not_serve(
            &folder.config("root_secret_file = \"unfit\"\n", ""),
            4,
            &["unfit", word],
        );
    }
    for (content, word) in [
        ("", "empty"),
        ("\n", "empty"),
        ("short", "5 bytes"),
        ("ENC[AES256_GCM,data:abcdefgh]", "SOPS"),
        ("changeme-changeme-changeme", "placeholder"),
        ("first-line-0123456789\nsecond-line", "one line"),
    ] {
        folder.file("wiki.secret", content);
        does_not_serve(&folder.config("", CLIENT), 4, &["wiki.secret", word]);
    }
    std::fs::remove_file(folder.scratch.path().join("wiki.secret")).unwrap();
    does_not_serve(&folder.config("", CLIENT), 4, &["wiki.secret", "can't be read"]);
    let postgres = "\n[database]\nkind = \"postgres\"\nurl_file = \"url\"\n";
    does_not_serve(&folder.config("", postgres), 4, &["url"]);
    folder.file("url", "");
    does_not_serve(&folder.config("", postgres), 4, &["url", "empty"]);
    let listener = "\n[[listeners]]\naddress = \"127.0.0.1:0\"\ntls = [{ certificate_file = \"no.crt\", key_file = \"no.key\" }]\n";
    does_not_serve(&folder.config("", listener), 4, &["no.crt"]);
}

#[test]
fn another_root_secret_ends_with_5_and_changes_nothing() {
    let folder = Folder::new();
    let config = folder.config("", "");
    let process = Process::serve(&config, "info");
    process.signal("TERM");
    drop_after_end(process);
    folder.file("other", "another-root-secret-0123456789");
    does_not_serve(
        &folder.config("root_secret_file = \"other\"\n", ""),
        5,
        &["root secret"],
    );
    // The right one still opens it.
    let process = Process::serve(&folder.config("", ""), "info");
    process.signal("TERM");
    drop_after_end(process);
}

fn drop_after_end(mut process: Process) {
    let code = process.code();
    assert_eq!(code, 0, "{}{}", process.out, process.err);
}

#[test]
fn a_newer_database_ends_with_6() {
    let folder = Folder::new();
    let config = folder.config("", "");
    let process = Process::serve(&config, "info");
    process.signal("TERM");
    drop_after_end(process);
    let database = rusqlite::Connection::open(folder.scratch.path().join("state/doorward.db")).unwrap();
    let changed = database
        .execute("UPDATE meta SET number = 99 WHERE key = 'schema'", [])
        .unwrap();
    assert_eq!(changed, 1);
    drop(database);
    does_not_serve(&config, 6, &["newer version", "99"]);
}

#[test]
fn a_data_directory_in_use_ends_with_7() {
    let folder = Folder::new();
    let first = Process::serve(&folder.config("", ""), "info");
    let other_port = free_port();
    let text = std::fs::read_to_string(folder.scratch.path().join("doorward.toml")).unwrap();
    let second = folder.file(
        "second.toml",
        &text.replace(&format!(":{}\"", folder.port), &format!(":{other_port}\"")),
    );
    does_not_serve(&second, 7, &["state", "another process"]);
    first.signal("TERM");
    drop_after_end(first);
}

#[test]
fn a_database_that_can_not_be_reached_ends_with_8() {
    let folder = Folder::new();
    let closed = free_port();
    folder.file(
        "url",
        &format!("postgres://user:pass-word-123@127.0.0.1:{closed}/doorward"),
    );
    let config = folder.config("", "\n[database]\nkind = \"postgres\"\nurl_file = \"url\"\n");
    does_not_serve(&config, 8, &["database"]);
    let (_, _, err) = run(&["serve", "--config", text(&config), "--log", "debug"]);
    assert!(!err.contains("pass-word-123"), "{err}");
    let folder = Folder::new();
    let config = folder.config("", "");
    std::fs::create_dir_all(folder.scratch.path().join("state")).unwrap();
    folder.file(
        "state/doorward.db",
        "this is no database, whatever its name says; it is long enough for a header",
    );
    does_not_serve(&config, 8, &["database"]);
}

#[tokio::test]
async fn t_9_hangup_takes_over_a_sound_configuration_and_keeps_the_former_otherwise() {
    let folder = Folder::new();
    let mut process = Process::serve(&folder.config("", ""), "info");
    let address = ([127, 0, 0, 1], folder.port).into();
    let status = async |host: &str| {
        wire::ask(address, head("GET", "/", host, ""))
            .await
            .unwrap()
            .status
    };
    assert_eq!(
        (status("notes.localhost").await, status("new.localhost").await),
        (401, 421)
    );
    let new = "\n[services.new]\nupstream = \"http://127.0.0.1:9\"\nposture = \"sso\"\npolicy = \"users\"\n";
    folder.config("", new);
    process.signal("HUP");
    process.until(|process| process.err.contains("configuration reloaded"));
    assert_eq!(
        (status("notes.localhost").await, status("new.localhost").await),
        (401, 401)
    );
    // A typo changes nothing, for nobody, and is explained.
    folder.config("", &new.replace("\"users\"", "\"usres\""));
    process.signal("HUP");
    process.until(|process| {
        process.err.contains("the former one stays in force") && process.err.contains("usres")
    });
    assert_eq!(
        (status("notes.localhost").await, status("new.localhost").await),
        (401, 401)
    );
    // What needs a restart is said and not half taken over.
    folder.config("", "");
    let moved = std::fs::read_to_string(folder.scratch.path().join("doorward.toml")).unwrap();
    folder.file("doorward.toml", &moved.replace("\"state\"", "\"elsewhere\""));
    process.signal("HUP");
    process.until(|process| {
        process
            .err
            .contains("`data_directory` changed, which needs a restart")
    });
    assert_eq!(
        (status("notes.localhost").await, status("new.localhost").await),
        (401, 401)
    );
    std::fs::remove_file(folder.scratch.path().join("doorward.toml")).unwrap();
    process.signal("HUP");
    process.until(|process| process.err.matches("the former one stays in force").count() == 3);
    assert_eq!(status("new.localhost").await, 401);
    process.signal("TERM");
    drop_after_end(process);
}

#[test]
fn terminate_and_interrupt_end_with_0() {
    for signal in ["TERM", "INT"] {
        let folder = Folder::new();
        let process = Process::serve(&folder.config("", ""), "info");
        process.signal(signal);
        drop_after_end(process);
        TcpListener::bind(("127.0.0.1", folder.port)).unwrap();
    }
}
