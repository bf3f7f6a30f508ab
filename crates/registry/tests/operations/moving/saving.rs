//! Backups: each file once, each backup whole, and all of it back again.

use super::whole::assert_same;
use super::{Place, everything, old_house};
use crate::house::{House, main, v};
use holdfast_blobs::Blobs;
use holdfast_registry::{Actor, BackedUp, Imported, Kind, Progress, Result, Resume, Vault};
use holdfast_types::{Sha256, Timestamp};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

struct Saved {
    folder: TempDir,
    vault: Vault,
}

impl Saved {
    async fn new() -> Saved {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("backups");
        let vault = Vault::open(place.to_str().unwrap(), folder.path().to_owned()).await.unwrap();
        Saved { folder, vault }
    }

    async fn backup(&self, house: &House) -> Result<BackedUp> {
        house.holdfast.backup(&Actor::operator(), &self.vault, &Progress::default()).await
    }

    async fn restore(&self, place: &Place, at: Option<&str>, resume: Resume) -> Result<Imported> {
        place.holdfast.restore(&Actor::operator(), &self.vault, at, resume, &Progress::default()).await
    }

    async fn times(&self) -> Vec<Option<Timestamp>> {
        self.vault.list().await.unwrap().iter().map(|backup| backup.made_at).collect()
    }

    fn path(&self, area: &str, sha256: &Sha256) -> PathBuf {
        let name = sha256.to_string();
        self.folder.path().join("backups").join(area).join(&name[..2]).join(&name)
    }

    fn files(&self) -> usize {
        count(&self.folder.path().join("backups/files"))
    }
}

/// How many files there are, however deep.
fn count(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { count(&path) } else { 1 }).sum()
}

fn bend(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_backup_has_each_file_once_and_gives_everything_back() {
    let ((house, memory), saved) = (old_house().await, Saved::new().await);
    let first = saved.backup(&house).await.unwrap();
    assert_eq!((first.copied_files, first.present_files), (5, 0));
    assert_eq!(saved.files(), 5);
    house.outside.advance(Duration::from_secs(5));
    let second = saved.backup(&house).await.unwrap();
    assert_eq!((second.copied_files, second.copied_bytes, second.present_files), (0, 0, 5));
    house.outside.advance(Duration::from_secs(5));
    house.have(&["late@1.0.0"]).await;
    let third = saved.backup(&house).await.unwrap();
    assert_eq!((third.copied_files, third.present_files), (1, 5));
    assert_eq!(saved.times().await, [Some(first.made_at), Some(second.made_at), Some(third.made_at)]);

    let place = Place::empty().await;
    let restored = saved.restore(&place, None, Resume::No).await.unwrap();
    assert_eq!((restored.made_at, restored.totals.files, restored.skipped_files), (third.made_at, 6, 0));
    assert_same(&place.everything(), &everything(&memory));
    place.assert_clean().await;

    let earlier = Place::empty().await;
    let at = first.made_at.to_string();
    saved.restore(&earlier, Some(&at), Resume::No).await.unwrap();
    assert_eq!(house.versions_at(&earlier.holdfast, "late").await, "NotFound");
    earlier.assert_clean().await;
    let refused = saved.restore(&Place::empty().await, Some("yesterday"), Resume::No).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::NotFound);
    assert!(refused.detail().contains(&format!("the newest are `{}`", third.made_at)), "{refused}");
    let refused = saved.restore(&place, None, Resume::No).await.unwrap_err();
    assert!(refused.detail().contains("not empty"), "{refused}");
}

#[tokio::test]
async fn files_that_survived_are_believed_only_when_they_are_read() {
    let ((house, _memory), saved) = (old_house().await, Saved::new().await);
    saved.backup(&house).await.unwrap();
    // The database was lost, the storage was not, and one of its files is damaged.
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(&format!("file:{}", folder.path().display())).await.unwrap();
    let fresh = Place::empty().await;
    let place = Place::over(&fresh.memory, fresh.memory.clone(), blobs);
    let download = house.holdfast.download(&house.operator, &main(), &v("bar"), &v("0.1.0")).await.unwrap();
    for version in ["1.1.0", "2.0.0-rc.1"] {
        let file = house.holdfast.download(&house.operator, &main(), &v("foo"), &v(version)).await.unwrap();
        place.blobs.put(file.blob.into_bytes().await.unwrap()).await.unwrap();
    }
    place.blobs.put(download.blob.into_bytes().await.unwrap()).await.unwrap();
    let name = download.sha256.to_string();
    bend(&folder.path().join(&name[..2]).join(&name));
    let restored = saved.restore(&place, None, Resume::No).await.unwrap();
    assert_eq!((restored.totals.files, restored.skipped_files), (5, 2));
    place.assert_clean().await;
}

