//! Changes, restarts, damage, and searches while all that happens.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

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

/// The lock of another process, given back some time after it was asked for. `work` gets what asks for it, and what
/// tells whether it is still held.
fn foreign_writer(folder: &Path, work: impl FnOnce(&dyn Fn(), &dyn Fn() -> bool)) {
    use tantivy::directory::{Directory, INDEX_WRITER_LOCK, MmapDirectory};
    /// Long enough for whoever waits to find it held; nothing fails where it is not.
    const HELD: Duration = Duration::from_millis(300);
    let lock = MmapDirectory::open(folder).unwrap().acquire_lock(&INDEX_WRITER_LOCK).unwrap();
    let writes = AtomicBool::new(true);
    let (ask, asked) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let writes = &writes;
        scope.spawn(move || {
            // An error means that the work is over, or has failed.
            let _ = asked.recv();
            std::thread::sleep(HELD);
            writes.store(false, Ordering::Release);
            drop(lock);
        });
        let ask = ask;
        work(&|| ask.send(()).unwrap(), &|| writes.load(Ordering::Acquire));
    });
}

#[test]
fn a_foreign_writer_is_waited_for_and_blinds_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let index = SearchIndex::open(folder.path()).unwrap();
    upsert(&index, [krate("thing")]);
    foreign_writer(folder.path(), |release, writes| {
        assert_eq!(names(&SearchIndex::open(folder.path()).unwrap(), &query("")), ["thing"]);
        assert_eq!(names(&index, &query("")), ["thing"]);
        assert!(writes(), "searches do not wait");
        release();
        index.apply(&[remove("thing")], "2").unwrap();
        assert!(!writes(), "changes do");
    });
    assert_eq!(index.cursor().as_deref(), Some("2"));
    assert!(index.is_empty());
    foreign_writer(folder.path(), |release, _| {
        release();
        index.clear().unwrap();
    });
    assert!(index.needs_rebuild());
}

#[test]
fn servers_begin_one_index_together() {
    let folder = tempfile::tempdir().unwrap();
    foreign_writer(folder.path(), |release, writes| {
        release();
        let indexes = std::thread::scope(|scope| {
            let openings = [0, 1, 2].map(|_| scope.spawn(|| SearchIndex::open(folder.path()).unwrap()));
            openings.map(|opening| opening.join().unwrap())
        });
        assert!(!writes());
        upsert(&indexes[0], [krate("thing")]);
        indexes[1].apply(&[], "2").unwrap();
        assert_eq!(names(&indexes[1], &query("")), ["thing"], "all have the same files");
    });
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_the_folder() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("search");
    let mode = || fs::metadata(&folder).unwrap().permissions().mode() & 0o777;
    drop(SearchIndex::open(&folder).unwrap());
    assert_eq!(mode(), 0o700);
    // One of an earlier version.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    drop(SearchIndex::open(&folder).unwrap());
    assert_eq!(mode(), 0o700);
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
