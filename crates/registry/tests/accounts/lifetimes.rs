//! How long new tokens work: as asked, as set by default, and never longer than the maximum.

use crate::world::{World, new_token, refused, settings};
use holdfast_registry::entity::Role;
use holdfast_registry::{Kind, NewToken, Settings};
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);

/// How long a token works that is asked for so, in hours; the refusal if it is refused.
async fn hours(default: Option<u32>, most: Option<u32>, asked: Option<u32>) -> Result<Option<i64>, String> {
    let (token_default_lifetime, token_max_lifetime) =
        (default.map(|hours| HOUR * hours), most.map(|hours| HOUR * hours));
    let world = World::with(Settings { token_default_lifetime, token_max_lifetime, ..settings() }).await;
    world.add("alice", Role::Publisher).await;
    let new = NewToken { expires_in: asked.map(|hours| HOUR * hours), ..new_token("alice") };
    match world.holdfast.create_token(&world.operator, new).await {
        Ok((token, _)) => {
            let lasts = |end: holdfast_types::Timestamp| end.unix_seconds() - token.created_at.unix_seconds();
            Ok(token.expires_at.map(|end| lasts(end) / 3600))
        }
        Err(error) => {
            assert_eq!(error.kind(), Kind::Invalid);
            Err(error.detail().to_owned())
        }
    }
}

#[tokio::test]
async fn the_default_and_the_maximum() {
    assert_eq!(hours(None, None, None).await, Ok(None));
    assert_eq!(hours(None, None, Some(9000)).await, Ok(Some(9000)));
    assert_eq!(hours(Some(24), None, None).await, Ok(Some(24)));
    assert_eq!(hours(Some(24), None, Some(48)).await, Ok(Some(48)));
    assert_eq!(hours(None, Some(48), None).await, Ok(Some(48)));
    assert_eq!(hours(Some(24), Some(48), None).await, Ok(Some(24)));
    assert_eq!(hours(Some(72), Some(48), None).await, Ok(Some(48)), "the maximum shortens the default");
    assert_eq!(hours(None, Some(48), Some(48)).await, Ok(Some(48)));
    let refusal = hours(None, Some(48), Some(49)).await.unwrap_err();
    assert!(refusal.contains("at most 2 days"), "{refusal}");
    let refusal = hours(None, Some(5), Some(6)).await.unwrap_err();
    assert!(refusal.contains("at most 5 hours"), "{refusal}");
}

#[tokio::test]
async fn devices_end_with_the_longest_time_of_tokens() {
    let week = Duration::from_hours(24 * 7);
    let world = World::with(Settings { token_max_lifetime: Some(week), ..settings() }).await;
    world.add_with_password("alice", "correct horse").await;
    let (holdfast, mut tokens) = (&world.holdfast, world.device("alice", "correct horse").await);
    for _ in 0..6 {
        world.outside.advance(Duration::from_hours(24));
        tokens = holdfast.refresh_device(&tokens.refresh, None).await.unwrap().expect("it is in use");
    }
    world.outside.advance(Duration::from_hours(23) + Duration::from_mins(30));
    let last = holdfast.refresh_device(&tokens.refresh, None).await.unwrap().expect("half an hour is left");
    assert!(holdfast.authenticate(&last.access, None).await.is_ok());
    world.outside.advance(Duration::from_mins(30));
    refused(holdfast.authenticate(&last.access, None).await, Kind::Unauthenticated, "not valid");
    assert!(holdfast.refresh_device(&last.refresh, None).await.unwrap().is_none());
}
