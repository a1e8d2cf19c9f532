//! `doorward import`: what people come from, by the real binary.

mod pocket_id;

use std::process::Command;

use doorward_testkit::Scratch;

pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn run(scratch: &Scratch, arguments: &[&str]) -> Ran {
    let output =
        Command::new(env!("CARGO_BIN_EXE_doorward")).args(arguments).current_dir(scratch.path()).output();
    let output = output.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// A Caddyfile becomes a configuration that `check` calls sound, and a list of what somebody must look at.
#[test]
fn a_caddyfile_becomes_a_configuration() {
    let scratch = Scratch::new("import").unwrap();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/import/tests/caddyfiles");
    for name in ["founding", "house", "pocket-id"] {
        let file = format!("{folder}/{name}.Caddyfile");
        let output = format!("{name}.toml");
        let ran = run(&scratch, &["import", "caddyfile", &file, "--output", &output]);
        assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
        assert!(ran.err.contains("things to look at"), "{}", ran.err);
        let checked = run(&scratch, &["check", "--without-files", &output]);
        assert_eq!(checked.code, 0, "{}", checked.out);
        assert!(checked.out.contains("sound"), "{}", checked.out);
        // Never over a configuration that is there.
        let again = run(&scratch, &["import", "caddyfile", &file, "--output", &output]);
        assert_eq!((again.code, again.out.as_str()), (4, ""));
        assert!(again.err.contains("can't be written"), "{}", again.err);
        let json = run(&scratch, &["import", "caddyfile", &file, "--json"]);
        let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
        let written = std::fs::read_to_string(scratch.path().join(&output)).unwrap();
        assert_eq!(json["configuration"], written);
        assert!(json["notes"].as_array().is_some_and(|notes| !notes.is_empty()), "{json}");
    }
}

#[test]
fn what_is_no_caddyfile_is_said_with_its_line() {
    let scratch = Scratch::new("import").unwrap();
    std::fs::write(scratch.path().join("Caddyfile"), "a.example.org {\n\treverse_proxy x:1\n").unwrap();
    let ran = run(&scratch, &["import", "caddyfile", "Caddyfile"]);
    assert_eq!((ran.code, ran.out.as_str()), (4, ""));
    assert!(ran.err.contains("line 1: a block begins here and never ends"), "{}", ran.err);
    let ran = run(&scratch, &["import", "caddyfile", "missing"]);
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains("missing can't be read"), "{}", ran.err);
}
