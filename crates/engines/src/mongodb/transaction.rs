//! Commits: the commands of a batch, and how a transaction runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use holdfast_store::{Batch, Key, Op, Rev, StoreError};
use mongodb::bson::{Bson, Document, RawDocumentBuf, rawdoc};
use mongodb::error::{ErrorKind, TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT};
use mongodb::options::{Acknowledgment, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern};
use mongodb::{Client, ClientSession, Database};
use tokio::sync::{Semaphore, oneshot};

use super::failure::{DUPLICATE_KEY, Failure, WRITE_CONFLICT, unavailable, unknown_outcome};
use super::sessions::Sessions;
use super::{array, body, failure, record, schema};

/// How long a batch is tried again that others keep interfering with.
const PATIENCE: Duration = Duration::from_secs(4);
/// After how long the other one may have died.
const SUSPICION: Duration = Duration::from_secs(1);
/// `NoSuchTransaction`.
const FORGOTTEN: i32 = 251;
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Where a transaction runs.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) client: Client,
    pub(super) database: Database,
    pub(super) sessions: Arc<Sessions>,
}

/// One command of a transaction.
pub(super) struct Command {
    statement: RawDocumentBuf,
    /// How many documents it must find, if its statements are guarded.
    must_find: Option<usize>,
    /// What it means that an `_id` is taken.
    on_duplicate: OnDuplicate,
}

#[derive(Clone, Copy)]
enum OnDuplicate {
    /// The document to be created exists.
    Lost,
    /// Two put one document at the same time.
    TryAgain,
}

/// The commands of a batch: at most one each that inserts, updates, deletes what is guarded and deletes
/// whatever is there.
pub(super) fn of_batch(batch: &Batch) -> Vec<Command> {
    let (mut inserts, mut updates) = (Vec::new(), Vec::new());
    let (mut deletes, mut removes) = (Vec::new(), Vec::new());
    for (key, op) in batch.ops() {
        let id = record::id(key);
        match op {
            Op::Create(text) => inserts.push(rawdoc! {
                "_id": id, "part": &*key.part, "sort": &*key.sort, "rev": batch.rev().0, "body": body::stored(text),
            }),
            Op::Update(rev, text) => updates.push(rawdoc! {
                "q": { "_id": id, "rev": rev.0 },
                "u": { "$set": { "rev": batch.rev().0, "body": body::stored(text) } },
            }),
            // A write that changes nothing would not count as one, and only writes exclude each other.
            Op::Require(rev) => updates.push(rawdoc! {
                "q": { "_id": id, "rev": rev.0 },
                "u": { "$set": { "guard": batch.rev().0 } },
            }),
            Op::Put(text) => updates.push(rawdoc! {
                "q": { "_id": id },
                "u": { "$set": {
                    "part": &*key.part, "sort": &*key.sort, "rev": batch.rev().0, "body": body::stored(text),
                } },
                "upsert": true,
            }),
            Op::Delete(rev) => deletes.push(rawdoc! { "q": { "_id": id, "rev": rev.0 }, "limit": 1 }),
            Op::Remove => removes.push(rawdoc! { "q": { "_id": id }, "limit": 1 }),
        }
    }
    let found = |statements: &Vec<_>| Some(statements.len());
    let commands = [
        (found(&updates), OnDuplicate::TryAgain, "update", "updates", updates),
        (found(&deletes), OnDuplicate::TryAgain, "delete", "deletes", deletes),
        (found(&inserts), OnDuplicate::Lost, "insert", "documents", inserts),
        (None, OnDuplicate::TryAgain, "delete", "deletes", removes),
    ];
    let some = commands.into_iter().filter(|(.., statements)| !statements.is_empty());
    let command = |(must_find, on_duplicate, verb, list, statements)| {
        let statement = command(verb, schema::DOCUMENTS, list, statements);
        Command { statement, must_find, on_duplicate }
    };
    some.map(command).collect()
}

/// The command that adds the deltas, each counter once.
pub(super) fn of_deltas(deltas: &[(Key, i64)]) -> Vec<Command> {
    let mut sums: BTreeMap<&Key, i64> = BTreeMap::new();
    for (key, delta) in deltas {
        let sum = sums.entry(key).or_default();
        *sum = sum.saturating_add(*delta);
    }
    let update = |(key, delta): (&Key, i64)| {
        rawdoc! {
            "q": { "_id": record::id(key) },
            "u": { "$inc": { "value": delta }, "$setOnInsert": { "part": &*key.part, "sort": &*key.sort } },
            "upsert": true,
        }
    };
    let updates: Vec<_> = sums.into_iter().map(update).collect();
    if updates.is_empty() {
        return Vec::new();
    }
    let must_find = Some(updates.len());
    let statement = command("update", schema::COUNTERS, "updates", updates);
    vec![Command { statement, must_find, on_duplicate: OnDuplicate::TryAgain }]
}

fn command(verb: &str, collection: &str, list: &str, statements: Vec<RawDocumentBuf>) -> RawDocumentBuf {
    match (verb, list) {
        ("insert", _) => rawdoc! { "insert": collection, "ordered": true, "documents": array(statements) },
        ("delete", _) => rawdoc! { "delete": collection, "ordered": true, "deletes": array(statements) },
        _ => rawdoc! { "update": collection, "ordered": true, "updates": array(statements) },
    }
}

