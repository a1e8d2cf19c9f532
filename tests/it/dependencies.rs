//! What is known of the libraries that we build on, held over the very versions that are built.

use std::path::Path;

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// Name and version of every crate that may be built.
fn locked() -> Vec<(String, [u64; 3])> {
    let lock: toml::Table = read("Cargo.lock").parse().unwrap();
    let text = |package: &toml::Value, key: &str| package[key].as_str().unwrap().to_owned();
    let packages = lock["package"].as_array().unwrap();
    packages.iter().map(|package| (text(package, "name"), version(&text(package, "version")))).collect()
}

fn version(text: &str) -> [u64; 3] {
    let plain = text.split(['-', '+']).next().unwrap();
    let parts: Vec<u64> = plain.split('.').map(|part| part.parse().unwrap()).collect();
    parts.try_into().unwrap()
}

/// Names that a build must not have, as deny.toml lists them.
fn denied() -> Vec<String> {
    let rules: toml::Table = read("deny.toml").parse().unwrap();
    let denied = rules["bans"]["deny"].as_array().unwrap();
    denied.iter().map(|rule| rule["name"].as_str().unwrap().to_owned()).collect()
}

fn neither_locked_nor_allowed(forbidden: &[&str]) {
    let (locked, denied) = (locked(), denied());
    assert!(locked.len() > 100, "the lock file was not understood");
    for name in forbidden {
        assert!(locked.iter().all(|(locked, _)| locked != name), "{name} may be built");
        assert!(denied.iter().any(|denied| denied == name), "deny.toml allows {name}");
    }
}

/// Whatever version there is, it is at least `fixed`.
fn at_least(name: &str, fixed: &str) {
    let found: Vec<_> = locked().into_iter().filter(|(locked, _)| locked == name).collect();
    assert!(!found.is_empty(), "{name} is not built");
    for (_, built) in found {
        assert!(built >= version(fixed), "{name} {built:?} is older than {fixed}");
    }
}

/// There is no HTTP/3, so nothing of QUIC can be flooded (RUSTSEC-2026-0037, RUSTSEC-2026-0185).
#[test]
fn s_7_no_quic_is_built() {
    neither_locked_nor_allowed(&["quinn", "quinn-proto", "h3", "quiche", "s2n-quic"]);
}

/// RUSTSEC-2026-0044 to 0048: name constraints, PKCS#7, the timing of AES-CCM, and revocation lists.
#[test]
fn s_10_aws_lc_is_newer_than_its_advisories() {
    at_least("aws-lc-sys", "0.39.0");
}

/// RUSTSEC-2023-0071: the timing of the crate gives keys away, and no release mends that. RSA is done by aws-lc-rs.
#[test]
fn s_11_no_other_library_does_rsa() {
    neither_locked_nor_allowed(&["rsa", "openssl"]);
    // It is in the lock file as what others could be built with, and is not.
    assert!(denied().iter().any(|name| name == "ring"));
    at_least("aws-lc-rs", "1.0.0");
}

/// RUSTSEC-2024-0421: older releases read names in Punycode as ones that are written in ASCII.
#[test]
fn s_14_idna_is_newer_than_its_advisory() {
    at_least("idna", "1.0.0");
}
