//! Downloads: the bytes, and how often they were fetched.

use crate::house::{House, krate, main, refusal, v};
use holdfast_blobs::Call;
use holdfast_registry::Kind;
use holdfast_store::faults::{Call as StoreCall, Fault};
use holdfast_types::Sha256;
use insta::assert_snapshot;
use std::time::Duration;

async fn download(house: &House, version: &str, times: usize) {
    let (name, version) = version.split_once('@').unwrap();
    for _ in 0..times {
        house.holdfast.download(&house.rita, &main(), &v(name), &v(version)).await.unwrap();
    }
}

/// All counts of a crate, as words.
async fn counts(house: &House, name: &str) -> String {
    let downloads = house.holdfast.describe(&house.rita, &main(), &v(name)).await.unwrap().downloads;
    let by_version = downloads.by_version.iter().map(|(version, count)| format!("{version}: {count}"));
    let days = house.holdfast.downloads_by_day(&house.rita, &main(), &v(name)).await.unwrap();
    let by_day = days.iter().map(|daily| format!("{} {}: {}", daily.day, daily.version, daily.count));
    let all: Vec<String> =
        [format!("total: {}", downloads.total)].into_iter().chain(by_version).chain(by_day).collect();
    all.join("\n")
}

#[tokio::test]
async fn a_download_gives_the_bytes_that_were_published() {
    let house = House::new().await;
    let package = krate("foo", "1.0.0+linux");
    house.publish(&house.alice, &package).await.unwrap();
    let bytes = package.package();
    for version in ["1.0.0+linux", "1.0.0"] {
        let download = house.holdfast.download(&house.rita, &main(), &v("foo"), &v(version)).await.unwrap();
        assert_eq!((download.sha256, download.size_bytes), (Sha256::of(&bytes), bytes.len() as u64));
        assert_eq!(download.blob.size_bytes(), download.size_bytes);
    }
    let error = |name: &str, version: &str| {
        let (name, version) = (v(name), v(version));
        let (holdfast, rita) = (house.holdfast.clone(), house.rita.clone());
        async move { refusal(holdfast.download(&rita, &main(), &name, &version).await.map(|_| ())) }
    };
    assert_snapshot!([error("foo", "1.0.1").await, error("bar", "1.0.0").await].join("\n"), @r"
    NotFound: there is no version `1.0.1` of the crate `foo` here
    NotFound: there is no crate `bar` here
    ");
}

#[tokio::test]
async fn downloads_are_counted_by_version_and_day() {
    let house = House::new().await;
    house.have(&["foo@1.0.0", "foo@1.1.0", "bar@1.0.0"]).await;
    assert_eq!(counts(&house, "foo").await, "total: 0");
    download(&house, "foo@1.0.0", 2).await;
    download(&house, "bar@1.0.0", 5).await;
    house.holdfast.flush_counters().await.unwrap();
    house.outside.advance(Duration::from_hours(24));
    download(&house, "foo@1.0.0", 1).await;
    download(&house, "foo@1.1.0", 3).await;
    house.holdfast.flush_counters().await.unwrap();
    house.holdfast.flush_counters().await.unwrap();
    assert_snapshot!(counts(&house, "foo").await, @r"
    total: 6
    1.0.0: 3
    1.1.0: 3
    2026-01-01 1.0.0: 2
    2026-01-02 1.0.0: 1
    2026-01-02 1.1.0: 3
    ");
    // Another process adds to the same counters.
    let elsewhere = house.process();
    elsewhere.download(&house.rita, &main(), &v("foo"), &v("1.0.0")).await.unwrap();
    elsewhere.flush_counters().await.unwrap();
    house.outside.advance(Duration::from_hours(24 * 90));
    assert_snapshot!(counts(&house, "foo").await, @r"
    total: 7
    1.0.0: 4
    1.1.0: 3
    2026-01-02 1.0.0: 2
    2026-01-02 1.1.0: 3
    ");
}

#[tokio::test]
async fn counts_survive_a_flush_that_fails() {
    let house = House::new().await;
    let names: Vec<String> = (0..100).map(|number| format!("foo{number}")).collect();
    for name in &names {
        house.have(&[&format!("{name}@1.0.0")]).await;
        download(&house, &format!("{name}@1.0.0"), 2).await;
    }
    // The second of several chunks fails, and then all of them.
    house.faults.fail_nth(2, Fault::Unavailable);
    assert_eq!(house.holdfast.flush_counters().await.unwrap_err().kind(), Kind::Unavailable);
    house.faults.fail_when(Fault::Unavailable, |call| matches!(call, StoreCall::Count(_)));
    assert_eq!(house.holdfast.flush_counters().await.unwrap_err().kind(), Kind::Unavailable);
    house.faults.clear();
    download(&house, "foo7@1.0.0", 1).await;
    house.holdfast.flush_counters().await.unwrap();
    for name in &names {
        let total = if name == "foo7" { 3 } else { 2 };
        assert!(
            counts(&house, name).await.starts_with(&format!("total: {total}\n1.0.0: {total}\n")),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_lost_file_is_a_fault_and_not_an_absence() {
    let house = House::new().await;
    let package = krate("foo", "1.0.0");
    house.publish(&house.alice, &package).await.unwrap();
    let sha256 = Sha256::of(&package.package());
    house.outside.advance(Duration::from_secs(1));
    let long_ago = std::time::SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365 * 300);
    house.blobs.condemn(&sha256, long_ago).await.unwrap();
    download(&house, "foo@1.0.0", 1).await;
    assert!(house.blobs.purge(&sha256).await.unwrap());
    let lost = house.holdfast.download(&house.rita, &main(), &v("foo"), &v("1.0.0")).await;
    assert_snapshot!(refusal(lost.map(|_| ())), @"Internal: the file of `foo@1.0.0` is missing on the server; its operator should run `holdfast fsck`");

    house.blobs.inject(Some(holdfast_blobs::fail_nth(Call::Get, 1)));
    let down = house.holdfast.download(&house.rita, &main(), &v("foo"), &v("1.0.0")).await;
    assert_snapshot!(refusal(down.map(|_| ())), @"Unavailable: the file storage does not answer; try again in a few seconds");
    house.holdfast.flush_counters().await.unwrap();
    assert!(counts(&house, "foo").await.starts_with("total: 1\n"), "what failed is not counted");
}
