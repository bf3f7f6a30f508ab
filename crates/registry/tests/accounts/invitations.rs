//! Invitations and registration: one link makes one account, and nobody else comes in.

use crate::world::{World, browser, meanwhile, refused, settings, v};
use holdfast_registry::entity::{Invitation, PasswordRecord, Role};
use holdfast_registry::{Actor, Browser, Kind, NewAccount, NewInvitation, SelfRegistration, Settings};
use holdfast_types::{TeamName, TokenSecret};
use std::collections::BTreeSet;
use std::time::Duration;

const PASSWORD: &str = "correct horse";

fn new() -> NewInvitation {
    NewInvitation {
        role: Role::Reader,
        teams: BTreeSet::new(),
        note: "for Alice".to_owned(),
        expires_in: Duration::from_hours(24),
    }
}

fn account(login: &str) -> NewAccount {
    NewAccount { login: v(login), password: v(PASSWORD), email: None, full_name: None }
}

async fn invited(world: &World, new: NewInvitation) -> TokenSecret {
    world.holdfast.invite(&world.operator, new).await.unwrap().1
}

#[tokio::test]
async fn a_link_makes_one_account() {
    let world = World::new().await;
    let (invitation, secret) = world.holdfast.invite(&world.operator, new()).await.unwrap();
    assert_eq!((invitation.digest, invitation.created_by.as_str()), (secret.digest(), "operator"));
    assert_eq!(world.holdfast.list_invitations(&world.operator).await.unwrap(), [invitation]);
    assert!(world.holdfast.is_invited(&secret).await.unwrap());
    let email = Some("alice@example.com".to_owned());
    let session = world
        .holdfast
        .accept_invitation(&secret, NewAccount { email: email.clone(), ..account("Alice") }, browser())
        .await
        .unwrap();
    let alice = world.at_browser(&session.secret).await.unwrap();
    let user = world.holdfast.show_user(&alice, &v("alice")).await.unwrap();
    assert_eq!((user.role, user.email, user.service), (Role::Reader, email, false));
    assert!(world.holdfast.sign_in("alice", v(PASSWORD), browser()).await.is_ok());
    assert!(!world.holdfast.is_invited(&secret).await.unwrap());
    assert_eq!(world.holdfast.list_invitations(&world.operator).await.unwrap(), []);
    let again = world.holdfast.accept_invitation(&secret, account("bob"), browser()).await;
    world.refused(again, Kind::NotFound, "anonymous invitation-accept bob", "unknown, used or over").await;
    let log = world.log().await;
    for line in
        ["operator invite reader", "anonymous invitation-accept alice", "alice invitation-accept alice"]
    {
        assert!(log.contains(&line.to_owned()), "{line}: {log:#?}");
    }
}

#[tokio::test]
async fn of_two_at_once_one_comes_in() {
    let world = World::new().await;
    let secret = invited(&world, new()).await;
    let rival = world.rival().await;
    let theirs: TokenSecret = v(secret.reveal());
    world.before_next_commit(move || {
        meanwhile(async {
            rival.accept_invitation(&theirs, account("bob"), browser()).await.unwrap();
        });
    });
    let late = world.holdfast.accept_invitation(&secret, account("alice"), browser()).await;
    refused(late, Kind::NotFound, "unknown, used or over");
    assert_eq!(world.keys("user").await, ["admin", "bob"]);
    assert_eq!(world.keys("password").await, ["bob"]);
}

#[tokio::test]
async fn a_name_that_is_taken_uses_nothing_up() {
    let world = World::new().await;
    world.add_with_password("bob", "battery staple").await;
    let secret = invited(&world, new()).await;
    for login in ["bob", "admin"] {
        let taken = world.holdfast.accept_invitation(&secret, account(login), browser()).await;
        refused(taken, Kind::Conflict, "is taken");
    }
    let weak = NewAccount { password: v("short"), ..account("alice") };
    refused(
        world.holdfast.accept_invitation(&secret, weak, browser()).await,
        Kind::Invalid,
        "at least 10 characters",
    );
    assert!(world.holdfast.sign_in("bob", v("battery staple"), browser()).await.is_ok());
    assert!(!world.has(PasswordRecord::key_of(&v("admin"))).await);
    world.holdfast.accept_invitation(&secret, account("alice"), browser()).await.unwrap();
}

