//! Changes, restarts, damage, and searches while all that happens.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use holdfast_search::{Change, Document, SearchError, SearchIndex};

use crate::{index_of, krate, names, owned, query, upsert};

fn remove(canonical: &str) -> Change {
    Change::Remove { registry: "main".to_owned(), canonical: canonical.to_owned() }
}

#[test]
fn an_upsert_replaces() {
    let index = index_of([Document { description: "before".to_owned(), ..krate("thing") }, krate("other")]);
    upsert(&index, [Document { description: "after".to_owned(), ..krate("thing") }]);
    assert!(names(&index, &query("before")).is_empty());
    assert_eq!(names(&index, &query("after")), ["thing"]);
    assert_eq!(index.len(), 2);
}

#[test]
fn the_last_change_of_a_batch_counts() {
    let index = SearchIndex::memory().unwrap();
    let described = |description: &str| {
        Change::Upsert(Box::new(Document { description: description.to_owned(), ..krate("thing") }))
    };
    index.apply(&[described("first"), described("second")], "1").unwrap();
    assert_eq!(names(&index, &query("second")), ["thing"]);
    assert!(names(&index, &query("first")).is_empty());
    index.apply(&[described("third"), remove("thing")], "2").unwrap();
    assert!(index.is_empty());
    index.apply(&[remove("thing"), described("fourth")], "3").unwrap();
    assert_eq!(names(&index, &query("fourth")), ["thing"]);
}

#[test]
fn a_removal_concerns_one_registry() {
    let elsewhere = Document { registry: "other".to_owned(), ..krate("thing") };
    let index = index_of([krate("thing"), elsewhere]);
    index.apply(&[remove("thing"), remove("never-was")], "2").unwrap();
    let hits = index.search(&query("thing")).unwrap();
    assert_eq!(hits.total, 1);
    assert_eq!(hits.crates[0].registry, "other");
}

#[test]
fn many_small_changes_keep_the_index_small_and_right() {
    let folder = tempfile::tempdir().unwrap();
    let index = SearchIndex::open(folder.path()).unwrap();
    for round in 0..60 {
        upsert(&index, [krate(&format!("crate-{}", round % 20)), krate("always")]);
    }
    assert_eq!(index.len(), 21);
    assert_eq!(names(&index, &query("crate")).len(), 20);
    let files = fs::read_dir(folder.path()).unwrap().count();
    assert!(files < 120, "{files} files");
}

#[test]
fn the_cursor_survives() {
    let folder = tempfile::tempdir().unwrap();
    let index = SearchIndex::open(folder.path()).unwrap();
    assert!(index.needs_rebuild());
    index.apply(&[Change::Upsert(Box::new(krate("thing")))], "at 17: a b").unwrap();
    drop(index);
    let index = SearchIndex::open(folder.path()).unwrap();
    assert_eq!(index.cursor().as_deref(), Some("at 17: a b"));
    assert_eq!(names(&index, &query("thing")), ["thing"]);
    index.apply(&[], "at 18").unwrap();
    drop(index);
    let index = SearchIndex::open(folder.path()).unwrap();
    assert_eq!(index.cursor().as_deref(), Some("at 18"));
    index.clear().unwrap();
    assert!(index.needs_rebuild() && index.is_empty());
    drop(index);
    let index = SearchIndex::open(folder.path()).unwrap();
    assert!(index.needs_rebuild() && index.is_empty());
}

/// Damages a sound index of one crate, then expects a fresh one that works.
fn check_recovery(damage: impl Fn(&Path)) {
    let folder = tempfile::tempdir().unwrap();
    let index = SearchIndex::open(folder.path()).unwrap();
    upsert(&index, [krate("before")]);
    drop(index);
    fs::write(folder.path().join("not-ours.txt"), "kept").unwrap();
    damage(folder.path());
    let index = SearchIndex::open(folder.path()).unwrap();
    assert!(index.needs_rebuild() && index.is_empty());
    upsert(&index, [krate("after")]);
    drop(index);
    let index = SearchIndex::open(folder.path()).unwrap();
    assert_eq!(names(&index, &query("")), ["after"]);
    assert!(index.is_intact().unwrap());
    assert_eq!(fs::read_to_string(folder.path().join("not-ours.txt")).unwrap(), "kept");
}

fn segment_files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<PathBuf> =
        paths.filter(|path| path.file_stem().is_some_and(|stem| stem.len() == 32)).collect();
    assert!(!files.is_empty());
    files
}

