//! Users and teams leave: all that refers to them goes, no crate loses its last owner, and a removal that
//! was interrupted anywhere goes on.

use crate::world::{World, at_once, new_token, refused, v};
use holdfast_registry::entity::{CrateHead, Membership, Role, Team, Token, User};
use holdfast_registry::{Kind, NewUser, Result};
use holdfast_store::IndexCheck;
use holdfast_store::faults::{Call, Fault};
use std::time::Duration;

/// Alice with two teams, two tokens and three crates, and the team `core` with members and crates.
async fn alice() -> World {
    let world = World::new().await;
    let (holdfast, operator) = (&world.holdfast, &world.operator);
    for login in ["alice", "bob"] {
        world.add(login, Role::Publisher).await;
    }
    for team in ["core", "web"] {
        holdfast.add_team(operator, &v(team)).await.unwrap();
        holdfast.add_member(operator, &v(team), &v("alice")).await.unwrap();
    }
    holdfast.add_member(operator, &v("core"), &v("bob")).await.unwrap();
    for _ in 0..2 {
        let actor = world.actor("alice").await;
        assert_eq!(actor.login(), Some(&v("alice")));
    }
    holdfast.flush_token_uses().await.unwrap();
    world.own("one", &["alice", "bob"]).await;
    world.own("two", &["team:core", "alice"]).await;
    world.own("three", &["bob", "team:core"]).await;
    world
}

/// Every index entry belongs to something, and everything has its entries.
async fn assert_indexes(world: &World) {
    let mut check = IndexCheck::new(&*world.store);
    check.entities::<CrateHead>(&CrateHead::part(&v("main"))).await.unwrap();
    check.entities::<Token>(Token::PART).await.unwrap();
    for team in ["core", "web"] {
        check.entities::<Membership>(&Membership::part(&v(team))).await.unwrap();
    }
    let mut parts =
        vec![Token::DIGEST_PART.to_owned(), "owned/team:core".to_owned(), "owned/team:web".to_owned()];
    for login in ["alice", "bob", "admin"] {
        parts.push(format!("owned/{login}"));
        parts.push(Membership::teams_part(&v(login)));
        parts.push(Token::user_part(&v(login)));
    }
    assert_eq!(check.finish(&parts).await.unwrap(), []);
}

async fn assert_alice_left(world: &World) {
    assert_eq!(world.owners("one").await, ["bob"]);
    assert_eq!(world.owners("two").await, ["team:core"]);
    assert!(!world.has(User::key_of(&v("alice"))).await);
    assert_eq!(world.keys("owned/alice").await, [""; 0]);
    assert_eq!(world.keys(&Membership::teams_part(&v("alice"))).await, [""; 0]);
    assert_eq!(world.keys(&Membership::part(&v("core"))).await, ["bob"]);
    assert_eq!(world.keys(&Membership::part(&v("web"))).await, [""; 0]);
    assert_eq!(world.keys(&Token::user_part(&v("alice"))).await, [""; 0]);
    assert_eq!(world.keys(Token::PART).await.len(), 1, "only the admin's is left");
    assert_eq!(world.keys(Token::DIGEST_PART).await.len(), 1);
    assert_eq!(world.keys("token-use").await, [""; 0]);
    assert_indexes(world).await;
}

#[tokio::test]
async fn a_user_leaves_nothing_behind() {
    let world = alice().await;
    let secret = world.token("alice").await;
    world.holdfast.authenticate(&secret, None).await.unwrap();
    world.holdfast.remove_user(&world.operator, &v("alice")).await.unwrap();
    refused(world.holdfast.authenticate(&secret, None).await, Kind::Unauthenticated, "not valid");
    assert_alice_left(&world).await;
    let log = world.log().await;
    for line in ["operator user-remove alice", "operator owner-remove one", "operator owner-remove two"] {
        assert!(log.contains(&line.to_owned()), "{line}: {log:#?}");
    }
    refused(
        world.holdfast.remove_user(&world.operator, &v("alice")).await,
        Kind::NotFound,
        "no user `alice`",
    );
    // The name may be taken again, by somebody who gets nothing of it.
    world.add("alice", Role::Reader).await;
    let actor = world.actor("alice").await;
    assert!(actor.as_account().unwrap().teams.is_empty());
}

