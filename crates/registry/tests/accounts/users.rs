//! Users: made, listed, disabled and enabled, and never without an admin.

use crate::world::{World, at_once, new_token, refused, v};
use holdfast_registry::entity::Role;
use holdfast_registry::{Actor, Kind, NewUser};

fn new(login: &str) -> NewUser {
    NewUser { login: v(login), role: Role::Publisher, service: true, keeper: None }
}

#[tokio::test]
async fn users_are_made_once() {
    let world = World::new().await;
    let admin = world.actor("admin").await;
    let made = world.holdfast.add_user(&admin, new("Robot")).await.unwrap();
    assert_eq!((made.login.as_str(), made.role, made.service), ("robot", Role::Publisher, true));
    assert_eq!(world.holdfast.show_user(&admin, &v("robot")).await.unwrap(), made);
    let again = world.holdfast.add_user(&admin, new("ROBOT")).await;
    world.refused(again, Kind::Conflict, "admin user-add robot", "there is a user `robot` already").await;
    let logins: Vec<String> =
        world.holdfast.list_users(&admin).await.unwrap().iter().map(|user| user.login.to_string()).collect();
    assert_eq!(logins, ["admin", "robot"]);
    assert!(world.log().await.contains(&"admin user-add robot".to_owned()));
}

#[tokio::test]
async fn only_admins_manage_users() {
    let world = World::new().await;
    world.add("alice", Role::Publisher).await;
    world.add("bob", Role::Reader).await;
    let (alice, nobody, holdfast) = (world.actor("alice").await, Actor::anonymous(None), &world.holdfast);
    let (needs, login) = ("needs the role admin", v("bob"));
    let forbidden = Kind::Forbidden;
    world.refused(holdfast.add_user(&alice, new("eve")).await, forbidden, "alice user-add eve", needs).await;
    world
        .refused(holdfast.disable_user(&alice, &login).await, forbidden, "alice user-disable bob", needs)
        .await;
    world
        .refused(holdfast.enable_user(&alice, &login).await, forbidden, "alice user-enable bob", needs)
        .await;
    world
        .refused(holdfast.remove_user(&alice, &login).await, forbidden, "alice user-remove bob", needs)
        .await;
    let refusal = holdfast.add_user(&nobody, new("eve")).await;
    world.refused(refusal, Kind::Unauthenticated, "anonymous user-add eve", "needs a token").await;
    refused(holdfast.list_users(&alice).await, forbidden, needs);
    refused(holdfast.show_user(&alice, &login).await, forbidden, needs);
    assert_eq!(holdfast.show_user(&alice, &v("alice")).await.unwrap().role, Role::Publisher);
    assert_eq!(holdfast.list_users(&world.operator).await.unwrap().len(), 3);
}

#[tokio::test]
async fn unknown_users_are_not_found() {
    let world = World::new().await;
    let (holdfast, operator, login) = (&world.holdfast, &world.operator, v("nobody"));
    let words = "there is no user `nobody`";
    refused(holdfast.show_user(operator, &login).await, Kind::NotFound, words);
    let missing = Kind::NotFound;
    world
        .refused(holdfast.enable_user(operator, &login).await, missing, "operator user-enable nobody", words)
        .await;
    world
        .refused(
            holdfast.disable_user(operator, &login).await,
            missing,
            "operator user-disable nobody",
            words,
        )
        .await;
    world
        .refused(holdfast.remove_user(operator, &login).await, missing, "operator user-remove nobody", words)
        .await;
}

#[tokio::test]
async fn disabling_twice_is_one_change() {
    let world = World::new().await;
    world.add("alice", Role::Publisher).await;
    for _ in 0..2 {
        world.holdfast.disable_user(&world.operator, &v("alice")).await.unwrap();
    }
    let count = world.log().await.iter().filter(|line| *line == "operator user-disable alice").count();
    assert_eq!(count, 1);
    let token = world.holdfast.create_token(&world.operator, new_token("alice")).await;
    world.refused(token, Kind::Conflict, "operator token-create alice", "is disabled").await;
}

#[tokio::test]
async fn the_last_admin_stays() {
    let world = World::new().await;
    let (holdfast, operator, admin) = (&world.holdfast, &world.operator, v("admin"));
    let last = "`admin` is the last enabled admin";
    let disabled = holdfast.disable_user(operator, &admin).await;
    world.refused(disabled, Kind::Conflict, "operator user-disable admin", last).await;
    let removed = holdfast.remove_user(operator, &admin).await;
    world.refused(removed, Kind::Conflict, "operator user-remove admin", last).await;

    world.add("root", Role::Admin).await;
    holdfast.disable_user(operator, &v("root")).await.unwrap();
    let disabled = holdfast.disable_user(operator, &admin).await;
    world.refused(disabled, Kind::Conflict, "operator user-disable admin", last).await;
    holdfast.enable_user(operator, &v("root")).await.unwrap();
    holdfast.remove_user(operator, &admin).await.unwrap();
    refused(
        holdfast.disable_user(operator, &v("root")).await,
        Kind::Conflict,
        "`root` is the last enabled admin",
    );
}

#[tokio::test]
async fn admins_who_remove_each_other_at_once_leave_one() {
    let world = World::new().await;
    world.add("root", Role::Admin).await;
    let (rival, operator) = (world.rival().await, world.operator.clone());
    world.before_next_commit(move || at_once(rival.disable_user(&operator, &v("root"))).unwrap());
    let disabled = world.holdfast.disable_user(&world.operator, &v("admin")).await;
    refused(disabled, Kind::Conflict, "`admin` is the last enabled admin");

    world.holdfast.enable_user(&world.operator, &v("root")).await.unwrap();
    let (rival, operator) = (world.rival().await, world.operator.clone());
    world.before_next_commit(move || at_once(rival.remove_user(&operator, &v("admin"))).unwrap());
    let removed = world.holdfast.remove_user(&world.operator, &v("root")).await;
    refused(removed, Kind::Conflict, "`root` is the last enabled admin");
    assert!(world.holdfast.list_users(&world.operator).await.unwrap()[0].is_active_admin());
}
