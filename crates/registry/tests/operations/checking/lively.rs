//! A server on which everything is made that names somebody, until all of them are gone: nothing is left to find,
//! whoever goes first.

use crate::house::{House, krate, main, v};
use holdfast_blobs::Blobs;
use holdfast_registry::entity::{RegistryKind, Role};
use holdfast_registry::{
    Act, Actor, Browser, DeviceAnswer, DeviceTokens, NewInvitation, NewRegistry, NewUser, PasswordCost,
    Settings, Trust, TrustPlace,
};
use holdfast_store::Memory;
use holdfast_types::{CrateName, TokenSecret};
use std::sync::Arc;
use std::time::Duration;

const KEY: &str = "k3.public.AmDwjlyf8jAV3gm5Z7Kz9xAOcsKslt_Vwp5v-emjFzBHLCtcANzTaVEghTNEMj9PkQ";
const RULE: &str = r#"{"provider":"github","owner":"acme","repository":"app","workflow":"release.yml"}"#;

/// A house in which `carol`, the team `core` and its service account `robot` have everything that somebody can.
async fn lively() -> House {
    let cheap = PasswordCost { memory_kib: 8, passes: 1, lanes: 1 };
    let settings = Settings { password_cost: cheap, ..Settings::default() };
    let house = House::over(Arc::new(Memory::new()), Blobs::open("memory:").await.unwrap(), settings).await;
    let holdfast = &house.holdfast;
    let carol = house.add("carol", Role::Publisher).await;
    holdfast.add_team(&house.root, &v("core")).await.unwrap();
    for member in ["carol", "bob"] {
        holdfast.add_member(&house.root, &v("core"), &v(member)).await.unwrap();
    }
    let robot = NewUser { login: v("robot"), role: Role::Publisher, service: true, keeper: Some(v("core")) };
    holdfast.add_user(&house.root, robot).await.unwrap();
    house.actor("robot").await;
    let session = sign_in(&house).await;
    let_device_in(&house, &session).await;
    holdfast.bind_token(&carol, &main(), &v("own"), &Act::Owners).await.unwrap();
    holdfast.add_key(&carol, &v("carol"), v(KEY), None).await.unwrap();
    holdfast.link_identity(&house.root, &v("carol"), "https://id.example", "17").await.unwrap();
    let (role, expires_in) = (Role::Reader, Duration::from_hours(24));
    let new = NewInvitation { role, teams: [v("core")].into(), note: String::new(), expires_in };
    holdfast.invite(&house.root, new).await.unwrap();
    own_crates(&house, &carol).await;
    roles(&house).await;
    holdfast.flush_token_uses().await.unwrap();
    assert_eq!(house.problems().await, "");
    house
}

async fn sign_in(house: &House) -> Actor {
    let password = "correct horse";
    house.holdfast.set_password(&house.root, &v("carol"), v(password)).await.unwrap();
    let browser = Browser { agent: "Firefox".to_owned(), address: None };
    let session = house.holdfast.sign_in("carol", v(password), browser).await.unwrap();
    house.holdfast.authenticate_session(&session.secret, None).await.unwrap().unwrap()
}

/// A device that is let in and came back once, one that was approved, and one that waits.
async fn let_device_in(house: &House, session: &Actor) {
    let holdfast = &house.holdfast;
    for (decided, claimed) in [(true, true), (true, false), (false, false)] {
        let start = holdfast.begin_device("laptop", None).await.unwrap();
        if decided {
            holdfast.decide_device(session, &start.user_code, true).await.unwrap();
        }
        if claimed {
            let tokens = claim(house, &start.secret).await;
            holdfast.authenticate(&tokens.access, None).await.unwrap();
            holdfast.refresh_device(&tokens.refresh, None).await.unwrap().unwrap();
        }
    }
}

async fn claim(house: &House, secret: &TokenSecret) -> DeviceTokens {
    match house.holdfast.claim_device(secret, None).await.unwrap() {
        DeviceAnswer::Tokens(tokens) => tokens,
        other => panic!("{other:?}"),
    }
}

