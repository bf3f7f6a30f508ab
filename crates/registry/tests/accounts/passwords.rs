//! Passwords: whoever guesses learns nothing and is slowed down, and a change ends what was signed in.

use crate::world::{CHEAP, World, browser, meanwhile, refused, settings, v};
use holdfast_registry::entity::{PasswordRecord, Purpose, Role};
use holdfast_registry::{Actor, Browser, Kind, NewUser, PasswordCost, Settings};
use holdfast_store::faults::{Call, Fault};
use holdfast_store::read;
use std::sync::Mutex;
use std::time::Duration;

const RIGHT: &str = "correct horse";
const OTHER: &str = "battery staple";

async fn hash_of(world: &World, login: &str) -> String {
    read::<PasswordRecord>(&*world.store, &PasswordRecord::key_of(&v(login))).await.unwrap().unwrap().1.hash
}

async fn signs_in(world: &World, login: &str, password: &str) -> bool {
    world.holdfast.sign_in(login, v(password), browser()).await.is_ok()
}

#[tokio::test]
async fn the_right_password_signs_in() {
    let world = World::new().await;
    world.add_with_password("alice", RIGHT).await;
    for written in ["alice", "Alice"] {
        let session = world.holdfast.sign_in(written, v(RIGHT), browser()).await.unwrap();
        assert_eq!((session.login.as_str(), session.lifetime), ("alice", Duration::from_hours(24 * 7)));
        let actor = world.at_browser(&session.secret).await.unwrap();
        assert_eq!(actor.login(), Some(&v("alice")));
    }
    assert_eq!(world.holdfast.verify_password("alice", v(RIGHT), None).await.unwrap(), v("alice"));
    assert!(world.log().await.contains(&"alice sign-in alice".to_owned()));
}

#[tokio::test]
async fn every_refusal_is_the_same() {
    let world = World::new().await;
    for login in ["alice", "bob"] {
        world.add_with_password(login, RIGHT).await;
    }
    world.holdfast.disable_user(&world.operator, &v("bob")).await.unwrap();
    world.add("carol", Role::Publisher).await;
    let robot = NewUser { login: v("robot"), role: Role::Publisher, service: true, keeper: None };
    world.holdfast.add_user(&world.operator, robot).await.unwrap();
    for (login, password) in [
        ("alice", OTHER),
        ("alice", "x"),
        ("bob", RIGHT),
        ("carol", RIGHT),
        ("robot", RIGHT),
        ("nobody", RIGHT),
        ("no login at all", RIGHT),
    ] {
        let result = world.holdfast.sign_in(login, v(password), browser()).await;
        let known = if login.starts_with("no") { "(unknown)" } else { login };
        let deed = format!("anonymous sign-in {known}");
        world.refused(result, Kind::Unauthenticated, &deed, "the name or the password is wrong").await;
        let error = world.holdfast.verify_password(login, v(password), None).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.detail()),
            (Kind::Unauthenticated, "the name or the password is wrong")
        );
    }
    let given = world.holdfast.set_password(&world.operator, &v("robot"), v(RIGHT)).await;
    world.refused(given, Kind::Invalid, "operator password-set robot", "a service account").await;
}

#[tokio::test]
async fn guessing_is_slowed_down_and_locks_nobody_out() {
    let world = World::new().await;
    world.add_with_password("alice", RIGHT).await;
    for _ in 0..10 {
        assert!(!signs_in(&world, "alice", OTHER).await);
    }
    let guess = world.holdfast.sign_in("alice", v(RIGHT), browser()).await;
    world.refused(guess, Kind::TooMany, "anonymous sign-in alice", "in 15 minutes").await;
    let elsewhere = Browser { address: "192.0.2.2".parse().ok(), ..browser() };
    world.holdfast.sign_in("alice", v(RIGHT), elsewhere).await.unwrap();
    world.outside.advance(Duration::from_mins(15));
    for _ in 0..100 {
        assert!(signs_in(&world, "alice", RIGHT).await, "what is right does not count");
    }
}

