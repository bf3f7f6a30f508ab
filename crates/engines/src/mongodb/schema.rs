//! What must be true of the database, and what we keep in it.

use std::time::Duration;

use mongodb::bson::{Bson, Document, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::{Acknowledgment, CollectionOptions, IndexOptions, WriteConcern};
use mongodb::{Client, Collection, Database, IndexModel};

use super::failure::said;
use crate::error::OpenError;

/// The collection of documents.
pub(super) const DOCUMENTS: &str = "documents";
/// The collection of counters.
pub(super) const COUNTERS: &str = "counters";
/// The collection of sessions that are at work.
const SESSIONS: &str = "sessions";
/// How long a session is kept that nobody ended: longer than the database keeps its transaction.
const SESSIONS_FOR: Duration = Duration::from_hours(1);
/// The collection of what the engine knows about itself.
const ABOUT: &str = "holdfast";

/// The newest schema that this release knows.
const VERSION: i64 = 1;

/// Why the database is not opened.
#[derive(Debug)]
pub(super) enum Refusal {
    Failed(Box<dyn std::error::Error + Send + Sync>),
    NotDurable { reason: String, hint: &'static str },
    Foreign,
    Newer(i64),
}

impl Refusal {
    pub(super) fn not_durable(reason: &str, hint: &'static str) -> Refusal {
        Refusal::NotDurable { reason: reason.into(), hint }
    }

    /// The refusal with the address, which holds no password any more.
    pub(super) fn of(self, url: &str) -> OpenError {
        let url = url.to_owned();
        match self {
            Refusal::Failed(source) => OpenError::Failed { url, source },
            Refusal::NotDurable { reason, hint } => OpenError::NotDurable { url, reason, hint },
            Refusal::Foreign => OpenError::Foreign { url },
            Refusal::Newer(found) => OpenError::Newer { url, found, known: VERSION },
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal::Failed(said(&error))
    }
}

/// The index that scans read.
pub(super) fn order() -> Document {
    doc! { "part": 1, "sort": 1 }
}

/// The sessions that are at work. A failover that loses one undoes its transaction too.
pub(super) fn sessions(database: &Database) -> Collection<Document> {
    let quick = WriteConcern::builder().w(Acknowledgment::Nodes(1)).build();
    database.collection_with_options(SESSIONS, CollectionOptions::builder().write_concern(quick).build())
}

/// Checks the server, and makes the collections where they are missing. Any number of engines may do so at
/// once.
pub(super) async fn prepare(client: &Client, database: &Database) -> Result<(), Refusal> {
    require_replica_set(database).await?;
    require_disk(client).await?;
    claim(database).await?;
    for name in [DOCUMENTS, COUNTERS] {
        // Makes the collection too, which a transaction might not do.
        let index = IndexModel::builder().keys(order()).build();
        database.collection::<Document>(name).create_index(index).write_concern(durable()).await?;
    }
    let expiry = IndexOptions::builder().expire_after(SESSIONS_FOR).build();
    let expiry = IndexModel::builder().keys(doc! { "at": 1 }).options(expiry).build();
    sessions(database).create_index(expiry).await?;
    Ok(())
}

/// Writes a harmless document, durably, as every commit does.
pub(super) async fn probe(database: &Database) -> Result<(), Error> {
    let about = database.collection::<Document>(ABOUT);
    let once_more = doc! { "$inc": { "count": 1_i64 } };
    about.update_one(doc! { "_id": "probe" }, once_more).upsert(true).write_concern(durable()).await.map(drop)
}

async fn require_replica_set(database: &Database) -> Result<(), Refusal> {
    let hello = database.run_command(doc! { "hello": 1 }).await?;
    if has_transactions(&hello) {
        return Ok(());
    }
    Err(Refusal::not_durable(
        "it is a single server without a replica set, which has no transactions",
        "start it with `--replSet NAME` and run `rs.initiate()` once; a set of one member will do",
    ))
}

/// A member of a set names it, and the router of a sharded cluster says what it is.
fn has_transactions(hello: &Document) -> bool {
    hello.contains_key("setName") || hello.get_str("msg").is_ok_and(|message| message == "isdbgrid")
}

async fn require_disk(client: &Client) -> Result<(), Refusal> {
    let status = match client.database("admin").run_command(doc! { "serverStatus": 1 }).await {
        Ok(status) => status,
        // Most accounts may not ask.
        Err(error) if matches!(*error.kind, ErrorKind::Command(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    match status.get_document("storageEngine").and_then(|engine| engine.get_bool("persistent")) {
        Ok(false) => Err(Refusal::not_durable(
            "its storage engine keeps everything in memory",
            "use the storage engine `wiredTiger`",
        )),
        _ => Ok(()),
    }
}

/// Makes the database ours if it is nobody's, before any collection of ours exists.
async fn claim(database: &Database) -> Result<(), Refusal> {
    if is_ours(database).await? {
        return Ok(());
    }
    let names = database.list_collection_names().await?;
    if names.iter().any(|name| name == DOCUMENTS || name == COUNTERS) && !is_ours(database).await? {
        return Err(Refusal::Foreign);
    }
    let about = database.collection::<Document>(ABOUT);
    let first = doc! { "$setOnInsert": { "application": "holdfast", "version": VERSION } };
    let claim = about.update_one(doc! { "_id": "schema" }, first).upsert(true).write_concern(durable());
    match claim.await {
        Ok(_) => {}
        // Another engine was quicker.
        Err(error) if is_duplicate(&error) => {}
        Err(error) => return Err(error.into()),
    }
    if is_ours(database).await? { Ok(()) } else { Err(Refusal::Foreign) }
}

/// Whether the schema is one that we know. A later release adds its forward migrations here.
async fn is_ours(database: &Database) -> Result<bool, Refusal> {
    let found = database.collection::<Document>(ABOUT).find_one(doc! { "_id": "schema" }).await?;
    let Some(schema) = found else { return Ok(false) };
    if schema.get_str("application").ok() != Some("holdfast") {
        return Err(Refusal::Foreign);
    }
    match schema.get("version") {
        Some(Bson::Int32(version)) => known(i64::from(*version)),
        Some(Bson::Int64(version)) => known(*version),
        _ => Err(Refusal::Foreign),
    }
}

fn known(version: i64) -> Result<bool, Refusal> {
    if version > VERSION { Err(Refusal::Newer(version)) } else { Ok(true) }
}

fn is_duplicate(error: &Error) -> bool {
    use mongodb::error::WriteFailure;
    match &*error.kind {
        ErrorKind::Write(WriteFailure::WriteError(error)) => error.code == 11_000,
        ErrorKind::Command(error) => error.code == 11_000 || error.code == 112,
        _ => false,
    }
}

fn durable() -> WriteConcern {
    WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_servers_have_no_transactions() {
        assert!(!has_transactions(&doc! { "isWritablePrimary": true, "maxWireVersion": 27 }));
        assert!(!has_transactions(&doc! { "isreplicaset": true, "msg": "other" }));
        assert!(has_transactions(&doc! { "setName": "rs0" }));
        assert!(has_transactions(&doc! { "msg": "isdbgrid" }));
    }
}
