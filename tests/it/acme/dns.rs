//! DNS-01 with each provider: records that are written for real, or by a stand-in that does so for the fake DNS.

use std::{
    fmt::Write as _,
    process::Command,
    sync::{Arc, Mutex},
};

use doorward_testkit::Scratch;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::{Bytes, Incoming},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use super::{
    now, obtained,
    pebble::{Options, Pebble, Program, start},
    presented, reaches, until,
};
use crate::{door::Door, process::free_port};

const WILDCARD: &str = "[[certificates]]\nnames = [\"*.home.test\", \"home.test\"]\n";

/// Tells the fake DNS.
async fn tell(management: u16, path: &str, body: Value) {
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", management)).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request =
        Request::post(path).header("host", "dns").body(Full::new(Bytes::from(body.to_string()))).unwrap();
    assert!(sender.send_request(request).await.unwrap().status().is_success());
}

/// A stand-in for a provider's interface: it writes what it is told to the fake DNS, and remembers what it was asked.
struct Stand {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Stand {
    async fn start(management: u16) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let noted = Arc::clone(&asked);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let noted = Arc::clone(&noted);
                let answer = service_fn(move |request| answer(request, management, Arc::clone(&noted)));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer),
                );
            }
        });
        Self { port, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer(
    request: Request<Incoming>,
    management: u16,
    noted: Arc<Mutex<Vec<String>>>,
) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let header = |name: &str| head.headers.get(name).map_or("", |value| value.to_str().unwrap());
    let secrets = format!("{}{}{}", header("authorization"), header("x-api-user"), header("x-api-key"));
    let line = format!("{} {} {secrets}", head.method, head.uri);
    noted.lock().unwrap().push(line);
    let result = match (head.method.as_str(), head.uri.path()) {
        ("GET", "/zones") if head.uri.query() == Some("name=home.test") => json!([{ "id": "zone1" }]),
        ("GET", "/zones") => json!([]),
        ("POST", "/zones/zone1/dns_records") => {
            let name = format!("{}.", body["name"].as_str().unwrap());
            let value = body["content"].as_str().unwrap().trim_matches('"').to_owned();
            tell(management, "/set-txt", json!({ "host": name, "value": value })).await;
            json!({ "id": "record1" })
        }
        ("DELETE", "/zones/zone1/dns_records/record1") => {
            tell(management, "/clear-txt", json!({ "host": "_acme-challenge.home.test." })).await;
            json!({})
        }
        ("POST", "/update") => {
            let name = format!("_acme-challenge.{}.home.test.", body["subdomain"].as_str().unwrap());
            tell(management, "/set-txt", json!({ "host": name, "value": body["txt"] })).await;
            json!({})
        }
        other => panic!("{other:?}"),
    };
    Ok(Response::new(Full::new(Bytes::from(json!({ "success": true, "result": result }).to_string()))))
}

#[tokio::test]
async fn wildcards_are_proved_in_the_dns_of_cloudflare() {
    let pebble = Pebble::new(Options::default()).up();
    let stand = Stand::start(pebble.dns_management).await;
    std::fs::write(pebble.scratch.path().join("token"), "secret-token-1\n").unwrap();
    let acme = format!(
        "[acme.dns]\nprovider = \"cloudflare\"\ntoken_file = \"{}/token\"\napi = \"http://127.0.0.1:{}\"\nresolvers = [\"127.0.0.1:{}\"]\n",
        pebble.scratch.path().display(),
        stand.port,
        pebble.dns_port
    );
    let door = Door::at(&pebble.config(&acme, WILDCARD), &[], now()).await;
    let status = until(&door, obtained).await;
    assert_eq!(status.len(), 1, "one certificate covers every host: {status:?}");
    let (address, root) = (door.running.addresses()[0], pebble.root().await);
    for host in ["id.home.test", "www.home.test"] {
        assert!(reaches(address, host, &root).await, "{host}");
    }
    let asked = stand.asked();
    assert!(asked.iter().all(|line| line.ends_with(" Bearer secret-token-1")), "{asked:?}");
    let count = |start: &str| asked.iter().filter(|line| line.starts_with(start)).count();
    // One record for each name, and each is removed again.
    assert_eq!((count("POST"), count("DELETE")), (2, 2), "{asked:?}");
}