#[tokio::test]
async fn damage_is_named_and_nothing_older_is_taken_for_the_newest() {
    let ((house, memory), saved) = (old_house().await, Saved::new().await);
    let first = saved.backup(&house).await.unwrap();
    house.outside.advance(Duration::from_secs(5));
    saved.backup(&house).await.unwrap();
    let newest = saved.vault.list().await.unwrap().pop().unwrap();
    let record = saved.path("records", &newest.sha256);
    let whole = fs::read(&record).unwrap();
    bend(&record);
    let refused = saved.restore(&Place::empty().await, None, Resume::No).await.unwrap_err();
    assert!(refused.detail().contains("is damaged; choose another backup"), "{refused}");
    fs::write(&record, b"nothing").unwrap();
    assert_eq!(saved.times().await, [None, Some(first.made_at)]);
    let refused = saved.restore(&Place::empty().await, None, Resume::No).await.unwrap_err();
    assert!(refused.detail().contains("may be of the newest backup"), "{refused}");
    let at = first.made_at.to_string();
    saved.restore(&Place::empty().await, Some(&at), Resume::No).await.unwrap();
    fs::write(&record, &whole).unwrap();

    // A damaged file stops the restore, and a good one lets it go on.
    let download = house.holdfast.download(&house.operator, &main(), &v("bar"), &v("0.1.0")).await.unwrap();
    let file = saved.path("files", &download.sha256);
    let whole = fs::read(&file).unwrap();
    bend(&file);
    let place = Place::empty().await;
    let refused = saved.restore(&place, None, Resume::No).await.unwrap_err();
    assert!(refused.detail().contains("of `bar@0.1.0` is damaged"), "{refused}");
    fs::write(&file, &whole).unwrap();
    saved.restore(&place, None, Resume::Yes).await.unwrap();
    assert_same(&place.everything(), &everything(&memory));
    place.assert_clean().await;
}

#[tokio::test]
async fn old_backups_go_and_then_what_only_they_need() {
    let ((house, _memory), saved) = (old_house().await, Saved::new().await);
    let operator = Actor::operator();
    saved.backup(&house).await.unwrap();
    house.outside.advance(Duration::from_secs(5));
    house.holdfast.remove_version(&house.root, &main(), &v("bar"), &v("0.1.0")).await.unwrap();
    let second = saved.backup(&house).await.unwrap();
    let prune = async |grace| house.holdfast.prune_backups(&operator, &saved.vault, grace).await.unwrap();
    // The storage's clock is the machine's, and the house's is behind it or before it: no grace, far ahead.
    house.outside.advance(Duration::from_hours(24 * 36_500));
    let pruned = prune(Duration::ZERO).await;
    assert_eq!((pruned.seen, pruned.condemned, pruned.purged), (5, 0, 0), "the first backup needs it");
    assert_eq!(house.holdfast.forget_backups(&operator, &saved.vault, 1).await.unwrap().len(), 1);
    assert_eq!(saved.times().await, [Some(second.made_at)]);
    let pruned = prune(Duration::ZERO).await;
    assert_eq!((pruned.condemned, pruned.purged), (1, 0));
    let pruned = prune(Duration::from_hours(24 * 365 * 200)).await;
    assert_eq!((pruned.condemned, pruned.purged), (0, 0), "set aside, it stays for a while");
    let pruned = prune(Duration::ZERO).await;
    assert_eq!((pruned.purged, saved.files()), (1, 4));
    let place = Place::empty().await;
    saved.restore(&place, None, Resume::No).await.unwrap();
    place.assert_clean().await;
    assert_eq!(house.holdfast.forget_backups(&operator, &saved.vault, 1).await.unwrap(), []);
}

#[tokio::test]
async fn a_backup_is_there_whole_or_not_at_all() {
    let ((house, _memory), saved) = (old_house().await, Saved::new().await);
    let refused = house.holdfast.backup(&house.alice, &saved.vault, &Progress::default()).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Forbidden);
    let empty = saved.restore(&Place::empty().await, None, Resume::No).await.unwrap_err();
    assert!(empty.detail().contains("no backup in this place"), "{empty}");
    house.faults.fail_when(
        holdfast_store::faults::Fault::Unavailable,
        |call| matches!(call, holdfast_store::faults::Call::Scan(scan) if scan.part.starts_with("audit/")),
    );
    saved.backup(&house).await.unwrap_err();
    house.faults.clear();
    assert_eq!(saved.times().await, []);
    // What the first attempt copied by then is not copied again.
    let made = saved.backup(&house).await.unwrap();
    assert_eq!(made.copied_files + made.present_files, 5);
    assert_eq!(saved.backup(&house).await.unwrap().copied_files, 0);
}
