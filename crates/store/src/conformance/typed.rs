//! The typed layer on the engine: what a domain operation does.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Site;
use crate::contract::{Key, Scan, Store, StoreError};
use crate::{Committed, Entity, Retry, Tx, check_indexes};

#[derive(Serialize, Deserialize)]
struct Version {
    krate: String,
    number: String,
    keywords: Vec<String>,
}

impl Entity for Version {
    const VERSION: u32 = 1;

    crate::body_by_serde!();

    fn key(&self) -> Key {
        Key::new(format!("version/{}", self.krate), &*self.number)
    }

    fn indexes(&self) -> Vec<(Key, String)> {
        let entry = |keyword| Key::new(format!("keyword/{keyword}"), &*self.krate);
        self.keywords.iter().map(|keyword| (entry(keyword), "{}".into())).collect()
    }
}

#[derive(Debug, thiserror::Error)]
enum PublishError {
    #[error("the version exists")]
    Exists,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a domain operation looks like: borrowed arguments, early returns, one commit.
async fn publish(store: &Arc<dyn Store>, number: &str, keyword: &str) -> Result<(), PublishError> {
    let mut retry = Retry::new(store);
    loop {
        let mut tx = retry.begin().await?;
        if tx.get::<Version>(&Key::new("version/a", number)).await?.is_some() {
            return Err(PublishError::Exists);
        }
        let keywords = vec![keyword.to_owned()];
        tx.put(&Version { krate: "a".into(), number: number.into(), keywords }).await?;
        if tx.commit().await? == Committed::Yes {
            return Ok(());
        }
    }
}

async fn indexed(store: &dyn Store, keyword: &str) -> bool {
    !store.scan(&Scan::first(format!("keyword/{keyword}"), 1)).await.unwrap().is_empty()
}

/// Two publishes of one version: exactly one wins, and the index entries are the winner's.
pub async fn publish_race(site: &dyn Site) {
    let store = site.open().await;
    for round in 0..10 {
        let number = format!("1.0.{round}");
        let spawn = |keyword: String| {
            let (store, number) = (store.clone(), number.clone());
            tokio::spawn(async move { publish(&store, &number, &keyword).await })
        };
        let (left, right) = tokio::join!(spawn(format!("left-{round}")), spawn(format!("right-{round}")));
        let left_won = match (left.unwrap(), right.unwrap()) {
            (Ok(()), Err(PublishError::Exists)) => true,
            (Err(PublishError::Exists), Ok(())) => false,
            other => panic!("{other:?}"),
        };
        assert_eq!(indexed(&*store, &format!("left-{round}")).await, left_won);
        assert_eq!(indexed(&*store, &format!("right-{round}")).await, !left_won);
    }
}

/// An edit moves the index entry in the same commit, a deletion removes it, and the check agrees.
pub async fn typed_indexes(site: &dyn Site) {
    let store = site.open().await;
    publish(&store, "1.0.0", "first").await.unwrap();
    assert!(indexed(&*store, "first").await);
    let key = Key::new("version/a", "1.0.0");
    let mut tx = Tx::new(&store);
    let mut version: Version = tx.get(&key).await.unwrap().unwrap();
    version.keywords = vec!["moved".into()];
    tx.put(&version).await.unwrap();
    assert_eq!(tx.commit().await.unwrap(), Committed::Yes);
    assert!(!indexed(&*store, "first").await);
    assert!(indexed(&*store, "moved").await);
    let parts = ["version/a", "keyword/first", "keyword/moved"].map(String::from);
    assert_eq!(check_indexes::<Version>(&*store, &parts[..1], &parts[1..]).await.unwrap(), []);
    let mut tx = Tx::new(&store);
    tx.delete::<Version>(&key).await.unwrap();
    assert_eq!(tx.commit().await.unwrap(), Committed::Yes);
    assert!(!indexed(&*store, "moved").await);
}
