//! Making a secret for an application that has none yet.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::time::{Random, draw};
use zeroize::Zeroizing;

use crate::clock::OperatingSystem;

/// Writes a fresh secret into `file` unless there is something already: 32 random bytes, readable by the owner alone.
/// The file appears with all of its content or not at all, and never in place of another one.
///
/// # Errors
/// A sentence that says what can't be written and what to do.
pub(super) fn unless_present(file: &Path) -> Result<(), String> {
    // What can't be looked at is for the reader to complain about.
    if !matches!(file.try_exists(), Ok(false)) {
        return Ok(());
    }
    match write(file, &OperatingSystem::default()) {
        Ok(()) => {
            tracing::info!(file = %file.display(), "a secret was made for an application; give it this file");
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(format!(
            "the secret {} can't be made: {error}; make its directory writable, or write the file yourself",
            file.display()
        )),
    }
}

fn write(file: &Path, random: &dyn Random) -> io::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}.new", URL_SAFE_NO_PAD.encode(draw::<9>(random))));
    let fresh = Path::new(&name);
    let secret = Zeroizing::new(format!("{}\n", URL_SAFE_NO_PAD.encode(draw::<32>(random))));
    let written = fill(fresh, secret.as_bytes()).and_then(|()| fs::hard_link(fresh, file));
    let removed = fs::remove_file(fresh);
    written.and(removed)?;
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

fn fill(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use doorward_testkit::Scratch;

    use super::*;

    #[test]
    fn a_secret_is_made_once_and_for_its_owner() {
        let scratch = Scratch::new("generate").unwrap();
        let file = scratch.path().join("secret");
        unless_present(&file).unwrap();
        let first = fs::read(&file).unwrap();
        assert_eq!((first.len(), fs::metadata(&file).unwrap().permissions().mode() & 0o777), (44, 0o600));
        unless_present(&file).unwrap();
        assert_eq!(fs::read(&file).unwrap(), first);
        let other = scratch.path().join("other");
        unless_present(&other).unwrap();
        assert_ne!(fs::read(&other).unwrap(), first);
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 2, "nothing else is left there");
        let error = unless_present(&scratch.path().join("missing/secret")).unwrap_err();
        assert!(error.contains("can't be made"), "{error}");
    }

    #[test]
    fn what_is_there_is_never_replaced() {
        let scratch = Scratch::new("generate").unwrap();
        let file = scratch.path().join("secret");
        fs::write(&file, "").unwrap();
        unless_present(&file).unwrap();
        assert_eq!(
            write(&file, &OperatingSystem::default()).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(fs::read(&file).unwrap(), b"", "an empty file is the reader's to refuse");
    }
}