#[tokio::test]
async fn a_team_leaves_nothing_behind() {
    let world = alice().await;
    world.own("two", &["team:core", "alice"]).await;
    let secret = world.token("bob").await;
    let teams =
        async || world.holdfast.authenticate(&secret, None).await.unwrap().as_account().unwrap().teams.len();
    assert_eq!(teams().await, 1);
    world.holdfast.remove_team(&world.operator, &v("core")).await.unwrap();
    assert_eq!(teams().await, 0);
    assert_eq!(world.owners("two").await, ["alice"]);
    assert_eq!(world.owners("three").await, ["bob"]);
    assert!(!world.has(Team::key_of(&v("core"))).await);
    assert_eq!(world.keys("owned/team:core").await, [""; 0]);
    assert_eq!(world.keys(&Membership::part(&v("core"))).await, [""; 0]);
    assert_eq!(world.keys(&Membership::teams_part(&v("alice"))).await, ["web"]);
    assert!(world.log().await.contains(&"operator team-remove core".to_owned()));
    refused(world.holdfast.remove_team(&world.operator, &v("core")).await, Kind::NotFound, "no team `core`");
    assert_indexes(&world).await;
}

#[tokio::test]
async fn the_last_owner_of_a_crate_stays() {
    let world = alice().await;
    let secret = world.token("alice").await;
    for krate in ["a", "b-b", "c", "d", "e"] {
        world.own(krate, &["alice"]).await;
    }
    let deed = "operator user-remove alice";
    let named = "`alice` is the last owner of `main/a`, `main/b-b`, `main/c`, `main/d`, `main/e`; give";
    let removed = world.holdfast.remove_user(&world.operator, &v("alice")).await;
    world.refused(removed, Kind::Conflict, deed, named).await;
    world.own("f", &["alice"]).await;
    let removed = world.holdfast.remove_user(&world.operator, &v("alice")).await;
    world.refused(removed, Kind::Conflict, deed, "`main/e` and more; give each another owner first").await;

    // Nothing happened to them.
    world.holdfast.authenticate(&secret, None).await.unwrap();
    assert_eq!(world.owners("one").await, ["alice", "bob"]);
    assert_eq!(world.keys(&Membership::teams_part(&v("alice"))).await, ["core", "web"]);

    for krate in ["a", "b-b", "c", "d", "e", "f"] {
        world.holdfast.add_owners(&world.operator, &v("main"), &v(krate), &[v("team:core")]).await.unwrap();
    }
    world.holdfast.remove_user(&world.operator, &v("alice")).await.unwrap();
    assert_alice_left(&world).await;
    let removed = world.holdfast.remove_team(&world.operator, &v("core")).await;
    let named = "`team:core` is the last owner of `main/a`, `main/b-b`";
    world.refused(removed, Kind::Conflict, "operator team-remove core", named).await;
    assert_eq!(world.keys(&Membership::part(&v("core"))).await, ["bob"]);
}

/// Fails the first call of a removal, then the second, and so on; after each failure the removal is asked
/// for again and must end as if nothing had been.
async fn interrupt(fault: Fault, remove: impl AsyncFn(&World) -> Result<()>, check: impl AsyncFn(&World)) {
    for nth in 1.. {
        let world = alice().await;
        world.faults.fail_nth(nth, fault);
        let before = world.faults.fired();
        let result = remove(&world).await;
        let has_fired = world.faults.fired() > before;
        world.faults.clear();
        if let Err(error) = result {
            assert_eq!(error.kind(), Kind::Unavailable, "{error:?}");
            match remove(&world).await {
                Ok(()) => {}
                Err(error) => assert_eq!(error.kind(), Kind::NotFound, "call {nth}: {error:?}"),
            }
        }
        check(&world).await;
        if !has_fired {
            assert!(nth > 10, "a removal makes more calls than {nth}");
            return;
        }
    }
}

#[tokio::test]
async fn an_interrupted_removal_of_a_user_goes_on() {
    for fault in [Fault::Unavailable, Fault::UnknownBefore, Fault::UnknownAfter, Fault::Conflict] {
        interrupt(
            fault,
            async |world| world.holdfast.remove_user(&world.operator, &v("alice")).await,
            async |world| assert_alice_left(world).await,
        )
        .await;
    }
}

#[tokio::test]
async fn an_interrupted_removal_of_a_team_goes_on() {
    for fault in [Fault::Unavailable, Fault::UnknownBefore, Fault::UnknownAfter, Fault::Conflict] {
        interrupt(
            fault,
            async |world| world.holdfast.remove_team(&world.operator, &v("core")).await,
            async |world| {
                assert!(!world.has(Team::key_of(&v("core"))).await);
                assert_eq!(world.owners("two").await, ["alice"]);
                assert_eq!(world.owners("three").await, ["bob"]);
                assert_eq!(world.keys(&Membership::part(&v("core"))).await, [""; 0]);
                assert_eq!(world.keys("owned/team:core").await, [""; 0]);
                assert_indexes(world).await;
            },
        )
        .await;
    }
}

