//! Certificates, from their source to the handshake.

use std::{net::SocketAddr, path::Path};

use doorward_visitor::Client;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

use crate::door::Door;

/// A door behind TLS with the certificate in `cert.pem`, and clear text beside it.
const FILES: &str = r#"
domain = "home.test"
data_directory = "DIR/state"

[[listeners]]
address = "127.0.0.1:0"
tls = { certificate_file = "DIR/cert.pem", key_file = "DIR/key.pem" }

[[listeners]]
address = "127.0.0.1:0"

[services.www]
upstream = "http://UPSTREAM"
posture = "public"
"#;

/// Writes a certificate for `*.home.test`, which signs itself.
fn write_certificate(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec!["*.home.test".to_owned()]).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    CertificateDer::from_pem_slice(made.cert.pem().as_bytes()).unwrap()
}

/// Whether `host` is reached over TLS by somebody who believes `root` alone.
async fn reaches(address: SocketAddr, host: &str, root: &CertificateDer<'static>) -> bool {
    let mut client = Client::new(address).trust([root.clone()]).unwrap();
    client.navigate(&format!("https://{host}/")).await.is_ok_and(|page| page.status == 200)
}

#[tokio::test]
async fn a_certificate_that_somebody_else_renews_is_presented() {
    let scratch = doorward_testkit::Scratch::new("renewed").unwrap();
    let old = write_certificate(scratch.path());
    let text = FILES.replace("DIR/cert.pem", "CERT/cert.pem").replace("DIR/key.pem", "CERT/key.pem");
    let door = Door::with(&text.replace("CERT", &scratch.path().display().to_string())).await;
    let address = door.running.addresses()[0];
    assert!(reaches(address, "www.home.test", &old).await);
    // Half a renewal: the key is another already.
    let kept = std::fs::read(scratch.path().join("cert.pem")).unwrap();
    let new = write_certificate(scratch.path());
    let whole = std::fs::read(scratch.path().join("cert.pem")).unwrap();
    std::fs::write(scratch.path().join("cert.pem"), kept).unwrap();
    door.running.look_at_certificate_files();
    assert!(reaches(address, "www.home.test", &old).await, "the one from before is presented");
    std::fs::write(scratch.path().join("cert.pem"), whole).unwrap();
    door.running.look_at_certificate_files();
    assert!(reaches(address, "www.home.test", &new).await);
    assert!(!reaches(address, "www.home.test", &old).await);
    // A reload reads them too, and one that can't be read changes nothing.
    std::fs::remove_file(scratch.path().join("key.pem")).unwrap();
    let reason = door.running.reload(&door.config_file).unwrap_err();
    assert!(reason.contains("key.pem can't be read"), "{reason}");
    assert!(reaches(address, "www.home.test", &new).await);
}

#[tokio::test]
async fn clear_text_beside_tls_leads_there() {
    let scratch = doorward_testkit::Scratch::new("redirect").unwrap();
    write_certificate(scratch.path());
    let text = FILES.replace("DIR/cert.pem", "CERT/cert.pem").replace("DIR/key.pem", "CERT/key.pem");
    let door = Door::with(&text.replace("CERT", &scratch.path().display().to_string())).await;
    let clear = door.running.addresses()[1];
    let mut client = Client::new(clear);
    let page =
        client.navigate_until("http://www.home.test/a?b=c", |url| url.scheme() == "https").await.unwrap();
    assert_eq!((page.status.as_u16(), page.header("location")), (308, Some("https://www.home.test/a?b=c")));
    let page = client.navigate("http://other.test/").await.unwrap();
    assert_eq!((page.status.as_u16(), page.header("location")), (421, None));
}
