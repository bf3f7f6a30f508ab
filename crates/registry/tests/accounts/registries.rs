//! Registries: made, seen, changed and removed.

use crate::world::{World, at_once, refused, v};
use holdfast_registry::entity::{CrateHead, RegistryKind, RegistryRecord, Role};
use holdfast_registry::{Actor, Kind, NewRegistry, RegistryChange};
use holdfast_store::{Batch, Op, Store as _};
use holdfast_types::Scopes;
use std::time::Duration;

fn new(name: &str, anonymous_read: bool) -> NewRegistry {
    NewRegistry { name: v(name), kind: RegistryKind::Hosted, anonymous_read }
}

#[tokio::test]
async fn registries_are_made_once_and_listed_to_those_who_may_enter() {
    let world = World::new().await;
    let (holdfast, admin) = (&world.holdfast, world.actor("admin").await);
    let made = holdfast.create_registry(&admin, new("open", true)).await.unwrap();
    assert_eq!(*holdfast.registry(&v("open")).await.unwrap(), made);
    let again = holdfast.create_registry(&admin, new("open", false)).await;
    world.refused(again, Kind::Conflict, "admin registry-create open", "a registry `open` already").await;
    world.add("alice", Role::Reader).await;
    let only_main = Scopes { registries: [v("main")].into(), ..Scopes::default() };
    for (actor, expected) in [
        (&admin, &["main", "open"][..]),
        (&world.operator, &["main", "open"]),
        (&Actor::anonymous(None), &["open"]),
        (&world.scoped("alice", only_main).await, &["main"]),
    ] {
        let all = holdfast.list_registries(actor).await.unwrap();
        assert_eq!(
            all.iter().map(|registry| registry.name.as_str()).collect::<Vec<_>>(),
            expected,
            "{actor}"
        );
        for name in ["main", "open"] {
            assert_eq!(
                holdfast.enter(actor, &v(name)).await.is_ok(),
                expected.contains(&name),
                "{actor} {name}"
            );
        }
        refused(holdfast.enter(actor, &v("gone")).await, Kind::NotFound, "no registry `gone`");
    }
    refused(
        holdfast.enter(&Actor::anonymous(None), &v("main")).await,
        Kind::Unauthenticated,
        "needs a token",
    );
}

#[tokio::test]
async fn only_admins_manage_registries() {
    let world = World::new().await;
    world.add("alice", Role::Publisher).await;
    let (holdfast, alice, main) = (&world.holdfast, world.actor("alice").await, v("main"));
    let (needs, forbidden) = ("needs the role admin", Kind::Forbidden);
    let made = holdfast.create_registry(&alice, new("own", true)).await;
    world.refused(made, forbidden, "alice registry-create own", needs).await;
    let change = RegistryChange { anonymous_read: Some(true), ..RegistryChange::default() };
    let changed = holdfast.update_registry(&alice, &main, change.clone()).await;
    world.refused(changed, forbidden, "alice registry-update main", needs).await;
    world
        .refused(
            holdfast.remove_registry(&alice, &main).await,
            forbidden,
            "alice registry-remove main",
            needs,
        )
        .await;
    let missing = holdfast.update_registry(&world.operator, &v("gone"), change).await;
    world.refused(missing, Kind::NotFound, "operator registry-update gone", "no registry `gone`").await;
    let missing = holdfast.remove_registry(&world.operator, &v("gone")).await;
    world.refused(missing, Kind::NotFound, "operator registry-remove gone", "no registry `gone`").await;
}

#[tokio::test]
async fn changes_count_here_at_once_and_elsewhere_after_the_bound() {
    let world = World::new().await;
    let (here, there, nobody) = (&world.holdfast, world.replica().await, Actor::anonymous(None));
    let main = v("main");
    let enters = async |holdfast: &holdfast_registry::Holdfast| holdfast.enter(&nobody, &main).await.is_ok();
    assert!(!enters(here).await && !enters(&there).await);
    let open =
        |anonymous_read| RegistryChange { anonymous_read: Some(anonymous_read), ..RegistryChange::default() };
    here.update_registry(&world.operator, &main, open(true)).await.unwrap();
    assert!(enters(here).await && !enters(&there).await);
    let calls = world.faults.calls();
    assert!(enters(here).await);
    assert_eq!(world.faults.calls(), calls, "a known registry asks nobody");
    world.outside.advance(Duration::from_secs(1));
    assert!(enters(&there).await);

    here.remove_registry(&world.operator, &main).await.unwrap();
    assert!(!enters(here).await && enters(&there).await);
    world.outside.advance(Duration::from_secs(1));
    assert!(!enters(&there).await);
}

