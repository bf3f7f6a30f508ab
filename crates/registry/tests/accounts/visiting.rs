//! Clients that come again: what is remembered of them ends when it must.

use crate::world::{World, new_token, refused, v};
use holdfast_registry::entity::Role;
use holdfast_registry::{Kind, NewToken, RegistryChange, Visit};
use holdfast_types::{Sha256, TokenSecret};
use std::time::Duration;

/// Who is welcomed, with whether the registry is open.
async fn welcome(
    world: &World,
    visit: &mut Visit,
    secret: Option<&TokenSecret>,
    registry: &str,
) -> holdfast_registry::Result<(String, bool)> {
    let digest: Option<Sha256> = secret.map(TokenSecret::digest);
    let moment = world.holdfast.outside().moment();
    let (actor, record) = world.holdfast.welcome(visit, digest, registry, moment).await?;
    Ok((actor.to_string(), record.anonymous_read))
}

#[tokio::test]
async fn who_comes_again_costs_no_look_and_is_told_apart() {
    let world = World::new().await;
    for login in ["alice", "bob"] {
        world.add(login, Role::Reader).await;
    }
    let (alice, bob) = (world.token("alice").await, world.token("bob").await);
    let mut visit = Visit::new(None);
    for (secret, name) in
        [(Some(&alice), "alice"), (Some(&bob), "bob"), (None, "anonymous"), (Some(&bob), "bob")]
    {
        for _ in 0..2 {
            let found = welcome(&world, &mut visit, secret, "main").await.unwrap();
            assert_eq!(found, (name.to_owned(), false));
        }
    }
    refused(welcome(&world, &mut visit, Some(&bob), "other").await, Kind::NotFound, "`other`");
    refused(welcome(&world, &mut visit, Some(&bob), "../x").await, Kind::Invalid, "registry name");
    assert_eq!(welcome(&world, &mut visit, Some(&bob), "main").await.unwrap().0, "bob");
}

#[tokio::test]
async fn what_this_process_changed_counts_at_once_and_what_others_changed_within_the_bound() {
    let world = World::new().await;
    world.add("alice", Role::Reader).await;
    let mut visit = Visit::new(None);
    let (token, secret) = world.holdfast.create_token(&world.operator, new_token("alice")).await.unwrap();
    assert!(!welcome(&world, &mut visit, Some(&secret), "main").await.unwrap().1);
    let change = RegistryChange { anonymous_read: Some(true), ..RegistryChange::default() };
    world.holdfast.update_registry(&world.operator, &v("main"), change).await.unwrap();
    assert!(welcome(&world, &mut visit, Some(&secret), "main").await.unwrap().1, "opened here");
    world.holdfast.revoke_token(&world.operator, &token.id).await.unwrap();
    refused(welcome(&world, &mut visit, Some(&secret), "main").await, Kind::Unauthenticated, "not valid");

    let (token, secret) = world.holdfast.create_token(&world.operator, new_token("alice")).await.unwrap();
    welcome(&world, &mut visit, Some(&secret), "main").await.unwrap();
    world.replica().await.revoke_token(&world.operator, &token.id).await.unwrap();
    world.outside.advance(world.holdfast.settings().staleness + Duration::from_millis(1));
    refused(welcome(&world, &mut visit, Some(&secret), "main").await, Kind::Unauthenticated, "not valid");
}

#[tokio::test]
async fn a_token_ends_in_the_middle_of_a_visit() {
    let world = World::new().await;
    world.add("alice", Role::Reader).await;
    // It ends 300 ms from here, when what is remembered is still young.
    world.outside.advance(Duration::from_millis(700));
    let new = NewToken { expires_in: Some(Duration::from_secs(1)), ..new_token("alice") };
    let (_, secret) = world.holdfast.create_token(&world.operator, new).await.unwrap();
    let mut visit = Visit::new(None);
    welcome(&world, &mut visit, Some(&secret), "main").await.unwrap();
    world.outside.advance(Duration::from_millis(300));
    refused(welcome(&world, &mut visit, Some(&secret), "main").await, Kind::Unauthenticated, "not valid");
}
