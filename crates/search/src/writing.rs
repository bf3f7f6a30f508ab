//! Changes are written, committed and merged here, with as little memory as the writer allows.

use tantivy::indexer::{IndexWriterOptions, LogMergePolicy, MergePolicy, NoMergePolicy};
use tantivy::{Index, IndexWriter, TantivyError, Term};

use crate::document::Change;
use crate::schema::{Fields, identity, payload};
use crate::searchers::Searchers;
use crate::turn;

/// What the writer may hold before it starts another segment; the least it accepts.
const WRITER_BYTES: usize = 15_000_000;

/// Does work on a thread that gives way to all others, as do the threads that it starts: whoever publishes or
/// resolves shall not wait for the search index. (Elsewhere than on Linux only a whole process can give way.)
pub(crate) fn giving_way<T: Send>(
    work: impl FnOnce() -> Result<T, TantivyError> + Send,
) -> Result<T, TantivyError> {
    const NICE: i32 = 10;
    let work = || {
        #[cfg(target_os = "linux")]
        if let Err(error) = rustix::process::setpriority_process(None, NICE) {
            tracing::debug!(%error, "the search index could not lower its priority");
        }
        work()
    };
    std::thread::scope(|scope| {
        let thread =
            std::thread::Builder::new().name("search-writer".to_owned()).spawn_scoped(scope, work)?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Writes one batch and makes it visible, then tidies up. The writer lives no longer than that.
pub(crate) fn apply(
    index: &Index,
    searchers: &Searchers,
    fields: &Fields,
    changes: &[Change],
    cursor: &str,
) -> Result<(), TantivyError> {
    let mut writer = writer(index)?;
    for change in changes {
        match change {
            Change::Upsert(document) => {
                writer.delete_term(identity_term(fields, &document.registry, &document.canonical));
                writer.add_document(document.to_terms(fields))?;
            }
            Change::Remove { registry, canonical } => {
                writer.delete_term(identity_term(fields, registry, canonical));
            }
        }
    }
    commit(&mut writer, Some(&payload(cursor)))?;
    searchers.reload()?;
    if let Err(error) = tidy(index, searchers, &mut writer) {
        tracing::warn!(%error, "search index could not be compacted; it is tried again with the next change");
    }
    Ok(())
}

/// Removes everything, the cursor too.
pub(crate) fn clear(index: &Index, searchers: &Searchers) -> Result<(), TantivyError> {
    let mut writer = writer(index)?;
    writer.delete_all_documents()?;
    commit(&mut writer, None)?;
    searchers.reload()?;
    writer.garbage_collect_files().wait()?;
    Ok(())
}

/// The one writer of the folder, after those of other processes.
fn writer(index: &Index) -> Result<IndexWriter, TantivyError> {
    let options = IndexWriterOptions::builder()
        .num_worker_threads(1)
        .num_merge_threads(1)
        .memory_budget_per_thread(WRITER_BYTES)
        .build();
    let writer = turn::wait_for(|| index.writer_with_options(options.clone()))?;
    writer.set_merge_policy(Box::new(NoMergePolicy));
    Ok(writer)
}

fn identity_term(fields: &Fields, registry: &str, canonical: &str) -> Term {
    Term::from_field_text(fields.identity, &identity(registry, canonical))
}

fn commit(writer: &mut IndexWriter, payload: Option<&str>) -> Result<(), TantivyError> {
    let mut commit = writer.prepare_commit()?;
    if let Some(payload) = payload {
        commit.set_payload(payload);
    }
    commit.commit()?;
    Ok(())
}

/// Merges segments of like size and removes the files that this makes superfluous. Searches go on meanwhile.
///
/// Done here rather than by the writer's own policy, because that merges behind our back and stops half-way
/// when the writer is dropped.
fn tidy(index: &Index, searchers: &Searchers, writer: &mut IndexWriter) -> Result<(), TantivyError> {
    let policy = merge_policy();
    loop {
        let segments = index.searchable_segment_metas()?;
        let is_single = segments.len() == 1 && segments[0].num_deleted_docs() == 0;
        let candidates = policy.compute_merge_candidates(&segments);
        drop(segments);
        if candidates.is_empty() || is_single {
            return Ok(());
        }
        for candidate in candidates {
            writer.merge(&candidate.0).wait()?;
        }
        searchers.reload()?;
        writer.garbage_collect_files().wait()?;
    }
}

/// Each level holds at most five segments and is eight times the size of the one below, so there are about
/// twenty segments at most, and a document is rewritten once for each level.
fn merge_policy() -> LogMergePolicy {
    let mut policy = LogMergePolicy::default();
    policy.set_min_num_segments(6);
    policy.set_min_layer_size(250);
    policy.set_level_log_size(3.0);
    policy.set_del_docs_ratio_before_merge(0.3);
    policy
}
