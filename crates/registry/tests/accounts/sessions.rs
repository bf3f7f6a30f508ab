//! Sessions of browsers: they end for want of use and at last, and are no access tokens.

use crate::world::{World, browser, new_token, refused, settings, v};
use holdfast_registry::entity::{Purpose, Role, Token};
use holdfast_registry::{Browser, Kind, Settings};
use holdfast_types::{TokenId, TokenSecret};
use std::time::Duration;

const PASSWORD: &str = "correct horse";

async fn alice(settings: Settings) -> World {
    let world = World::with(settings).await;
    world.add_with_password("alice", PASSWORD).await;
    world
}

async fn id_of(world: &World, secret: &TokenSecret) -> TokenId {
    let tokens = world.holdfast.list_tokens(&world.operator, Some(&v("alice"))).await.unwrap();
    tokens.into_iter().find(|(token, _)| token.digest == secret.digest()).unwrap().0.id
}

#[tokio::test]
async fn a_session_ends_for_want_of_use() {
    let world = alice(settings()).await;
    let used = world.session("alice", PASSWORD).await;
    let unused = world.session("alice", PASSWORD).await;
    for _ in 0..4 {
        world.outside.advance(Duration::from_hours(11));
        assert!(world.at_browser(&used).await.is_some());
        world.holdfast.flush_token_uses().await.unwrap();
    }
    assert!(world.at_browser(&unused).await.is_none());
    // Another process counts what this one wrote.
    let other = world.replica().await;
    world.outside.advance(Duration::from_hours(11));
    assert!(other.authenticate_session(&used, None).await.unwrap().is_some());
    other.flush_token_uses().await.unwrap();
    world.outside.advance(Duration::from_hours(2));
    assert!(world.at_browser(&used).await.is_some());
    world.holdfast.flush_token_uses().await.unwrap();
    world.outside.advance(Duration::from_hours(12));
    assert!(world.at_browser(&used).await.is_none());
    assert!(other.authenticate_session(&used, None).await.unwrap().is_none());
}

#[tokio::test]
async fn a_session_ends_at_last() {
    let (session_idle, session_lifetime) = (Duration::from_hours(3), Duration::from_hours(10));
    let world = alice(Settings { session_idle, session_lifetime, ..settings() }).await;
    let session = world.holdfast.sign_in("alice", v(PASSWORD), browser()).await.unwrap();
    assert_eq!(session.lifetime, session_lifetime);
    for _ in 0..4 {
        world.outside.advance(Duration::from_mins(149));
        assert!(world.at_browser(&session.secret).await.is_some());
        world.holdfast.flush_token_uses().await.unwrap();
    }
    world.outside.advance(Duration::from_mins(4));
    assert!(world.at_browser(&session.secret).await.is_none());
}

#[tokio::test]
async fn a_session_is_no_access_token_and_the_other_way_round() {
    let world = alice(settings()).await;
    let session = world.session("alice", PASSWORD).await;
    let token = world.token("alice").await;
    refused(world.holdfast.authenticate(&session, None).await, Kind::Unauthenticated, "not valid");
    assert!(world.at_browser(&token).await.is_none());
    let id = id_of(&world, &token).await;
    world.change_token(&id, |token| token.purpose = Purpose::Device).await;
    world.outside.advance(Duration::from_secs(2));
    refused(world.holdfast.authenticate(&token, None).await, Kind::Unauthenticated, "not valid");
    assert!(world.at_browser(&token).await.is_none());
}

#[tokio::test]
async fn what_was_made_from_a_secret_ends_with_it() {
    let world = alice(settings()).await;
    let parent = world.session("alice", PASSWORD).await;
    let (child, session) = (world.token("alice").await, world.session("alice", PASSWORD).await);
    let parent_id = id_of(&world, &parent).await;
    for secret in [&child, &session] {
        let id = id_of(&world, secret).await;
        world.change_token(&id, |token| token.parent = Some(parent_id.clone())).await;
    }
    world.outside.advance(Duration::from_secs(2));
    assert!(world.holdfast.authenticate(&child, None).await.is_ok());
    assert!(world.at_browser(&session).await.is_some());
    world.holdfast.revoke_token(&world.operator, &parent_id).await.unwrap();
    world.outside.advance(Duration::from_secs(2));
    refused(world.holdfast.authenticate(&child, None).await, Kind::Unauthenticated, "not valid");
    assert!(world.at_browser(&session).await.is_none());
}

#[tokio::test]
async fn a_parent_that_expired_takes_its_children_along() {
    let world = alice(settings()).await;
    let (parent, child) = (world.token("alice").await, world.token("alice").await);
    let parent_id = id_of(&world, &parent).await;
    let end = world.holdfast.outside().now().plus(Duration::from_hours(1));
    world.change_token(&parent_id, |token| token.expires_at = Some(end)).await;
    let id = id_of(&world, &child).await;
    world.change_token(&id, |token| token.parent = Some(parent_id.clone())).await;
    world.outside.advance(Duration::from_mins(59));
    assert!(world.holdfast.authenticate(&child, None).await.is_ok());
    world.outside.advance(Duration::from_mins(1));
    assert!(world.holdfast.authenticate(&child, None).await.is_err());
}

#[tokio::test]
async fn sessions_are_listed_and_revoked_like_tokens() {
    let world = alice(settings()).await;
    let agent = format!("Fire\u{1b}[31mfox{}", "x".repeat(1000));
    let session = world.holdfast.sign_in("alice", v(PASSWORD), Browser { agent, ..browser() }).await.unwrap();
    let actor = world.at_browser(&session.secret).await.unwrap();
    let listed = world.holdfast.list_tokens(&actor, Some(&v("alice"))).await.unwrap();
    let [(token, _)] = &listed[..] else { panic!("{listed:?}") };
    let Purpose::Session { agent, via } = &token.purpose else { panic!("{token:?}") };
    assert_eq!((agent.len(), &agent[..11], via.as_str()), (200, "Fire[31mfox", "password"));
    world.holdfast.revoke_current_token(&actor).await.unwrap();
    assert!(world.at_browser(&session.secret).await.is_none());
    assert_eq!(world.keys(&Token::user_part(&v("alice"))).await, [""; 0]);
}

#[tokio::test]
async fn whoever_signed_in_makes_tokens_that_outlast_the_session() {
    let world = alice(settings()).await;
    let session = world.session("alice", PASSWORD).await;
    let actor = world.at_browser(&session).await.unwrap();
    let (token, secret) = world.holdfast.create_token(&actor, new_token("alice")).await.unwrap();
    assert_eq!((token.expires_at, token.parent), (None, None));
    world.outside.advance(Duration::from_hours(24 * 8));
    assert!(world.at_browser(&session).await.is_none());
    assert!(world.holdfast.authenticate(&secret, None).await.is_ok());
    world.add("bob", Role::Publisher).await;
    let refusal = world.holdfast.create_token(&actor, new_token("bob")).await;
    refused(refusal, Kind::Forbidden, "needs the role admin");
}
