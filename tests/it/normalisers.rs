//! P-8 against real readers of paths: nginx, Node.js, Python and Go behind the gate. What the gate lets through as one
//! path, none of them reads as another.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use doorward_core::http::target::RequestTarget;
use doorward_testkit::Scratch;
use http::{HeaderMap, HeaderValue, Method, Uri};

use crate::{
    door::Door,
    process::free_port,
    wire::{Wire, head},
};

/// What spellings are made of.
const PIECES: [&str; 30] = [
    "/", "//", "/.", "/..", "/./", "/../", "..", ".", "%2e", "%2E%2e", "/%2e%2e/", "%2f", "%5C", "\\", ";",
    "%3b", "..;/", "%25", "%252e", "%00", "%c0%ae", "%c3%a9", "\u{e9}", "%20", "admin", "/admin", "?/admin",
    "#/admin", "%23", "%3f",
];

const CONFIG: &str = "domain = \"localhost\"\ndata_directory = \"DIR/state\"\n[public]\nscheme = \"http\"\nport = 8080\n\
                      [[listeners]]\naddress = \"127.0.0.1:0\"\n";

/// An application of another language, killed when dropped.
struct Reader {
    child: Child,
    address: SocketAddr,
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/normalisers")
}

/// Starts a program that prints its port; `None` where it is not installed, which shows in the output of the tests.
fn start(name: &str, command: &mut Command) -> Option<Reader> {
    let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let Ok(mut child) = started else {
        let _ = writeln!(std::io::stderr(), "NOT TESTED: P-8 against {name}, which is not installed");
        return None;
    };
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port: u16 = line.trim().parse().unwrap_or_else(|_| panic!("{name} does not start: {line}"));
    Some(Reader { child, address: SocketAddr::from(([127, 0, 0, 1], port)) })
}

fn go() -> Option<Reader> {
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("normaliser-go");
    let built =
        Command::new("go").args(["build", "-o"]).arg(&program).arg(folder().join("reader.go")).status();
    match built {
        Ok(status) => assert!(status.success(), "reader.go does not build"),
        Err(_) => return start("Go", &mut Command::new("go")),
    }
    start("Go", &mut Command::new(program))
}

fn nginx(scratch: &Scratch) -> Option<Reader> {
    let port = free_port();
    let directory = scratch.path().display().to_string();
    let text = std::fs::read_to_string(folder().join("nginx.conf")).unwrap();
    let config = scratch.path().join("nginx.conf");
    std::fs::write(&config, text.replace("DIR", &directory).replace("PORT", &port.to_string())).unwrap();
    let program = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/local/bin/nginx"];
    let program = program.into_iter().find(|program| std::fs::exists(program).unwrap()).unwrap_or("nginx");
    let mut command = Command::new(program);
    let started = command.arg("-c").arg(config).arg("-p").arg(scratch.path()).stderr(Stdio::null()).spawn();
    let Ok(child) = started else { return start("nginx", &mut Command::new("nginx")) };
    let reader = Reader { child, address: SocketAddr::from(([127, 0, 0, 1], port)) };
    let began = std::time::Instant::now();
    while TcpStream::connect(reader.address).is_err() {
        assert!(began.elapsed().as_secs() < 20, "nginx does not start");
        std::thread::yield_now();
    }
    Some(reader)
}

/// All that are here, by the name of their service.
fn readers(scratch: &Scratch) -> BTreeMap<&'static str, Reader> {
    let script = |program: &str, file: &str| start(program, Command::new(program).arg(folder().join(file)));
    let all = [
        ("nginx", nginx(scratch)),
        ("node", script("node", "reader.mjs")),
        ("python", script("python3", "reader.py")),
        ("go", go()),
    ];
    all.into_iter().filter_map(|(name, reader)| Some((name, reader?))).collect()
}

