//! Listeners of every kind, and who is believed about addresses.

use doorward_core::{
    config::{Address, UnixAddress},
    http::forwarded::UNIX_PEER,
};
use ipnet::IpNet;

use super::{check, checked, found, found_in, help, toml};

fn with(listener: &str) -> String {
    format!(
        "domain = \"localhost\"\npublic.scheme = \"http\"\nroot_secret_file = \"s\"\nlisteners = [{listener}]\n"
    )
}

#[test]
fn an_address_is_of_one_of_three_kinds() {
    for (listener, expected) in [
        ("{ address = \"unix:/run/door.sock\" }", vec![]),
        ("{ address = \"unix:door.sock\", mode = \"0600\" }", vec![]),
        ("{ address = \"systemd:http\" }", vec![]),
        ("{ address = \"unix:\" }", vec!["E005 listeners[0].address"]),
        ("{ address = \"systemd:\" }", vec!["E005 listeners[0].address"]),
        ("{ address = \"systemd:a:b\" }", vec!["E005 listeners[0].address"]),
        ("{ address = \"unix:/a\", mode = \"0999\" }", vec!["E005 listeners[0].mode"]),
        ("{ address = \"unix:/a\", mode = \"7777\" }", vec!["E005 listeners[0].mode"]),
        ("{ address = \"unix:/a\", mode = 600 }", vec!["E003 listeners[0].mode"]),
        ("{ address = \"1.1.1.1:1\", mode = \"0600\" }", vec!["E008 listeners[0].mode"]),
        ("{ address = \"unix:/a\" }, { address = \"unix:/a\" }", vec!["E007 listeners[1]"]),
        ("{ address = \"systemd:a\" }, { address = \"systemd:a\" }", vec!["E007 listeners[1]"]),
    ] {
        assert_eq!(found_in(with(listener)), expected, "{listener}");
    }
    let long = format!("{{ address = \"unix:/{}\" }}", "x".repeat(107));
    assert_eq!(found_in(with(&long)), ["E005 listeners[0].address"]);
    let Ok(checked) = check(&toml(with("{ address = \"unix:door.sock\" }"))) else { panic!("it is sound") };
    let unix = UnixAddress { path: "/etc/doorward/door.sock".into(), mode: 0o660 };
    let address = &checked.config.listeners[0].address;
    assert_eq!(*address, Address::Unix(unix), "others may not connect by default");
}

#[test]
fn t_4_balancers_are_named() {
    for (more, expected) in [
        ("proxy_protocol = [\"10.0.0.1\", \"unix\"]", vec![]),
        ("proxy_protocol = []", vec!["E004 listeners[0].proxy_protocol"]),
        ("proxy_protocol = true", vec!["E003 listeners[0].proxy_protocol"]),
        ("proxy_protocol = [\"0.0.0.0/0\"]", vec!["E009 listeners[0].proxy_protocol"]),
        (
            "proxy_protocol = [\"balancer\"]",
            vec!["E004 listeners[0].proxy_protocol", "E005 listeners[0].proxy_protocol[0]"],
        ),
    ] {
        let listener = format!("{{ address = \"1.1.1.1:1\", {more} }}");
        assert_eq!(found_in(with(&listener)), expected, "{more}");
    }
}

