//! The index cache: what costs no trip to the store, and how old it may be.

use crate::house::{House, krate, main, v};
use holdfast_registry::{Kind, Settings, Yank};
use holdfast_store::faults::{Call, Fault};
use std::time::Duration;

/// The default staleness bound is a second.
const BOUND: Duration = Duration::from_secs(1);

/// Lets tasks in the background run until the store was called so often.
async fn calls_reach(house: &House, calls: u64) {
    let reached = async {
        while house.faults.calls() < calls {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), reached).await.expect("no check in the background");
    // The answer of the last call has to be taken in too.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_fresh_file_costs_no_trip() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    house.versions("foo").await;
    let calls = house.faults.calls();
    for _ in 0..10 {
        house.outside.advance(BOUND / 21);
        assert_eq!(house.versions("foo").await, "1.0.0");
        house.holdfast.download(&house.rita, &main(), &v("foo"), &v("1.0.0")).await.unwrap();
    }
    assert_eq!(house.faults.calls(), calls);
}

#[tokio::test]
async fn after_half_the_bound_one_check_goes_on_behind() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    house.versions("foo").await;
    let elsewhere = house.process();
    elsewhere.yank(&house.alice, &main(), &v("foo"), &v("1.0.0"), Yank::Yes).await.unwrap();
    house.outside.advance(BOUND * 6 / 10);
    let calls = house.faults.calls();
    assert_eq!(house.versions("foo").await, "1.0.0", "the old file at once");
    assert_eq!(house.versions("foo").await, "1.0.0");
    assert_eq!(house.faults.calls(), calls, "and nobody waited for a trip");
    // One check of the registry's record, and one of the crate: its head, its versions, its head again.
    calls_reach(&house, calls + 4).await;
    assert_eq!(house.versions("foo").await, "[1.0.0]");
    assert_eq!(house.faults.calls(), calls + 4, "for all who asked, one check each");
}

#[tokio::test]
async fn a_check_of_what_did_not_change_is_one_point_read() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    let before = house.holdfast.index_file(&house.rita, &main(), &v("foo")).await.unwrap();
    house.outside.advance(BOUND * 2);
    house.holdfast.registry(&main()).await.unwrap();
    let calls = house.faults.calls();
    let after = house.holdfast.index_file(&house.rita, &main(), &v("foo")).await.unwrap();
    assert_eq!(house.faults.calls(), calls + 1);
    assert!(std::sync::Arc::ptr_eq(&before, &after), "the same file, not rendered again");
}

#[tokio::test]
async fn beyond_the_bound_callers_wait_for_one_check() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    let elsewhere = house.process();
    house.versions_at(&elsewhere, "foo").await;
    house.yank("foo@1.0.0", Yank::Yes).await;
    assert_eq!(house.versions_at(&elsewhere, "foo").await, "1.0.0", "within the bound it may not know");
    house.outside.advance(BOUND);
    elsewhere.registry(&main()).await.unwrap();
    let calls = house.faults.calls();
    let (a, b, c) = tokio::join!(
        house.versions_at(&elsewhere, "foo"),
        house.versions_at(&elsewhere, "foo"),
        house.versions_at(&elsewhere, "foo"),
    );
    assert_eq!([a, b, c], ["[1.0.0]", "[1.0.0]", "[1.0.0]"], "beyond it, it must");
    assert_eq!(house.faults.calls(), calls + 3, "one load for all: head, versions, head");
}

#[tokio::test]
async fn absence_is_never_kept() {
    let house = House::new().await;
    let elsewhere = house.process();
    assert_eq!(house.versions_at(&elsewhere, "foo").await, "NotFound");
    house.have(&["foo@1.0.0"]).await;
    assert_eq!(house.versions_at(&elsewhere, "foo").await, "1.0.0");
    house.holdfast.remove_crate(&house.root, &main(), &v("foo")).await.unwrap();
    house.outside.advance(BOUND);
    assert_eq!(house.versions_at(&elsewhere, "foo").await, "NotFound");
    house.have(&["foo@1.0.0"]).await;
    assert_eq!(house.versions_at(&elsewhere, "foo").await, "1.0.0");
}

#[tokio::test]
async fn a_store_in_trouble_is_not_an_absent_crate() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    house.versions("foo").await;
    house.faults.fail_when(Fault::Unavailable, |call| !matches!(call, Call::Commit(_)));
    assert_eq!(house.versions("foo").await, "1.0.0", "what is fresh needs no store");
    house.outside.advance(BOUND * 6 / 10);
    assert_eq!(house.versions("foo").await, "1.0.0", "and a failed check behind is not an answer");
    tokio::task::yield_now().await;
    house.outside.advance(BOUND);
    assert_eq!(house.versions("foo").await, "1.0.0", "what is in memory outlasts an outage");
    let error = house.holdfast.index_file(&house.rita, &main(), &v("bar")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "what is not in memory may well be there");
    house.outside.advance(Settings::default().outage_grace);
    let error = house.holdfast.index_file(&house.rita, &main(), &v("foo")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "but not for ever");
    let error = house.process().index_file(&house.rita, &main(), &v("foo")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    let error = house.holdfast.describe(&house.rita, &main(), &v("foo")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    let download = house.holdfast.download(&house.rita, &main(), &v("foo"), &v("1.0.0")).await;
    assert_eq!(download.err().unwrap().kind(), Kind::Unavailable);
    house.faults.clear();
    assert_eq!(house.versions("foo").await, "1.0.0");
}

#[tokio::test]
async fn an_unknown_outcome_is_looked_up_at_once() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    house.versions("foo").await;
    house.faults.fail_when(Fault::UnknownAfter, |call| matches!(call, Call::Commit(_)));
    let yanked = house.holdfast.yank(&house.alice, &main(), &v("foo"), &v("1.0.0"), Yank::Yes).await;
    house.faults.clear();
    assert_eq!(yanked.unwrap_err().kind(), Kind::Unavailable);
    assert_eq!(house.versions("foo").await, "[1.0.0]", "not what the cache held before");
}

#[tokio::test]
async fn a_version_that_another_process_published_downloads_at_once() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    assert_eq!(house.versions("foo").await, "1.0.0");
    let elsewhere = house.process();
    house.publish_at(&elsewhere, &house.alice, "main", &krate("foo", "1.1.0")).await.unwrap();
    assert_eq!(house.versions("foo").await, "1.0.0", "within the bound");
    let download = |version| {
        let (holdfast, rita) = (house.holdfast.clone(), house.rita.clone());
        async move { holdfast.download(&rita, &main(), &v("foo"), &v(version)).await.map(|_| ()) }
    };
    download("1.1.0").await.unwrap();
    assert_eq!(house.versions("foo").await, "1.0.0 1.1.0", "what was learned is kept");
    assert_eq!(download("1.2.0").await.unwrap_err().kind(), Kind::NotFound);
    // Whether there is one cannot be known without the database; what is known goes on.
    house.faults.fail_when(Fault::Unavailable, |call| matches!(call, Call::GetMany(_)));
    assert_eq!(download("1.2.0").await.unwrap_err().kind(), Kind::Unavailable);
    download("1.1.0").await.unwrap();
}
