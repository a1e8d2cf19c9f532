//! Certificates in files that somebody else renews.

use std::{os::unix::fs::MetadataExt as _, path::Path, time::SystemTime};

use doorward_core::{certificate::facts, config::CertificateFiles};
use doorward_proxy::{
    certificates::{self, Certificate},
    tls::{self, TlsError},
};

use super::CertificateStatus;

/// The certificates of the files that a configuration names.
pub(super) struct Files(Vec<One>);

struct One {
    files: CertificateFiles,
    certificate: Certificate,
    seen: [Option<Stamp>; 2],
    /// Why what is in the files now can't be used.
    last_error: Option<String>,
}

/// What changes when a file is written or replaced.
type Stamp = (SystemTime, u64, u64);

impl Files {
    pub(super) fn read<'a>(named: impl Iterator<Item = &'a CertificateFiles>) -> Result<Self, TlsError> {
        let mut read: Vec<One> = Vec::new();
        for files in named {
            if !read.iter().any(|one| one.files == *files) {
                read.push(One::read(files)?);
            }
        }
        Ok(Self(read))
    }

    pub(super) fn find(&self, files: &CertificateFiles) -> Option<&Certificate> {
        self.0.iter().find(|one| one.files == *files).map(|one| &one.certificate)
    }

    /// What is known about them.
    pub(super) fn status(&self) -> Vec<CertificateStatus> {
        self.0.iter().map(One::status).collect()
    }

    /// Reads those again that have changed. Whether any of them is another now. One that can't be used at the moment, half
    /// written perhaps, is looked at again the next time, and what was read before is presented until then.
    pub(super) fn look_again(&mut self) -> bool {
        let mut changed = false;
        for one in &mut self.0 {
            if one.seen == stamps(&one.files) {
                continue;
            }
            match One::read(&one.files) {
                Ok(read) => {
                    tracing::info!(file = %read.files.certificate_file.display(), "a certificate was renewed");
                    *one = read;
                    changed = true;
                }
                Err(error) => {
                    one.last_error = Some(error.to_string());
                    tracing::warn!(%error, "a certificate changed and can't be used; the one from before is presented");
                }
            }
        }
        changed
    }
}

impl One {
    fn read(files: &CertificateFiles) -> Result<Self, TlsError> {
        // Looked at before it is read: what is written in between shows the next time.
        let seen = stamps(files);
        let certificate = tls::from_files(files)?;
        Ok(Self { files: files.clone(), certificate, seen, last_error: None })
    }
}

impl One {
    fn status(&self) -> CertificateStatus {
        let leaf = self.certificate.cert.first();
        CertificateStatus {
            names: leaf.map(|leaf| certificates::names(leaf)).unwrap_or_default(),
            not_after: leaf.and_then(|leaf| facts(leaf).ok()).map(|facts| facts.not_after),
            source: "file",
            last_error: self.last_error.clone(),
        }
    }
}

fn stamps(files: &CertificateFiles) -> [Option<Stamp>; 2] {
    [&files.certificate_file, &files.key_file].map(|file| stamp(file))
}

fn stamp(file: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
}