/// Every sequence of one and two pieces, and some of three, behind `/public`.
fn spellings() -> Vec<String> {
    let mut all = vec!["/public".to_owned()];
    for one in PIECES {
        all.push(format!("/public{one}"));
        all.push(format!("/public/a{one}b"));
        for (number, two) in PIECES.into_iter().enumerate() {
            all.push(format!("/public{one}{two}"));
            all.push(format!("/public/{one}{two}/secret"));
            let three = PIECES[(number * 7 + one.len()) % PIECES.len()];
            all.push(format!("/public{one}{two}{three}admin"));
        }
    }
    all
}

/// The one meaning of a spelling, decoded; `None` for what is refused.
fn meaning(spelling: &str) -> Option<Vec<u8>> {
    let uri = Uri::try_from(spelling).ok()?;
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("a.test"));
    let target = RequestTarget::parse(&Method::GET, &uri, &headers, None).ok()?;
    let mut octets = Vec::new();
    let mut rest = target.path().as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if *byte == b'%' {
            let digits = std::str::from_utf8(&tail[..2]).unwrap();
            octets.push(u8::from_str_radix(digits, 16).unwrap());
            rest = &tail[2..];
        } else {
            octets.push(*byte);
        }
    }
    Some(octets)
}

#[tokio::test]
async fn p_8_impossible_8_no_application_reads_another_path_than_was_judged() {
    let scratch = Scratch::new("normalisers").unwrap();
    let readers = readers(&scratch);
    let services = readers.iter().map(|(name, Reader { address, .. })| {
        format!(
            "[services.{name}]\nupstream = \"http://{address}\"\nposture = \"sso\"\npolicy = \"users\"\n\
             bypass = [{{ paths = [\"/public\"], public = true }}]\n\
             [services.{name}-open]\nupstream = \"http://{address}\"\nposture = \"public\"\n"
        )
    });
    let config: String = std::iter::once(CONFIG.to_owned()).chain(services).collect();
    let door = Door::with(&config).await;
    let spellings = spellings();
    let (permitted, refused): (Vec<_>, Vec<_>) =
        spellings.iter().partition(|spelling| meaning(spelling).is_some());
    assert!(permitted.len() > 200 && refused.len() > 1000, "{} and {}", permitted.len(), refused.len());
    for name in readers.keys() {
        let mut read = 0;
        let mut wire = Wire::to(door.address()).await;
        for spelling in &permitted {
            let meaning = meaning(spelling).unwrap();
            wire.send(head("GET", spelling, &format!("{name}-open.localhost:8080"), "")).await;
            let reply = wire.reply().await.unwrap_or_else(|| panic!("{name} {spelling}: no answer"));
            if reply.status == 400 {
                // An application may refuse more than the door does.
                wire = Wire::to(door.address()).await;
                continue;
            }
            assert_eq!(reply.status, 200, "{name} {spelling}");
            read += 1;
            for reading in reply.body.split(|byte| *byte == b'\n') {
                let same = reading == meaning || [reading, b"/"].concat() == meaning;
                assert!(same, "{name} reads {spelling} as {:?}", String::from_utf8_lossy(reading));
            }
            wire.send(head("GET", spelling, &format!("{name}.localhost:8080"), "")).await;
            let open = meaning == b"/public" || meaning.starts_with(b"/public/");
            let gated = wire.reply().await.unwrap();
            assert_eq!(gated.status, if open { 200 } else { 401 }, "{name} {spelling}");
        }
        assert!(read > permitted.len() / 2, "{name} refused nearly all");
    }
    // The others are refused before anybody is asked.
    for spelling in refused.iter().step_by(9) {
        let mut wire = Wire::to(door.address()).await;
        let (host, _) = readers.iter().next().unwrap();
        wire.send(head("GET", spelling, &format!("{host}-open.localhost:8080"), "")).await;
        assert_eq!(wire.reply().await.unwrap().status, 400, "{spelling:?}");
    }
}
