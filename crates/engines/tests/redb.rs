//! redb runs the suite that every engine runs.

#![cfg(feature = "redb")]
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::sync::{Arc, Weak};

use holdfast_store::Store;
use holdfast_store::conformance::Site;
use tokio::sync::Mutex;

/// A file, and the engine that has it open: there can be one only.
struct Directory {
    folder: tempfile::TempDir,
    open: Mutex<Option<Weak<dyn Store>>>,
}

impl Directory {
    fn new() -> Directory {
        Directory { folder: tempfile::tempdir().unwrap(), open: Mutex::default() }
    }
}

#[async_trait::async_trait]
impl Site for Directory {
    async fn open(&self) -> Arc<dyn Store> {
        let mut open = self.open.lock().await;
        if let Some(store) = open.as_ref().and_then(Weak::upgrade) {
            return store;
        }
        let url = format!("redb:{}", self.folder.path().join("test.redb").display());
        let store = holdfast_engines::open(&url).await.unwrap();
        *open = Some(Arc::downgrade(&store));
        store
    }
}

holdfast_store::conformance!(Directory::new());
