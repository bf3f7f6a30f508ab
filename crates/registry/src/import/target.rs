//! Which databases an import may use: an empty one, or the one where it was begun before.

use super::Resume;
use crate::archive::Header;
use crate::entity::{RegistryRecord, ServerRecord, Team, Token, User};
use crate::error::{Error, Result};
use crate::holdfast::Holdfast;
use holdfast_store::{Entity, Key, Rev, Scan, read};
use holdfast_types::Timestamp;
use serde::{Deserialize, Serialize};

/// The mark of an import that has not come to its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct UnfinishedImport {
    /// Of which export.
    pub(super) id: String,
    /// When that was made.
    pub(super) made_at: Timestamp,
    /// When this was begun.
    pub(super) begun_at: Timestamp,
}

impl UnfinishedImport {
    pub(super) fn key_of() -> Key {
        Key::new("server", "import")
    }
}

impl Entity for UnfinishedImport {
    const VERSION: u32 = 1;

    holdfast_store::body_by_serde!();

    fn key(&self) -> Key {
        UnfinishedImport::key_of()
    }
}

impl Holdfast {
    /// Whether an import was begun in this database and not finished.
    pub async fn is_half_imported(&self) -> Result<bool> {
        Ok(self.unfinished().await?.is_some())
    }

    /// Refuses a database in which an import did not come to its end.
    pub(crate) async fn require_whole(&self) -> Result<()> {
        let Some((_, mark)) = self.unfinished().await? else { return Ok(()) };
        Err(unfinished(&mark))
    }

    async fn unfinished(&self) -> Result<Option<(Rev, UnfinishedImport)>> {
        Ok(read::<UnfinishedImport>(&*self.store, &UnfinishedImport::key_of()).await?)
    }

    /// Whether this import was begun here before; refuses any other use of the database.
    pub(super) async fn is_begun(&self, header: &Header, resume: Resume) -> Result<bool> {
        match (self.unfinished().await?, resume) {
            (None, _) => self.require_empty().await.map(|()| false),
            (Some((_, mark)), Resume::No) => Err(unfinished(&mark)),
            (Some((_, mark)), Resume::Yes) if mark.id == header.id => Ok(true),
            (Some((_, mark)), Resume::Yes) => Err(Error::conflict(format!(
                "the import that was begun here is of an export made at `{}`, and this one was made at `{}`; go on \
                 with the other one, or begin with an empty database",
                mark.made_at, header.made_at
            ))),
        }
    }

    async fn require_empty(&self) -> Result<()> {
        let server = ServerRecord::key_of();
        if let Some((_, server)) = read::<ServerRecord>(&*self.store, &server).await? {
            return Err(Error::conflict(format!(
                "this database is not empty: it holds a server made at `{}`; choose another one with `--database URL`",
                server.created_at
            )));
        }
        for part in [&server.part, RegistryRecord::PART, User::PART, Team::PART, Token::PART] {
            if let Some(doc) = self.store.scan(&Scan::first(part, 1)).await?.first() {
                return Err(Error::conflict(format!(
                    "this database is not empty: it holds `{}`; choose another one with `--database URL`",
                    doc.key
                )));
            }
        }
        Ok(())
    }
}

pub(super) fn unfinished(mark: &UnfinishedImport) -> Error {
    Error::conflict(format!(
        "an import of what was saved at `{}` was begun in this database and not finished; go on with `--resume`, \
         or begin with an empty database",
        mark.made_at
    ))
}
