//! Credentials in a file of cargo's folder that its owner alone can read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Shelf, StoreError, Stored, path_error};

/// The file.
pub(super) struct Book {
    folder: PathBuf,
    path: PathBuf,
}

/// What is in it.
#[derive(Default, Serialize, Deserialize)]
struct Pages {
    /// By the address of the index.
    registries: BTreeMap<String, Stored>,
}

impl Book {
    pub(super) fn in_folder(folder: &Path) -> Book {
        Book { folder: folder.to_owned(), path: folder.join("holdfast-credentials.json") }
    }

    fn read(&self) -> Result<Pages, StoreError> {
        let trouble = |source| path_error("read", &self.path, source);
        let mut file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Pages::default()),
            file => file.map_err(trouble)?,
        };
        close(&file, &self.path).map_err(|source| path_error("hide from others", &self.path, source))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(trouble)?;
        serde_json::from_slice(&text).map_err(|_| StoreError::StrangeFile(self.path.clone()))
    }

    /// Puts a new file in the place of the old one: a reader sees one of them as a whole. Temporary files are
    /// made for the owner alone.
    fn write(&self, pages: &Pages) -> Result<(), StoreError> {
        let written = (|| {
            std::fs::create_dir_all(&self.folder)?;
            let mut file =
                tempfile::Builder::new().prefix(".holdfast-credentials-").tempfile_in(&self.folder)?;
            serde_json::to_writer_pretty(&mut file, pages)?;
            file.write_all(b"\n")?;
            file.as_file().sync_all()?;
            file.persist(&self.path).map(|_| ()).map_err(|error| error.error)
        })();
        written.map_err(|source| path_error("write", &self.path, source))
    }
}

impl Shelf for Book {
    fn name(&self) -> String {
        format!("`{}`", self.path.display())
    }

    fn load(&self, index: &str) -> Result<Option<Stored>, StoreError> {
        Ok(self.read()?.registries.remove(index))
    }

    fn save(&self, index: &str, stored: &Stored) -> Result<(), StoreError> {
        let mut pages = self.read()?;
        pages.registries.insert(index.to_owned(), stored.clone());
        self.write(&pages)
    }

    fn remove(&self, index: &str) -> Result<(), StoreError> {
        let mut pages = self.read()?;
        match pages.registries.remove(index) {
            Some(_) => self.write(&pages),
            None => Ok(()),
        }
    }
}

/// Takes from others what they may do with the file. Somebody opened it up, and should know.
#[cfg(unix)]
fn close(file: &File, path: &Path) -> io::Result<()> {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;
    let mode = file.metadata()?.permissions().mode();
    if mode & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
        let path = path.display();
        eprintln!("warning: others could read `{path}`, which is corrected; if they did, sign in again");
    }
    Ok(())
}

/// Elsewhere the folder of the user is closed to others.
#[cfg(not(unix))]
fn close(_: &File, _: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use std::fs;

    use super::super::tests::{keeps, token};
    use super::*;

    #[test]
    fn the_file_keeps_credentials() {
        let folder = tempfile::tempdir().unwrap();
        keeps(&Book::in_folder(&folder.path().join("not/yet/there")));
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let book = Book::in_folder(folder.path());
        let mode = || fs::metadata(&book.path).unwrap().permissions().mode() & 0o777;
        book.save("i", &token("x")).unwrap();
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&book.path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(book.load("i").unwrap(), Some(token("x")));
        assert_eq!(mode(), 0o600);
    }

    #[test]
    fn a_reader_sees_the_old_file_or_the_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let book = Book::in_folder(folder.path());
        book.save("i", &token("old")).unwrap();
        let reader = File::open(&book.path).unwrap();
        book.save("i", &token("new")).unwrap();
        let seen: Pages = serde_json::from_reader(reader).unwrap();
        assert_eq!(seen.registries["i"], token("old"));
        assert_eq!(book.load("i").unwrap(), Some(token("new")));
        // Nothing is left lying about.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn readers_never_meet_half_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let book = Book::in_folder(folder.path());
        book.save("i", &token("first")).unwrap();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                (0..100).for_each(|turn| book.save("i", &token(&"x".repeat(1 + turn * 50))).unwrap());
            });
            while !writer.is_finished() {
                assert!(book.load("i").unwrap().is_some());
            }
        });
    }

    #[test]
    fn what_cannot_be_written_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let book = Book::in_folder(folder.path());
        fs::create_dir(&book.path).unwrap();
        assert!(matches!(book.write(&Pages::default()), Err(StoreError::Path { action: "write", .. })));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_strange_file_is_neither_read_nor_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let book = Book::in_folder(folder.path());
        for text in ["", "{", "[]", r#"{"registries":{"i":{"kind":"token","token":"two words"}}}"#] {
            fs::write(&book.path, text).unwrap();
            assert!(matches!(book.load("i"), Err(StoreError::StrangeFile(_))), "{text}");
            assert!(matches!(book.save("i", &token("x")), Err(StoreError::StrangeFile(_))));
            assert_eq!(fs::read_to_string(&book.path).unwrap(), text);
        }
    }
}
