//! DynamoDB: one table, one transaction a commit, consistent reads only.
//!
//! [`items`] says how documents and counters lie in the table and how a batch becomes a transaction;
//! [`wire`] is the part of the protocol that is needed; [`client`] signs and sends; [`table`] makes and
//! checks the table. The official kit is not used: it takes as long to build as the rest of the server.
//!
//! A transaction carries a mark made from its batch's revision. The service applies a mark once within ten
//! minutes, so that a commit whose answer was lost is simply asked for again and gets its true answer.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use holdfast_store::{Batch, BatchError, Doc, Key, Scan, Store, StoreError, check_deltas};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::error::{OpenError, redact};
use address::Address;
use client::{Client, Failure};
use items::Space;
use wire::{BatchGetItem, BatchGetItemOutput, Ignored, Item, KeysAndAttributes, Page, TransactWriteItems};

mod address;
mod client;
mod items;
mod table;
mod wire;

const ENGINE: &str = "dynamodb";

/// What one `BatchGetItem` may ask for.
const KEYS: usize = 100;

/// What the items of one transaction may add up to.
const TRANSACTION_BYTES: usize = 4 * 1024 * 1024;

/// The first pause before a request is repeated, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(400));

/// A table in one region. Any number of processes may share it.
pub struct Dynamodb {
    connection: Connection,
}

/// How long a request may take, and how long it is repeated.
#[derive(Clone, Copy)]
struct Patience {
    attempt: Duration,
    whole: Duration,
}

impl Patience {
    const READ: Patience = Patience { attempt: Duration::from_secs(2), whole: Duration::from_millis(4500) };
    const WRITE: Patience = Patience { attempt: Duration::from_secs(4), whole: Duration::from_secs(9) };
}

/// The table, as requests see it.
struct Connection {
    client: Client,
    table: String,
}

impl Dynamodb {
    /// Opens the table that the URL names, and makes it when the URL says so.
    pub async fn open(url: &str) -> Result<Dynamodb, OpenError> {
        let address =
            Address::parse(url).map_err(|reason| OpenError::Invalid { url: redact(url), reason })?;
        Dynamodb::connect(address).await.map_err(|refusal| refusal.of(redact(url)))
    }

    async fn connect(address: Address) -> Result<Dynamodb, table::Refusal> {
        let client = Client::new(&address)?;
        let connection = Connection { client, table: address.table };
        table::prepare(&connection, address.create).await?;
        Ok(Dynamodb { connection })
    }

    /// One page of a partition, over as many pages of the service as it takes.
    async fn page<T>(
        &self,
        space: Space,
        scan: &Scan,
        read: impl Fn(Item<'static>) -> Result<(Key, T), items::Misshapen>,
    ) -> Result<Vec<T>, StoreError> {
        let Some(mut query) = items::query(&self.connection.table, space, scan) else {
            return Ok(Vec::new());
        };
        let limit = usize::try_from(scan.limit).unwrap_or(usize::MAX);
        let mut found = Vec::new();
        loop {
            let page: Page =
                self.connection.ask("Query", &query, Patience::READ).await.map_err(unavailable)?;
            for item in page.items {
                let (key, value) = read(item).map_err(unavailable)?;
                if found.len() < limit && items::is_inside(scan, &key) {
                    found.push(value);
                }
            }
            if found.len() == limit || page.last_evaluated_key.is_none() {
                return Ok(found);
            }
            query.exclusive_start_key = page.last_evaluated_key;
        }
    }

    /// Applies a transaction, and repeats it until its outcome is known.
    async fn transact(&self, request: &TransactWriteItems<'_>) -> Result<(), StoreError> {
        let mut is_uncertain = false;
        let outcome = self
            .connection
            .repeat::<Ignored>("TransactWriteItems", request, Patience::WRITE, |failure| {
                is_uncertain |= failure.may_have_happened();
            })
            .await;
        match outcome {
            Ok(_) => Ok(()),
            // The mark would have told of an earlier success.
            Err(Failure::Condition) => Err(StoreError::Conflict),
            Err(failure) if is_uncertain => Err(unknown_outcome(failure)),
            Err(Failure::Contended) => Err(StoreError::Conflict),
            Err(failure) => Err(unavailable(failure)),
        }
    }
}

impl Connection {
    /// Asks, and asks again after passing trouble.
    async fn ask<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        request: &impl Serialize,
        patience: Patience,
    ) -> Result<T, Failure> {
        self.repeat(operation, request, patience, |_| ()).await
    }

