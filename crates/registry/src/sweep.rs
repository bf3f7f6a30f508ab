//! Removing files that nothing refers to: what an interrupted publish or a removed version leaves behind.
//!
//! A sweep never races with a publish to the loss of a file, because it takes two steps. First an old,
//! unreferenced file is condemned: moved aside, still readable. A later sweep looks again: a file that was
//! referred to meanwhile is restored, the others are purged.

use crate::actor::Actor;
use crate::entity::Version;
use crate::error::Result;
use crate::holdfast::Holdfast;
use crate::rights::{Action, require};
use holdfast_blobs::{Fate, Stored};
use holdfast_store::Scan;
use holdfast_types::Sha256;
use std::time::{Duration, SystemTime};

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files looked at.
    pub seen: u64,
    /// Files moved aside.
    pub condemned: u64,
    /// Files moved back, because something refers to them after all.
    pub restored: u64,
    /// Files gone for good.
    pub purged: u64,
    /// Their bytes.
    pub purged_bytes: u64,
}

impl Holdfast {
    /// Sweeps once. `grace` is how long a file must have been there before it is condemned, and condemned
    /// before it is purged; longer than any publish takes.
    pub async fn sweep(&self, actor: &Actor, grace: Duration) -> Result<Swept> {
        require(actor, Action::Administer)?;
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(self.outside.unix_millis());
        let horizon = now.checked_sub(grace).unwrap_or(SystemTime::UNIX_EPOCH);
        let mut swept = Swept::default();
        let abandoned = now.checked_sub(grace.max(Duration::from_hours(1))).unwrap_or(SystemTime::UNIX_EPOCH);
        self.blobs.tidy_staging(abandoned).await?;
        let mut after = None;
        loop {
            let page = self.blobs.list_condemned(after, 256).await?;
            for stored in &page.blobs {
                self.judge_condemned(stored, horizon, &mut swept).await?;
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        loop {
            let page = self.blobs.list(after, 256).await?;
            for stored in &page.blobs {
                swept.seen += 1;
                if stored.modified <= horizon && !self.is_referred_to(&stored.sha256).await? {
                    let fate = self.blobs.condemn(&stored.sha256, horizon).await?;
                    swept.condemned += u64::from(fate == Fate::Condemned);
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(swept);
            }
        }
    }

    async fn judge_condemned(&self, stored: &Stored, horizon: SystemTime, swept: &mut Swept) -> Result<()> {
        if self.is_referred_to(&stored.sha256).await? {
            self.blobs.restore(&stored.sha256).await?;
            swept.restored += 1;
        } else if stored.modified <= horizon && self.blobs.purge(&stored.sha256).await? {
            swept.purged += 1;
            swept.purged_bytes += stored.size_bytes;
        }
        Ok(())
    }

    pub(crate) async fn is_referred_to(&self, sha256: &Sha256) -> Result<bool> {
        let entries = self.store.scan(&Scan::first(Version::blob_part(sha256), 1)).await?;
        Ok(!entries.is_empty())
    }
}
