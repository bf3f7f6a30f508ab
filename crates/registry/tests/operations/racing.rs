//! Many at once, on the engine that servers use.

use crate::house::{House, krate, main, v};
use holdfast_blobs::Blobs;
use holdfast_engines::open;
use holdfast_registry::{Kind, Published, Settings};
use std::sync::Arc;
use tokio::sync::Barrier;

async fn on_disk(folder: &std::path::Path) -> House {
    let store = open(&format!("sqlite:{}", folder.join("test.db").display())).await.unwrap();
    let blobs = Blobs::open(&format!("file:{}", folder.join("blobs").display())).await.unwrap();
    House::over(store, blobs, Settings::default()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_32_publishers_of_one_version_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let house = Arc::new(on_disk(folder.path()).await);
    house.have(&["foo@0.1.0"]).await;
    let barrier = Arc::new(Barrier::new(32));
    // Half of them through another process.
    let elsewhere = house.process();
    let tasks: Vec<_> = (0..32)
        .map(|number| {
            let (house, barrier) = (house.clone(), barrier.clone());
            let holdfast = if number % 2 == 0 { house.holdfast.clone() } else { elsewhere.clone() };
            tokio::spawn(async move {
                let krate = krate("foo", "1.0.0").readme(&format!("I am number {number}"));
                barrier.wait().await;
                (number, house.publish_at(&holdfast, &house.alice, "main", &krate).await)
            })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            (number, Ok(receipt)) => {
                assert_eq!(receipt.outcome, Published::New);
                winners.push(number);
            }
            (_, Err(error)) => {
                assert_eq!(error.kind(), Kind::Conflict, "{error:?}");
                assert_eq!(
                    error.detail(),
                    "`foo@1.0.0` is already published with other bytes; choose a new version"
                );
            }
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    let winner = krate("foo", "1.0.0").readme(&format!("I am number {}", winners[0]));
    let download = house.holdfast.download(&house.rita, &main(), &v("foo"), &v("1.0.0")).await.unwrap();
    assert_eq!(download.sha256, holdfast_types::Sha256::of(&winner.package()));
    assert_eq!(house.versions("foo").await, "0.1.0 1.0.0");
    assert_eq!(house.problems().await, "");
    // The winner's answer may get lost.
    let again = house.publish(&house.alice, &winner).await.unwrap();
    assert_eq!(again.outcome, Published::Again);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_claim_a_name_one_owns_it() {
    let folder = tempfile::tempdir().unwrap();
    let house = Arc::new(on_disk(folder.path()).await);
    let barrier = Arc::new(Barrier::new(16));
    let tasks: Vec<_> = (0..16)
        .map(|number| {
            let (house, barrier) = (house.clone(), barrier.clone());
            tokio::spawn(async move {
                let actor = if number % 2 == 0 { &house.alice } else { &house.bob };
                let name = if number % 3 == 0 { "foo-bar" } else { "foo_bar" };
                barrier.wait().await;
                house.publish(actor, &krate(name, &format!("1.0.{number}"))).await
            })
        })
        .collect();
    let mut published = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => published += 1,
            Err(error) => assert!(matches!(error.kind(), Kind::Forbidden | Kind::Conflict), "{error:?}"),
        }
    }
    let description = house.holdfast.describe(&house.rita, &main(), &v("foo-bar")).await.unwrap();
    assert_eq!(description.head.owners.len(), 1);
    assert_eq!(description.versions.len(), published);
    assert!(description.versions.iter().all(|version| version.line.name == description.head.name));
    assert_eq!(house.problems().await, "");
}
