//! What is done about a process that died within a transaction. The database would keep what it had written
//! locked for a minute, and nobody could publish for as long, if what they all require is among that.
//!
//! Therefore each session says that it is at work, and who finds documents locked ends the sessions that have
//! fallen silent:
//!
//! ```json
//! { "_id": UUID("…"), "at": ISODate("2026-01-31T12:00:07.000Z") }
//! ```

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mongodb::bson::{Bson, DateTime, Document, Uuid, doc};
use mongodb::error::Error;
use mongodb::{Client, ClientSession, Collection, Database};

use super::{failure, schema};

/// How old the word of a session may be when it begins a transaction.
const FRESH: Duration = Duration::from_secs(1);
/// After how many milliseconds without a word a session is ended. If somebody is at work in it all the same, the
/// transaction fails and is tried again.
const SILENCE: i64 = 5_000;
/// Between two looks for silent sessions.
const PAUSE: Duration = Duration::from_secs(1);
/// Sessions that are ended at once. No more were at work, unless many processes died.
const MOST: i64 = 1_000;

/// Which sessions are at work, of all processes.
pub(super) struct Sessions {
    words: Collection<Document>,
    admin: Database,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When our sessions said something, as far as that is fresh.
    said: HashMap<Uuid, Instant>,
    looked: Option<Instant>,
}

impl Sessions {
    pub(super) fn new(client: &Client, database: &Database) -> Sessions {
        let (words, admin) = (schema::sessions(database), client.database("admin"));
        Sessions { words, admin, state: Mutex::default() }
    }

    /// Says that a session is at work, unless it did so a moment ago. To be called before its transaction begins.
    pub(super) async fn say(&self, session: &mut ClientSession) -> Result<(), Error> {
        let id = session.id().get("id").and_then(uuid);
        let id = id.ok_or_else(|| std::io::Error::other("a session of the driver has no id"))?;
        let now = Instant::now();
        if self.state().said.get(&id).is_some_and(|said| now.duration_since(*said) < FRESH) {
            return Ok(());
        }
        let word = doc! { "$currentDate": { "at": true } };
        self.words.update_one(doc! { "_id": id }, word).upsert(true).session(session).await?;
        let said = &mut self.state().said;
        said.retain(|_, said| now.duration_since(*said) < FRESH);
        said.insert(id, now);
        Ok(())
    }

    /// Ends the sessions that have fallen silent, and with them their transactions. A database that refuses to do
    /// so ends them by itself after a minute.
    pub(super) async fn end_silent(&self) {
        {
            let mut state = self.state();
            let now = Instant::now();
            if state.looked.is_some_and(|looked| now.duration_since(looked) < PAUSE) {
                return;
            }
            state.looked = Some(now);
        }
        match self.try_end_silent().await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "ended sessions of MongoDB that have fallen silent"),
            Err(error) => tracing::warn!(%error, "cannot end sessions of MongoDB that have fallen silent"),
        }
    }

    async fn try_end_silent(&self) -> Result<usize, Error> {
        // By the clock of the server, which has written the words too.
        let hello = self.admin.run_command(doc! { "hello": 1 }).await?;
        let now = hello.get_datetime("localTime").map_err(|_| failure::odd_answer(&hello))?;
        let since = DateTime::from_millis(now.timestamp_millis() - SILENCE);
        let mut found = self.words.find(doc! { "at": { "$lt": since } }).limit(MOST).await?;
        let (mut ids, mut words) = (Vec::new(), Vec::new());
        while found.advance().await? {
            let word = found.deserialize_current()?;
            if let Some(id) = word.get("_id") {
                ids.push(doc! { "id": id });
            }
            words.push(word);
        }
        if words.is_empty() {
            return Ok(0);
        }
        let count = ids.len();
        self.admin.run_command(doc! { "killSessions": ids }).await?;
        // But not what has been said since.
        self.words.delete_many(doc! { "$or": words }).await?;
        Ok(count)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn uuid(id: &Bson) -> Option<Uuid> {
    match id {
        Bson::Binary(id) => id.to_uuid().ok(),
        _ => None,
    }
}
