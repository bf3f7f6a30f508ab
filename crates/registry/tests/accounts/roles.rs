//! Roles of single registries: given by admins, to users and teams, until either leaves.

use crate::world::{World, refused, v};
use holdfast_registry::entity::{RegistryKind, RegistryRecord, Role};
use holdfast_registry::{Actor, Kind, NewRegistry};
use holdfast_store::{Committed, Tx};
use holdfast_types::{Principal, RegistryName};

async fn world() -> World {
    let world = World::new().await;
    world.add("alice", Role::Guest).await;
    world.add("bob", Role::Publisher).await;
    world.holdfast.add_team(&world.operator, &v("core")).await.unwrap();
    let kind = RegistryKind::Hosted;
    let new = NewRegistry { name: v("second"), kind, anonymous_read: false };
    world.holdfast.create_registry(&world.operator, new).await.unwrap();
    world
}

async fn give(world: &World, registry: &str, principal: &str, role: Role) {
    world.holdfast.set_role(&world.operator, &v(registry), &v(principal), Some(role)).await.unwrap();
}

async fn role_of(world: &World, login: &str, registry: &str) -> Role {
    let record = world.holdfast.registry(&v(registry)).await.unwrap();
    world.actor(login).await.as_account().unwrap().role_in(&record)
}

#[tokio::test]
async fn a_guest_has_what_a_registry_gives() {
    let world = world().await;
    let names = async || {
        let alice = world.actor("alice").await;
        let listed = world.holdfast.list_registries(&alice).await.unwrap();
        listed.iter().map(|record| record.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names().await, [""; 0]);
    let main: RegistryName = v("main");
    refused(
        world.holdfast.enter(&world.actor("alice").await, &main).await,
        Kind::Forbidden,
        "`alice` is a guest; this needs the role reader",
    );
    give(&world, "main", "alice", Role::Reader).await;
    assert_eq!(names().await, ["main"]);
    assert!(world.holdfast.enter(&world.actor("alice").await, &main).await.is_ok());
    assert_eq!(role_of(&world, "alice", "second").await, Role::Guest);
    let taken = world.holdfast.set_role(&world.operator, &main, &v("alice"), None).await.unwrap();
    assert!(taken.roles.is_empty());
    assert_eq!(names().await, [""; 0]);
}

#[tokio::test]
async fn the_highest_role_counts() {
    let world = world().await;
    world.holdfast.add_member(&world.operator, &v("core"), &v("alice")).await.unwrap();
    world.holdfast.add_member(&world.operator, &v("core"), &v("bob")).await.unwrap();
    give(&world, "main", "team:core", Role::Reader).await;
    assert_eq!(role_of(&world, "alice", "main").await, Role::Reader);
    assert_eq!(
        role_of(&world, "bob", "main").await,
        Role::Publisher,
        "nobody loses what they may everywhere"
    );
    give(&world, "main", "team:core", Role::Maintainer).await;
    assert_eq!(role_of(&world, "bob", "main").await, Role::Maintainer);
    give(&world, "main", "alice", Role::Reader).await;
    assert_eq!(role_of(&world, "alice", "main").await, Role::Maintainer);
    world.holdfast.remove_member(&world.operator, &v("core"), &v("alice")).await.unwrap();
    assert_eq!(role_of(&world, "alice", "main").await, Role::Reader);
    assert_eq!(role_of(&world, "alice", "second").await, Role::Guest);
}

#[tokio::test]
async fn only_admins_give_roles() {
    let world = world().await;
    world.add("carol", Role::Maintainer).await;
    let (carol, holdfast, main) = (world.actor("carol").await, &world.holdfast, v("main"));
    let alice: Principal = v("alice");
    let give = async |actor: &Actor, registry: RegistryName, principal: Principal, role| {
        holdfast.set_role(actor, &registry, &principal, role).await
    };
    let reader = Some(Role::Reader);
    let result = give(&carol, main, alice.clone(), reader).await;
    world.refused(result, Kind::Forbidden, "carol role-set main", "needs the role admin").await;
    let operator = &world.operator;
    for role in [Role::Guest, Role::Admin] {
        let result = give(operator, v("main"), alice.clone(), Some(role)).await;
        refused(result, Kind::Invalid, "reader, publisher or maintainer");
    }
    refused(give(operator, v("main"), v("nobody"), reader).await, Kind::Invalid, "no `nobody`");
    refused(give(operator, v("main"), v("team:nobody"), reader).await, Kind::Invalid, "no `team:nobody`");
    refused(give(operator, v("nowhere"), alice.clone(), reader).await, Kind::NotFound, "no registry");
    refused(give(operator, v("main"), alice, None).await, Kind::NotFound, "no role of its own");
}

/// Whoever gets a name next has none of its roles; what else the registry gives stays.
#[tokio::test]
async fn roles_leave_with_their_principal() {
    let world = world().await;
    let (holdfast, operator) = (&world.holdfast, &world.operator);
    for registry in ["main", "second"] {
        for principal in ["alice", "bob", "team:core"] {
            give(&world, registry, principal, Role::Maintainer).await;
        }
    }
    holdfast.remove_user(operator, &v("alice")).await.unwrap();
    holdfast.remove_team(operator, &v("core")).await.unwrap();
    world.add("alice", Role::Guest).await;
    world.add("dave", Role::Guest).await;
    holdfast.add_team(operator, &v("core")).await.unwrap();
    holdfast.add_member(operator, &v("core"), &v("dave")).await.unwrap();
    for registry in ["main", "second"] {
        for login in ["alice", "dave"] {
            assert_eq!(role_of(&world, login, registry).await, Role::Guest);
        }
        assert_eq!(role_of(&world, "bob", registry).await, Role::Maintainer);
    }
}

#[tokio::test]
async fn roles_of_a_removed_registry_are_in_nobodys_way() {
    let world = world().await;
    let (holdfast, operator) = (&world.holdfast, &world.operator);
    give(&world, "second", "alice", Role::Publisher).await;
    give(&world, "second", "team:core", Role::Publisher).await;
    holdfast.remove_registry(operator, &v("second")).await.unwrap();
    holdfast.remove_user(operator, &v("alice")).await.unwrap();
    holdfast.remove_team(operator, &v("core")).await.unwrap();
    let new = NewRegistry { name: v("second"), kind: RegistryKind::Hosted, anonymous_read: false };
    assert!(holdfast.create_registry(operator, new).await.unwrap().roles.is_empty());
}

#[tokio::test]
async fn there_is_an_end_to_roles() {
    let world = world().await;
    let mut tx = Tx::new(&world.store);
    let mut record = tx.get::<RegistryRecord>(&RegistryRecord::key_of(&v("main"))).await.unwrap().unwrap();
    record.roles = (0..200).map(|number| (v(&format!("user{number}")), Role::Reader)).collect();
    tx.put(&record).await.unwrap();
    assert_eq!(tx.commit().await.unwrap(), Committed::Yes);
    let result = world.holdfast.set_role(&world.operator, &v("main"), &v("alice"), Some(Role::Reader)).await;
    refused(result, Kind::TooMany, "give them to teams");
}
