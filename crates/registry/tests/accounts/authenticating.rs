//! Tokens at work: what they say, how fast they stop, what they cost and when they were used.

use crate::world::{World, new_token, refused, v};
use holdfast_registry::entity::{Role, TokenUse};
use holdfast_registry::{Actor, Holdfast, Kind, NewToken, Settings};
use holdfast_store::faults::Fault;
use holdfast_types::{Endpoint, Scopes, Timestamp, TokenSecret};
use std::net::IpAddr;
use std::time::Duration;

const HALF_BOUND: Duration = Duration::from_millis(500);

async fn works(holdfast: &Holdfast, secret: &TokenSecret) -> bool {
    match holdfast.authenticate(secret, None).await {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), Kind::Unauthenticated, "{error:?}");
            false
        }
    }
}

#[tokio::test]
async fn a_token_tells_who_and_what() {
    let world = World::new().await;
    world.add("alice", Role::Publisher).await;
    world.holdfast.add_team(&world.operator, &v("core")).await.unwrap();
    world.holdfast.add_member(&world.operator, &v("core"), &v("alice")).await.unwrap();
    let scopes = Scopes { endpoints: [Endpoint::Yank].into(), ..Scopes::default() };
    let new =
        NewToken { scopes: scopes.clone(), expires_in: Some(Duration::from_mins(1)), ..new_token("alice") };
    let (token, secret) = world.holdfast.create_token(&world.operator, new).await.unwrap();
    let address: IpAddr = v("192.0.2.1");
    let actor = world.holdfast.authenticate(&secret, Some(address)).await.unwrap();
    let account = actor.as_account().unwrap();
    assert_eq!((account.name(), account.role, actor.address()), ("alice", Role::Publisher, Some(address)));
    assert_eq!((&account.token, &account.label, &account.scopes), (&token.id, &token.label, &scopes));
    assert_eq!(account.teams, [v("core")].into());
    assert_eq!(account.expires_at, token.expires_at);
}

#[tokio::test]
async fn whatever_is_wrong_with_a_token_sounds_the_same() {
    let world = World::new().await;
    let mut errors = Vec::new();
    errors.push(world.holdfast.authenticate(&v("never-made"), None).await.unwrap_err());

    world.add("alice", Role::Publisher).await;
    let new = NewToken { expires_in: Some(Duration::from_secs(10)), ..new_token("alice") };
    let (_, ended) = world.holdfast.create_token(&world.operator, new).await.unwrap();
    let (token, revoked) = world.holdfast.create_token(&world.operator, new_token("alice")).await.unwrap();
    world.holdfast.revoke_token(&world.operator, &token.id).await.unwrap();
    errors.push(world.holdfast.authenticate(&revoked, None).await.unwrap_err());
    world.outside.advance(Duration::from_secs(10));
    errors.push(world.holdfast.authenticate(&ended, None).await.unwrap_err());

    let disabled = world.token("alice").await;
    world.holdfast.disable_user(&world.operator, &v("alice")).await.unwrap();
    errors.push(world.holdfast.authenticate(&disabled, None).await.unwrap_err());
    for error in &errors {
        assert_eq!((error.kind(), error.detail()), (Kind::Unauthenticated, errors[0].detail()));
    }
}

#[tokio::test]
async fn a_known_token_asks_nobody() {
    let world = World::new().await;
    let secret = world.token("admin").await;
    assert!(works(&world.holdfast, &secret).await);
    let before = world.faults.calls();
    for _ in 0..100 {
        assert!(works(&world.holdfast, &secret).await);
    }
    assert_eq!(world.faults.calls(), before);
    // The check after the bound: one trip for token and user, one for the teams, and none for the digest.
    world.outside.advance(Duration::from_secs(1));
    assert!(works(&world.holdfast, &secret).await);
    assert_eq!(world.faults.calls(), before + 2);
}

#[tokio::test]
async fn the_end_of_a_token_needs_no_check() {
    let world = World::unstarted(Duration::from_hours(1)).await;
    world.holdfast.start(None).await.unwrap();
    let new = NewToken { expires_in: Some(Duration::from_secs(10)), ..new_token("admin") };
    let (_, secret) = world.holdfast.create_token(&world.operator, new).await.unwrap();
    assert!(works(&world.holdfast, &secret).await);
    let before = world.faults.calls();
    world.outside.advance(Duration::from_millis(9_999));
    assert!(works(&world.holdfast, &secret).await);
    world.outside.advance(Duration::from_millis(1));
    assert!(!works(&world.holdfast, &secret).await);
    assert_eq!(world.faults.calls(), before);
}

#[tokio::test]
async fn what_this_process_changes_counts_at_once() {
    let world = World::new().await;
    let holdfast = &world.holdfast;
    world.add("alice", Role::Publisher).await;
    holdfast.add_team(&world.operator, &v("core")).await.unwrap();
    let secret = world.token("alice").await;
    let teams =
        async || holdfast.authenticate(&secret, None).await.unwrap().as_account().unwrap().teams.len();
    assert_eq!(teams().await, 0);
    holdfast.add_member(&world.operator, &v("core"), &v("alice")).await.unwrap();
    assert_eq!(teams().await, 1);
    holdfast.remove_member(&world.operator, &v("core"), &v("alice")).await.unwrap();
    assert_eq!(teams().await, 0);
    holdfast.disable_user(&world.operator, &v("alice")).await.unwrap();
    assert!(!works(holdfast, &secret).await);
    holdfast.enable_user(&world.operator, &v("alice")).await.unwrap();
    assert!(works(holdfast, &secret).await);
    let actor = holdfast.authenticate(&secret, None).await.unwrap();
    holdfast.revoke_current_token(&actor).await.unwrap();
    assert!(!works(holdfast, &secret).await);
}

