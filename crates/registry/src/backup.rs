//! Backups: a place with the files of all of them, each once, and a record of each with everything else.
//!
//! ```text
//! PLACE/files/ab/<sha256>      every file that some backup needs
//! PLACE/records/cd/<sha256>    one backup: a compressed export without files
//! ```
//!
//! A record is written last and in one step, so that a backup is there whole or not at all; its name is the
//! digest of its bytes, so that damage shows; and it begins with the time at which it was made.

use crate::actor::Actor;
use crate::archive::{BlobInlet, GzipOutlet, Header, Line, Progress, Reader, Totals, Writer};
use crate::copy::{Copied, Copier, Present, Seen, end_of_time};
use crate::error::{Error, Kind, Result};
use crate::export::{Carrying, Files};
use crate::holdfast::Holdfast;
use crate::import::{Imported, Resume, Source};
use crate::kinds::Meaning;
use crate::rights::{Action, require};
use crate::sweep::Swept;
use flate2::read::GzDecoder;
use holdfast_blobs::{Blobs, Options, SCHEMES, Stored, Verdict};
use holdfast_types::{Sha256, Timestamp};
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// As much of a record as surely has its first line.
const HEAD_BYTES: u64 = 16 * 1024;

/// How long an upload that was cut off stays.
const ABANDONED: Duration = Duration::from_hours(24);

/// A place of backups.
#[derive(Clone, Debug)]
pub struct Vault {
    files: Blobs,
    records: Blobs,
}

/// One backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// When it was begun; `None` when its record is damaged.
    pub made_at: Option<Timestamp>,
    /// The name of its record.
    pub sha256: Sha256,
    /// The size of its record.
    pub size_bytes: u64,
    kept: SystemTime,
}

/// What a backup did.
#[derive(Clone, Copy, Debug)]
pub struct BackedUp {
    /// Its name.
    pub made_at: Timestamp,
    /// What its record holds.
    pub totals: Totals,
    /// The size of the record.
    pub record_bytes: u64,
    /// How many files were copied.
    pub copied_files: u64,
    /// Their bytes.
    pub copied_bytes: u64,
    /// How many were there from earlier backups.
    pub present_files: u64,
}

impl Vault {
    /// Opens a folder or a storage URL. What does not fit into memory waits in the folder `spool`.
    pub async fn open(place: &str, spool: PathBuf) -> Result<Vault> {
        let options = Options { cache_bytes: 0, spool: Some(spool), ..Options::default() };
        let open = async |name: &str| {
            let opened = Blobs::open_with(&within(place, name), options.clone()).await;
            opened.map_err(|error| {
                Error::with_source(Kind::Unavailable, "cannot open the place of the backups", error)
            })
        };
        Ok(Vault { files: open("files").await?, records: open("records").await? })
    }