#[tokio::test]
async fn names_are_proved_by_acme_dns() {
    let pebble = Pebble::new(Options::default()).up();
    let stand = Stand::start(pebble.dns_management).await;
    let account = |name: &str| json!({ "username": "user", "password": "pass", "subdomain": name });
    let accounts = json!({ "id.home.test": account("id"), "www.home.test": account("www") });
    std::fs::write(pebble.scratch.path().join("accounts"), accounts.to_string()).unwrap();
    let acme = format!(
        "[acme.dns]\nprovider = \"acme-dns\"\naccounts_file = \"{}/accounts\"\nserver = \"http://127.0.0.1:{}\"\nresolvers = [\"127.0.0.1:{}\"]\n",
        pebble.scratch.path().display(),
        stand.port,
        pebble.dns_port
    );
    let door = Door::at(&pebble.config(&acme, ""), &[], now()).await;
    until(&door, obtained).await;
    assert_eq!(stand.asked(), ["POST /update userpass"; 2]);
}

/// The program gets arguments, and no shell reads them.
#[tokio::test]
async fn names_are_proved_by_a_program() {
    let pebble = Pebble::new(Options::default()).up();
    let scratch = Scratch::new("hook").unwrap();
    let (hook, log) = (scratch.path().join("hook"), scratch.path().join("log"));
    // What a program does with the arguments is its affair: this one asks the fake DNS over a socket of the shell.
    let script = format!(
        "#!/bin/bash\necho \"$#:$*\" >>{log}\nif [ \"$2\" = present ]; then path=set-txt; else path=clear-txt; fi\n\
         body=\"{{\\\"host\\\":\\\"$3.\\\",\\\"value\\\":\\\"$4\\\"}}\"\nexec 3<>/dev/tcp/127.0.0.1/{port}\n\
         printf 'POST /%s HTTP/1.1\\r\\nHost: dns\\r\\nConnection: close\\r\\nContent-Length: %s\\r\\n\\r\\n%s' $path ${{#body}} \"$body\" >&3\n\
         cat <&3 >/dev/null\n",
        log = log.display(),
        port = pebble.dns_management
    );
    std::fs::write(&hook, script).unwrap();
    let status = Command::new("chmod").arg("+x").arg(&hook).status().unwrap();
    assert!(status.success());
    let acme = format!(
        "[acme.dns]\nprovider = \"exec\"\ncommand = [\"{}\", \"a b; $(id)\"]\nresolvers = [\"127.0.0.1:{}\"]\n",
        hook.display(),
        pebble.dns_port
    );
    let door = Door::at(&pebble.config(&acme, ""), &[], now()).await;
    until(&door, obtained).await;
    let log = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    assert!(lines.iter().all(|line| line.starts_with("4:a b; $(id) ")), "{log}");
    let count = |word: &str| lines.iter().filter(|line| line.contains(word)).count();
    assert_eq!((count(" present _acme-challenge."), count(" cleanup _acme-challenge.")), (2, 2), "{log}");
}

/// Debian's `named` with one zone, which takes updates of one key, and another for what is delegated. It follows aliases
/// from one to the other, and asks nobody else.
fn named(folder: &Scratch, port: u16, algorithm: &str) -> Program {
    let place = folder.path().display();
    let mut zone = String::from(
        "$TTL 60\n@ IN SOA ns.home.test. root.home.test. 1 60 60 60 60\n@ IN NS ns.home.test.\n",
    );
    for name in ["ns", "@", "id", "www"] {
        writeln!(zone, "{name} IN A 127.0.0.1").unwrap();
    }
    std::fs::write(folder.path().join("delegated"), &zone).unwrap();
    // By way of another alias, as providers do.
    zone.push_str("_acme-challenge.apps IN CNAME step\nstep IN CNAME apps.delegated.test.\n");
    std::fs::write(folder.path().join("zone"), zone).unwrap();
    let config = format!(
        "key \"door-key\" {{ algorithm {algorithm}; secret \"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\"; }};\n\
         options {{ directory \"{place}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
         pid-file \"{place}/pid\"; session-keyfile \"{place}/session.key\"; recursion yes; forward only; forwarders {{ 127.0.0.1 port 1; }}; dnssec-validation no; }};\n\
         controls {{ }};\nzone \"home.test\" {{ type primary; file \"{place}/zone\"; update-policy {{ grant door-key name _acme-challenge.home.test TXT; }}; }};\n\
         zone \"delegated.test\" {{ type primary; file \"{place}/delegated\"; update-policy {{ grant door-key name apps.delegated.test TXT; }}; }};\n"
    );
    std::fs::write(folder.path().join("named.conf"), config).unwrap();
    let mut command = Command::new("/usr/sbin/named");
    start(command.args(["-g", "-c"]).arg(folder.path().join("named.conf")), "running")
}

