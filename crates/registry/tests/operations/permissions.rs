//! Who may do what to a crate: every actor, every operation.

use crate::house::{House, krate, main, refusal, v};
use holdfast_registry::entity::Role;
use holdfast_registry::{Actor, NewRegistry, RegistryChange, Result, SearchRequest, Yank};
use holdfast_types::Scopes;
use insta::assert_snapshot;
use std::fmt::Write as _;

/// What became of it, in a word.
fn word<T>(result: Result<T>) -> String {
    result.map_or_else(|error| format!("{:?}", error.kind()), |_| "ok".to_owned())
}

/// Tries everything as one actor on `foo`, which `alice` owns, without a lasting change.
async fn row(house: &House, actor: &Actor) -> Vec<String> {
    let (holdfast, main, name, one) = (&house.holdfast, main(), v("foo"), v("1.0.0"));
    vec![
        word(holdfast.index_file(actor, &main, &name).await),
        word(holdfast.download(actor, &main, &name, &one).await),
        word(holdfast.describe(actor, &main, &name).await),
        word(holdfast.search(actor, &main, SearchRequest::default()).await),
        word(holdfast.may_upload(actor, &main).await),
        word(house.publish(actor, &krate("foo", "1.0.0")).await),
        word(holdfast.yank(actor, &main, &name, &one, Yank::No).await),
        word(holdfast.add_owners(actor, &main, &name, &[v("alice")]).await),
        // What an admin may do is refused for another reason: the version is not there.
        word(holdfast.remove_version(actor, &main, &name, &v("9.9.9")).await),
    ]
}

#[tokio::test]
async fn roles_and_ownership() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    let team = v("core");
    house.holdfast.add_team(&house.root, &team).await.unwrap();
    house.holdfast.add_owners(&house.alice, &main(), &v("foo"), &[v("team:core")]).await.unwrap();
    house.add("carol", Role::Publisher).await;
    house.holdfast.add_member(&house.root, &team, &v("carol")).await.unwrap();
    house.holdfast.add_member(&house.root, &team, &v("rita")).await.unwrap();
    let carol = house.actor("carol").await;
    let rita = house.actor("rita").await;
    let actors = [
        ("anon", &house.anon),
        ("rita", &house.rita),
        ("rita in the team", &rita),
        ("alice, an owner", &house.alice),
        ("carol in the team", &carol),
        ("bob", &house.bob),
        ("root", &house.root),
        ("operator", &house.operator),
    ];
    assert_snapshot!(table(&house, &actors).await, @r"
    anon: Unauthenticated Unauthenticated Unauthenticated Unauthenticated Unauthenticated Unauthenticated Unauthenticated Unauthenticated Unauthenticated
    rita: ok ok ok ok Forbidden Forbidden Forbidden Forbidden Forbidden
    rita in the team: ok ok ok ok Forbidden Forbidden Forbidden Forbidden Forbidden
    alice, an owner: ok ok ok ok ok ok ok ok Forbidden
    carol in the team: ok ok ok ok ok ok ok ok Forbidden
    bob: ok ok ok ok ok Forbidden Forbidden Forbidden Forbidden
    root: ok ok ok ok ok ok ok ok NotFound
    operator: ok ok ok ok ok ok ok ok NotFound
    ");
}

