//! MongoDB: a replica set, one document per key, multi-document transactions.
//!
//! Each commit is one transaction of one to four commands and a `commitTransaction` ([`transaction`]), with
//! `w: majority, j: true`. Reads go to the primary with read concern `majority`, so that they see every
//! acknowledged commit and none that a failover could undo. A transaction reads from a snapshot, which alone
//! would permit write skew: two commits that each require what the other one deletes. Therefore a requirement
//! writes into the document that it guards, and the database itself makes one of the two fail.
//!
//! What a process leaves locked that dies within a commit, the others unlock ([`sessions`]).
//!
//! The driver keeps the pool, watches the members of the set, and closes the connection of a read that was
//! dropped half-way. A commit that was dropped is ended in order, in the background.

use std::sync::Arc;

use holdfast_store::{Batch, Doc, Key, Op, Rev, Scan, Store, StoreError, check_deltas};
use mongodb::bson::{RawArrayBuf, RawDocumentBuf, doc};
use mongodb::options::{CollectionOptions, Hint, ReadConcern, ReadPreference, SelectionCriteria};
use mongodb::{Client, Collection, Cursor};
use tokio::sync::Semaphore;

use crate::error::{OpenError, redact};
use failure::unavailable;
use sessions::Sessions;
use transaction::Place;

mod address;
mod body;
mod failure;
mod record;
mod schema;
mod sessions;
mod transaction;

const ENGINE: &str = "mongodb";

/// Keys of one read; what a longer list asks for takes more trips.
const KEYS_PER_TRIP: usize = 1000;

/// A database of a replica set, shared by any number of engines in any number of processes.
pub struct Mongodb {
    place: Place,
    documents: Collection<RawDocumentBuf>,
    counters: Collection<RawDocumentBuf>,
    /// Counts of one process take turns: they change the same documents all the time.
    counting: Arc<Semaphore>,
    /// And so do commits that only require a document: what they require is what many share.
    requiring: Arc<Semaphore>,
}

impl Mongodb {
    /// Connects, refuses what could lose acknowledged commits, and brings the schema up to date.
    pub async fn open(url: &str) -> Result<Mongodb, OpenError> {
        let shown = redact(url);
        let (options, name) = address::parse(url).await.map_err(|refusal| refusal.of(&shown))?;
        let read_concern = options.read_concern.clone().unwrap_or(ReadConcern::majority());
        let failed = |error| schema::Refusal::Failed(failure::said(&error)).of(&shown);
        let client = Client::with_options(options).map_err(failed)?;
        let database = client.database(&name);
        schema::prepare(&client, &database).await.map_err(|refusal| refusal.of(&shown))?;
        let reads = CollectionOptions::builder()
            .read_concern(read_concern)
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .build();
        let documents = database.collection_with_options(schema::DOCUMENTS, reads.clone());
        let counters = database.collection_with_options(schema::COUNTERS, reads);
        let sessions = Arc::new(Sessions::new(&client, &database));
        sessions.end_silent().await;
        let [counting, requiring] = [(); 2].map(|()| Arc::new(Semaphore::new(1)));
        let place = Place { client, database, sessions };
        Ok(Mongodb { place, documents, counters, counting, requiring })
    }

    /// Reads up to [`KEYS_PER_TRIP`] keys; the answers come in any order.
    async fn find_keys(&self, keys: &[Key]) -> Result<Vec<Doc>, StoreError> {
        let ids: Vec<String> = keys.iter().map(record::id).collect();
        let asked = u32::try_from(ids.len()).expect("a trip has few keys");
        let find = self.documents.find(doc! { "_id": { "$in": ids } }).batch_size(asked.max(1));
        collect(find.await.map_err(|error| unavailable(&error))?, record::document).await
    }

    /// Whether `rev` is what one of these keys holds: proof that the commit of that name took effect.
    async fn holds(&self, keys: &[Key], rev: Rev) -> bool {
        self.find_keys(keys).await.is_ok_and(|found| found.iter().any(|doc| doc.rev == rev))
    }
}

#[async_trait::async_trait]
impl Store for Mongodb {
    fn engine(&self) -> &'static str {
        ENGINE
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Doc>>, StoreError> {
        let mut found = std::collections::HashMap::new();
        for chunk in keys.chunks(KEYS_PER_TRIP) {
            found.extend(self.find_keys(chunk).await?.into_iter().map(|doc| (doc.key.clone(), doc)));
        }
        Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
    }

    async fn scan(&self, scan: &Scan) -> Result<Vec<Doc>, StoreError> {
        page(&self.documents, scan, record::document).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let commands = transaction::of_batch(&batch);
        let requires = batch.ops().values().any(|op| matches!(op, Op::Require(_)));
        let lane = requires.then_some(&self.requiring);
        match transaction::run(&self.place, commands, lane).await {
            // The answer got lost, but what was written may speak for itself.
            Err(StoreError::UnknownOutcome { .. }) if self.holds(&written(&batch), batch.rev()).await => {
                Ok(())
            }
            outcome => outcome,
        }
    }

    async fn count(&self, deltas: &[(Key, i64)]) -> Result<(), StoreError> {
        check_deltas(deltas)?;
        let commands = transaction::of_deltas(deltas);
        match transaction::run(&self.place, commands, Some(&self.counting)).await {
            // Other processes count the same all the time. Nothing was written.
            Err(StoreError::Conflict) => Err(failure::busy()),
            outcome => outcome,
        }
    }

    async fn counters(&self, scan: &Scan) -> Result<Vec<(Key, i64)>, StoreError> {
        page(&self.counters, scan, record::counter).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        schema::probe(&self.place.database).await.map_err(|error| unavailable(&error))
    }
}

/// The first few keys whose documents carry the revision of the batch after its commit.
fn written(batch: &Batch) -> Vec<Key> {
    let writes = batch.ops().iter().filter(|(_, op)| op.body().is_some());
    writes.map(|(key, _)| key.clone()).take(3).collect()
}

/// One range read over the index on `part` and `sort`.
async fn page<T>(
    collection: &Collection<RawDocumentBuf>,
    scan: &Scan,
    read: fn(&mongodb::bson::RawDocument) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    // The database takes a limit of nothing for no limit.
    if scan.limit == 0 {
        return Ok(Vec::new());
    }
    let direction = if scan.reverse { -1 } else { 1 };
    let find = collection
        .find(record::range(scan))
        .sort(doc! { "part": direction, "sort": direction })
        .hint(Hint::Keys(schema::order()))
        .limit(scan.limit.into())
        .batch_size(scan.limit.min(10_000));
    collect(find.await.map_err(|error| unavailable(&error))?, read).await
}

async fn collect<T>(
    mut cursor: Cursor<RawDocumentBuf>,
    read: fn(&mongodb::bson::RawDocument) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut found = Vec::new();
    while cursor.advance().await.map_err(|error| unavailable(&error))? {
        found.push(read(cursor.current())?);
    }
    Ok(found)
}

/// An array of any number of documents.
fn array(documents: impl IntoIterator<Item = RawDocumentBuf>) -> RawArrayBuf {
    documents.into_iter().collect()
}
