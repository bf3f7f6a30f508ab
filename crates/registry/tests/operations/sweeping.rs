//! Sweeping: what nothing refers to goes in two steps, and nothing else ever does.

use crate::house::{House, krate, main, other_bytes, refusal, v};
use holdfast_registry::entity::{CrateHead, Version};
use holdfast_registry::{Published, Swept};
use holdfast_store::faults::{Call, Fault};
use holdfast_store::{Committed, Tx};
use insta::assert_snapshot;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);
/// Files carry the time of the machine: only a clock that is far ahead of it finds them old.
const CENTURY: Duration = Duration::from_hours(24 * 365 * 100);

fn swept(seen: u64, condemned: u64, restored: u64, purged: u64) -> Swept {
    Swept { seen, condemned, restored, purged, purged_bytes: 0 }
}

async fn sweep(house: &House, grace: Duration) -> Swept {
    let swept = house.holdfast.sweep(&house.operator, grace).await.unwrap();
    Swept { purged_bytes: 0, ..swept }
}

async fn is_there(house: &House, version: &str) -> bool {
    let download = house.holdfast.download(&house.rita, &main(), &v("foo"), &v(version)).await;
    download.is_ok()
}

/// A publish that ends after its file is kept and before its commit.
async fn interrupted(house: &House, version: &str) {
    house.faults.fail_when(Fault::Unavailable, |call| matches!(call, Call::Commit(_)));
    house.publish(&house.alice, &krate("foo", version)).await.unwrap_err();
    house.faults.clear();
}

#[tokio::test]
async fn leftovers_are_condemned_and_then_purged() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    interrupted(&house, "1.1.0").await;
    assert_eq!(house.files().await, "<foo@1.0.0> <foo@1.1.0>");
    assert_eq!(sweep(&house, DAY).await, swept(2, 0, 0, 0), "too young");
    house.outside.advance(CENTURY);
    assert_eq!(sweep(&house, DAY).await, swept(2, 1, 0, 0));
    assert_eq!(house.files().await, "<foo@1.0.0> [<foo@1.1.0>]");
    assert_eq!(sweep(&house, CENTURY * 2).await, swept(1, 0, 0, 0), "condemned, but not for long enough");
    let purged = house.holdfast.sweep(&house.operator, DAY).await.unwrap();
    assert_eq!(Swept { purged_bytes: 0, ..purged }, swept(1, 0, 0, 1));
    assert_eq!(purged.purged_bytes, krate("foo", "1.1.0").package().len() as u64);
    assert_eq!(house.files().await, "<foo@1.0.0>");
    assert!(is_there(&house, "1.0.0").await);
    assert_eq!(sweep(&house, DAY).await, swept(1, 0, 0, 0));
    assert_eq!(house.problems().await, "");
}

#[tokio::test]
async fn files_of_removed_versions_go_unless_another_version_needs_them() {
    let house = House::new().await;
    house.have(&["foo@1.0.0", "foo@1.1.0"]).await;
    // The same file under the same name in a second registry.
    let new = holdfast_registry::NewRegistry {
        name: v("second"),
        kind: holdfast_registry::entity::RegistryKind::Hosted,
        anonymous_read: false,
    };
    house.holdfast.create_registry(&house.root, new).await.unwrap();
    house.publish_at(&house.holdfast, &house.bob, "second", &krate("foo", "1.0.0")).await.unwrap();
    house.holdfast.remove_crate(&house.root, &main(), &v("foo")).await.unwrap();
    house.outside.advance(CENTURY);
    assert_eq!(sweep(&house, DAY).await, swept(2, 1, 0, 0));
    assert_eq!(sweep(&house, DAY).await, swept(1, 0, 0, 1));
    assert_eq!(house.files().await, "<foo@1.0.0>");
    assert_eq!(house.problems().await, "");
    // Published again, its file is kept again.
    house.have(&["foo@1.1.0"]).await;
    assert!(is_there(&house, "1.1.0").await);
}

#[tokio::test]
async fn a_publish_of_the_same_bytes_between_the_two_steps_keeps_them() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    house.holdfast.remove_version(&house.root, &main(), &v("foo"), &v("1.0.0")).await.unwrap();
    house.outside.advance(CENTURY);
    assert_eq!(sweep(&house, DAY).await, swept(1, 1, 0, 0));
    let receipt = house.publish(&house.alice, &krate("foo", "1.0.0")).await.unwrap();
    assert_eq!(receipt.outcome, Published::New);
    assert!(is_there(&house, "1.0.0").await);
    for _ in 0..3 {
        sweep(&house, DAY).await;
        assert!(is_there(&house, "1.0.0").await);
        assert_eq!(house.problems().await, "");
    }
    assert_eq!(house.files().await, "<foo@1.0.0>");
}

#[tokio::test]
async fn a_commit_between_the_two_steps_restores_the_file() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    let key = Version::key_of(&main(), &v("foo"), &v("1.0.0"));
    let head_key = CrateHead::key_of(&main(), &v("foo"));
    let mut tx = Tx::new(&house.store);
    let (version, head) = (
        tx.get::<Version>(&key).await.unwrap().unwrap(),
        tx.get::<CrateHead>(&head_key).await.unwrap().unwrap(),
    );
    house.holdfast.remove_version(&house.root, &main(), &v("foo"), &v("1.0.0")).await.unwrap();
    house.outside.advance(CENTURY);
    assert_eq!(sweep(&house, DAY).await, swept(1, 1, 0, 0));
    // A publish that kept the file long before its commit.
    let mut tx = Tx::new(&house.store);
    tx.put(&version).await.unwrap();
    tx.put(&head).await.unwrap();
    assert_eq!(tx.commit().await.unwrap(), Committed::Yes);
    assert!(is_there(&house, "1.0.0").await, "a condemned file is still readable");
    assert_eq!(sweep(&house, DAY).await, swept(1, 0, 1, 0));
    assert_eq!(house.files().await, "<foo@1.0.0>");
    assert!(is_there(&house, "1.0.0").await);
}

#[tokio::test]
async fn what_is_referred_to_is_never_touched() {
    let house = House::new().await;
    for version in ["1.0.0", "1.1.0", "2.0.0-rc.1"] {
        house.have(&[&format!("foo@{version}")]).await;
    }
    house.yank("foo@1.0.0", holdfast_registry::Yank::Yes).await;
    house.publish(&house.alice, &other_bytes(&krate("foo", "1.0.0"))).await.unwrap_err();
    house.outside.advance(CENTURY);
    assert_eq!(sweep(&house, Duration::ZERO).await, swept(3, 0, 0, 0));
    assert_eq!(house.problems().await, "");
}

#[tokio::test]
async fn a_store_in_trouble_stops_a_sweep_before_it_does_harm() {
    let house = House::new().await;
    house.have(&["foo@1.0.0", "foo@1.1.0"]).await;
    house.outside.advance(CENTURY);
    house.faults.fail_when(Fault::Unavailable, |call| matches!(call, Call::Scan(_)));
    house.holdfast.sweep(&house.operator, DAY).await.unwrap_err();
    house.faults.clear();
    assert_eq!(house.files().await, "<foo@1.0.0> <foo@1.1.0>");
    assert_snapshot!(refusal(house.holdfast.sweep(&house.alice, DAY).await), @"Forbidden: `alice` is a publisher; this needs the role admin, which an admin can give");
}