/// One crate that is shown to a team, one that is owned by it, and one that trusts a job.
async fn own_crates(house: &House, carol: &Actor) {
    let holdfast = &house.holdfast;
    for name in ["shown", "shared", "trusting"] {
        house.publish(carol, &krate(name, "1.0.0")).await.unwrap();
        holdfast.add_owners(carol, &main(), &v(name), &[v("alice")]).await.unwrap();
    }
    holdfast.add_owners(carol, &main(), &v("shared"), &[v("team:core"), v("robot")]).await.unwrap();
    for name in ["shown", "shared"] {
        let teams = [v("core")].into();
        holdfast.restrict_crate(carol, &main(), &v(name), Some(&teams)).await.unwrap();
    }
    let name: CrateName = v("trusting");
    let trust = Trust { rules: vec![serde_json::from_str(RULE).unwrap()], only: true };
    let place = TrustPlace { registry: &main(), krate: Some(&name) };
    holdfast.set_trust(carol, place, &trust).await.unwrap();
}

/// Roles in a registry, and in one that was removed.
async fn roles(house: &House) {
    let holdfast = &house.holdfast;
    let new = NewRegistry { name: v("second"), kind: RegistryKind::Hosted, anonymous_read: false };
    holdfast.create_registry(&house.root, new).await.unwrap();
    for registry in ["main", "second"] {
        for principal in ["carol", "team:core", "robot"] {
            let role = Some(Role::Maintainer);
            holdfast.set_role(&house.root, &v(registry), &v(principal), role).await.unwrap();
        }
    }
    holdfast.remove_registry(&house.root, &v("second")).await.unwrap();
}

#[tokio::test]
async fn whoever_leaves_first_leaves_nothing_to_find() {
    let orders =
        [["carol", "team:core", "robot"], ["team:core", "robot", "carol"], ["robot", "carol", "team:core"]];
    for order in orders {
        let house = lively().await;
        for principal in order {
            match principal.strip_prefix("team:") {
                Some(team) => house.holdfast.remove_team(&house.root, &v(team)).await.unwrap(),
                None => house.holdfast.remove_user(&house.root, &v(principal)).await.unwrap(),
            }
            assert_eq!(house.problems().await, "", "after {principal} of {order:?}");
        }
        house.outside.advance(Duration::from_hours(24 * 365));
        house.holdfast.clear_ended().await.unwrap();
        assert_eq!(house.problems().await, "");
    }
}

#[tokio::test]
async fn what_is_taken_one_by_one_leaves_nothing_to_find() {
    let house = lively().await;
    let (holdfast, root) = (&house.holdfast, &house.root);
    while let Some((token, _)) =
        holdfast.list_tokens(root, Some(&v("carol"))).await.unwrap().into_iter().next()
    {
        holdfast.revoke_token(root, &token.id).await.unwrap();
        assert_eq!(house.problems().await, "", "after the token `{}`", token.label);
    }
    for key in holdfast.list_keys(root, None).await.unwrap() {
        holdfast.revoke_key(root, &key.key.id()).await.unwrap();
    }
    for invitation in holdfast.list_invitations(root).await.unwrap() {
        holdfast.withdraw_invitation(root, &invitation.digest).await.unwrap();
    }
    holdfast.remove_member(root, &v("core"), &v("carol")).await.unwrap();
    for name in ["shown", "shared"] {
        holdfast.restrict_crate(root, &main(), &v(name), None).await.unwrap();
    }
    let name: CrateName = v("trusting");
    let place = TrustPlace { registry: &main(), krate: Some(&name) };
    holdfast.set_trust(root, place, &Trust { rules: Vec::new(), only: false }).await.unwrap();
    for principal in ["carol", "team:core", "robot"] {
        holdfast.set_role(root, &main(), &v(principal), None).await.unwrap();
    }
    assert_eq!(house.problems().await, "");
    for name in ["shown", "shared", "trusting"] {
        holdfast.remove_crate(root, &main(), &v(name)).await.unwrap();
    }
    assert_eq!(house.problems().await, "");
}
