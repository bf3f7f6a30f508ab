//! The audit log, read through its filters.

use crate::world::{World, refused, v};
use holdfast_registry::entity::Role;
use holdfast_registry::{AuditFilter, Kind, RegistryChange};
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

/// The entries that a filter lets through, newest first, as `action subject`.
async fn entries(world: &World, filter: AuditFilter) -> Vec<String> {
    let found = world.holdfast.audit_log(&world.operator, &filter).await.unwrap();
    found.iter().map(|entry| format!("{} {}", entry.action, entry.subject)).collect()
}

fn all() -> AuditFilter {
    AuditFilter { limit: 1000, ..AuditFilter::default() }
}

/// Three months with an entry each, and a refusal in the last.
async fn world() -> World {
    let world = World::new().await;
    world.add("alice", Role::Publisher).await;
    world.outside.advance(40 * DAY);
    let change = RegistryChange { anonymous_read: Some(true), ..RegistryChange::default() };
    world.holdfast.update_registry(&world.operator, &v("main"), change).await.unwrap();
    world.outside.advance(40 * DAY);
    world.add("bob", Role::Publisher).await;
    world.outside.advance(DAY);
    world.holdfast.remove_user(&world.operator, &v("nobody")).await.unwrap_err();
    world
}

#[tokio::test]
async fn filters_choose() {
    let world = world().await;
    let main = AuditFilter { registry: Some(v("main")), ..all() };
    assert_eq!(entries(&world, main).await, ["registry-update main"]);
    let elsewhere = AuditFilter { registry: Some(v("other")), ..all() };
    assert_eq!(entries(&world, elsewhere).await, [""; 0]);
    let alice = AuditFilter { subject: Some("alice".to_owned()), ..all() };
    assert_eq!(entries(&world, alice).await, ["user-add alice"]);
    let refusals = AuditFilter { refused: true, ..all() };
    assert_eq!(entries(&world, refusals.clone()).await, ["user-remove nobody"]);
    let none = AuditFilter { action: Some("user-add".to_owned()), ..refusals };
    assert_eq!(entries(&world, none).await, [""; 0]);
    world.add("carol", Role::Publisher).await;
    let carol = world.actor("carol").await;
    refused(world.holdfast.audit_log(&carol, &all()).await, Kind::Forbidden, "needs the role admin");
}

#[tokio::test]
async fn a_moment_begins_the_log() {
    let world = world().await;
    let now = world.holdfast.outside().now();
    let since =
        async |ago: Duration| entries(&world, AuditFilter { since: Some(now.minus(ago)), ..all() }).await;
    assert_eq!(since(Duration::ZERO).await, ["user-remove nobody"], "that second counts");
    assert_eq!(since(DAY).await, ["user-remove nobody", "user-add bob"]);
    assert_eq!(since(Duration::from_secs(86_399)).await, ["user-remove nobody"]);
    assert_eq!(since(41 * DAY).await, ["user-remove nobody", "user-add bob", "registry-update main"]);
    assert_eq!(since(9000 * DAY).await, entries(&world, all()).await);
    let future = AuditFilter { since: Some(now.plus(9000 * DAY)), ..all() };
    assert_eq!(entries(&world, future).await, [""; 0]);

    // A page goes on where the one before ended, and still ends at the moment.
    let first = AuditFilter { since: Some(now.minus(41 * DAY)), limit: 2, ..all() };
    let found = world.holdfast.audit_log(&world.operator, &first).await.unwrap();
    let before = found.last().map(|entry| entry.id.clone());
    assert_eq!(entries(&world, AuditFilter { before, limit: 10, ..first }).await, ["registry-update main"]);
}
