//! `[[certificates]]`, `[acme]` and the words of `tls`.

use doorward_core::{
    certificate::plan,
    config::{Certificates, Challenge, DnsProvider, Issuer, LETS_ENCRYPT, ListenerCertificates},
};

use super::{check, found_in, toml};

const AUTO: &str = "domain = \"example.org\"\nroot_secret_file = \"s\"\nlisteners = [{ address = \"0.0.0.0:443\", tls = \"auto\" }]\n";
const TOKEN: &str = "provider = \"cloudflare\"\ntoken_file = \"token\"\n";

fn read(lines: &str) -> Certificates {
    let checked = check(&toml(format!("{AUTO}{lines}")));
    checked.unwrap_or_else(|found| panic!("{found:#?}")).config.certificates
}

fn found(lines: &str) -> Vec<String> {
    found_in(format!("{AUTO}{lines}"))
}

#[test]
fn two_lines_are_enough() {
    let checked = check(&toml(AUTO)).unwrap();
    assert_eq!(checked.config.listeners[0].tls, Some(ListenerCertificates::Auto));
    let certificates = checked.config.certificates;
    assert_eq!(certificates.acme.directory, LETS_ENCRYPT);
    assert_eq!(certificates.acme.challenges, [Challenge::TlsAlpn01]);
    let wanted = plan(&certificates, ["id.example.org"], Issuer::Acme);
    assert_eq!(wanted[0].id(), "acme id.example.org");
    assert_eq!(found_in(AUTO.replace("auto", "automatic")), ["E005 listeners[0].tls"]);
}

#[test]
fn clear_text_beside_it_is_another_way() {
    let text = AUTO.replace("}]", "}, { address = \"0.0.0.0:80\" }]");
    let config = check(&toml(text.clone())).unwrap().config;
    assert_eq!(config.certificates.acme.challenges, [Challenge::TlsAlpn01, Challenge::Http01]);
    assert!(config.listeners[1].redirect);
    assert!(found_in(format!("{text}[acme]\nchallenge = \"http-01\"\n")).is_empty());
    assert_eq!(found("[acme]\nchallenge = \"http-01\"\n"), ["E008 acme.challenge"]);
    assert!(found("[acme]\nchallenge = \"dns-01\"\n").contains(&"E004 acme.challenge".to_owned()));
    assert_eq!(found("[acme]\nchallenge = \"http\"\n"), ["E005 acme.challenge"]);
}

#[test]
fn wildcards_need_somebody_who_changes_the_dns() {
    let wildcard = "[[certificates]]\nnames = [\"*.example.org\"]\n";
    assert_eq!(found(wildcard), ["E008 certificates"]);
    assert!(found(&format!("{wildcard}[acme.dns]\n{TOKEN}")).is_empty());
    // Of another zone.
    assert_eq!(
        found(&format!("{wildcard}[acme.dns]\nzones = [\"example.net\"]\n{TOKEN}")),
        ["E008 certificates"]
    );
    // Without the network nothing is proved to the local authority.
    let local = wildcard.replace("names", "issuer = \"local\"\nnames");
    assert!(found(&local).is_empty());
}

#[test]
fn each_zone_has_its_provider() {
    let dns = format!(
        "[acme]\nchallenge = \"dns-01\"\n[[acme.dns]]\nzones = [\"example.org\"]\n{TOKEN}[[acme.dns]]\n\
         zones = [\"example.net\", \"in.example.org\"]\nprovider = \"exec\"\ncommand = [\"hook\", \"-x\"]\n"
    );
    let acme = read(&dns).acme;
    for (name, cloudflare) in [
        ("id.example.org", true),
        ("*.example.org", true),
        ("a.in.example.org", false),
        ("*.in.example.org", false),
        ("example.net", false),
    ] {
        let found = acme.dns_for(name).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(matches!(found.provider, DnsProvider::Cloudflare { .. }), cloudflare, "{name}");
    }
    assert!(acme.dns_for("badexample.org").is_none());
    let DnsProvider::Exec { command } = &acme.dns[1].provider else { panic!("{acme:?}") };
    assert_eq!(command, &["/etc/doorward/hook", "-x"], "a relative path starts at the configuration");
    let shop = "[services.shop]\nhost = \"shop.example.com\"\nupstream = \"http://127.0.0.1:1\"\nposture = \"public\"\n";
    assert_eq!(found(&format!("{dns}{shop}")), ["E008 listeners"]);
}

