//! Service accounts that a team looks after: its members make, list and revoke tokens of that account, and of
//! no other.

use crate::world::{World, new_token, refused, v};
use holdfast_registry::entity::Role;
use holdfast_registry::{Kind, NewUser};
use holdfast_types::Scopes;

/// `core` with alice in it looks after `robot`; `docs` with bob after `scribe`; nobody after `loner`.
async fn kept() -> World {
    let world = World::new().await;
    for (team, member, account) in [("core", "alice", "robot"), ("docs", "bob", "scribe")] {
        world.add(member, Role::Reader).await;
        world.holdfast.add_team(&world.operator, &v(team)).await.unwrap();
        world.holdfast.add_member(&world.operator, &v(team), &v(member)).await.unwrap();
        add(&world, account, Some(team)).await;
    }
    add(&world, "loner", None).await;
    world
}

async fn add(world: &World, login: &str, keeper: Option<&str>) {
    let new = NewUser { login: v(login), role: Role::Publisher, service: true, keeper: keeper.map(v) };
    world.holdfast.add_user(&world.operator, new).await.unwrap();
}

#[tokio::test]
async fn members_look_after_the_tokens() {
    let world = kept().await;
    let (holdfast, alice) = (&world.holdfast, world.actor("alice").await);
    let (token, secret) = holdfast.create_token(&alice, new_token("robot")).await.unwrap();
    let robot = holdfast.authenticate(&secret, None).await.unwrap();
    assert_eq!((robot.login(), robot.as_account().unwrap().role), (Some(&v("robot")), Role::Publisher));
    let listed = holdfast.list_tokens(&alice, Some(&v("robot"))).await.unwrap();
    assert_eq!(listed.iter().map(|(token, _)| &token.id).collect::<Vec<_>>(), [&token.id]);
    holdfast.revoke_token(&alice, &token.id).await.unwrap();
    refused(holdfast.authenticate(&secret, None).await, Kind::Unauthenticated, "not valid");
    assert!(world.log().await.contains(&"alice token-create robot".to_owned()));
}

#[tokio::test]
async fn nobody_looks_after_what_is_not_theirs() {
    let world = kept().await;
    let (holdfast, alice) = (&world.holdfast, world.actor("alice").await);
    for login in ["scribe", "loner", "bob", "admin", "nobody"] {
        let made = holdfast.create_token(&alice, new_token(login)).await;
        refused(made, Kind::Forbidden, "needs the role admin");
        let listed = holdfast.list_tokens(&alice, Some(&v(login))).await;
        refused(listed, Kind::Forbidden, "needs the role admin");
    }
    for login in ["scribe", "loner", "bob"] {
        let (token, _) = holdfast.create_token(&world.operator, new_token(login)).await.unwrap();
        refused(holdfast.revoke_token(&alice, &token.id).await, Kind::NotFound, "no token");
    }
    refused(holdfast.list_tokens(&alice, None).await, Kind::Forbidden, "needs the role admin");
    let robot = world.actor("robot").await;
    refused(holdfast.create_token(&robot, new_token("alice")).await, Kind::Forbidden, "needs the role admin");
    // A token that is only for some crates, or that may not manage tokens, gives its user no more.
    for scopes in [
        Scopes { crates: [v("acme-*")].into(), ..Scopes::default() },
        Scopes { endpoints: [v("publish-new")].into(), ..Scopes::default() },
    ] {
        let limited = world.scoped("alice", scopes.clone()).await;
        let new = holdfast_registry::NewToken { scopes, ..new_token("robot") };
        refused(holdfast.create_token(&limited, new).await, Kind::Forbidden, "");
    }
}

#[tokio::test]
async fn it_ends_with_the_membership_and_with_the_team() {
    let world = kept().await;
    let (holdfast, operator) = (&world.holdfast, &world.operator);
    let secret = world.token("alice").await;
    let alice = async || holdfast.authenticate(&secret, None).await.unwrap();
    holdfast.create_token(&alice().await, new_token("robot")).await.unwrap();
    holdfast.remove_member(operator, &v("core"), &v("alice")).await.unwrap();
    refused(holdfast.create_token(&alice().await, new_token("robot")).await, Kind::Forbidden, "role admin");
    holdfast.remove_team(operator, &v("core")).await.unwrap();
    assert_eq!(holdfast.show_user(operator, &v("robot")).await.unwrap().keeper, None);
    // The next team of that name has nothing of it.
    holdfast.add_team(operator, &v("core")).await.unwrap();
    holdfast.add_member(operator, &v("core"), &v("alice")).await.unwrap();
    refused(holdfast.create_token(&alice().await, new_token("robot")).await, Kind::Forbidden, "role admin");
}

#[tokio::test]
async fn only_service_accounts_are_kept_and_only_by_teams_that_are_there() {
    let world = kept().await;
    let new = |service, keeper: &str| NewUser {
        login: v("eve"),
        role: Role::Publisher,
        service,
        keeper: Some(v(keeper)),
    };
    let person = world.holdfast.add_user(&world.operator, new(false, "core")).await;
    world.refused(person, Kind::Invalid, "operator user-add eve", "only a service account").await;
    let nowhere = world.holdfast.add_user(&world.operator, new(true, "nowhere")).await;
    world.refused(nowhere, Kind::Invalid, "operator user-add eve", "there is no `team:nowhere`").await;
}