#[tokio::test]
async fn whoever_is_leaving_gets_nothing_new() {
    let world = alice().await;
    let (holdfast, operator) = (&world.holdfast, &world.operator);
    let secret = world.token("alice").await;
    // The commit that takes them off a crate fails: the mark is there, the rest is not done.
    world.faults.fail_when(Fault::Unavailable, |call| match call {
        Call::Commit(batch) => batch.ops().keys().any(|key| key.part == "crate/main"),
        _ => false,
    });
    refused(holdfast.remove_user(operator, &v("alice")).await, Kind::Unavailable, "database");
    refused(holdfast.remove_team(operator, &v("core")).await, Kind::Unavailable, "database");
    world.faults.clear();

    refused(holdfast.authenticate(&secret, None).await, Kind::Unauthenticated, "not valid");
    let (user, team) = ("the user `alice` is being removed", "the team `core` is being removed");
    let new = NewUser { login: v("alice"), role: Role::Reader, service: false, keeper: None };
    refused(holdfast.add_user(operator, new).await, Kind::Conflict, user);
    refused(holdfast.enable_user(operator, &v("alice")).await, Kind::Conflict, user);
    refused(holdfast.disable_user(operator, &v("alice")).await, Kind::Conflict, user);
    refused(holdfast.add_member(operator, &v("web"), &v("alice")).await, Kind::Conflict, user);
    refused(holdfast.create_token(operator, new_token("alice")).await, Kind::Conflict, user);
    refused(holdfast.add_team(operator, &v("core")).await, Kind::Conflict, team);
    refused(holdfast.add_member(operator, &v("core"), &v("bob")).await, Kind::Conflict, team);
    for owner in ["alice", "team:core"] {
        let added = holdfast.add_owners(operator, &v("main"), &v("one"), &[v(owner)]).await;
        refused(added, Kind::Invalid, "there is no");
    }
    holdfast.remove_user(operator, &v("alice")).await.unwrap();
    // Of the crate `two` the team is now the last owner: it stays, and is whole again.
    refused(holdfast.remove_team(operator, &v("core")).await, Kind::Conflict, "the last owner of `main/two`");
    holdfast.add_member(operator, &v("core"), &v("admin")).await.unwrap();
    assert_eq!(holdfast.list_members(operator, &v("core")).await.unwrap(), [v("admin"), v("bob")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn owners_who_leave_at_once_leave_one() {
    for _ in 0..50 {
        let world = World::new().await;
        for login in ["alice", "bob"] {
            world.add(login, Role::Publisher).await;
        }
        for krate in ["one", "two", "three"] {
            world.own(krate, &["alice", "bob"]).await;
        }
        let there = world.replica().await;
        let (here, operator) = (world.holdfast.clone(), world.operator.clone());
        let one = tokio::spawn(async move { here.remove_user(&operator, &v("alice")).await });
        let operator = world.operator.clone();
        let two = tokio::spawn(async move { there.remove_user(&operator, &v("bob")).await });
        let results = [one.await.unwrap(), two.await.unwrap()];
        assert!(results.iter().any(Result::is_err), "both left");
        for krate in ["one", "two", "three"] {
            assert!(!world.owners(krate).await.is_empty());
        }
        // Whoever stays can act again.
        for user in world.holdfast.list_users(&world.operator).await.unwrap() {
            assert!(!user.leaving, "{user:?}");
        }
        assert_indexes(&world).await;
    }
}

#[tokio::test]
async fn a_large_team_leaves_in_small_commits() {
    let world = World::new().await;
    world.holdfast.add_team(&world.operator, &v("all")).await.unwrap();
    for number in 0..300 {
        let login = format!("user-{number:03}");
        world.add(&login, Role::Reader).await;
        world.holdfast.add_member(&world.operator, &v("all"), &v(&login)).await.unwrap();
    }
    assert_eq!(world.holdfast.list_members(&world.operator, &v("all")).await.unwrap().len(), 300);
    world.outside.advance(Duration::from_secs(1));
    world.holdfast.remove_team(&world.operator, &v("all")).await.unwrap();
    assert_eq!(world.keys(&Membership::part(&v("all"))).await, [""; 0]);
    assert_eq!(world.keys(&CrateHead::part(&v("main"))).await, [""; 0]);
}

#[tokio::test]
async fn a_user_who_becomes_an_owner_as_the_removal_begins_stays() {
    let world = alice().await;
    world.own("zoo", &["bob"]).await;
    let (rival, operator) = (world.rival().await, world.operator.clone());
    world.before_next_commit(move || {
        at_once(rival.add_owners(&operator, &v("main"), &v("zoo"), &[v("alice")])).unwrap();
        at_once(rival.remove_owners(&operator, &v("main"), &v("zoo"), &[v("bob")])).unwrap();
    });
    refused(
        world.holdfast.remove_user(&world.operator, &v("alice")).await,
        Kind::Conflict,
        "the last owner of `main/zoo`",
    );
    assert_eq!(world.owners("zoo").await, ["alice"]);
    assert_eq!(world.owners("one").await, ["alice", "bob"]);
    assert!(!world.holdfast.show_user(&world.operator, &v("alice")).await.unwrap().leaving);
}
