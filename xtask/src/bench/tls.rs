//! The certificate that all servers of the bench show.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::command::{command, run_logged};

/// A certificate for `*.localhost` on a P-256 key, and the key.
pub(super) struct Certificate {
    pub(super) chain: PathBuf,
    pub(super) key: PathBuf,
}

impl Certificate {
    /// Makes one in `directory`.
    pub(super) fn make(directory: &Path) -> Result<Self> {
        let certificate = Self { chain: directory.join("chain.pem"), key: directory.join("key.pem") };
        let mut openssl = command(
            "openssl",
            &["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
        );
        openssl.args(["-subj", "/CN=bench", "-addext", "subjectAltName=DNS:*.localhost,DNS:localhost"]);
        openssl.arg("-keyout").arg(&certificate.key).arg("-out").arg(&certificate.chain);
        run_logged("bench certificate", &mut openssl)?;
        Ok(certificate)
    }
}
