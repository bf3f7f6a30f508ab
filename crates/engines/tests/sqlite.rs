//! SQLite runs the suite that every engine runs.

#![cfg(feature = "sqlite")]
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::sync::Arc;

use holdfast_store::Store;
use holdfast_store::conformance::Site;

struct Directory(tempfile::TempDir);

impl Directory {
    fn new() -> Directory {
        Directory(tempfile::tempdir().unwrap())
    }
}

#[async_trait::async_trait]
impl Site for Directory {
    async fn open(&self) -> Arc<dyn Store> {
        holdfast_engines::open(&format!("sqlite:{}", self.0.path().join("test.db").display())).await.unwrap()
    }
}

holdfast_store::conformance!(Directory::new());
