//! Teams and who is in them.

use crate::world::{World, refused, v};
use holdfast_registry::entity::Role;
use holdfast_registry::{Act, Actor, Kind};
use holdfast_types::{Endpoint, Scopes};

#[tokio::test]
async fn teams_are_made_once_and_seen_by_all_accounts() {
    let world = World::new().await;
    world.add("alice", Role::Reader).await;
    let (holdfast, admin) = (&world.holdfast, world.actor("admin").await);
    assert_eq!(holdfast.add_team(&admin, &v("Core")).await.unwrap().name.as_str(), "core");
    holdfast.add_team(&admin, &v("web")).await.unwrap();
    let again = holdfast.add_team(&admin, &v("core")).await;
    world.refused(again, Kind::Conflict, "admin team-add core", "there is a team `core` already").await;
    holdfast.add_member(&admin, &v("core"), &v("alice")).await.unwrap();

    let scopes = Scopes { endpoints: [Endpoint::Read].into(), ..Scopes::default() };
    for actor in [world.scoped("alice", scopes).await, admin, world.operator.clone()] {
        let teams = holdfast.list_teams(&actor).await.unwrap();
        assert_eq!(teams.iter().map(|team| team.name.as_str()).collect::<Vec<_>>(), ["core", "web"]);
        assert_eq!(holdfast.list_members(&actor, &v("core")).await.unwrap(), [v("alice")]);
        assert_eq!(holdfast.list_members(&actor, &v("web")).await.unwrap(), []);
        refused(holdfast.list_members(&actor, &v("gone")).await, Kind::NotFound, "no team `gone`");
    }
    let nobody = Actor::anonymous(None);
    refused(holdfast.list_teams(&nobody).await, Kind::Unauthenticated, "needs a token");
    refused(holdfast.list_members(&nobody, &v("core")).await, Kind::Unauthenticated, "needs a token");
}

#[tokio::test]
async fn only_admins_change_teams() {
    let world = World::new().await;
    world.add("alice", Role::Publisher).await;
    let (holdfast, alice) = (&world.holdfast, world.actor("alice").await);
    holdfast.add_team(&world.operator, &v("core")).await.unwrap();
    let (core, needs, forbidden) = (v("core"), "needs the role admin", Kind::Forbidden);
    world.refused(holdfast.add_team(&alice, &v("own")).await, forbidden, "alice team-add own", needs).await;
    world
        .refused(holdfast.remove_team(&alice, &core).await, forbidden, "alice team-remove core", needs)
        .await;
    let added = holdfast.add_member(&alice, &core, &v("alice")).await;
    world.refused(added, forbidden, "alice team-member-add core", needs).await;
    let removed = holdfast.remove_member(&alice, &core, &v("alice")).await;
    world.refused(removed, forbidden, "alice team-member-remove core", needs).await;

    let scopes = Scopes { endpoints: [Endpoint::Read].into(), ..Scopes::default() };
    let narrow = world.scoped("admin", scopes).await;
    let added = holdfast.add_member(&narrow, &core, &v("alice")).await;
    world.refused(added, forbidden, "admin team-member-add core", "has not the scope `admin`").await;
}

#[tokio::test]
async fn members_come_and_go() {
    let world = World::new().await;
    let (holdfast, operator, core, alice) = (&world.holdfast, &world.operator, v("core"), v("alice"));
    let (missing, add, remove) =
        (Kind::NotFound, "operator team-member-add core", "operator team-member-remove core");
    world.refused(holdfast.add_member(operator, &core, &alice).await, missing, add, "no team `core`").await;
    holdfast.add_team(operator, &core).await.unwrap();
    world.refused(holdfast.add_member(operator, &core, &alice).await, missing, add, "no user `alice`").await;
    world.add("alice", Role::Reader).await;
    let removed = holdfast.remove_member(operator, &core, &alice).await;
    world.refused(removed, missing, remove, "`alice` is not in the team `core`").await;

    holdfast.add_member(operator, &core, &alice).await.unwrap();
    holdfast.add_member(operator, &core, &alice).await.unwrap();
    assert_eq!(
        world.log().await.iter().filter(|line| *line == add).count(),
        1,
        "the second time changed nothing"
    );
    holdfast.remove_member(operator, &core, &alice).await.unwrap();
    assert_eq!(holdfast.list_members(operator, &core).await.unwrap(), []);
    let removed = holdfast.remove_member(operator, &v("gone"), &alice).await;
    refused(removed, missing, "no team `gone`");
}

#[tokio::test]
async fn teams_are_shown_to_those_who_have_an_account() {
    let world = World::new().await;
    world.add("alice", Role::Reader).await;
    world.holdfast.add_team(&world.operator, &v("core")).await.unwrap();
    let with = |endpoint: &str, krate: Option<&str>| Scopes {
        endpoints: [v(endpoint)].into(),
        crates: krate.map(v).into_iter().collect(),
        ..Scopes::default()
    };
    let all = world.actor("alice").await;
    let bound = {
        let act = Act::Owners;
        let (_, secret) = world.holdfast.bind_token(&all, &v("main"), &v("acme"), &act).await.unwrap();
        world.holdfast.authenticate(&secret, None).await.unwrap()
    };
    for (actor, refusal) in [
        (all, None),
        (world.scoped("alice", with("read", None)).await, None),
        (
            world.scoped("alice", with("yank", None)).await,
            Some((Kind::Forbidden, "has not the scope `read`")),
        ),
        (
            world.scoped("alice", with("read", Some("acme"))).await,
            Some((Kind::Forbidden, "the whole server")),
        ),
        (bound, Some((Kind::Forbidden, "for one act"))),
        (Actor::anonymous(None), Some((Kind::Unauthenticated, "needs a token"))),
    ] {
        let (teams, members) =
            (world.holdfast.list_teams(&actor).await, world.holdfast.list_members(&actor, &v("core")).await);
        match refusal {
            None => assert_eq!((teams.unwrap().len(), members.unwrap().len()), (1, 0)),
            Some((kind, words)) => {
                refused(teams, kind, words);
                refused(members, kind, words);
            }
        }
    }
}
