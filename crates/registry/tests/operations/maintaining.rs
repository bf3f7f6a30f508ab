//! Maintainers: every crate that they may see is theirs to manage, in all registries or in one.

use crate::house::{House, krate, main, refusal, v};
use holdfast_registry::entity::{RegistryKind, Role};
use holdfast_registry::{Actor, NewRegistry, Yank};

/// Does all that a maintainer may on `foo`, and says how it went.
async fn maintain(house: &House, actor: &Actor) -> Vec<String> {
    let (holdfast, main, name, one) = (&house.holdfast, main(), v("foo"), v("1.0.0"));
    let say = |result: holdfast_registry::Result<()>| {
        result.map_or_else(|e| format!("{:?}", e.kind()), |()| "ok".to_owned())
    };
    vec![
        say(holdfast.yank(actor, &main, &name, &one, Yank::Yes).await),
        say(holdfast.yank(actor, &main, &name, &one, Yank::No).await),
        say(holdfast.add_owners(actor, &main, &name, &[v("bob")]).await.map(|_| ())),
        say(holdfast.remove_owners(actor, &main, &name, &[v("bob")]).await.map(|_| ())),
        say(holdfast.remove_version(actor, &main, &name, &one).await),
    ]
}

const ALL_BUT_REMOVING: [&str; 5] = ["ok", "ok", "ok", "ok", "Forbidden"];

#[tokio::test]
async fn a_maintainer_manages_what_others_own() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    let mona = house.add("mona", Role::Maintainer).await;
    assert_eq!(maintain(&house, &mona).await, ALL_BUT_REMOVING);
    house.publish(&mona, &krate("foo", "1.1.0")).await.unwrap();
    assert_eq!(house.versions("foo").await, "1.0.0 1.1.0");
    let refused = refusal(house.holdfast.list_users(&mona).await);
    assert!(refused.contains("needs the role admin"), "{refused}");
}

#[tokio::test]
async fn a_registry_makes_maintainers_of_its_own() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    let kind = RegistryKind::Hosted;
    let new = NewRegistry { name: v("second"), kind, anonymous_read: false };
    house.holdfast.create_registry(&house.root, new).await.unwrap();
    house.publish_at(&house.holdfast, &house.alice, "second", &krate("foo", "1.0.0")).await.unwrap();
    house.holdfast.add_team(&house.root, &v("core")).await.unwrap();
    for (login, principal) in [("gus", "gus"), ("gwen", "team:core")] {
        house.add(login, Role::Guest).await;
        house.holdfast.set_role(&house.root, &main(), &v(principal), Some(Role::Maintainer)).await.unwrap();
    }
    house.holdfast.add_member(&house.root, &v("core"), &v("gwen")).await.unwrap();
    for login in ["gus", "gwen"] {
        let actor = house.actor(login).await;
        assert_eq!(maintain(&house, &actor).await, ALL_BUT_REMOVING, "{login}");
        house.publish(&actor, &krate(login, "1.0.0")).await.unwrap();
        let second = v("second");
        let refused = refusal(house.holdfast.index_file(&actor, &second, &v("foo")).await);
        assert!(refused.contains(&format!("`{login}` is a guest")), "{refused}");
        let yank = house.holdfast.yank(&actor, &second, &v("foo"), &v("1.0.0"), Yank::Yes).await;
        assert!(refusal(yank).contains("is a guest"));
    }
    // Scopes limit a maintainer as they limit everybody.
    let limited = house.scoped("gus", &["yank"], &["bar-*"]).await;
    assert_eq!(maintain(&house, &limited).await, ["Forbidden"; 5]);
}
