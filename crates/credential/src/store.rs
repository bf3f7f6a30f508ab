//! Where credentials are kept between two cargos: in the keyring of the system, or in a file.

mod file;
mod keyring;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::secret::Secret;
use file::Book;
use keyring::Keyring;

/// What is kept for one registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Stored {
    /// From signing in through the browser.
    Session(Session),
    /// A token that the user brought.
    Token { token: Secret },
    /// What a CI job got whose system gives it one token of its own and no more.
    Exchanged(Exchanged),
}

/// The token of a CI job, for its next command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exchanged {
    pub(crate) token: Secret,
    /// Seconds since 1970.
    pub(crate) expires_at: u64,
    /// The end of the job's own token, which tells it from that of the next job.
    pub(crate) job: String,
}

/// Two tokens: one to use, one to get the next two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) access_token: Secret,
    /// Seconds since 1970.
    pub(crate) expires_at: u64,
    pub(crate) refresh_token: Secret,
}

/// Why credentials cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("there is no folder for credentials; set `CARGO_HOME`")]
    NoFolder,
    #[error("`HOLDFAST_CREDENTIAL_STORE` is `{0}`; use `file` or `keyring`")]
    Choice(String),
    #[error("there is no keyring for this system; set `HOLDFAST_CREDENTIAL_STORE=file`")]
    NoKeyring,
    #[error("the keyring of this system does not work; unlock it, or set `HOLDFAST_CREDENTIAL_STORE=file`")]
    Keyring(#[source] keyring_core::Error),
    #[error("the keyring holds something else for this registry; run `cargo logout` and `cargo login` again")]
    StrangeEntry,
    #[error("cannot {action} `{}`", path.display())]
    Path { action: &'static str, path: PathBuf, source: io::Error },
    #[error("`{}` is not as this program writes it; delete it and run `cargo login` again", .0.display())]
    StrangeFile(PathBuf),
}

/// One way of keeping credentials under index addresses. Whoever saves or removes holds the lock.
trait Shelf {
    /// Where it is, for people.
    fn name(&self) -> String;
    fn load(&self, index: &str) -> Result<Option<Stored>, StoreError>;
    fn save(&self, index: &str, stored: &Stored) -> Result<(), StoreError>;
    fn remove(&self, index: &str) -> Result<(), StoreError>;
}

/// The place of this user's credentials.
pub(crate) struct Store {
    folder: PathBuf,
    shelf: Box<dyn Shelf>,
}

/// The store while no other process changes it.
pub(crate) struct Locked<'a> {
    shelf: &'a dyn Shelf,
    /// Unlocked when it is closed.
    _lock: File,
}

impl Store {
    /// `choice` is `file` or `keyring`; without one, the keyring is taken where the system brings its own.
    pub(crate) fn open(folder: Option<PathBuf>, choice: Option<&str>) -> Result<Store, StoreError> {
        let folder = folder.ok_or(StoreError::NoFolder)?;
        let wants_keyring = match choice {
            None => keyring::IS_NATIVE,
            Some("keyring") => true,
            Some("file") => false,
            Some(other) => return Err(StoreError::Choice(other.to_owned())),
        };
        let shelf: Box<dyn Shelf> =
            if wants_keyring { Box::new(Keyring::of_system()?) } else { Box::new(Book::in_folder(&folder)) };
        Ok(Store { folder, shelf })
    }

    /// Where it is, for people.
    pub(crate) fn name(&self) -> String {
        self.shelf.name()
    }

    pub(crate) fn load(&self, index: &str) -> Result<Option<Stored>, StoreError> {
        self.shelf.load(index)
    }

    /// Waits until no other process holds the lock.
    pub(crate) fn lock(&self) -> Result<Locked<'_>, StoreError> {
        let path = self.folder.join("holdfast-credentials.lock");
        let lock = fs::create_dir_all(&self.folder).and_then(|()| {
            let lock = OpenOptions::new().create(true).append(true).open(&path)?;
            lock.lock()?;
            Ok(lock)
        });
        let lock = lock.map_err(|source| path_error("lock", &path, source))?;
        Ok(Locked { shelf: &*self.shelf, _lock: lock })
    }
}

impl Locked<'_> {
    pub(crate) fn load(&self, index: &str) -> Result<Option<Stored>, StoreError> {
        self.shelf.load(index)
    }

    pub(crate) fn save(&self, index: &str, stored: &Stored) -> Result<(), StoreError> {
        self.shelf.save(index, stored)
    }

    pub(crate) fn remove(&self, index: &str) -> Result<(), StoreError> {
        self.shelf.remove(index)
    }
}

fn path_error(action: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Path { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use super::*;

    pub(super) fn token(text: &str) -> Stored {
        Stored::Token { token: Secret::try_from(text.to_owned()).unwrap() }
    }

    /// What every way of keeping must do.
    pub(super) fn keeps(shelf: &dyn Shelf) {
        let secret = |text: &str| Secret::try_from(text.to_owned()).unwrap();
        let session = Session { access_token: secret("a"), expires_at: 7, refresh_token: secret("r") };
        assert_eq!(shelf.load("one").unwrap(), None);
        shelf.remove("one").unwrap();
        shelf.save("one", &token("x")).unwrap();
        shelf.save("two", &Stored::Session(session.clone())).unwrap();
        assert_eq!(shelf.load("one").unwrap(), Some(token("x")));
        shelf.save("one", &token("y")).unwrap();
        assert_eq!(shelf.load("one").unwrap(), Some(token("y")));
        shelf.remove("one").unwrap();
        assert_eq!(shelf.load("one").unwrap(), None);
        assert_eq!(shelf.load("two").unwrap(), Some(Stored::Session(session)));
    }

    #[test]
    fn a_choice_that_means_nothing_is_told() {
        let error = Store::open(Some(PathBuf::new()), Some("paper")).err().unwrap().to_string();
        assert_eq!(error, "`HOLDFAST_CREDENTIAL_STORE` is `paper`; use `file` or `keyring`");
        assert!(matches!(Store::open(None, None), Err(StoreError::NoFolder)));
    }

    #[test]
    fn one_at_a_time_holds_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(Some(folder.path().join("new")), Some("file")).unwrap();
        let locked = store.lock().unwrap();
        let other = File::open(folder.path().join("new/holdfast-credentials.lock")).unwrap();
        assert!(other.try_lock().is_err());
        drop(locked);
        other.try_lock().unwrap();
    }
}
