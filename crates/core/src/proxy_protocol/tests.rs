use proptest::prelude::*;

use super::*;

fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let mut header = V2_SIGNATURE.to_vec();
    header.extend([command, family]);
    header.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
    header.extend(body);
    header
}

fn v4_body() -> Vec<u8> {
    [[198, 51, 100, 10].as_slice(), &[10, 0, 0, 1], &5000_u16.to_be_bytes(), &443_u16.to_be_bytes()].concat()
}

fn client(bytes: &[u8]) -> Result<Option<String>, &'static str> {
    match parse(bytes) {
        Ok(Progress::Done(header)) => Ok(header.client.map(|client| client.to_string())),
        Ok(Progress::Needs(_)) => Err("not whole"),
        Err(error) => Err(error.0),
    }
}

#[test]
fn version_1_is_one_line() {
    for (line, expected) in [
        ("PROXY TCP4 198.51.100.10 10.0.0.1 5000 443\r\n", Ok(Some("198.51.100.10:5000"))),
        ("PROXY TCP6 2001:db8::1 2001:db8::2 5000 443\r\n", Ok(Some("[2001:db8::1]:5000"))),
        ("PROXY TCP6 ::ffff:198.51.100.10 ::1 1 2\r\n", Ok(Some("198.51.100.10:1"))),
        ("PROXY UNKNOWN\r\n", Ok(None)),
        ("PROXY UNKNOWN ffff::1 whatever\r\n", Ok(None)),
        ("PROXY UNKNOWNS\r\n", Err("the line has not five fields")),
        ("PROXY TCP4 198.51.100.10 10.0.0.1 5000\r\n", Err("the line has not five fields")),
        ("PROXY TCP4  198.51.100.10 10.0.0.1 5000 443\r\n", Err("the line has not five fields")),
        ("PROXY TCP4 2001:db8::1 10.0.0.1 5000 443\r\n", Err("an address is none")),
        ("PROXY TCP4 198.51.100.10 nobody 5000 443\r\n", Err("an address is none")),
        ("PROXY TCP4 198.51.100.10 10.0.0.1 05 443\r\n", Err("a port is none")),
        ("PROXY TCP4 198.51.100.10 10.0.0.1 +5 443\r\n", Err("a port is none")),
        ("PROXY TCP4 198.51.100.10 10.0.0.1 65536 443\r\n", Err("a port is none")),
        ("PROXY TCP4 198.51.100.10 10.0.0.1 5 \r\n", Err("a port is none")),
        ("PROXY TCP4 0.0.0.0 10.0.0.1 5 443\r\n", Err("the source is the unspecified address")),
        ("PROXY TCP6 :: ::1 5 443\r\n", Err("the source is the unspecified address")),
        ("PROXY UDP4 198.51.100.10 10.0.0.1 5000 443\r\n", Err("the family is unknown")),
        ("PROXY TCP4 198.51.100.10 10.0.0.1 5000 443\n", Err("not whole")),
        ("proxy TCP4 198.51.100.10 10.0.0.1 5000 443\r\n", Err("neither version's signature")),
        ("GET / HTTP/1.1\r\n\r\n", Err("neither version's signature")),
        ("\r\n\r\nGET / HTTP/1.1\r\n", Err("neither version's signature")),
    ] {
        assert_eq!(client(line.as_bytes()), expected.map(|client| client.map(str::to_owned)), "{line:?}");
    }
    let endless = format!("PROXY UNKNOWN {}", "x".repeat(200));
    assert_eq!(client(endless.as_bytes()), Err("the line has no end"));
}

#[test]
fn version_2_is_binary() {
    assert_eq!(client(&v2(0x21, 0x11, &v4_body())), Ok(Some("198.51.100.10:5000".to_owned())));
    let v6 = [Ipv6Addr::LOCALHOST.octets(), Ipv6Addr::LOCALHOST.octets()].concat();
    let v6 = [v6, vec![0x13, 0x88, 1, 187]].concat();
    assert_eq!(client(&v2(0x21, 0x21, &v6)), Ok(Some("[::1]:5000".to_owned())));
    // What follows the addresses is for others.
    let more = [v4_body(), vec![0x20, 0, 3, 1, 2, 3]].concat();
    assert_eq!(client(&v2(0x21, 0x11, &more)), Ok(Some("198.51.100.10:5000".to_owned())));
    assert_eq!(client(&v2(0x20, 0x11, &v4_body())), Ok(None), "LOCAL");
    assert_eq!(client(&v2(0x20, 0, &[])), Ok(None));
    assert_eq!(client(&v2(0x21, 0, &[])), Ok(None), "UNSPEC");
    for (header, why) in [
        (v2(0x11, 0x11, &v4_body()), "the version is unknown"),
        (v2(0x22, 0x11, &v4_body()), "the command is unknown"),
        (v2(0x21, 0x12, &v4_body()), "the family is not TCP over IPv4 or IPv6"),
        (v2(0x21, 0x31, &[0; 216]), "the family is not TCP over IPv4 or IPv6"),
        (v2(0x21, 0x11, &v4_body()[..11]), "the addresses are not whole"),
        (v2(0x21, 0x21, &v4_body()), "the addresses are not whole"),
        (v2(0x21, 0x11, &[0; 12]), "the source is the unspecified address"),
        (v2(0x21, 0x11, &[1; 5000]), "it is too long"),
    ] {
        assert_eq!(client(&header), Err(why));
    }
}

/// Reading what is needed, and no more, ends exactly at the end of the header, wherever the pieces are cut.
#[test]
fn what_follows_the_header_is_left_alone() {
    let v1 = b"PROXY TCP4 198.51.100.10 10.0.0.1 5000 443\r\n".to_vec();
    for header in [v1, b"PROXY UNKNOWN\r\n".to_vec(), v2(0x21, 0x11, &v4_body()), v2(0x20, 0, &[])] {
        let stream = [header.as_slice(), b"PROXY GET"].concat();
        let mut read = 0;
        let length = loop {
            match parse(&stream[..read]).unwrap() {
                Progress::Needs(0) => panic!("nothing would be read for ever"),
                Progress::Needs(count) => read += count,
                Progress::Done(header) => break header.length,
            }
        };
        assert_eq!((length, read), (header.len(), header.len()));
    }
}

proptest! {
    #[test]
    fn no_bytes_break_the_reader(start in 0..3_u8, bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let bytes = match start {
            0 => bytes,
            1 => [V1_WORD, &bytes].concat(),
            _ => [&V2_SIGNATURE[..], &bytes].concat(),
        };
        match parse(&bytes) {
            Ok(Progress::Needs(count)) => prop_assert!(count > 0),
            Ok(Progress::Done(header)) => {
                prop_assert!(header.length <= bytes.len());
                // What follows does not change what was read.
                prop_assert_eq!(parse(&bytes[..header.length]), Ok(Progress::Done(header)));
            }
            Err(_) => {}
        }
    }
}