    /// All backups, the oldest first; those with a damaged record before all.
    pub async fn list(&self) -> Result<Vec<Backup>> {
        let (mut backups, mut after) = (Vec::new(), None);
        loop {
            let page = self.records.list(after, 1000).await?;
            for stored in page.blobs {
                backups.push(self.look(stored).await?);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        backups.sort_by_key(|backup| (backup.made_at, backup.kept));
        Ok(backups)
    }

    async fn look(&self, stored: Stored) -> Result<Backup> {
        let Stored { sha256, size_bytes, modified } = stored;
        let made_at = if size_bytes == 0 {
            None
        } else {
            let head = self.records.get_range(&sha256, 0..size_bytes.min(HEAD_BYTES)).await?;
            let head = head.into_bytes().await?;
            let mut line = String::new();
            // What is cut off is an error only after the first line.
            let _ = BufReader::new(GzDecoder::new(&head[..])).read_line(&mut line);
            serde_json::from_str::<Header>(&line).ok().map(|header| header.made_at)
        };
        Ok(Backup { made_at, sha256, size_bytes, kept: modified })
    }

    /// The newest backup, or the one of that time or with that record.
    async fn choose(&self, at: Option<&str>) -> Result<Backup> {
        let mut backups = self.list().await?;
        let Some(at) = at else {
            if let Some(damaged) = backups.iter().find(|backup| backup.made_at.is_none()) {
                return Err(Error::invalid(format!(
                    "the record `{}` is damaged and may be of the newest backup; choose one with `--at TIME`",
                    damaged.sha256
                )));
            }
            return backups.pop().ok_or_else(|| Error::not_found("there is no backup in this place"));
        };
        let is_meant = |backup: &Backup| {
            backup.made_at.is_some_and(|made_at| made_at.to_string() == at) || backup.sha256.to_string() == at
        };
        if let Some(found) = backups.iter().rposition(is_meant) {
            return Ok(backups.swap_remove(found));
        }
        let times: Vec<String> = backups
            .iter()
            .rev()
            .filter_map(|backup| Some(format!("`{}`", backup.made_at?)))
            .take(5)
            .collect();
        Err(Error::not_found(format!("there is no backup of `{at}`; the newest are {}", times.join(", "))))
    }

    async fn read<'p>(
        &self,
        sha256: &Sha256,
        progress: &'p Progress,
    ) -> Result<(Reader<'p, BlobInlet>, Header)> {
        if let Verdict::Corrupt { .. } = self.records.verify(sha256).await? {
            return Err(Error::invalid(format!(
                "the record `{sha256}` is damaged; choose another backup with `--at TIME`"
            )));
        }
        let blob = self.records.get(sha256).await?;
        Reader::begin(BlobInlet::new(blob), progress).await
    }

    /// Notes every file that a backup needs.
    async fn note_files(&self, sha256: &Sha256, needed: &mut Seen) -> Result<()> {
        let progress = Progress::default();
        let (mut reader, _) = self.read(sha256, &progress).await?;
        loop {
            match reader.next().await? {
                Line::Document(key, body) => {
                    if let Some(file) = Meaning::of(&key, &body)?.file {
                        needed.insert(&file.sha256);
                    }
                }
                Line::Counter(..) | Line::Checked => {}
                Line::File(..) => return Err(reader.damaged("the record of a backup has files in it")),
                Line::End => return Ok(()),
            }
        }
    }
}

impl Holdfast {
    /// Makes a backup, beside running servers or without any. Copies only files that no earlier backup copied.
    pub async fn backup(&self, actor: &Actor, vault: &Vault, progress: &Progress) -> Result<BackedUp> {
        require(actor, Action::Administer)?;
        let header = self.header(Files::LeftOut);
        let abandoned = self.ago(ABANDONED);
        vault.files.tidy_staging(abandoned).await?;
        vault.records.tidy_staging(abandoned).await?;
        let present = Present::list(&vault.files).await?;
        let copier = Copier::new(&self.blobs, &vault.files, present, progress);
        let outlet = GzipOutlet::new(vault.records.stage(u64::MAX));
        let writer = Writer::begin(outlet, &header, progress).await?;
        let carrying = Carrying::Aside(Box::new(copier));
        let (outlet, totals, carrying) = self.export_to(writer, carrying).await?;
        let record = outlet.finish().await?;
        let record_bytes = record.size_bytes();
        vault.records.keep(record).await?;
        let copied = match carrying {
            Carrying::Aside(copier) => copier.copied,
            Carrying::Inside(_) | Carrying::Nowhere => Copied::default(),
        };
        Ok(BackedUp {
            made_at: header.made_at,
            totals,
            record_bytes,
            copied_files: copied.files,
            copied_bytes: copied.bytes,
            present_files: copied.skipped,
        })
    }