#[test]
fn providers_have_keys_of_their_own() {
    let dns = |lines: &str| found(&format!("[acme.dns]\n{lines}"));
    for (lines, expected) in [
        ("", vec!["E004 acme.dns"]),
        ("provider = \"route53\"\n", vec!["E005 acme.dns.provider"]),
        ("provider = \"cloudflare\"\n", vec!["E004 acme.dns"]),
        ("provider = \"cloudflare\"\ntoken = \"x\"\ntoken_file = \"t\"\n", vec!["E002 acme.dns.token"]),
        (
            "provider = \"cloudflare\"\ntoken_file = \"t\"\nserver = \"1.1.1.1\"\n",
            vec!["E008 acme.dns.server"],
        ),
        ("provider = \"cloudflare\"\ntoken_file = \"t\"\napi = \"http://a.b\"\n", vec!["E005 acme.dns.api"]),
        ("provider = \"rfc2136\"\n", vec!["E004 acme.dns"; 3]),
        (
            "provider = \"rfc2136\"\nserver = \"ns\"\nkey_name = \"k\"\nkey_file = \"f\"\nkey_algorithm = \"hmac-md5\"\n",
            vec!["E005 acme.dns.server", "E005 acme.dns.key_algorithm"],
        ),
        ("provider = \"rfc2136\"\nserver = \"::1\"\nkey_name = \"k\"\nkey_file = \"f\"\n", vec![]),
        ("provider = \"acme-dns\"\nserver = \"https://a.b\"\naccounts_file = \"f\"\n", vec![]),
        ("provider = \"exec\"\ncommand = []\n", vec!["E004 acme.dns.command"]),
        (
            "provider = \"exec\"\ncommand = [\"/a\"]\nresolvers = [\"dns\"]\n",
            vec!["E005 acme.dns.resolvers[0]"],
        ),
        ("provider = \"exec\"\ncommand = [\"/a\"]\nwait = \"1h\"\n", vec!["E005 acme.dns.wait"]),
    ] {
        assert_eq!(dns(lines), expected, "{lines}");
    }
}

#[test]
fn no_public_authority_knows_private_names() {
    for domain in ["home.arpa", "lan", "x.localhost", "door.internal"] {
        let text = AUTO.replace("example.org", domain);
        assert_eq!(found_in(text.clone()), ["E008 listeners"], "{domain}");
        assert!(found_in(text.replace("auto", "local")).is_empty());
        assert!(found_in(format!("{text}[acme]\ndirectory = \"https://ca.lan/dir\"\n")).is_empty());
    }
}

#[test]
fn what_nobody_uses_is_a_mistake() {
    let text = AUTO.replace("\"auto\"", "{ certificate_file = \"c\", key_file = \"k\" }");
    assert_eq!(found_in(format!("{text}[acme]\n")), ["E008 acme"]);
    assert_eq!(found_in(format!("{text}[[certificates]]\nnames = [\"a.b\"]\n")), ["E008 certificates"]);
    assert_eq!(found_in(format!("{}[acme]\n", AUTO.replace("auto", "local"))), ["E008 acme"]);
}

#[test]
fn certificates_and_accounts_are_whole() {
    for (lines, expected) in [
        ("[[certificates]]\nnames = []\n", vec!["E004 certificates[0]"]),
        ("[[certificates]]\nnames = [\"a.*.org\"]\n", vec!["E005 certificates[0].names[0]"]),
        ("[[certificates]]\nnames = [\"10.0.0.1\"]\n", vec!["E005 certificates[0].names[0]"]),
        ("[[certificates]]\nnames = [\"a.org\"]\nissuer = \"me\"\n", vec!["E005 certificates[0].issuer"]),
        ("[[certificates]]\nnames = [\"a.org\"]\nkey_file = \"k\"\n", vec!["E004 certificates[0]"]),
        (
            "[[certificates]]\nnames = [\"a.org\"]\n[[certificates]]\nnames = [\"b.org\", \"a.org\"]\n",
            vec!["E007 certificates[1]"],
        ),
        ("[acme]\neab_key_id = \"k\"\n", vec!["E004 acme"]),
        ("[acme]\neab_key_file = \"k\"\n", vec!["E004 acme"]),
        ("[acme]\nemail = \"nobody\"\n", vec!["E005 acme.email"]),
        ("[acme]\ndirectory = \"http://ca.example.org/dir\"\n", vec!["E005 acme.directory"]),
    ] {
        assert_eq!(found(lines), expected, "{lines}");
    }
}
