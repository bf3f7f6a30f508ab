//! Yanking and putting back.

use crate::house::{House, main, refusal, v};
use holdfast_registry::{AuditFilter, Yank};
use insta::assert_snapshot;

#[tokio::test]
async fn a_yank_shows_in_the_index_at_once_and_keeps_the_download() {
    let house = House::new().await;
    house.have(&["foo@1.0.0", "foo@1.1.0"]).await;
    let before = house.holdfast.index_file(&house.rita, &main(), &v("foo")).await.unwrap();
    house.yank("foo@1.1.0", Yank::Yes).await;
    let yanked = house.holdfast.index_file(&house.rita, &main(), &v("foo")).await.unwrap();
    assert_ne!(yanked.etag, before.etag);
    assert_eq!(house.versions("foo").await, "1.0.0 [1.1.0]");
    house.holdfast.download(&house.rita, &main(), &v("foo"), &v("1.1.0")).await.unwrap();
    house.yank("foo@1.1.0", Yank::No).await;
    let after = house.holdfast.index_file(&house.rita, &main(), &v("foo")).await.unwrap();
    assert_eq!((&after.etag, &after.body), (&before.etag, &before.body), "but for the yank nothing changed");
    assert_snapshot!(house.log().await, @r"
    alice publish foo@1.0.0
    alice publish foo@1.1.0
    alice unyank foo@1.1.0
    alice yank foo@1.1.0
    ");
    assert_eq!(house.problems().await, "");
}

#[tokio::test]
async fn twice_is_once() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    house.yank("foo@1.0.0", Yank::No).await;
    house.yank("foo@1.0.0", Yank::Yes).await;
    let (bodies, log) = (house.bodies().await, house.log().await);
    house.yank("foo@1.0.0", Yank::Yes).await;
    assert_eq!((house.bodies().await, house.log().await), (bodies, log));
    assert_eq!(house.versions("foo").await, "[1.0.0]");
    // The same bytes again do not put it back.
    house.have(&["foo@1.0.0"]).await;
    assert_eq!(house.versions("foo").await, "[1.0.0]");
}

#[tokio::test]
async fn what_is_not_there_cannot_be_yanked() {
    let house = House::new().await;
    house.have(&["foo@1.0.0", "foo@2.0.0+linux"]).await;
    let yank = async |actor, krate, version| {
        refusal(house.holdfast.yank(actor, &main(), &v(krate), &v(version), Yank::Yes).await)
    };
    let told = [
        yank(&house.alice, "foo", "3.0.0").await,
        yank(&house.alice, "bar", "1.0.0").await,
        yank(&house.bob, "foo", "1.0.0").await,
        yank(&house.anon, "foo", "1.0.0").await,
    ];
    assert_snapshot!(told.join("\n"), @r"
    NotFound: there is no version `3.0.0` of the crate `foo` here
    NotFound: there is no crate `bar` here
    Forbidden: `bob` does not own the crate `foo`; an owner can add you with `cargo owner --add bob foo`
    Unauthenticated: this needs a token: run `cargo login --registry NAME`, or set CARGO_REGISTRIES_NAME_TOKEN
    ");
    // Build metadata does not make another version, here too.
    house.yank("foo@2.0.0", Yank::Yes).await;
    assert_eq!(house.versions("foo").await, "1.0.0 [2.0.0+linux]");
}

#[tokio::test]
async fn a_crate_has_one_history_under_all_its_spellings() {
    let house = House::new().await;
    house.have(&["Foo-Bar@1.0.0", "Foo-Bar@1.1.0", "foo-barn@1.0.0"]).await;
    house.yank("foo_bar@1.1.0", Yank::Yes).await;
    let about = async |subject: &str| {
        let filter = AuditFilter { subject: Some(subject.to_owned()), limit: 10, ..AuditFilter::default() };
        house.holdfast.audit_log(&house.operator, &filter).await.unwrap().len()
    };
    for (subject, entries) in [
        ("Foo-Bar", 3),
        ("foo_bar", 3),
        ("FOO-BAR", 3),
        ("foo-bar@1.1.0", 2),
        ("foo-barn", 1),
        ("foo", 0),
        ("foo-bar@1", 0),
    ] {
        assert_eq!(about(subject).await, entries, "{subject}");
    }
}