    /// Stores what a backup holds: the newest one, or that of the given time.
    pub async fn restore(
        &self,
        actor: &Actor,
        vault: &Vault,
        at: Option<&str>,
        resume: Resume,
        progress: &Progress,
    ) -> Result<Imported> {
        require(actor, Action::Administer)?;
        let backup = vault.choose(at).await?;
        let (reader, header) = vault.read(&backup.sha256, progress).await?;
        let copier = Copier::new(&vault.files, &self.blobs, Present::Suspect, progress);
        self.import_from(reader, header, Source::Beside(Box::new(copier)), resume, progress).await
    }

    /// Deletes the records of all but the newest backups; those that are damaged stay. Gives their times.
    pub async fn forget_backups(
        &self,
        actor: &Actor,
        vault: &Vault,
        newest: usize,
    ) -> Result<Vec<Timestamp>> {
        require(actor, Action::Administer)?;
        let whole =
            vault.list().await?.into_iter().filter_map(|backup| Some((backup.made_at?, backup.sha256)));
        let mut backups: Vec<(Timestamp, Sha256)> = whole.collect();
        backups.truncate(backups.len().saturating_sub(newest));
        for (_, sha256) in &backups {
            vault.records.condemn(sha256, end_of_time()).await?;
            vault.records.purge(sha256).await?;
        }
        Ok(backups.into_iter().map(|(made_at, _)| made_at).collect())
    }

    /// Deletes files that no backup needs, in the two steps of [`Holdfast::sweep`], so that a backup which is
    /// being made somewhere else keeps its files.
    pub async fn prune_backups(&self, actor: &Actor, vault: &Vault, grace: Duration) -> Result<Swept> {
        require(actor, Action::Administer)?;
        let (mut needed, mut swept, horizon) = (Seen::default(), Swept::default(), self.ago(grace));
        for backup in vault.list().await? {
            vault.note_files(&backup.sha256, &mut needed).await?;
        }
        let mut after = None;
        loop {
            let page = vault.files.list_condemned(after, 1000).await?;
            for Stored { sha256, size_bytes, modified } in page.blobs {
                if needed.contains(&sha256) {
                    swept.restored += u64::from(vault.files.restore(&sha256).await?);
                } else if modified <= horizon && vault.files.purge(&sha256).await? {
                    swept.purged += 1;
                    swept.purged_bytes += size_bytes;
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        loop {
            let page = vault.files.list(after, 1000).await?;
            for Stored { sha256, modified, .. } in page.blobs {
                swept.seen += 1;
                if modified <= horizon && !needed.contains(&sha256) {
                    let fate = vault.files.condemn(&sha256, horizon).await?;
                    swept.condemned += u64::from(fate == holdfast_blobs::Fate::Condemned);
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(swept);
            }
        }
    }

    fn ago(&self, duration: Duration) -> SystemTime {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(self.outside.unix_millis());
        now.checked_sub(duration).unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

/// The address of a folder within a place.
fn within(place: &str, name: &str) -> String {
    if !SCHEMES.iter().any(|scheme| place.starts_with(scheme)) {
        return format!("file:{}/{name}", place.trim_end_matches('/'));
    }
    let (base, parameters) = if place.starts_with("file:") { (place, None) } else { split(place) };
    let base = base.trim_end_matches('/');
    match parameters {
        Some(parameters) => format!("{base}/{name}?{parameters}"),
        None => format!("{base}/{name}"),
    }
}

fn split(url: &str) -> (&str, Option<&str>) {
    url.split_once('?').map_or((url, None), |(base, parameters)| (base, Some(parameters)))
}

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn places_have_folders() {
        let check = |place: &str, expected: &str| assert_eq!(within(place, "files"), expected);
        check("backups", "file:backups/files");
        check("/srv/b?ckups/", "file:/srv/b?ckups/files");
        check("file:/srv/backups", "file:/srv/backups/files");
        check("s3://bucket", "s3://bucket/files");
        check(
            "s3://bucket/a/b/?region=x&endpoint=http://h",
            "s3://bucket/a/b/files?region=x&endpoint=http://h",
        );
    }
}