#[tokio::test]
async fn invitations_end() {
    let world = World::new().await;
    let (old, withdrawn) = (invited(&world, new()).await, invited(&world, new()).await);
    let gone = |result| refused(result, Kind::NotFound, "unknown, used or over");
    world.holdfast.withdraw_invitation(&world.operator, &withdrawn.digest()).await.unwrap();
    gone(world.holdfast.accept_invitation(&withdrawn, account("alice"), browser()).await);
    let again = world.holdfast.withdraw_invitation(&world.operator, &withdrawn.digest()).await;
    refused(again, Kind::NotFound, "no such invitation");
    world.outside.advance(Duration::from_hours(24) - Duration::from_secs(1));
    assert!(world.holdfast.is_invited(&old).await.unwrap());
    world.outside.advance(Duration::from_secs(1));
    assert!(!world.holdfast.is_invited(&old).await.unwrap());
    assert_eq!(world.holdfast.list_invitations(&world.operator).await.unwrap(), []);
    gone(world.holdfast.accept_invitation(&old, account("alice"), browser()).await);
    assert_eq!(world.keys("user").await, ["admin"]);
}

#[tokio::test]
async fn only_admins_invite() {
    let world = World::new().await;
    world.add("alice", Role::Maintainer).await;
    let (alice, nobody) = (world.actor("alice").await, Actor::anonymous(None));
    let needs = "needs the role admin";
    let result = world.holdfast.invite(&alice, new()).await;
    world.refused(result, Kind::Forbidden, "alice invite reader", needs).await;
    let result = world.holdfast.invite(&nobody, new()).await;
    world.refused(result, Kind::Unauthenticated, "anonymous invite reader", "needs a token").await;
    refused(world.holdfast.list_invitations(&alice).await, Kind::Forbidden, needs);
    let secret = invited(&world, new()).await;
    refused(world.holdfast.withdraw_invitation(&alice, &secret.digest()).await, Kind::Forbidden, needs);
    for wrong in [
        NewInvitation { expires_in: Duration::from_secs(59), ..new() },
        NewInvitation { expires_in: Duration::from_hours(24 * 30 + 1), ..new() },
        NewInvitation { note: "x".repeat(201), ..new() },
        NewInvitation { teams: [v("nowhere")].into(), ..new() },
    ] {
        refused(world.holdfast.invite(&world.operator, wrong).await, Kind::Invalid, "");
    }
    assert_eq!(world.keys(Invitation::PART).await.len(), 1);
}

#[tokio::test]
async fn teams_come_with_an_invitation() {
    let world = World::new().await;
    let teams: BTreeSet<TeamName> = ["core", "docs"].map(v).into();
    for team in &teams {
        world.holdfast.add_team(&world.operator, team).await.unwrap();
    }
    world
        .holdfast
        .set_role(&world.operator, &v("main"), &v("team:core"), Some(Role::Publisher))
        .await
        .unwrap();
    let secret = invited(&world, NewInvitation { role: Role::Guest, teams: teams.clone(), ..new() }).await;
    let other = invited(&world, NewInvitation { teams: teams.clone(), ..new() }).await;
    let session = world.holdfast.accept_invitation(&secret, account("alice"), browser()).await.unwrap();
    let alice = world.at_browser(&session.secret).await.unwrap();
    assert_eq!(alice.as_account().unwrap().teams, teams);
    let main = world.holdfast.registry(&v("main")).await.unwrap();
    assert_eq!(alice.as_account().unwrap().role_in(&main), Role::Publisher);
    // A team that left meanwhile cannot be joined, and nothing is done by halves.
    world.holdfast.remove_team(&world.operator, &v("docs")).await.unwrap();
    let late = world.holdfast.accept_invitation(&other, account("bob"), browser()).await;
    refused(late, Kind::Invalid, "no team `docs`");
    assert_eq!(world.keys("user").await, ["admin", "alice"]);
}