#[test]
fn a_damaged_folder_is_begun_anew() {
    check_recovery(|folder| fs::write(folder.join("meta.json"), "{ not json").unwrap());
    check_recovery(|folder| fs::write(folder.join("meta.json"), "").unwrap());
    check_recovery(|folder| fs::remove_file(folder.join("meta.json")).unwrap());
    check_recovery(|folder| fs::write(folder.join(".managed.json"), "\0\0\0").unwrap());
    check_recovery(|folder| segment_files(folder).iter().for_each(|file| fs::remove_file(file).unwrap()));
    check_recovery(|folder| segment_files(folder).iter().for_each(|file| fs::write(file, "").unwrap()));
    check_recovery(|folder| {
        for file in segment_files(folder) {
            let length = usize::try_from(fs::metadata(&file).unwrap().len()).unwrap();
            fs::write(file, vec![0; length]).unwrap();
        }
    });
}

#[test]
fn an_index_of_another_version_is_begun_anew() {
    check_recovery(|folder| {
        let meta = folder.join("meta.json");
        let text = fs::read_to_string(&meta).unwrap();
        assert!(text.contains("\"payload\": \"1 1\""), "{text}");
        fs::write(&meta, text.replace("\"payload\": \"1 1\"", "\"payload\": \"0 1\"")).unwrap();
    });
    check_recovery(|folder| {
        let meta = folder.join("meta.json");
        let text = fs::read_to_string(&meta).unwrap();
        assert!(text.contains("\"topics\""));
        fs::write(&meta, text.replace("\"topics\"", "\"tags\"")).unwrap();
    });
}

#[test]
fn silent_damage_is_detected_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let index = SearchIndex::open(folder.path()).unwrap();
    upsert(&index, [krate("thing")]);
    assert!(index.is_intact().unwrap());
    drop(index);
    let files = segment_files(folder.path());
    let postings = files.iter().find(|file| file.extension().is_some_and(|kind| kind == "idx")).unwrap();
    let mut bytes = fs::read(postings).unwrap();
    bytes[0] ^= 0xff;
    fs::write(postings, bytes).unwrap();
    assert!(!SearchIndex::open(folder.path()).unwrap().is_intact().unwrap());
}

#[test]
fn a_path_that_is_no_folder_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(matches!(SearchIndex::open(file.path()), Err(SearchError::Folder { .. })));
}

#[test]
fn a_foreign_writer_keeps_us_busy_but_not_blind() {
    use tantivy::directory::{Directory, INDEX_WRITER_LOCK, MmapDirectory};
    let folder = tempfile::tempdir().unwrap();
    let index = SearchIndex::open(folder.path()).unwrap();
    upsert(&index, [krate("thing")]);
    let foreign = MmapDirectory::open(folder.path()).unwrap().acquire_lock(&INDEX_WRITER_LOCK).unwrap();
    assert!(matches!(index.apply(&[remove("thing")], "2"), Err(SearchError::Busy)));
    assert_eq!(index.cursor().as_deref(), Some("1"));
    assert_eq!(names(&SearchIndex::open(folder.path()).unwrap(), &query("")), ["thing"]);
    drop(foreign);
    index.apply(&[remove("thing")], "2").unwrap();
    assert!(index.is_empty());
}

#[test]
fn searches_go_on_while_changes_are_applied() {
    let folder = tempfile::tempdir().unwrap();
    let index = SearchIndex::open(folder.path()).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let searches = [0, 1].map(|_| {
            scope.spawn(|| {
                let (mut rounds, mut last) = (0, 0);
                while !done.load(Ordering::Acquire) || rounds == 0 {
                    let found = names(&index, &query("word")).len();
                    assert!(found >= last && found.is_multiple_of(25), "{found} after {last}");
                    (rounds, last) = (rounds + 1, found);
                }
            })
        });
        for batch in 0..16 {
            upsert(
                &index,
                (0..25).map(|number| Document {
                    description: "word".to_owned(),
                    keywords: owned(&["batch"]),
                    ..krate(&format!("crate-{batch}-{number}"))
                }),
            );
        }
        done.store(true, Ordering::Release);
        for search in searches {
            search.join().unwrap();
        }
    });
    assert_eq!(names(&index, &query("word")).len(), 400);
    assert_eq!(index.keywords(None, &owned(&["all"]), 5).unwrap(), [("batch".to_owned(), 400)]);
}