#[test]
fn impossible_9_tunnels_are_named() {
    let tunnels = checked("").config.listening.tunnels;
    assert!(tunnels.peers.is_empty() && tunnels.header == "cf-connecting-ip");
    for (lines, expected) in [
        ("tunnels = [\"127.0.0.1\", \"unix\"]\n", vec![]),
        ("tunnels = [\"::/0\"]\n", vec!["E009 tunnels"]),
        ("tunnels = [\"10.0.0.1\"]\ntrusted_proxies = [\"10.0.0.0/8\"]\n", vec!["E008 tunnels"]),
        ("tunnels = [\"10.0.0.0/8\"]\ntrusted_proxies = [\"10.0.0.1\"]\n", vec!["E008 tunnels"]),
        ("tunnels = [\"10.0.0.1\"]\ntrusted_proxies = [\"10.0.0.2\", \"::1\"]\n", vec![]),
        ("client_address_header = \"X-Edge\"\n", vec!["E008 client_address_header"]),
        ("tunnels = [\"::1\"]\nclient_address_header = \"X-Edge\"\n", vec![]),
        ("tunnels = [\"::1\"]\nclient_address_header = \"X Edge\"\n", vec!["E005 client_address_header"]),
        (
            "tunnels = [\"::1\"]\nclient_address_header = \"X-Forwarded-For\"\n",
            vec!["E005 client_address_header"],
        ),
    ] {
        assert_eq!(found(lines), expected, "{lines}");
    }
    assert!(help("tunnels = [\"::1\"]\ntrusted_proxies = [\"::1\"]\n").contains("in one way"));
    let config = checked("tunnels = [\"unix\"]\nclient_address_header = \"X-Edge\"\n").config;
    assert_eq!(config.listening.tunnels.peers, [IpNet::from(UNIX_PEER)]);
    // What a tunnel says is for us: no application receives it, from whomever.
    assert!(config.reserved_headers.contains(&"x_edge".parse().unwrap()));
}

#[test]
fn limits_have_limits() {
    for (lines, expected) in [
        ("[limits]\nconnections = 100\nstop_grace = \"0s\"\nhandover_grace = \"7d\"\n", vec![]),
        ("[limits]\nconnections = 15\n", vec!["E005 limits.connections"]),
        ("[limits]\nconnections = -1\n", vec!["E005 limits.connections"]),
        ("[limits]\nconnections_per_client = 0\n", vec!["E005 limits.connections_per_client"]),
        ("[limits]\nconnections = \"many\"\n", vec!["E003 limits.connections"]),
        ("[limits]\nstop_grace = \"8d\"\n", vec!["E005 limits.stop_grace"]),
        (
            "[limits]\nhead_timeout = \"2d\"\nsend_timeout = \"0s\"\n",
            vec!["E005 limits.head_timeout", "E005 limits.send_timeout"],
        ),
        ("[limits]\nhandshake_timeout = \"soon\"\n", vec!["E005 limits.handshake_timeout"]),
        ("[limits]\nconections = 100\n", vec!["E002 limits.conections"]),
    ] {
        assert_eq!(found(lines), expected, "{lines}");
    }
    let limits = checked("[limits]\nconnections = 100\n").config.listening.limits;
    assert_eq!((limits.connections, limits.connections_per_client), (100, 75), "nobody has everything");
    let lines = "[limits]\nhandshake_timeout = \"3s\"\nhead_timeout = \"20s\"\nsend_timeout = \"1h\"\n";
    let limits = checked(lines).config.listening.limits;
    let waits = [limits.handshake_timeout, limits.head_timeout, limits.send_timeout];
    assert_eq!(waits.map(|wait| wait.as_secs()), [3, 20, 3600]);
}

/// Nothing is told by default, and others are told only when somebody insists.
#[test]
fn t_12_an_admin_address_that_others_reach_is_acknowledged() {
    assert_eq!(checked("").config.listening.admin, None);
    for (lines, expected) in [
        ("address = \"127.0.0.1:9090\"\n", vec![]),
        ("address = \"[::1]:9090\"\n", vec![]),
        ("address = \"unix:/run/doorward/admin.sock\"\nmode = \"0600\"\n", vec![]),
        ("address = \"0.0.0.0:9090\"\n", vec!["E009 admin.address"]),
        ("address = \"[::]:9090\"\n", vec!["E009 admin.address"]),
        ("address = \"[::ffff:192.168.1.5]:9090\"\n", vec!["E009 admin.address"]),
        ("address = \"192.168.1.5:9090\"\npublic = true\n", vec!["W105 admin.address"]),
        ("address = \"9090\"\n", vec!["E005 admin.address"]),
        ("", vec!["E004 admin"]),
    ] {
        assert_eq!(found(format!("[admin]\n{lines}").as_str()), expected, "{lines}");
    }
}