#[tokio::test]
async fn scopes_take_away() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    let mut actors = Vec::new();
    for (endpoints, crates) in [
        (&["read"][..], &[][..]),
        (&["read"], &["foo"]),
        (&["read"], &["bar-*"]),
        (&["publish-new"], &[]),
        (&["publish-update"], &[]),
        (&["publish-update"], &["bar-*"]),
        (&["yank"], &[]),
        (&["change-owners"], &["fo*"]),
        (&["yank", "change-owners"], &["bar"]),
    ] {
        let name = format!("{} {}", endpoints.join("+"), crates.join("+"));
        actors.push((name, house.scoped("alice", endpoints, crates).await));
    }
    let elsewhere = Scopes { registries: [v("elsewhere")].into(), ..Scopes::default() };
    let token = holdfast_registry::NewToken {
        login: v("alice"),
        label: "test".to_owned(),
        scopes: elsewhere,
        expires_in: None,
    };
    let (_, secret) = house.holdfast.create_token(&house.operator, token).await.unwrap();
    actors.push(("other registry".to_owned(), house.holdfast.authenticate(&secret, None).await.unwrap()));
    let actors: Vec<(&str, &Actor)> = actors.iter().map(|(name, actor)| (name.as_str(), actor)).collect();
    assert_snapshot!(table(&house, &actors).await, @r"
    read : ok ok ok ok Forbidden Forbidden Forbidden Forbidden Forbidden
    read foo: ok ok ok ok Forbidden Forbidden Forbidden Forbidden Forbidden
    read bar-*: NotFound NotFound NotFound ok Forbidden Forbidden Forbidden Forbidden Forbidden
    publish-new : ok ok ok ok ok Forbidden Forbidden Forbidden Forbidden
    publish-update : ok ok ok ok ok ok Forbidden Forbidden Forbidden
    publish-update bar-*: ok ok ok ok ok Forbidden Forbidden Forbidden Forbidden
    yank : Forbidden Forbidden Forbidden Forbidden Forbidden Forbidden ok Forbidden Forbidden
    change-owners fo*: Forbidden Forbidden Forbidden Forbidden Forbidden Forbidden Forbidden ok Forbidden
    yank+change-owners bar: Forbidden Forbidden Forbidden Forbidden Forbidden Forbidden Forbidden Forbidden Forbidden
    other registry: Forbidden Forbidden Forbidden Forbidden Forbidden Forbidden Forbidden Forbidden Forbidden
    ");
}

async fn table(house: &House, actors: &[(&str, &Actor)]) -> String {
    let mut table = String::new();
    for (name, actor) in actors {
        writeln!(table, "{name}: {}", row(house, actor).await.join(" ")).unwrap();
    }
    assert_eq!(house.versions("foo").await, "1.0.0");
    table
}

#[tokio::test]
async fn who_is_refused_is_told_what_is_missing() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    let update = krate("foo", "1.1.0");
    let mut told = Vec::new();
    let readers = house.scoped("alice", &["read"], &[]).await;
    let updates = house.scoped("alice", &["publish-update"], &["foo"]).await;
    let elsewhere = house.scoped("alice", &["publish-new", "publish-update"], &["bar-*"]).await;
    for (actor, krate) in [
        (&house.anon, &update),
        (&house.rita, &update),
        (&house.bob, &update),
        (&readers, &update),
        (&updates, &krate("bar", "1.0.0")),
        (&elsewhere, &update),
        (&elsewhere, &krate("foo2", "1.0.0")),
    ] {
        told.push(refusal(house.publish(actor, krate).await));
    }
    told.push(refusal(house.publish_at(&house.holdfast, &house.alice, "nowhere", &update).await));
    let garbage = holdfast_registry::Upload {
        metadata: b"{",
        package: house.stage(&house.holdfast, &update).await.unwrap(),
        own_index: "",
    };
    told.push(refusal(house.holdfast.publish(&house.anon, &main(), garbage).await));
    assert_snapshot!(told.join("\n"), @r"
    Unauthenticated: this needs a token: run `cargo login --registry NAME`, or set CARGO_REGISTRIES_NAME_TOKEN
    Forbidden: `rita` is a reader; this needs the role publisher, which an admin can give
    Forbidden: `bob` does not own the crate `foo`; an owner can add you with `cargo owner --add bob foo`
    Forbidden: the token `test` has not the scope `publish-new`; make one that has with `holdfast token create --scope publish-new`
    Forbidden: the token `test` has not the scope `publish-new`; make one that has with `holdfast token create --scope publish-new`
    Forbidden: the token `test` is not for the crate `foo`
    Forbidden: the token `test` is not for the crate `foo2`
    NotFound: there is no registry `nowhere` here
    Unauthenticated: this needs a token: run `cargo login --registry NAME`, or set CARGO_REGISTRIES_NAME_TOKEN
    ");
    assert_snapshot!(house.log().await, @r"
    alice publish bar@1.0.0: the token `test` has not the scope `publish-new`; make one that has with `holdfast token create --scope publish-new`
    alice publish foo2@1.0.0: the token `test` is not for the crate `foo2`
    alice publish foo@1.0.0
    alice publish foo@1.1.0: the token `test` has not the scope `publish-new`; make one that has with `holdfast token create --scope publish-new`
    alice publish foo@1.1.0: the token `test` is not for the crate `foo`
    alice publish foo@1.1.0: there is no registry `nowhere` here
    anonymous publish foo@1.1.0: this needs a token: run `cargo login --registry NAME`, or set CARGO_REGISTRIES_NAME_TOKEN
    anonymous publish main: this needs a token: run `cargo login --registry NAME`, or set CARGO_REGISTRIES_NAME_TOKEN
    bob publish foo@1.1.0: `bob` does not own the crate `foo`; an owner can add you with `cargo owner --add bob foo`
    rita publish foo@1.1.0: `rita` is a reader; this needs the role publisher, which an admin can give
    ");
    assert_eq!(house.files().await, "<foo@1.0.0>");
    house.publish(&elsewhere, &krate("bar-x", "1.0.0")).await.unwrap();
    house.publish(&updates, &update).await.unwrap();
}

#[tokio::test]
async fn a_registry_can_be_open_for_reading() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    let open = RegistryChange { anonymous_read: Some(true), ..RegistryChange::default() };
    house.holdfast.update_registry(&house.root, &main(), open).await.unwrap();
    assert_snapshot!(row(&house, &house.anon).await.join(" "), @"ok ok ok ok Unauthenticated Unauthenticated Unauthenticated Unauthenticated Unauthenticated");
    let new = NewRegistry {
        name: v("closed"),
        kind: holdfast_registry::entity::RegistryKind::Hosted,
        anonymous_read: false,
    };
    house.holdfast.create_registry(&house.root, new).await.unwrap();
    let names = |actor| {
        let holdfast = house.holdfast.clone();
        async move {
            let registries = holdfast.list_registries(actor).await.unwrap();
            registries.iter().map(|record| record.name.to_string()).collect::<Vec<_>>().join(" ")
        }
    };
    assert_eq!(names(&house.anon).await, "main");
    assert_eq!(names(&house.rita).await, "closed main");
}

