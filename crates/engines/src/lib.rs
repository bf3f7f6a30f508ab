//! Metadata engines behind the store contract, chosen at run time by URL.
//!
//! | URL | engine |
//! |---|---|
//! | `memory:` | nothing is kept after the process ends |
//! | `dynamodb://TABLE` | a table of AWS, any number of processes |
//! | `mongodb://…`, `mongodb+srv://…` | a replica set, any number of processes |
//! | `mysql://…`, `mariadb://…` | a database of MySQL or MariaDB, any number of processes |
//! | `postgres://…`, `postgresql://…` | a database of PostgreSQL, any number of processes |
//! | `redb:PATH` | one file, one process |
//! | `redis://…`, `rediss://…` | Redis or Valkey with its log, any number of processes |
//! | `sqlite:PATH` | one file, several processes of one machine |

use std::pin::Pin;
use std::sync::Arc;

#[cfg(any(feature = "dynamodb", feature = "mysql", feature = "postgres"))]
use holdfast_store::Key;
use holdfast_store::{Memory, Store, View};

#[cfg(feature = "dynamodb")]
mod dynamodb;
mod error;
#[cfg(any(feature = "redb", feature = "sqlite"))]
mod group;
#[cfg(feature = "mongodb")]
mod mongodb;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "redis"))]
mod parameters;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "redis"))]
mod pool;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redb")]
mod redb;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "redis"))]
mod tls;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod views;

#[cfg(feature = "dynamodb")]
pub use self::dynamodb::Dynamodb;
#[cfg(feature = "mongodb")]
pub use self::mongodb::Mongodb;
#[cfg(feature = "mysql")]
pub use self::mysql::Mysql;
#[cfg(feature = "postgres")]
pub use self::postgres::Postgres;
#[cfg(feature = "redb")]
pub use self::redb::Redb;
#[cfg(feature = "redis")]
pub use self::redis::Redis;
pub use error::{OpenError, redact};
#[cfg(feature = "sqlite")]
pub use sqlite::Sqlite;

/// The schemes of the URLs that this build can open.
pub const SCHEMES: &[&str] = &[
    "memory",
    #[cfg(feature = "sqlite")]
    "sqlite",
    #[cfg(feature = "redb")]
    "redb",
    #[cfg(feature = "postgres")]
    "postgres",
    #[cfg(feature = "postgres")]
    "postgresql",
    #[cfg(feature = "mysql")]
    "mysql",
    #[cfg(feature = "mysql")]
    "mariadb",
    #[cfg(feature = "redis")]
    "redis",
    #[cfg(feature = "redis")]
    "rediss",
    #[cfg(feature = "mongodb")]
    "mongodb",
    #[cfg(feature = "mongodb")]
    "mongodb+srv",
    #[cfg(feature = "dynamodb")]
    "dynamodb",
];

/// What an engine is told besides its URL.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The reporting views that engines which speak SQL keep; none leaves those that are there alone.
    pub views: &'static [View],
}

/// Opens the engine that the URL names, brings its schema up to date, and refuses one that could lose what
/// it acknowledges.
pub async fn open(url: &str) -> Result<Arc<dyn Store>, OpenError> {
    open_with(url, &Options::default()).await
}

/// As [`open`], with options.
///
/// Boxed here, so that the drivers are compiled once, and not again by everybody who opens a store.
pub fn open_with<'a>(url: &'a str, options: &'a Options) -> Opening<'a> {
    Box::pin(open_any(url, options))
}

/// What [`open_with`] gives.
pub type Opening<'a> = Pin<Box<dyn Future<Output = Result<Arc<dyn Store>, OpenError>> + Send + 'a>>;

#[cfg_attr(
    not(any(feature = "mysql", feature = "postgres", feature = "sqlite")),
    expect(unused_variables, reason = "no engine of this build takes options")
)]
async fn open_any(url: &str, options: &Options) -> Result<Arc<dyn Store>, OpenError> {
    match url.split_once(':') {
        Some(("memory", "")) => Ok(Arc::new(Memory::new())),
        #[cfg(feature = "redb")]
        Some(("redb", path)) => Ok(Arc::new(Redb::open(path).await?)),
        #[cfg(feature = "redis")]
        Some(("redis" | "rediss", _)) => Ok(Arc::new(Redis::open(url).await?)),
        #[cfg(feature = "sqlite")]
        Some(("sqlite", path)) => Ok(Arc::new(Sqlite::open_with(path, options).await?)),
        #[cfg(feature = "mongodb")]
        Some(("mongodb" | "mongodb+srv", _)) => Ok(Arc::new(Mongodb::open(url).await?)),
        #[cfg(feature = "dynamodb")]
        Some(("dynamodb", _)) => Ok(Arc::new(Dynamodb::open(url).await?)),
        #[cfg(feature = "mysql")]
        Some(("mysql" | "mariadb", _)) => Ok(Arc::new(Mysql::open(url, options).await?)),
        #[cfg(feature = "postgres")]
        Some(("postgres" | "postgresql", _)) => Ok(Arc::new(Postgres::open(url, options).await?)),
        _ => Err(OpenError::Unknown { url: redact(url) }),
    }
}

/// The deltas in key order, one a key, so that all callers take their locks in one order.
#[cfg(any(feature = "dynamodb", feature = "mysql", feature = "postgres"))]
fn merge_deltas(deltas: &[(Key, i64)]) -> std::collections::BTreeMap<&Key, i64> {
    let mut merged = std::collections::BTreeMap::new();
    for (key, delta) in deltas {
        let sum: &mut i64 = merged.entry(key).or_default();
        *sum = sum.saturating_add(*delta);
    }
    merged
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use super::*;

    async fn refusal(url: &str) -> String {
        open(url).await.err().unwrap().to_string()
    }

    #[tokio::test]
    async fn urls_choose_the_engine() {
        assert_eq!(open("memory:").await.unwrap().engine(), "memory");
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("a b?c#d.db").display());
        assert_eq!(open(&url).await.unwrap().engine(), "sqlite");
        assert!(dir.path().join("a b?c#d.db").exists());
    }

    #[tokio::test]
    async fn refusals_name_the_url_without_its_password() {
        let unknown = refusal("oracle://me:secret@db.example/main?sslpassword=secret").await;
        let url = "the database `oracle://me:***@db.example/main?sslpassword=***` is of no known kind; ";
        assert!(unknown.starts_with(&format!("{url}use `")), "{unknown}");
        assert!(unknown.ends_with("or `memory:` to try things out"), "{unknown}");
        assert!(refusal("holdfast.db").await.contains("`holdfast.db` is of no known kind"));
        assert!(refusal("memory:x").await.contains("no known kind"));
        assert!(refusal("sqlite:").await.contains("names no file"));
        assert!(
            refusal("sqlite:/does/not/exist/x.db").await.contains("cannot open the database `sqlite:/does/")
        );
    }
}