#[tokio::test]
async fn a_new_cost_is_applied_at_the_next_use() {
    let world = World::new().await;
    world.add_with_password("alice", RIGHT).await;
    let before = hash_of(&world, "alice").await;
    assert!(before.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{before}");
    assert!(signs_in(&world, "alice", RIGHT).await);
    assert_eq!(hash_of(&world, "alice").await, before, "nothing to do");

    let password_cost = PasswordCost { passes: 2, ..CHEAP };
    let dearer = world.replica_with(Settings { password_cost, ..settings() }).await;
    dearer.sign_in("alice", v(OTHER), browser()).await.unwrap_err();
    assert_eq!(hash_of(&world, "alice").await, before, "only who knows it can renew it");
    dearer.sign_in("alice", v(RIGHT), browser()).await.unwrap();
    let after = hash_of(&world, "alice").await;
    assert!(after.starts_with("$argon2id$v=19$m=8,t=2,p=1$"), "{after}");
    dearer.sign_in("alice", v(RIGHT), browser()).await.unwrap();
    assert_eq!(hash_of(&world, "alice").await, after);
}

/// The hash is renewed in place of the one that was compared, never of another password's.
#[tokio::test]
async fn renewing_undoes_no_change() {
    let world = World::new().await;
    world.add_with_password("alice", RIGHT).await;
    let password_cost = PasswordCost { passes: 2, ..CHEAP };
    let dearer = world.replica_with(Settings { password_cost, ..settings() }).await;
    let rival = world.rival().await;
    let mut reads = 0;
    let key = PasswordRecord::key_of(&v("alice"));
    let act = Mutex::new(move |call: &Call| {
        if let Call::GetMany(keys) = call
            && keys.contains(&key)
        {
            reads += 1;
            if reads == 2 {
                meanwhile(async {
                    rival.set_password(&Actor::operator(), &v("alice"), v(OTHER)).await.unwrap();
                });
            }
        }
    });
    world.faults.fail_when(Fault::Unavailable, move |call| {
        act.lock().unwrap()(call);
        false
    });
    dearer.verify_password("alice", v(RIGHT), None).await.unwrap();
    assert!(signs_in(&world, "alice", OTHER).await);
    assert!(!signs_in(&world, "alice", RIGHT).await);
}

/// Alice's sessions, a device and an access token, and whether each still works.
struct Signed {
    own: holdfast_types::TokenSecret,
    other: holdfast_types::TokenSecret,
    token: holdfast_types::TokenSecret,
    device: holdfast_types::TokenId,
}

impl Signed {
    async fn new(world: &World) -> Signed {
        world.add_with_password("alice", RIGHT).await;
        let own = world.session("alice", RIGHT).await;
        let other = world.session("alice", RIGHT).await;
        let token = world.token("alice").await;
        let device = world.holdfast.create_token(&world.operator, crate::world::new_token("alice")).await;
        let device = device.unwrap().0.id;
        world.change_token(&device, |token| token.purpose = Purpose::Device).await;
        Signed { own, other, token, device }
    }

    async fn work(&self, world: &World) -> [bool; 4] {
        [
            world.at_browser(&self.own).await.is_some(),
            world.at_browser(&self.other).await.is_some(),
            world.holdfast.authenticate(&self.token, None).await.is_ok(),
            world.keys("token").await.contains(&self.device.to_string()),
        ]
    }
}

#[tokio::test]
async fn a_change_ends_the_other_sessions_and_keeps_access_tokens() {
    let world = World::new().await;
    let signed = Signed::new(&world).await;
    let alice = world.at_browser(&signed.own).await.unwrap();
    let (holdfast, login) = (&world.holdfast, v("alice"));
    let wrong = holdfast.change_password(&alice, &login, v("not this one"), v(OTHER)).await;
    world.refused(wrong, Kind::Unauthenticated, "alice password-change alice", "is wrong").await;
    let short = holdfast.change_password(&alice, &login, v(RIGHT), v("short")).await;
    world.refused(short, Kind::Invalid, "alice password-change alice", "at least 10 characters").await;
    assert_eq!(signed.work(&world).await, [true; 4]);
    holdfast.change_password(&alice, &login, v(RIGHT), v(OTHER)).await.unwrap();
    assert_eq!(signed.work(&world).await, [true, false, true, false]);
    assert!(!signs_in(&world, "alice", RIGHT).await);
    assert!(signs_in(&world, "alice", OTHER).await);
}

#[tokio::test]
async fn a_reset_ends_every_session() {
    let world = World::new().await;
    let signed = Signed::new(&world).await;
    world.add("bob", Role::Maintainer).await;
    let bob = world.actor("bob").await;
    let refusal = world.holdfast.set_password(&bob, &v("alice"), v(OTHER)).await;
    world.refused(refusal, Kind::Forbidden, "bob password-set alice", "needs the role admin").await;
    world.holdfast.set_password(&world.operator, &v("alice"), v(OTHER)).await.unwrap();
    assert_eq!(signed.work(&world).await, [false, false, true, false]);
    assert!(signs_in(&world, "alice", OTHER).await && !signs_in(&world, "alice", RIGHT).await);
    let missing = world.holdfast.set_password(&world.operator, &v("nobody"), v(OTHER)).await;
    refused(missing, Kind::NotFound, "no user `nobody`");
}

#[tokio::test]
async fn a_password_goes_with_its_user() {
    let world = World::new().await;
    world.add_with_password("alice", RIGHT).await;
    world.holdfast.remove_user(&world.operator, &v("alice")).await.unwrap();
    assert!(!world.has(PasswordRecord::key_of(&v("alice"))).await);
    world.add("alice", Role::Publisher).await;
    assert!(!signs_in(&world, "alice", RIGHT).await);
    // Whoever is disabled while signed in is out at once, and comes back as they were.
    world.holdfast.set_password(&world.operator, &v("alice"), v(RIGHT)).await.unwrap();
    let secret = world.session("alice", RIGHT).await;
    world.holdfast.disable_user(&world.operator, &v("alice")).await.unwrap();
    assert!(world.at_browser(&secret).await.is_none());
    world.holdfast.enable_user(&world.operator, &v("alice")).await.unwrap();
    assert!(world.at_browser(&secret).await.is_some());
}
