//! How many tokens a user and how many names a token may have.

use crate::world::{World, new_token, v};
use holdfast_registry::entity::{Role, Token};
use holdfast_registry::{Act, Actor, Kind, NewToken};
use holdfast_types::{Scopes, Sha256, TokenId, TokenSecret};
use std::time::Duration;

#[tokio::test]
async fn a_user_has_so_many_tokens_and_ended_ones_make_room() {
    let world = World::new().await;
    world.add("alice", Role::Publisher).await;
    let ids = async |new: NewToken, count: usize| {
        let mut ids: Vec<TokenId> = Vec::new();
        for _ in 0..count {
            ids.push(world.holdfast.create_token(&world.operator, new.clone()).await.unwrap().0.id);
        }
        ids
    };
    ids(NewToken { expires_in: Some(Duration::from_hours(1)), ..new_token("alice") }, 150).await;
    let lasting = ids(new_token("alice"), Token::MAX_PER_USER - 150).await;
    let one_more = world.holdfast.create_token(&world.operator, new_token("alice")).await;
    let words = "`alice` has 500 tokens; revoke some";
    world.refused(one_more, Kind::TooMany, "operator token-create alice", words).await;
    ids(new_token("admin"), 1).await;

    world.outside.advance(Duration::from_hours(1));
    ids(new_token("alice"), 1).await;
    let left = world.keys(&Token::user_part(&v("alice"))).await;
    assert_eq!(left.len(), lasting.len() + 1, "only those that ended made room");
    assert!(lasting.iter().all(|id| left.contains(&id.to_string())));
    assert_eq!(world.keys(Token::DIGEST_PART).await.len(), left.len() + 2);
}

#[tokio::test]
async fn a_token_names_so_many_crates_and_registries() {
    let world = World::new().await;
    let names = |count| (0..count).map(|number| format!("n{number}")).collect::<Vec<_>>();
    let crates = |count| names(count).iter().map(|name| v(name)).collect();
    let registries = |count| names(count).iter().map(|name| v(name)).collect();
    for (scopes, fits) in [
        (Scopes { crates: crates(100), registries: registries(100), ..Scopes::default() }, true),
        (Scopes { crates: crates(101), ..Scopes::default() }, false),
        (Scopes { registries: registries(101), ..Scopes::default() }, false),
    ] {
        let made =
            world.holdfast.create_token(&world.operator, NewToken { scopes, ..new_token("admin") }).await;
        if fits {
            made.unwrap();
        } else {
            world.refused(made, Kind::Invalid, "operator token-create admin", "at most 100").await;
        }
    }
}

#[tokio::test]
async fn a_flood_of_one_sort_leaves_room_for_the_others() {
    let world = World::new().await;
    world.add_with_password("alice", "correct horse").await;
    let (registry, krate) = (v("main"), v("acme"));
    let limited = Scopes { endpoints: [v("publish-update")].into(), ..Scopes::default() };
    let (weak, other) = (world.scoped("alice", limited).await, world.actor("alice").await);
    let bind = async |actor: &Actor| {
        let act = Act::Publish(v("1.0.0"), Sha256::of(b"acme"));
        world.holdfast.bind_token(actor, &registry, &krate, &act).await.unwrap().1
    };
    let works = async |secret: &TokenSecret| world.holdfast.authenticate(secret, None).await.is_ok();
    let kept = bind(&other).await;
    let oldest = bind(&weak).await;
    world.outside.advance(Duration::from_secs(1));
    for _ in 0..Token::MAX_CHILDREN {
        bind(&weak).await;
    }
    assert!(!works(&oldest).await && works(&kept).await, "the oldest of the flood made room, and no other");

    // The other sorts have all their places left, and of sessions the oldest go.
    world.holdfast.create_token(&other, new_token("alice")).await.unwrap();
    let first = world.session("alice", "correct horse").await;
    world.outside.advance(Duration::from_secs(1));
    let second = world.session("alice", "correct horse").await;
    for _ in 0..Token::MAX_SESSIONS - 1 {
        world.session("alice", "correct horse").await;
    }
    assert!(world.at_browser(&first).await.is_none() && world.at_browser(&second).await.is_some());
}

#[tokio::test]
async fn a_device_that_comes_again_and_again_leaves_no_heap() {
    let world = World::new().await;
    world.add_with_password("alice", "correct horse").await;
    let (holdfast, mut tokens) = (&world.holdfast, world.device("alice", "correct horse").await);
    for _ in 0..Token::MAX_CHILDREN + 10 {
        tokens = holdfast.refresh_device(&tokens.refresh, None).await.unwrap().unwrap();
    }
    let left = world.keys(&Token::user_part(&v("alice"))).await.len();
    assert_eq!(left, Token::MAX_CHILDREN + 2, "the session, the device and what it has");
    assert!(holdfast.refresh_device(&tokens.refresh, None).await.unwrap().is_some());
}