#[tokio::test]
async fn what_another_process_changes_counts_after_the_bound() {
    let world = World::new().await;
    let (here, there) = (&world.holdfast, world.replica().await);
    world.add("alice", Role::Publisher).await;
    let (token, secret) = here.create_token(&world.operator, new_token("alice")).await.unwrap();

    assert!(works(here, &secret).await);
    there.disable_user(&world.operator, &v("alice")).await.unwrap();
    world.outside.advance(HALF_BOUND);
    assert!(works(here, &secret).await, "it was checked half a bound ago");
    world.outside.advance(HALF_BOUND);
    assert!(!works(here, &secret).await, "it was checked a whole bound ago");
    there.enable_user(&world.operator, &v("alice")).await.unwrap();
    assert!(works(here, &secret).await, "that it does not work is never remembered");

    there.revoke_token(&world.operator, &token.id).await.unwrap();
    world.outside.advance(HALF_BOUND);
    assert!(works(here, &secret).await);
    world.outside.advance(HALF_BOUND);
    assert!(!works(here, &secret).await);
}

#[tokio::test]
async fn a_busy_token_is_checked_behind() {
    let world = World::new().await;
    let there = world.replica().await;
    let (token, secret) = world.holdfast.create_token(&world.operator, new_token("admin")).await.unwrap();
    assert!(works(&world.holdfast, &secret).await);
    there.revoke_token(&world.operator, &token.id).await.unwrap();
    world.outside.advance(HALF_BOUND + Duration::from_millis(1));
    assert!(works(&world.holdfast, &secret).await, "this request only begins the check");
    while works(&world.holdfast, &secret).await {
        tokio::task::yield_now().await;
    }
    assert!(world.outside.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_store_that_is_down_is_no_bad_token() {
    let world = World::new().await;
    let secret = world.token("admin").await;
    assert!(works(&world.holdfast, &secret).await);
    world.faults.fail_when(Fault::Unavailable, |_| true);
    assert!(works(&world.holdfast, &secret).await);
    refused(world.holdfast.authenticate(&v("unknown"), None).await, Kind::Unavailable, "database");
    world.outside.advance(Duration::from_secs(1));
    assert!(works(&world.holdfast, &secret).await, "what is in memory outlasts an outage");
    world.outside.advance(Settings::default().outage_grace);
    refused(world.holdfast.authenticate(&secret, None).await, Kind::Unavailable, "database");
    world.faults.clear();
    assert!(works(&world.holdfast, &secret).await);
}

async fn last_use(world: &World, secret: &TokenSecret) -> Option<TokenUse> {
    let tokens = world.holdfast.list_tokens(&world.operator, None).await.unwrap();
    tokens.into_iter().find(|(token, _)| token.digest == secret.digest()).unwrap().1
}

#[tokio::test]
async fn the_latest_use_is_kept() {
    let world = World::new().await;
    let (secret, there) = (world.token("admin").await, world.replica().await);
    let (first, second): (IpAddr, IpAddr) = (v("192.0.2.1"), v("2001:db8::1"));
    let now = |seconds: i64| Timestamp::from_unix_seconds(1_767_225_600 + seconds);
    assert_eq!(last_use(&world, &secret).await, None);

    world.holdfast.authenticate(&secret, Some(first)).await.unwrap();
    world.outside.advance(Duration::from_secs(5));
    there.authenticate(&secret, Some(second)).await.unwrap();
    there.flush_token_uses().await.unwrap();
    world.holdfast.flush_token_uses().await.unwrap();
    let shown = last_use(&world, &secret).await.unwrap();
    assert_eq!(
        (shown.at, shown.address),
        (now(5), Some(second)),
        "an earlier use does not replace a later one"
    );

    world.outside.advance(Duration::from_secs(5));
    world.holdfast.authenticate(&secret, Some(first)).await.unwrap();
    world.faults.fail_when(Fault::Unavailable, |_| true);
    world.holdfast.flush_token_uses().await.unwrap_err();
    world.faults.clear();
    world.holdfast.flush_token_uses().await.unwrap();
    let shown = last_use(&world, &secret).await.unwrap();
    assert_eq!((shown.at, shown.address), (now(10), Some(first)), "what could not be written was kept");

    let before = world.faults.calls();
    world.holdfast.flush_token_uses().await.unwrap();
    assert_eq!(world.faults.calls(), before, "nothing was left to write");
}

#[tokio::test]
async fn many_uses_are_written_and_none_of_a_revoked_token() {
    let world = World::new().await;
    let mut actors: Vec<Actor> = Vec::new();
    for _ in 0..100 {
        actors.push(world.actor("admin").await);
    }
    let gone = actors[0].as_account().unwrap().token.clone();
    world.holdfast.revoke_token(&world.operator, &gone).await.unwrap();
    world.holdfast.flush_token_uses().await.unwrap();
    let mut expected: Vec<String> =
        actors[1..].iter().map(|a| a.as_account().unwrap().token.to_string()).collect();
    expected.sort();
    assert_eq!(world.keys(TokenUse::PART).await, expected);
    // Revoking takes the last use along.
    world.holdfast.revoke_current_token(&actors[1]).await.unwrap();
    assert_eq!(world.keys(TokenUse::PART).await.len(), 98);
}