    /// Asks until there is an answer, a lasting refusal, or no time left; tells of each failure.
    async fn repeat<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        request: &impl Serialize,
        patience: Patience,
        mut failed: impl FnMut(&Failure),
    ) -> Result<T, Failure> {
        let body = Bytes::from(serde_json::to_vec(request).expect("strings and numbers can be written"));
        let end = Instant::now() + patience.whole;
        let mut longest = PAUSES.0;
        loop {
            let limit = patience.attempt.min(end.saturating_duration_since(Instant::now()));
            let failure = match self.client.send(operation, body.clone(), limit).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            failed(&failure);
            let pause = longest.mul_f64(jitter());
            if !failure.is_transient() || end <= Instant::now() + pause {
                return Err(failure);
            }
            tracing::debug!(operation, error = %failure, "asking DynamoDB again");
            tokio::time::sleep(pause).await;
            longest = (longest * 2).min(PAUSES.1);
        }
    }

    /// The items of up to [`KEYS`] different keys, in any order.
    async fn read_items(&self, keys: Vec<Item<'static>>) -> Result<Vec<Item<'static>>, Failure> {
        let end = Instant::now() + Patience::READ.whole;
        let (mut keys, mut found, mut longest) = (keys, Vec::new(), PAUSES.0);
        while !keys.is_empty() {
            let asked = KeysAndAttributes { keys, consistent_read: true };
            let request = BatchGetItem { request_items: [(self.table.as_str(), asked)].into() };
            let whole = end.saturating_duration_since(Instant::now());
            let patience = Patience { whole, ..Patience::READ };
            let answer: BatchGetItemOutput = self.ask("BatchGetItem", &request, patience).await?;
            let before = found.len();
            found.extend(answer.responses.into_values().flatten());
            keys = answer.unprocessed_keys.into_values().flat_map(|rest| rest.keys).collect();
            if keys.is_empty() || before < found.len() {
                continue;
            }
            let pause = longest.mul_f64(jitter());
            if end <= Instant::now() + pause {
                let message = "no key was read".to_owned();
                return Err(Failure::Throttled { kind: "UnprocessedKeys".to_owned(), message });
            }
            tokio::time::sleep(pause).await;
            longest = (longest * 2).min(PAUSES.1);
        }
        Ok(found)
    }
}

#[async_trait::async_trait]
impl Store for Dynamodb {
    fn engine(&self) -> &'static str {
        ENGINE
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Doc>>, StoreError> {
        // The service refuses to be asked for one key twice.
        let mut found: HashMap<&Key, Option<Doc>> = keys.iter().map(|key| (key, None)).collect();
        let different: Vec<&Key> = found.keys().copied().collect();
        for chunk in different.chunks(KEYS) {
            let asked = chunk.iter().map(|key| items::key(Space::Documents, &key.part, &key.sort));
            let read = self.connection.read_items(asked.collect()).await.map_err(unavailable)?;
            for item in read {
                let doc = items::doc_of(item).map_err(unavailable)?;
                if let Some(place) = found.get_mut(&doc.key) {
                    *place = Some(doc);
                }
            }
        }
        Ok(keys.iter().map(|key| found[key].clone()).collect())
    }

    async fn scan(&self, scan: &Scan) -> Result<Vec<Doc>, StoreError> {
        let read = |item| items::doc_of(item).map(|doc| (doc.key.clone(), doc));
        self.page(Space::Documents, scan, read).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        if batch.ops().is_empty() {
            return Ok(());
        }
        if items::size_bytes(&batch) > TRANSACTION_BYTES {
            return Err(BatchError::TooLarge.into());
        }
        self.transact(&items::transaction(&self.connection.table, &batch)).await
    }

    /// The deltas of up to [`Batch::MAX_OPS`] different counters are one transaction; more are several.
    async fn count(&self, deltas: &[(Key, i64)]) -> Result<(), StoreError> {
        check_deltas(deltas)?;
        for (number, addition) in items::additions(&self.connection.table, deltas).iter().enumerate() {
            match self.transact(addition).await {
                Ok(()) => {}
                Err(StoreError::Conflict) if number == 0 => {
                    return Err(unavailable("others keep writing to the same counters"));
                }
                // Some are added, some are not.
                Err(error) if number > 0 => return Err(unknown_outcome(error)),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn counters(&self, scan: &Scan) -> Result<Vec<(Key, i64)>, StoreError> {
        let read = |item| items::counter_of(&item).map(|(key, n)| (key.clone(), (key, n)));
        self.page(Space::Counters, scan, read).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.connection.read_items(vec![items::probe_key()]).await.map_err(unavailable)?;
        self.transact(&items::probe(&self.connection.table)).await
    }
}

#[expect(clippy::disallowed_methods, reason = "no result depends on how long a pause is")]
fn jitter() -> f64 {
    rand::random()
}

fn unavailable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Unavailable { engine: ENGINE, source: source.into() }
}

fn unknown_outcome(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::UnknownOutcome { engine: ENGINE, source: source.into() }
}

#[cfg(test)]
mod tests;
