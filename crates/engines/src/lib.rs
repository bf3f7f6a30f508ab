//! Metadata engines behind the store contract, chosen at run time by URL.
//!
//! | URL | engine |
//! |---|---|
//! | `memory:` | nothing is kept after the process ends |
//! | `sqlite:PATH` | one file, several processes of one machine |

use std::sync::Arc;

use holdfast_store::{Memory, Store};

mod error;
#[cfg(feature = "sqlite")]
mod group;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use error::{OpenError, redact};
#[cfg(feature = "sqlite")]
pub use sqlite::Sqlite;

/// Opens the engine that the URL names, brings its schema up to date, and refuses one that could lose what
/// it acknowledges.
pub async fn open(url: &str) -> Result<Arc<dyn Store>, OpenError> {
    match url.split_once(':') {
        Some(("memory", "")) => Ok(Arc::new(Memory::new())),
        #[cfg(feature = "sqlite")]
        Some(("sqlite", path)) => Ok(Arc::new(Sqlite::open(path).await?)),
        _ => Err(OpenError::Unknown { url: redact(url) }),
    }
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
        let unknown = refusal("postgres://me:secret@db.example/main?sslpassword=secret").await;
        assert_eq!(
            unknown,
            "the database `postgres://me:***@db.example/main?sslpassword=***` is of no known kind; \
             use `sqlite:PATH`, or `memory:` to try things out"
        );
        assert!(refusal("holdfast.db").await.contains("`holdfast.db` is of no known kind"));
        assert!(refusal("memory:x").await.contains("no known kind"));
        assert!(refusal("sqlite:").await.contains("names no file"));
        assert!(
            refusal("sqlite:/does/not/exist/x.db").await.contains("cannot open the database `sqlite:/does/")
        );
    }
}
