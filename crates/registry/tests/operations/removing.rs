//! Removing for good.

use crate::house::{House, krate, main, other_bytes, refusal, v};
use holdfast_registry::{Published, SearchRequest, Tail};
use insta::assert_snapshot;
use std::time::Duration;

#[tokio::test]
async fn a_removed_version_leaves_index_downloads_and_words() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    house.publish(&house.alice, &krate("foo", "2.0.0").readme("a secret")).await.unwrap();
    house.holdfast.remove_version(&house.root, &main(), &v("foo"), &v("2.0.0")).await.unwrap();
    assert_eq!(house.versions("foo").await, "1.0.0");
    let gone = house.holdfast.download(&house.rita, &main(), &v("foo"), &v("2.0.0")).await;
    assert_snapshot!(refusal(gone.map(|_| ())), @"NotFound: there is no version `2.0.0` of the crate `foo` here");
    assert_eq!(house.shown("foo").await, "1.0.0 of 1: A package for tests");
    assert_snapshot!(house.documents().await, @r"
    blob/<foo@1.0.0> main/foo/1.0.0
    crate/main foo
    owned/alice main/foo
    recent/main 001767225600002/foo
    version/main/foo 1.0.0
    version/main/foo 2.0.0
    ");
    assert!(!house.bodies().await.join("\n").contains("a secret"));
    assert_snapshot!(house.log().await, @r"
    alice publish foo@1.0.0
    alice publish foo@2.0.0
    root remove foo@2.0.0
    ");
    assert_eq!(house.problems().await, "");

    let (bodies, log) = (house.bodies().await, house.log().await);
    house.holdfast.remove_version(&house.root, &main(), &v("foo"), &v("2.0.0")).await.unwrap();
    assert_eq!((house.bodies().await, house.log().await), (bodies, log), "twice is once");
}

#[tokio::test]
async fn the_number_of_a_removed_version_takes_the_same_bytes_only() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    house.holdfast.remove_version(&house.root, &main(), &v("foo"), &v("1.0.0")).await.unwrap();
    let one = krate("foo", "1.0.0");
    let told = [
        refusal(house.publish(&house.alice, &other_bytes(&one)).await),
        refusal(house.publish(&house.alice, &krate("foo", "1.0.0+b")).await),
        refusal(house.publish(&house.bob, &one).await),
        refusal(
            house
                .holdfast
                .yank(&house.alice, &main(), &v("foo"), &v("1.0.0"), holdfast_registry::Yank::Yes)
                .await,
        ),
    ];
    assert_snapshot!(told.join("\n"), @r"
    Conflict: `foo@1.0.0` was removed by an admin, and its number cannot be used for other bytes; choose a new version
    Conflict: `foo@1.0.0` was removed by an admin, and its number cannot be used for other bytes; choose a new version
    Forbidden: `bob` does not own the crate `foo`; an owner can add you with `cargo owner --add bob foo`
    NotFound: there is no version `1.0.0` of the crate `foo` here
    ");
    assert_eq!(house.versions("foo").await, "NotFound");
    house.outside.advance(Duration::from_secs(1));
    let receipt = house.publish(&house.alice, &one).await.unwrap();
    assert_eq!(receipt.outcome, Published::New);
    assert_eq!(house.versions("foo").await, "1.0.0");
    assert_eq!(house.shown("foo").await, "1.0.0 of 1: A package for tests");
    assert_eq!(house.problems().await, "");
}

#[tokio::test]
async fn a_removed_crate_is_nowhere_and_its_name_stays_taken() {
    let house = House::new().await;
    house.have(&["foo@1.0.0", "foo@1.1.0", "foo@2.0.0", "bar@1.0.0"]).await;
    house
        .holdfast
        .yank(&house.alice, &main(), &v("foo"), &v("1.0.0"), holdfast_registry::Yank::Yes)
        .await
        .unwrap();
    house.holdfast.index_changes(&mut Tail::default()).await.unwrap();
    assert_eq!(house.holdfast.remove_crate(&house.root, &main(), &v("foo")).await.unwrap(), 3);
    assert_eq!(house.holdfast.remove_crate(&house.root, &main(), &v("foo")).await.unwrap(), 0);
    assert_eq!(house.versions("foo").await, "NotFound");
    let described = house.holdfast.describe(&house.rita, &main(), &v("foo")).await;
    assert_snapshot!(refusal(described), @"NotFound: there is no crate `foo` here");
    let listed = house.holdfast.list_crates(&house.rita, &main(), None, 10).await.unwrap();
    assert_eq!(listed.iter().map(|head| head.name.as_str()).collect::<Vec<_>>(), ["bar"]);
    // The search index is a moment behind, and shows nothing that is gone all the same.
    for indexed in [false, true] {
        if indexed {
            house.holdfast.index_changes(&mut Tail::default()).await.unwrap();
        }
        let request = SearchRequest { limit: 10, ..SearchRequest::default() };
        let found = house.holdfast.search(&house.rita, &main(), request).await.unwrap();
        assert_eq!((found.total, found.crates.len()), (1, 1), "indexed: {indexed}");
    }
    assert_snapshot!(refusal(house.publish(&house.bob, &krate("foo", "3.0.0")).await), @"Forbidden: `bob` does not own the crate `foo`; an owner can add you with `cargo owner --add bob foo`");
    house.have(&["foo@3.0.0"]).await;
    assert_eq!(house.versions("foo").await, "3.0.0");
    assert_eq!(house.problems().await, "");
}

#[tokio::test]
async fn only_admins_remove() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    let told = [
        refusal(house.holdfast.remove_version(&house.alice, &main(), &v("foo"), &v("1.0.0")).await),
        refusal(house.holdfast.remove_crate(&house.alice, &main(), &v("foo")).await),
        refusal(house.holdfast.remove_crate(&house.anon, &main(), &v("foo")).await),
        refusal(house.holdfast.remove_crate(&house.root, &main(), &v("bar")).await),
        refusal(house.holdfast.remove_version(&house.root, &main(), &v("foo"), &v("1.0.1")).await),
    ];
    assert_snapshot!(told.join("\n"), @r"
    Forbidden: `alice` is a publisher; this needs the role admin, which an admin can give
    Forbidden: `alice` is a publisher; this needs the role admin, which an admin can give
    Unauthenticated: this needs a token: run `cargo login --registry NAME`, or set CARGO_REGISTRIES_NAME_TOKEN
    NotFound: there is no crate `bar` here
    NotFound: there is no version `1.0.1` of the crate `foo` here
    ");
    assert_snapshot!(house.log().await, @r"
    alice publish foo@1.0.0
    alice remove foo: `alice` is a publisher; this needs the role admin, which an admin can give
    alice remove foo@1.0.0: `alice` is a publisher; this needs the role admin, which an admin can give
    anonymous remove foo: this needs a token: run `cargo login --registry NAME`, or set CARGO_REGISTRIES_NAME_TOKEN
    root remove bar: there is no crate `bar` here
    root remove foo@1.0.1: there is no version `1.0.1` of the crate `foo` here
    ");
    assert_eq!(house.versions("foo").await, "1.0.0");
}
