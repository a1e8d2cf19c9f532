use super::*;

fn networks(list: &[&str]) -> Vec<IpNet> {
    list.iter().map(|network| network.parse().unwrap()).collect()
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
    }
    headers
}

fn client(peer: &str, lines: &[&str]) -> String {
    let trusted = networks(&["10.0.0.0/8", "fd00::/8"]);
    let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
    let trust = Trust { proxies: &trusted, tunnels: &Tunnels::default() };
    client_address(peer.parse().unwrap(), &headers(&lines), trust).to_string()
}

/// T-4, H-11, impossible 9 and finding 3 of the audit of caddy-security.
#[test]
fn t_4_h_11_impossible_9_only_trusted_peers_are_believed() {
    for (peer, lines, expected) in [
        ("203.0.113.5", &["198.51.100.10"][..], "203.0.113.5"),
        ("10.0.0.1", &["198.51.100.10"], "198.51.100.10"),
        ("10.0.0.1", &["1.1.1.1, 198.51.100.10"], "198.51.100.10"),
        ("10.0.0.1", &["127.0.0.1", "198.51.100.10, 10.0.0.2"], "198.51.100.10"),
        ("10.0.0.1", &[], "10.0.0.1"),
        ("10.0.0.1", &["10.0.0.9"], "10.0.0.9"),
        ("10.0.0.1", &["127.0.0.1, nonsense"], "10.0.0.1"),
        ("10.0.0.1", &["127.0.0.1, nonsense, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", &[""], "10.0.0.1"),
        ("10.0.0.1", &["[2001:db8::1]:443"], "2001:db8::1"),
        ("10.0.0.1", &["198.51.100.10:5000"], "198.51.100.10"),
        ("10.0.0.1", &["1.1.1.1, ::"], "10.0.0.1"),
        ("fd00::1", &["2001:db8::7"], "2001:db8::7"),
        ("::ffff:10.0.0.1", &["::ffff:198.51.100.10"], "198.51.100.10"),
        ("::ffff:203.0.113.5", &["127.0.0.1"], "203.0.113.5"),
        ("::", &["127.0.0.1"], "::"),
    ] {
        assert_eq!(client(peer, lines), expected, "{peer} {lines:?}");
    }
}

/// Every kind of peer with every header that could name a client, once and twice.
#[test]
fn t_4_h_11_impossible_9_each_peer_is_believed_about_its_own_header_only() {
    const SAID: &str = "198.51.100.10";
    let proxies = networks(&["10.0.0.0/8"]);
    let tunnels = Tunnels { peers: networks(&["172.16.0.1/32", "::/128"]), ..Tunnels::default() };
    let trust = Trust { proxies: &proxies, tunnels: &tunnels };
    let names = ["x-forwarded-for", "cf-connecting-ip", "x-real-ip", "forwarded", "true-client-ip"];
    for (peer, own) in [
        ("203.0.113.5", None),
        ("10.0.0.1", Some("x-forwarded-for")),
        ("172.16.0.1", Some("cf-connecting-ip")),
        ("::ffff:172.16.0.1", Some("cf-connecting-ip")),
        ("::", Some("cf-connecting-ip")),
    ] {
        let peer: IpAddr = peer.parse().unwrap();
        for name in names {
            let believed = own == Some(name);
            let once = headers(&[(name, SAID)]);
            let expected = if believed { SAID.parse().unwrap() } else { peer.to_canonical() };
            assert_eq!(client_address(peer, &once, trust), expected, "{peer} {name}");
            let read = matches!(name, "x-forwarded-for" | "cf-connecting-ip");
            assert_eq!(was_ignored(peer, &once, trust), read && !believed, "{peer} {name}");
            // The last line is the one of the proxy itself; a tunnel has no business sending two.
            let twice = headers(&[(name, "127.0.0.1"), (name, SAID)]);
            let expected = match (believed, name) {
                (true, "x-forwarded-for") => SAID.parse().unwrap(),
                _ => peer.to_canonical(),
            };
            assert_eq!(client_address(peer, &twice, trust), expected, "{peer} {name} twice");
        }
        let all = headers(&names.map(|name| (name, if own == Some(name) { SAID } else { "127.0.0.1" })));
        let expected = if own.is_some() { SAID.parse().unwrap() } else { peer };
        assert_eq!(client_address(peer, &all, trust), expected, "{peer} with all");
    }
}

#[test]
fn t_4_a_tunnel_s_header_is_one_address_or_nothing() {
    let tunnels = Tunnels { peers: networks(&["172.16.0.1/32"]), ..Tunnels::default() };
    let peer: IpAddr = "172.16.0.1".parse().unwrap();
    for (value, expected) in [
        ("2001:db8::1", "2001:db8::1"),
        (" 198.51.100.10 ", "198.51.100.10"),
        ("127.0.0.1, 198.51.100.10", "172.16.0.1"),
        ("::", "172.16.0.1"),
        ("0.0.0.0", "172.16.0.1"),
        ("unknown", "172.16.0.1"),
        ("", "172.16.0.1"),
    ] {
        let trust = Trust { proxies: &[], tunnels: &tunnels };
        let headers = headers(&[("cf-connecting-ip", value)]);
        assert_eq!(client_address(peer, &headers, trust).to_string(), expected, "{value:?}");
    }
    let own = Tunnels { header: HeaderName::from_static("x-edge-client"), ..tunnels };
    let trust = Trust { proxies: &[], tunnels: &own };
    let both = headers(&[("cf-connecting-ip", "127.0.0.1"), ("x-edge-client", "198.51.100.10")]);
    assert_eq!(client_address(peer, &both, trust).to_string(), "198.51.100.10");
}
