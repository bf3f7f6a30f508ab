//! The memory engine runs the suite that every engine runs.

use std::sync::Arc;

use holdfast_store::conformance::Site;
use holdfast_store::{Memory, Store};

#[derive(Default)]
struct MemorySite(Arc<Memory>);

#[async_trait::async_trait]
impl Site for MemorySite {
    async fn open(&self) -> Arc<dyn Store> {
        self.0.clone()
    }
}

holdfast_store::conformance!(MemorySite::default());
