//! Certificates by ACME, against a real authority.

mod accounts;
mod chains;
mod dns;
mod front;
mod pebble;
mod renewal;

use std::{net::SocketAddr, time::Duration};

use doorward::{certificates::CertificateStatus, clock::SystemClock};
use doorward_core::time::{Clock as _, UnixTime};
use doorward_testkit::{PostgresDatabase, TestClock};
use doorward_visitor::Client;
use front::Front;
use pebble::{Options, Pebble};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

use crate::door::Door;

/// A clock that stands at this moment: the authority has no other.
fn now() -> TestClock {
    TestClock::at(SystemClock.now().0)
}

/// Waits until `door` knows of its certificates what `fit` asks for.
async fn until(door: &Door, fit: impl Fn(&CertificateStatus) -> bool) -> Vec<CertificateStatus> {
    let mut changes = door.running.certificate_changes();
    let waiting = async {
        loop {
            let status = door.running.certificates();
            if status.iter().all(&fit) {
                return status;
            }
            changes.changed().await.unwrap();
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(40), waiting).await;
    found.unwrap_or_else(|_| panic!("not in time: {:#?}", door.running.certificates()))
}

fn obtained(status: &CertificateStatus) -> bool {
    status.not_after.is_some() && status.last_error.is_none()
}

fn failed(status: &CertificateStatus) -> bool {
    status.last_error.is_some()
}

/// Whether `host` is reached over TLS by somebody who believes `root` alone.
async fn reaches(address: SocketAddr, host: &str, root: &CertificateDer<'static>) -> bool {
    let mut client = Client::new(address).trust([root.clone()]).unwrap();
    client.navigate(&format!("https://{host}/")).await.is_ok_and(|page| page.status == 200)
}

#[tokio::test]
async fn every_host_gets_a_certificate_by_a_handshake_or_over_http() {
    for challenge in ["tls-alpn-01", "http-01"] {
        let pebble = Pebble::new(Options { refuse_nonces: 5, ..Options::default() }).up();
        let acme = format!("challenge = \"{challenge}\"\nemail = \"ada@example.org\"");
        let door = Door::at(&pebble.config(&acme, ""), &[], now()).await;
        let address = door.running.addresses()[0];
        let root = pebble.root().await;
        let status = until(&door, obtained).await;
        let names: Vec<_> = status.iter().flat_map(|status| status.names.clone()).collect();
        assert_eq!(names, ["id.home.test", "www.home.test"], "{challenge}");
        for host in names {
            assert!(reaches(address, &host, &root).await, "{challenge} {host}");
        }
        // A restart keeps them: the authority is gone.
        drop(pebble);
        let door = door.restart().await;
        assert!(door.running.certificates().iter().all(obtained));
        assert!(reaches(door.running.addresses()[0], "www.home.test", &root).await);
    }
}

/// Nothing waits for an authority that can't be reached: TLS is spoken with a temporary certificate meanwhile.
#[tokio::test]
async fn without_the_authority_a_temporary_certificate_is_presented() {
    let pebble = Pebble::new(Options::default());
    let clock = now();
    let door = Door::at(&pebble.config("", ""), &[], clock.clone()).await;
    let status = until(&door, failed).await;
    assert!(status.iter().all(|status| status.not_after.is_none()), "{status:?}");
    let presented = presented(door.running.addresses()[0], "www.home.test").await;
    let facts = doorward_core::certificate::facts(&presented).unwrap();
    assert!(facts.not_after.since(clock.now()) <= 7 * 86_400);
    assert_eq!(doorward_proxy::certificates::names(&presented), ["www.home.test"]);
    // It comes back: after the wait, and not before.
    let pebble = pebble.up();
    clock.advance(100);
    door.running.look_at_certificates().await;
    assert!(door.running.certificates().iter().all(failed));
    clock.advance(60);
    door.running.look_at_certificates().await;
    assert!(door.running.certificates().iter().all(obtained));
    assert!(reaches(door.running.addresses()[0], "www.home.test", &pebble.root().await).await);
}

/// The leaf that is presented for a name, whoever signed it.
async fn presented(address: SocketAddr, name: &str) -> CertificateDer<'static> {
    let output = tokio::process::Command::new("openssl")
        .args(["s_client", "-connect", &address.to_string(), "-servername", name, "-showcerts"])
        .stdin(std::process::Stdio::null())
        .output()
        .await
        .unwrap();
    CertificateDer::from_pem_slice(&output.stdout).unwrap()
}

/// Two nodes on one database: the one that the authority happens to ask knows the answer, and each certificate is ordered
/// once.
#[tokio::test]
async fn several_nodes_share_one_order() {
    let database = PostgresDatabase::new().unwrap();
    let pebble = Pebble::new(Options::default()).up();
    let folder = pebble.scratch.path();
    std::fs::write(folder.join("url"), database.url()).unwrap();
    std::fs::write(folder.join("root-secret"), "root-secret-0123456789abcdef").unwrap();
    let shared = format!(
        "root_secret_file = \"{0}/root-secret\"\n\n[database]\nkind = \"postgres\"\nurl_file = \"{0}/url\"\n\n[[listeners]]",
        folder.display()
    );
    let text = pebble.config("challenge = \"tls-alpn-01\"", "").replacen("[[listeners]]", &shared, 1);
    let other = text.replace(&pebble.tls_port.to_string(), "0").replace(&pebble.http_port.to_string(), "0");
    let front = Front::start(&pebble).await;
    let (text, other) = (front.point(&pebble, &text), front.point(&pebble, &other));
    // The authority asks the first one only.
    let (first, second) = tokio::join!(Door::at(&text, &[], now()), Door::at(&other, &[], now()));
    until(&first, obtained).await;
    until(&second, obtained).await;
    for host in ["id.home.test", "www.home.test"] {
        let one = presented(first.running.addresses()[0], host).await;
        assert_eq!(one, presented(second.running.addresses()[0], host).await, "{host}");
    }
    assert_eq!(front.orders().len(), 2, "one for each certificate");
}

#[tokio::test]
async fn the_local_authority_signs_what_is_declared() {
    let text = r#"
domain = "home.localhost"
data_directory = "DIR/state"

[[listeners]]
address = "127.0.0.1:0"
tls = "local"

[[certificates]]
names = ["*.apps.home.localhost"]

[services.www]
upstream = "http://UPSTREAM"
posture = "public"

[services.inner]
host = "inner.apps.home.localhost"
upstream = "http://UPSTREAM"
posture = "public"
"#;
    let clock = now();
    let door = Door::at(text, &[], clock.clone()).await;
    let file = door.scratch.path().join("state/local-authority.pem");
    let root = CertificateDer::from_pem_file(&file).unwrap();
    let address = door.running.addresses()[0];
    for host in ["id.home.localhost", "www.home.localhost", "inner.apps.home.localhost"] {
        assert!(reaches(address, host, &root).await, "{host}");
    }
    let first = presented(address, "www.home.localhost").await;
    assert!(!reaches(address, "undeclared.home.localhost", &root).await);
    // The root stays, leaves are renewed.
    let door = door.restart().await;
    let address = door.running.addresses()[0];
    assert_eq!(CertificateDer::from_pem_file(&file).unwrap(), root);
    assert_eq!(presented(address, "www.home.localhost").await, first);
    clock.advance(61 * 86_400);
    door.running.look_at_certificates().await;
    assert_ne!(presented(address, "www.home.localhost").await, first);
    let moment: UnixTime = clock.now();
    assert!(door.running.certificates().iter().all(|status| status.not_after.is_some_and(|at| at > moment)));
}
