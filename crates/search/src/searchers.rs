//! The view of the index that searches use, and its exchange after a commit.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tantivy::{IndexReader, Searcher, TantivyError};

/// Hands out the newest view.
///
/// A view that is replaced is given up by the one who writes, never by a search: whoever lets go last unmaps
/// files that are deleted by then, and waits for the file system to free them. On a busy disk that takes seconds.
pub(crate) struct Searchers {
    reader: IndexReader,
    current: RwLock<Arc<Searcher>>,
    retired: Mutex<Vec<Arc<Searcher>>>,
}

impl Searchers {
    pub(crate) fn new(reader: IndexReader) -> Self {
        let current = RwLock::new(Arc::new(reader.searcher()));
        Self { reader, current, retired: Mutex::default() }
    }

    /// The state after the last commit.
    pub(crate) fn current(&self) -> Arc<Searcher> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes the last commit visible.
    pub(crate) fn reload(&self) -> Result<(), TantivyError> {
        self.reader.reload()?;
        let mut next = Arc::new(self.reader.searcher());
        std::mem::swap(&mut *self.current.write().unwrap_or_else(PoisonError::into_inner), &mut next);
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        retired.push(next);
        retired.retain(|searcher| Arc::strong_count(searcher) > 1);
        Ok(())
    }
}
