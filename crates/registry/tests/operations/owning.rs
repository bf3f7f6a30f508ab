//! Owners: adding, removing, and the last one.

use crate::house::{House, krate, main, refusal, v};
use holdfast_registry::entity::Role;
use holdfast_registry::{Kind, Yank};
use holdfast_types::Principal;
use insta::assert_snapshot;

fn principals(owners: &[&str]) -> Vec<Principal> {
    owners.iter().map(|owner| v(owner)).collect()
}

async fn owners(house: &House) -> String {
    let owners = house.holdfast.owners(&house.rita, &main(), &v("foo")).await.unwrap();
    owners.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn users_and_teams_become_owners() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    house.holdfast.add_team(&house.root, &v("core")).await.unwrap();
    let add = async |actor, added: &[&str]| {
        house.holdfast.add_owners(actor, &main(), &v("foo"), &principals(added)).await
    };
    let remove = async |actor, gone: &[&str]| {
        house.holdfast.remove_owners(actor, &main(), &v("foo"), &principals(gone)).await
    };
    assert_snapshot!(add(&house.alice, &["bob", "team:core"]).await.unwrap(), @"`bob`, `team:core` may now publish and manage `foo`");
    assert_eq!(owners(&house).await, "alice bob team:core");
    assert_snapshot!(house.documents().await, @r"
    blob/<foo@1.0.0> main/foo/1.0.0
    crate/main foo
    owned/alice main/foo
    owned/bob main/foo
    owned/team:core main/foo
    readme/main foo
    recent/main 001767225600000/foo
    version/main/foo 1.0.0
    ");
    let log = house.log().await;
    assert_snapshot!(add(&house.bob, &["alice"]).await.unwrap(), @"`alice` may publish and manage `foo` already");
    assert_eq!(house.log().await, log, "nothing changed");
    assert_snapshot!(remove(&house.bob, &["alice", "team:core"]).await.unwrap(), @"`alice`, `team:core` may no longer publish or manage `foo`");
    assert_eq!(owners(&house).await, "bob");
    assert_snapshot!(house.log().await, @r"
    alice owner-add foo
    alice publish foo@1.0.0
    bob owner-remove foo
    ");
    // Who was removed may not do anything any more, at once.
    let gone = house.holdfast.yank(&house.alice, &main(), &v("foo"), &v("1.0.0"), Yank::Yes).await;
    assert_eq!(gone.unwrap_err().kind(), Kind::Forbidden);
    assert_eq!(house.problems().await, "");
}

#[tokio::test]
async fn members_of_a_team_act_as_owners_until_they_leave() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    house.holdfast.add_team(&house.root, &v("core")).await.unwrap();
    house.holdfast.add_member(&house.root, &v("core"), &v("bob")).await.unwrap();
    house.holdfast.add_owners(&house.alice, &main(), &v("foo"), &principals(&["team:core"])).await.unwrap();
    let bob = house.actor("bob").await;
    house.publish(&bob, &krate("foo", "1.1.0")).await.unwrap();
    house.holdfast.remove_owners(&bob, &main(), &v("foo"), &principals(&["alice"])).await.unwrap();
    assert_eq!(owners(&house).await, "team:core", "a team alone can own a crate");
    house.holdfast.remove_member(&house.root, &v("core"), &v("bob")).await.unwrap();
    let bob = house.actor("bob").await;
    assert_eq!(house.publish(&bob, &krate("foo", "1.2.0")).await.unwrap_err().kind(), Kind::Forbidden);
}

#[tokio::test]
async fn who_cannot_be_an_owner_is_refused() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    house.add("dora", Role::Publisher).await;
    house.holdfast.disable_user(&house.root, &v("dora")).await.unwrap();
    let add = async |actor, krate: &str, added: &[&str]| {
        refusal(house.holdfast.add_owners(actor, &main(), &v(krate), &principals(added)).await)
    };
    let told = [
        add(&house.alice, "foo", &["bob", "nobody"]).await,
        add(&house.alice, "foo", &["dora"]).await,
        add(&house.alice, "foo", &["team:nobody"]).await,
        add(&house.alice, "foo", &[]).await,
        add(&house.bob, "foo", &["bob"]).await,
        add(&house.rita, "foo", &["rita"]).await,
        add(&house.anon, "foo", &["bob"]).await,
        add(&house.alice, "bar", &["bob"]).await,
    ];
    assert_snapshot!(told.join("\n"), @r"
    Invalid: there is no active user `nobody`; teams are written `team:NAME`
    Invalid: there is no active user `dora`; teams are written `team:NAME`
    Invalid: there is no team `nobody`
    Invalid: there is no owner in the request; name one, like `alice` or `team:core`
    Forbidden: `bob` does not own the crate `foo`; an owner can add you with `cargo owner --add bob foo`
    Forbidden: `rita` is a reader; this needs the role publisher, which an admin can give
    Unauthenticated: this needs a token: run `cargo login --registry NAME`, or set CARGO_REGISTRIES_NAME_TOKEN
    NotFound: there is no crate `bar` here
    ");
    assert_eq!(owners(&house).await, "alice");
}

#[tokio::test]
async fn the_last_owner_stays() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    let remove = async |actor, gone: &[&str]| {
        refusal(house.holdfast.remove_owners(actor, &main(), &v("foo"), &principals(gone)).await)
    };
    let told = [
        remove(&house.alice, &["alice"]).await,
        remove(&house.root, &["alice"]).await,
        remove(&house.alice, &["bob"]).await,
        remove(&house.alice, &["alice", "alice"]).await,
        remove(&house.alice, &[]).await,
    ];
    assert_snapshot!(told.join("\n"), @r"
    Conflict: `foo` would have no owner left; add another one first with `cargo owner --add`
    Conflict: `foo` would have no owner left; add another one first with `cargo owner --add`
    Invalid: `bob` is not an owner of `foo`
    Conflict: `foo` would have no owner left; add another one first with `cargo owner --add`
    Invalid: there is no owner in the request; name one, like `alice` or `team:core`
    ");
    assert_eq!(owners(&house).await, "alice");
    assert_snapshot!(house.log().await, @r"
    alice owner-remove foo: `bob` is not an owner of `foo`
    alice owner-remove foo: `foo` would have no owner left; add another one first with `cargo owner --add`
    alice owner-remove foo: `foo` would have no owner left; add another one first with `cargo owner --add`
    alice owner-remove foo: there is no owner in the request; name one, like `alice` or `team:core`
    alice publish foo@1.0.0
    root owner-remove foo: `foo` would have no owner left; add another one first with `cargo owner --add`
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_owners_who_remove_each_other_leave_one() {
    for _ in 0..20 {
        let house = House::new().await;
        house.have(&["foo@1.0.0"]).await;
        house.holdfast.add_owners(&house.alice, &main(), &v("foo"), &principals(&["bob"])).await.unwrap();
        let elsewhere = house.process();
        let remove = |holdfast: holdfast_registry::Holdfast, actor: &holdfast_registry::Actor, gone: &str| {
            let (actor, gone) = (actor.clone(), principals(&[gone]));
            tokio::spawn(async move { holdfast.remove_owners(&actor, &main(), &v("foo"), &gone).await })
        };
        let one = remove(house.holdfast.clone(), &house.alice, "bob");
        let two = remove(elsewhere, &house.bob, "alice");
        let results = [one.await.unwrap(), two.await.unwrap()];
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
        assert_eq!(owners(&house).await.split(' ').count(), 1);
        assert_eq!(house.problems().await, "");
    }
}

#[tokio::test]
async fn a_crate_has_at_most_32_owners() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    for number in 1..=32 {
        let new = holdfast_registry::NewUser {
            login: v(&format!("u{number}")),
            role: Role::Publisher,
            keeper: None,
            service: false,
        };
        house.holdfast.add_user(&house.root, new).await.unwrap();
    }
    let many: Vec<Principal> = (1..=31).map(|number| v(&format!("u{number}"))).collect();
    house.holdfast.add_owners(&house.alice, &main(), &v("foo"), &many).await.unwrap();
    let one_more = house.holdfast.add_owners(&house.alice, &main(), &v("foo"), &principals(&["u32"])).await;
    assert_snapshot!(refusal(one_more), @"TooMany: a crate has at most 32 owners; put people into a team and add `team:NAME`");
    assert_eq!(owners(&house).await.split(' ').count(), 32);
    // So many owners still fit into one commit with everything else.
    house.have(&["foo@1.1.0"]).await;
    house.holdfast.remove_owners(&house.alice, &main(), &v("foo"), &many).await.unwrap();
    assert_eq!(owners(&house).await, "alice");
    assert_eq!(house.problems().await, "");
}
