//! The directory that holds all state of a node.

use std::{
    fmt,
    fs::{File, OpenOptions, Permissions, TryLockError},
    io::Write as _,
    os::{
        fd::{AsFd as _, BorrowedFd, OwnedFd},
        unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
};

use doorward_core::{
    seal::{RootSecret, RootSecretError},
    time::{Random, draw},
};

/// The directory, for as long as it is ours: nobody else's but ours (0700), and locked against a second process.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    lock: File,
}

/// Why a data directory can't be used.
#[derive(Debug)]
pub enum DataDirectoryError {
    /// Another process works in it.
    Locked(PathBuf),
    /// It, or a file in it, can't be made or read.
    Io(PathBuf, std::io::Error),
    /// The root secret in it is unfit.
    RootSecret(PathBuf, RootSecretError),
}

impl fmt::Display for DataDirectoryError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked(path) => {
                write!(formatter, "another process works in {}; stop it first", path.display())
            }
            Self::Io(path, error) => write!(formatter, "{} can't be used: {error}", path.display()),
            Self::RootSecret(path, error) => write!(formatter, "the root secret {} {error}", path.display()),
        }
    }
}

impl std::error::Error for DataDirectoryError {}

impl DataDirectory {
    /// Makes the directory if need be, closes it to others, and locks it.
    pub fn open(path: &Path) -> Result<Self, DataDirectoryError> {
        let io = |error| DataDirectoryError::Io(path.to_owned(), error);
        std::fs::create_dir_all(path).map_err(io)?;
        std::fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(io)?;
        let lock =
            OpenOptions::new().create(true).append(true).mode(0o600).open(path.join("lock")).map_err(io)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), lock }),
            Err(TryLockError::WouldBlock) => Err(DataDirectoryError::Locked(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(io(error)),
        }
    }

    /// Takes the directory over from a process that holds it: `lock` is its lock, the same open file. It is held until
    /// the last of both ends.
    ///
    /// # Errors
    /// When `lock` is not the lock of this directory: then the other process works elsewhere.
    pub fn take_over(path: &Path, lock: OwnedFd) -> Result<Self, DataDirectoryError> {
        let io = |error| DataDirectoryError::Io(path.to_owned(), error);
        let lock = File::from(lock);
        let (ours, there) = (lock.metadata().map_err(io)?, path.join("lock").metadata().map_err(io)?);
        if (ours.dev(), ours.ino()) != (there.dev(), there.ino()) {
            return Err(io(std::io::Error::other(
                "the process that hands over works in another directory; restart instead",
            )));
        }
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), lock }),
            Err(TryLockError::WouldBlock) => Err(DataDirectoryError::Locked(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(io(error)),
        }
    }

    /// Where the SQLite database of a directory is, which another process may be working in.
    pub fn database_in(path: &Path) -> PathBuf {
        path.join("doorward.db")
    }

    /// Reads the root secret of a directory, which another process may be working in. None is made.
    ///
    /// # Errors
    /// There is none, or it can't be read.
    pub fn root_secret_in(path: &Path) -> Result<RootSecret, DataDirectoryError> {
        let path = path.join("root-secret");
        let content = std::fs::read(&path).map_err(|error| DataDirectoryError::Io(path.clone(), error))?;
        RootSecret::from_file_content(&content).map_err(|error| DataDirectoryError::RootSecret(path, error))
    }

    /// The lock, to be handed over.
    pub fn lock(&self) -> BorrowedFd<'_> {
        self.lock.as_fd()
    }

    /// Where the SQLite database is.
    pub fn database(&self) -> PathBuf {
        self.path.join("doorward.db")
    }

    /// Reads the root secret of this directory; makes one (256 random bits, 0600) if there is none.
    pub fn root_secret(&self, random: &dyn Random) -> Result<RootSecret, DataDirectoryError> {
        let path = self.path.join("root-secret");
        let io = |error| DataDirectoryError::Io(path.clone(), error);
        if !path.exists() {
            // A database without its secret must not get another one: it would look empty or wrong for ever after.
            if self.database().exists() {
                return Err(io(std::io::Error::new(
                    std::io::ErrorKind::NotFound,
                    "missing, but there is a database sealed with it",
                )));
            }
            self.write_durably(&path, hexadecimal(draw(random)).as_bytes()).map_err(io)?;
        }
        let content = std::fs::read(&path).map_err(io)?;
        RootSecret::from_file_content(&content).map_err(|error| DataDirectoryError::RootSecret(path, error))
    }

    /// The file is there whole or not at all, and stays: a database that survives a power cut which its secret did not
    /// survive is lost.
    fn write_durably(&self, path: &Path, content: &[u8]) -> std::io::Result<()> {
        let unfinished = path.with_extension("new");
        let mut file =
            OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&unfinished)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&unfinished, path)?;
        File::open(&self.path)?.sync_all()
    }
}

fn hexadecimal(bytes: [u8; 32]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