#[tokio::test]
async fn settings_change_one_by_one() {
    let world = World::new().await;
    let (holdfast, operator, main) = (&world.holdfast, &world.operator, v("main"));
    let fields = Some(Some(v("license description")));
    let change = RegistryChange { required_fields: fields.clone(), ..RegistryChange::default() };
    let changed = holdfast.update_registry(operator, &main, change.clone()).await.unwrap();
    assert_eq!((changed.anonymous_read, Some(changed.required_fields)), (false, fields.clone()));
    holdfast.update_registry(operator, &main, change).await.unwrap();
    holdfast.update_registry(operator, &main, RegistryChange::default()).await.unwrap();
    let updates = world.log().await.iter().filter(|line| *line == "operator registry-update main").count();
    assert_eq!(updates, 1, "what changes nothing is no change");
    let change = RegistryChange { anonymous_read: Some(true), ..RegistryChange::default() };
    let changed = holdfast.update_registry(operator, &main, change).await.unwrap();
    assert_eq!((changed.anonymous_read, Some(changed.required_fields)), (true, fields));
    let change = RegistryChange { required_fields: Some(None), ..RegistryChange::default() };
    let changed = holdfast.update_registry(operator, &main, change).await.unwrap();
    assert_eq!((changed.anonymous_read, changed.required_fields), (true, None));
    assert_eq!(
        *holdfast.registry(&main).await.unwrap(),
        holdfast.list_registries(operator).await.unwrap()[0]
    );
}

#[tokio::test]
async fn a_registry_with_crates_stays() {
    let world = World::new().await;
    let (holdfast, operator, main) = (&world.holdfast, &world.operator, v("main"));
    world.own("Some-Crate", &["admin"]).await;
    let removed = holdfast.remove_registry(operator, &main).await;
    let words = "`holdfast crate remove main CRATE`";
    world.refused(removed, Kind::Conflict, "operator registry-remove main", words).await;
    assert!(holdfast.registry(&main).await.is_ok());

    // A crate whose versions were all removed keeps its name, and that is no reason.
    let key = CrateHead::key_of(&main, &v("some-crate"));
    let (_, mut head) = holdfast_store::read::<CrateHead>(&*world.store, &key).await.unwrap().unwrap();
    (head.version_count, head.max_version) = (0, None);
    let mut tx = holdfast_store::Tx::new(&world.store);
    tx.put(&head).await.unwrap();
    let _ = tx.commit().await.unwrap();
    holdfast.remove_registry(operator, &main).await.unwrap();
    refused(holdfast.registry(&main).await, Kind::NotFound, "no registry `main`");
    holdfast.create_registry(operator, new("main", false)).await.unwrap();
    assert_eq!(world.owners("some-crate").await, ["admin"]);
}

#[tokio::test]
async fn a_publish_between_the_look_and_the_removal_brings_the_registry_back() {
    let world = World::new().await;
    let (main, before) = (v("main"), world.holdfast.registry(&v("main")).await.unwrap());
    world.own("late", &["admin"]).await;
    let key = CrateHead::key_of(&main, &v("late"));
    let doc = world.store.get_many(std::slice::from_ref(&key)).await.unwrap().remove(0).unwrap();
    let mut batch = Batch::new();
    batch.add(key.clone(), Op::Remove).unwrap();
    world.store.commit(batch).await.unwrap();

    let mut batch = Batch::new();
    batch.add(key, Op::Create(doc.body)).unwrap();
    let store = world.memory.clone();
    world.before_next_commit(move || at_once(store.commit(batch)).unwrap());
    let removed = world.holdfast.remove_registry(&world.operator, &main).await;
    world.refused(removed, Kind::Conflict, "operator registry-remove main", "has crates, like `late`").await;
    assert_eq!(*world.holdfast.registry(&main).await.unwrap(), *before);
    assert!(world.has(RegistryRecord::key_of(&main)).await);
}