#[tokio::test]
async fn wildcards_are_proved_by_dynamic_updates() {
    for algorithm in ["hmac-sha256", "hmac-sha512"] {
        let (folder, port) = (Scratch::new("named").unwrap(), free_port());
        let _named = named(&folder, port, algorithm);
        let mut pebble = Pebble::new(Options::default());
        pebble.start_authority(&format!("127.0.0.1:{port}"));
        std::fs::write(folder.path().join("key"), "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=").unwrap();
        let acme = format!(
            "[acme.dns]\nprovider = \"rfc2136\"\nserver = \"127.0.0.1:{port}\"\nkey_name = \"door-key\"\n\
             key_algorithm = \"{algorithm}\"\nkey_file = \"{}/key\"\n",
            folder.path().display()
        );
        let door = Door::at(&pebble.config(&acme, WILDCARD), &[], now()).await;
        until(&door, obtained).await;
        assert!(
            reaches(door.running.addresses()[0], "www.home.test", &pebble.root().await).await,
            "{algorithm}"
        );
        let leaf = presented(door.running.addresses()[0], "www.home.test").await;
        let mut names = doorward_proxy::certificates::names(&leaf);
        names.sort();
        assert_eq!(names, ["*.home.test", "home.test"]);
    }
}

/// The zone of the host may be changed by nobody here: its challenge is an alias of a name in a zone that may. Who is named
/// for that zone writes there, the authority follows, and both a host and a wildcard are proved so.
#[tokio::test]
async fn a_challenge_that_is_delegated_is_proved_where_its_alias_leads() {
    let (folder, port) = (Scratch::new("named").unwrap(), free_port());
    let _named = named(&folder, port, "hmac-sha256");
    let mut pebble = Pebble::new(Options::default());
    pebble.start_authority(&format!("127.0.0.1:{port}"));
    std::fs::write(folder.path().join("key"), "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=").unwrap();
    let acme = format!(
        "[[acme.dns]]\nzones = [\"home.test\"]\nprovider = \"exec\"\ncommand = [\"/bin/false\"]\nresolvers = [\"127.0.0.1:{port}\"]\n\n\
         [[acme.dns]]\nzones = [\"delegated.test\"]\nprovider = \"rfc2136\"\nserver = \"127.0.0.1:{port}\"\n\
         key_name = \"door-key\"\nkey_file = \"{}/key\"\n",
        folder.path().display()
    );
    let certificate = "[[certificates]]\nnames = [\"*.apps.home.test\", \"apps.home.test\"]\n";
    let text = pebble.config(&acme, certificate).replace("[acme]\n", "[acme]\nchallenge = \"dns-01\"\n");
    let text = text.replace("domain = \"home.test\"", "domain = \"apps.home.test\"");
    let door = Door::at(&text, &[], now()).await;
    let status = until(&door, obtained).await;
    assert_eq!(status.len(), 1, "{status:?}");
    assert!(reaches(door.running.addresses()[0], "www.apps.home.test", &pebble.root().await).await);
}

/// A key that the server does not know is told as such.
#[tokio::test]
async fn a_wrong_key_of_the_dns_is_explained() {
    let (folder, port) = (Scratch::new("named").unwrap(), free_port());
    let _named = named(&folder, port, "hmac-sha256");
    let mut pebble = Pebble::new(Options::default());
    pebble.start_authority(&format!("127.0.0.1:{port}"));
    std::fs::write(folder.path().join("key"), "d3Jvbmcga2V5IHdyb25nIGtleSB3cm9uZyBrZXk=").unwrap();
    let acme = format!(
        "[acme.dns]\nprovider = \"rfc2136\"\nserver = \"127.0.0.1:{port}\"\nkey_name = \"door-key\"\nkey_file = \"{}/key\"\n",
        folder.path().display()
    );
    let door = Door::at(&pebble.config(&acme, WILDCARD), &[], now()).await;
    let status = until(&door, super::failed).await;
    let reason = status[0].last_error.as_ref().unwrap();
    assert!(reason.contains("does not accept the key"), "{reason}");
    assert!(!reason.contains("d3Jvbmcg"), "no secret is told");
}
