//! How many tokens a user and how many names a token may have.

use crate::world::{World, new_token, v};
use holdfast_registry::entity::{Role, Token};
use holdfast_registry::{Kind, NewToken};
use holdfast_types::{Scopes, TokenId};
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