#[tokio::test]
async fn a_crate_that_a_token_may_not_see_is_not_there() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    let limited = house.scoped("rita", &["read"], &["acme-*"]).await;
    let seen = house.holdfast.index_file(&limited, &main(), &v("foo")).await.unwrap_err();
    let absent = house.holdfast.index_file(&house.rita, &main(), &v("fooo")).await.unwrap_err();
    assert_eq!(seen.kind(), absent.kind());
    assert_eq!(seen.detail().replace("foo", "fooo"), absent.detail());
    let changed = house.holdfast.yank(&house.bob, &main(), &v("nothing"), &v("1.0.0"), Yank::Yes).await;
    assert_eq!(word(changed), "NotFound");
    let changed = house.holdfast.yank(&house.rita, &main(), &v("nothing"), &v("1.0.0"), Yank::Yes).await;
    assert_eq!(word(changed), "Forbidden", "a reader learns nothing of which crates there are");
}

#[tokio::test]
async fn a_token_for_some_crates_does_not_run_the_server() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    let limited = house.scoped("root", &[], &["acme-*"]).await;
    let dora =
        holdfast_registry::NewUser { login: v("dora"), role: Role::Admin, service: false, keeper: None };
    let told = [
        refusal(house.holdfast.add_user(&limited, dora).await),
        refusal(house.holdfast.remove_crate(&limited, &main(), &v("foo")).await),
        refusal(house.holdfast.list_tokens(&limited, Some(&v("alice"))).await),
        refusal(house.holdfast.yank(&limited, &main(), &v("foo"), &v("1.0.0"), Yank::Yes).await),
    ];
    assert_snapshot!(told.join("\n"), @r"
    Forbidden: the token `test` is only for some crates or registries, and this concerns the whole server; use a token without `--crate` and `--registry`
    Forbidden: the token `test` is only for some crates or registries, and this concerns the whole server; use a token without `--crate` and `--registry`
    Forbidden: the token `test` is only for some crates or registries, and this concerns the whole server; use a token without `--crate` and `--registry`
    Forbidden: the token `test` is not for the crate `foo`
    ");
    house.holdfast.list_tokens(&limited, Some(&v("root"))).await.unwrap();
}