/// Runs the commands in one transaction, and again while others interfere: a document that another
/// transaction has just changed says only that somebody was there, and the next attempt whether a guard is
/// lost.
///
/// The work is done in a task of its own, which ends its transaction in order when the caller has gone. To drop
/// it half-way would close the connection under a command that a slow server may still run after it was told
/// to abort: such a transaction would then hold its documents for a minute.
///
/// Commands that write what many share take turns in the `lane` of this process: they would conflict with nobody
/// more than with each other.
pub(super) async fn run(
    place: &Place,
    commands: Vec<Command>,
    lane: Option<&Arc<Semaphore>>,
) -> Result<(), StoreError> {
    let (answer, outcome) = oneshot::channel();
    let (place, lane) = (place.clone(), lane.cloned());
    tokio::spawn(async move {
        let _turn = match lane {
            Some(lane) => lane.acquire_owned().await.ok(),
            None => None,
        };
        let outcome = run_to_end(&place, &commands, &answer).await;
        answer.send(outcome).ok();
    });
    outcome.await.unwrap_or_else(|_| Err(failure::stopped()))
}

/// Tells whether somebody still waits.
type Caller = oneshot::Sender<Result<(), StoreError>>;

async fn run_to_end(place: &Place, commands: &[Command], caller: &Caller) -> Result<(), StoreError> {
    if commands.is_empty() {
        return Ok(());
    }
    let began = Instant::now();
    let mut may_reconnect = true;
    for attempt in 1_u32.. {
        let failure = match attempt_once(place, commands, caller).await {
            Ok(()) => return Ok(()),
            Err(Ended::Unknown(error)) => return Err(error),
            Err(Ended::Before(failure)) => failure,
        };
        match failure {
            Failure::Contended if began.elapsed() < PATIENCE => {
                if SUSPICION < began.elapsed() {
                    place.sessions.end_silent().await;
                }
                tokio::time::sleep(pause(began.elapsed() / attempt, attempt)).await;
            }
            Failure::Lost | Failure::Contended | Failure::Abandoned => break,
            // A connection that had died in the pool; or the primary has just changed.
            Failure::Gone(_) if may_reconnect => may_reconnect = false,
            Failure::Gone(error) | Failure::Refused(error) => return Err(unavailable(&error)),
        }
    }
    Err(StoreError::Conflict)
}

/// A random time in proportion to what an attempt costs.
fn pause(cost: Duration, attempt: u32) -> Duration {
    let longest = (cost * 2_u32.pow(attempt.min(4))).min(LONGEST_PAUSE);
    let share = u32::try_from(Rev::fresh().0 & 0xff).expect("a byte is small");
    longest * share / 256
}

/// How an attempt ended that did not commit.
enum Ended {
    /// Before the commit was sent, or the database said that it undid all: nothing was written.
    Before(Failure),
    /// In the commit.
    Unknown(StoreError),
}

impl<F: Into<Failure>> From<F> for Ended {
    fn from(failure: F) -> Ended {
        Ended::Before(failure.into())
    }
}

async fn attempt_once(place: &Place, commands: &[Command], caller: &Caller) -> Result<(), Ended> {
    if caller.is_closed() {
        return Err(Failure::Abandoned.into());
    }
    let mut session = place.client.start_session().await?;
    place.sessions.say(&mut session).await?;
    session
        .start_transaction()
        .read_concern(ReadConcern::snapshot())
        .write_concern(WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build())
        .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
        .await?;
    for command in commands {
        let run = place.database.run_raw_command(command.statement.clone()).session(&mut session);
        let outcome = match run.await {
            Ok(_) if caller.is_closed() => Err(Failure::Abandoned),
            Ok(answer) => command.judge(&answer),
            Err(error) => Err(error.into()),
        };
        if let Err(failure) = outcome {
            // Waited for, so that the next attempt does not meet what this one left. If it fails, the
            // database ends the transaction by itself.
            session.abort_transaction().await.ok();
            return Err(failure.into());
        }
    }
    commit(&mut session).await
}

/// Sends the commit, and once more if its outcome is unknown: the session makes that harmless. The driver
/// itself has sent it twice when an error arrives here.
async fn commit(session: &mut ClientSession) -> Result<(), Ended> {
    let Err(first) = session.commit_transaction().await else { return Ok(()) };
    if !first.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT) {
        // That there is no such transaction could also mean that it was committed before the server forgot.
        let is_forgotten = matches!(&*first.kind, ErrorKind::Command(command) if command.code == FORGOTTEN);
        let is_undone = first.contains_label(TRANSIENT_TRANSACTION_ERROR) && !is_forgotten;
        return Err(if is_undone { first.into() } else { Ended::Unknown(unknown_outcome(&first)) });
    }
    session.commit_transaction().await.map_err(|error| Ended::Unknown(unknown_outcome(&error)))
}

impl Command {
    /// Whether every statement did what it should.
    fn judge(&self, answer: &Document) -> Result<(), Failure> {
        if let Ok([error, ..]) = answer.get_array("writeErrors").map(Vec::as_slice) {
            let code = error.as_document().and_then(|error| whole(error, "code"));
            return match (code, self.on_duplicate) {
                (Some(DUPLICATE_KEY), OnDuplicate::Lost) => Err(Failure::Lost),
                (Some(DUPLICATE_KEY), OnDuplicate::TryAgain) | (Some(WRITE_CONFLICT), _) => {
                    Err(Failure::Contended)
                }
                _ => Err(Failure::Refused(failure::odd_answer(answer))),
            };
        }
        let Some(must_find) = self.must_find else { return Ok(()) };
        match whole(answer, "n").map(usize::try_from) {
            Some(Ok(found)) if found == must_find => Ok(()),
            Some(Ok(found)) if found < must_find => Err(Failure::Lost),
            _ => Err(Failure::Refused(failure::odd_answer(answer))),
        }
    }
}

fn whole(document: &Document, name: &str) -> Option<i64> {
    match document.get(name)? {
        Bson::Int32(number) => Some((*number).into()),
        Bson::Int64(number) => Some(*number),
        _ => None,
    }
}
