//! The first start, later starts, and many at once.

use crate::world::{World, at_once, new_token, refused, v};
use holdfast_registry::entity::{Role, Token, User};
use holdfast_registry::{FirstStart, Kind, Settings};
use holdfast_store::faults::Fault;
use holdfast_types::{RegistryName, TokenSecret};
use std::time::Duration;

async fn unstarted() -> World {
    World::unstarted(Settings::default().staleness).await
}

async fn works(world: &World, secret: &TokenSecret) -> bool {
    world.outside.advance(Duration::from_secs(1));
    let actor = world.holdfast.authenticate(secret, None).await;
    actor.is_ok_and(|actor| {
        actor.login() == Some(&v("admin")) && actor.as_account().unwrap().role == Role::Admin
    })
}

async fn bootstrap_tokens(world: &World) -> usize {
    let tokens = world.holdfast.list_tokens(&world.operator, Some(&v("admin"))).await.unwrap();
    tokens.iter().filter(|(token, _)| token.label == "bootstrap").count()
}

#[tokio::test]
async fn the_first_start_makes_the_server() {
    let world = unstarted().await;
    let FirstStart { created, token } = world.holdfast.start(None).await.unwrap();
    assert!(created);
    assert!(works(&world, &token.unwrap()).await);
    let main: RegistryName = v("main");
    assert!(!world.holdfast.registry(&main).await.unwrap().anonymous_read);
    let log = world.log().await;
    assert_eq!(log.len(), 2, "{log:?}");
    assert!(log.contains(&"operator bootstrap server".to_owned()));
    assert!(log.contains(&"operator token-create admin".to_owned()));

    for _ in 0..2 {
        let FirstStart { created, token } = world.replica().await.start(None).await.unwrap();
        assert!(!created && token.is_none());
    }
    assert_eq!(world.log().await.len(), 2, "a later start changes nothing");
}

#[tokio::test]
async fn a_given_token_works_after_each_start() {
    let world = unstarted().await;
    let (first, second): (TokenSecret, TokenSecret) = (v("the-first-one"), v("the-second-one"));
    let start = async |secret: &TokenSecret| world.holdfast.start(Some(secret)).await.unwrap();
    let FirstStart { created, token } = start(&first).await;
    assert!(created && token.is_none(), "who gives a token knows it");
    assert!(works(&world, &first).await);
    let entries = world.log().await.len();
    assert!(!start(&first).await.created);
    assert_eq!((world.log().await.len(), bootstrap_tokens(&world).await), (entries, 1), "nothing changed");

    // One that an admin made stays; the earlier bootstrap token goes.
    let own = world.token("admin").await;
    assert!(!start(&second).await.created);
    assert!(works(&world, &second).await && works(&world, &own).await);
    assert!(!works(&world, &first).await);
    assert_eq!(bootstrap_tokens(&world).await, 1);
    assert_eq!(world.keys(Token::DIGEST_PART).await.len(), 2);
    world.holdfast.start(None).await.unwrap();
    assert!(works(&world, &second).await);
}

#[tokio::test]
async fn a_made_up_token_gives_way_to_a_given_one() {
    let world = unstarted().await;
    let made_up = world.holdfast.start(None).await.unwrap().token.unwrap();
    let given: TokenSecret = v("given");
    world.holdfast.start(Some(&given)).await.unwrap();
    assert!(works(&world, &given).await && !works(&world, &made_up).await);
}

#[tokio::test]
async fn a_token_of_somebody_else_is_refused() {
    let world = World::new().await;
    world.add("alice", Role::Publisher).await;
    let (_, secret) = world.holdfast.create_token(&world.operator, new_token("alice")).await.unwrap();
    refused(world.holdfast.start(Some(&secret)).await, Kind::Conflict, "is a token of `alice` already");
    let own = world.token("admin").await;
    world.holdfast.start(Some(&own)).await.unwrap();
    assert!(works(&world, &own).await);
}

#[tokio::test]
async fn an_admin_who_left_stays_away() {
    let world = World::new().await;
    world.add("root", Role::Admin).await;
    let given: TokenSecret = v("given");
    world.holdfast.disable_user(&world.operator, &v("admin")).await.unwrap();
    assert!(!world.holdfast.start(Some(&given)).await.unwrap().created);
    assert!(!works(&world, &given).await);
    assert!(world.holdfast.show_user(&world.operator, &v("admin")).await.unwrap().disabled);

    world.holdfast.remove_user(&world.operator, &v("admin")).await.unwrap();
    assert!(!world.holdfast.start(Some(&given)).await.unwrap().created);
    assert!(!works(&world, &given).await && !world.has(User::key_of(&v("admin"))).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_first_starts_one_makes_the_server() {
    for given in [None, Some(v::<TokenSecret>("given"))].iter().cycle().take(50) {
        let world = unstarted().await;
        let mut starts = Vec::new();
        for _ in 0..8 {
            let (process, given) = (world.replica().await, given.clone());
            starts.push(tokio::spawn(async move { process.start(given.as_ref()).await.unwrap() }));
        }
        let mut made = Vec::new();
        for start in starts {
            made.push(start.await.unwrap());
        }
        assert_eq!(made.iter().filter(|start| start.created).count(), 1);
        let tokens: Vec<_> = made.into_iter().filter_map(|start| start.token).collect();
        assert_eq!(tokens.len(), usize::from(given.is_none()));
        assert!(works(&world, tokens.first().or(given.as_ref()).unwrap()).await);
        assert_eq!((world.keys(Token::PART).await.len(), world.keys(Token::DIGEST_PART).await.len()), (1, 1));
        assert_eq!(world.log().await.len(), 2);
    }
}

#[tokio::test]
async fn of_two_starts_with_a_new_token_one_adds_it() {
    let world = World::new().await;
    let (first, _) = world.holdfast.list_tokens(&world.operator, None).await.unwrap().remove(0);
    world.holdfast.revoke_token(&world.operator, &first.id).await.unwrap();
    let rival = world.rival().await;
    world.before_next_commit(move || assert!(!at_once(rival.start(Some(&v("given")))).unwrap().created));
    assert!(!world.holdfast.start(Some(&v("given"))).await.unwrap().created);
    assert_eq!(bootstrap_tokens(&world).await, 1);
    assert_eq!(world.keys(Token::DIGEST_PART).await.len(), 1);
    assert!(works(&world, &v("given")).await);
}

#[tokio::test]
async fn a_start_that_failed_anywhere_is_made_good_by_the_next() {
    for fault in [Fault::Unavailable, Fault::UnknownBefore, Fault::UnknownAfter, Fault::Conflict] {
        for nth in 1.. {
            let world = unstarted().await;
            world.faults.fail_nth(nth, fault);
            let mut start = world.holdfast.start(None).await;
            let has_fired = world.faults.fired() > 0;
            world.faults.clear();
            if let Err(error) = &start {
                assert_eq!(error.kind(), Kind::Unavailable);
                start = world.holdfast.start(None).await;
            }
            let start = start.unwrap();
            assert!(start.created, "call {nth}, {fault:?}");
            assert!(works(&world, &start.token.unwrap()).await);
            if !has_fired {
                assert!(nth > 4, "a first start makes more calls than {nth}");
                break;
            }
        }
    }
}
