//! Chains to several roots.

use doorward_core::certificate::facts;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

use super::{
    now, obtained,
    pebble::{Options, Pebble},
    reaches, until,
};
use crate::door::Door;

/// Every certificate that is presented for a name, leaf first.
async fn chain(door: &Door, name: &str) -> Vec<CertificateDer<'static>> {
    let output = tokio::process::Command::new("openssl")
        .args(["s_client", "-connect", &door.running.addresses()[0].to_string()])
        .args(["-servername", name, "-showcerts"])
        .stdin(std::process::Stdio::null())
        .output()
        .await
        .unwrap();
    CertificateDer::pem_slice_iter(&output.stdout).map(Result::unwrap).collect()
}

/// Where an authority offers chains to several roots, the one that is asked for is taken; its first for who names none of
/// them.
#[tokio::test]
async fn the_preferred_chain_is_taken() {
    let pebble = Pebble::new(Options { alternate_roots: 2, ..Options::default() }).up();
    let mut roots = Vec::new();
    for number in 0..3 {
        roots.push(pebble.root_of_chain(number).await);
    }
    let names: Vec<String> = roots.iter().map(|root| facts(root).unwrap().issuer.unwrap()).collect();
    for (preferred, taken) in [(&*names[2], 2), (&*names[0], 0), ("No such root", 0)] {
        let acme = format!("preferred_chain = \"{preferred}\"");
        let door = Door::at(&pebble.config(&acme, ""), &[], now()).await;
        until(&door, obtained).await;
        let presented = chain(&door, "www.home.test").await;
        let top = facts(presented.last().unwrap()).unwrap();
        assert_eq!(top.issuer.as_ref(), Some(&names[taken]), "{preferred}");
        for (number, root) in roots.iter().enumerate() {
            let reached = reaches(door.running.addresses()[0], "www.home.test", root).await;
            assert_eq!(reached, number == taken, "{preferred}: {number}");
        }
    }
}