#[tokio::test]
async fn secrets_of_invitations_are_not_guessed() {
    let world = World::new().await;
    let secret = invited(&world, new()).await;
    for number in 0..10 {
        let guess = TokenSecret::from_entropy([number; 32]);
        let result = world.holdfast.accept_invitation(&guess, account("alice"), browser()).await;
        refused(result, Kind::NotFound, "unknown, used or over");
    }
    let result = world.holdfast.accept_invitation(&secret, account("alice"), browser()).await;
    refused(result, Kind::TooMany, "too many failed attempts");
    let elsewhere = Browser { address: "192.0.2.2".parse().ok(), ..browser() };
    world.holdfast.accept_invitation(&secret, account("alice"), elsewhere).await.unwrap();
}

async fn open(role: Role, domains: &[&str]) -> World {
    let domains = domains.iter().map(|domain| (*domain).to_owned()).collect();
    World::with(Settings { self_registration: Some(SelfRegistration { role, domains }), ..settings() }).await
}

#[tokio::test]
async fn nobody_registers_unless_the_operator_lets_them() {
    let world = World::new().await;
    let result = world.holdfast.register(account("alice"), browser()).await;
    world.refused(result, Kind::Forbidden, "anonymous register alice", "without an invitation").await;
    let world = open(Role::Guest, &[]).await;
    let session = world.holdfast.register(account("alice"), browser()).await.unwrap();
    let alice = world.at_browser(&session.secret).await.unwrap();
    assert_eq!(alice.as_account().unwrap().role, Role::Guest);
    assert!(world.log().await.contains(&"anonymous register alice".to_owned()));
    refused(world.holdfast.register(account("alice"), browser()).await, Kind::Conflict, "is taken");
    refused(world.holdfast.register(account("admin"), browser()).await, Kind::Conflict, "is taken");
}

#[tokio::test]
async fn addresses_are_of_the_domains() {
    let world = open(Role::Reader, &["example.com", "example.org"]).await;
    let with = |login: &str, email: &str| NewAccount { email: Some(email.to_owned()), ..account(login) };
    let elsewhere = |n: u8| Browser { address: Some([192, 0, 2, n].into()), ..browser() };
    for (n, email) in
        (0..).zip(["a@example.net", "a@sub.example.com", "example.com", "a@example.com@evil.net"])
    {
        let result = world.holdfast.register(with("alice", email), elsewhere(n)).await;
        refused(result, Kind::Invalid, "give an e-mail address of `example.com`, `example.org`");
    }
    refused(world.holdfast.register(account("alice"), browser()).await, Kind::Invalid, "e-mail address");
    world.holdfast.register(with("alice", "alice@Example.ORG"), browser()).await.unwrap();
}

#[tokio::test]
async fn making_accounts_is_bounded() {
    let world = open(Role::Reader, &[]).await;
    for number in 0..10 {
        world.holdfast.register(account(&format!("user{number}")), browser()).await.unwrap();
    }
    refused(world.holdfast.register(account("one-more"), browser()).await, Kind::TooMany, "too many");
}

#[tokio::test]
async fn an_invitation_is_open_while_its_inviter_is_an_admin() {
    let world = World::new().await;
    world.add("mallory", Role::Admin).await;
    let mallory = world.actor("mallory").await;
    let secret =
        world.holdfast.invite(&mallory, NewInvitation { role: Role::Admin, ..new() }).await.unwrap().1;
    let refused = async || {
        let result = world.holdfast.accept_invitation(&secret, account("bob"), browser()).await;
        world
            .refused(result, Kind::NotFound, "anonymous invitation-accept bob", "unknown, used or over")
            .await;
    };
    world.holdfast.disable_user(&world.operator, &v("mallory")).await.unwrap();
    refused().await;
    world.holdfast.enable_user(&world.operator, &v("mallory")).await.unwrap();
    world.holdfast.set_user_role(&world.operator, &v("mallory"), Role::Maintainer).await.unwrap();
    refused().await;
    world.holdfast.set_user_role(&world.operator, &v("mallory"), Role::Admin).await.unwrap();
    world.holdfast.accept_invitation(&secret, account("bob"), browser()).await.unwrap();
}
