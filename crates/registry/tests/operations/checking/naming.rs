//! Names of nobody: each is found, and what the finding says to do mends it.

use super::{bend, furnished, head_key};
use crate::house::{House, krate, main, v};
use holdfast_registry::entity::{
    CrateHead, Holder, Identity, Membership, PasswordRecord, Purpose, RegistryKind, RegistryRecord, Role,
    SigningKey, Token, User,
};
use holdfast_registry::{NewRegistry, NewToken, NewUser};
use holdfast_store::{Committed, Entity, Tx};
use holdfast_types::{Scopes, Timestamp, TokenId};
use insta::assert_snapshot;
use std::collections::BTreeSet;
use std::time::Duration;

const KEY: &str = "k3.public.AmDwjlyf8jAV3gm5Z7Kz9xAOcsKslt_Vwp5v-emjFzBHLCtcANzTaVEghTNEMj9PkQ";

/// Stores an entity behind everybody's back.
async fn plant<E: Entity>(house: &House, entity: &E) {
    let mut tx = Tx::new(&house.store);
    tx.create(entity).await.unwrap();
    assert_eq!(tx.commit().await.unwrap(), Committed::Yes);
}

/// A house with a crate of `alice`, and the team `core` with `alice` in it.
async fn inhabited() -> House {
    let house = furnished().await;
    house.holdfast.add_team(&house.root, &v("core")).await.unwrap();
    house.holdfast.add_member(&house.root, &v("core"), &v("alice")).await.unwrap();
    house
}

/// A token of `bob`, bent.
async fn bent_token(house: &House, change: impl FnOnce(&mut Token)) -> TokenId {
    let new =
        NewToken { login: v("bob"), label: "x".to_owned(), scopes: Scopes::default(), expires_in: None };
    let (token, _) = house.holdfast.create_token(&house.root, new).await.unwrap();
    bend::<Token>(house, &Token::key_of(&token.id), change).await;
    token.id
}

fn ghost() -> Holder {
    Holder::Login(v("ghost"))
}

fn since() -> Timestamp {
    Timestamp::from_unix_seconds(0)
}

#[tokio::test]
async fn roles_of_nobody() {
    let house = inhabited().await;
    for principal in ["alice", "team:core"] {
        house.holdfast.set_role(&house.root, &main(), &v(principal), Some(Role::Reader)).await.unwrap();
    }
    let ghosts = ["ghost", "team:ghosts"];
    let haunt = |record: &mut RegistryRecord| {
        record.roles.extend(ghosts.map(|ghost| (v(ghost), Role::Maintainer)));
    };
    bend(&house, &RegistryRecord::key_of(&main()), haunt).await;
    assert_snapshot!(house.problems().await, @r"
    the registry `main` gives a role to `ghost`, who does not exist; take it with `holdfast registry role main ghost none`
    the registry `main` gives a role to `team:ghosts`, which does not exist; take it with `holdfast registry role main team:ghosts none`
    ");
    for ghost in ghosts {
        house.holdfast.set_role(&house.operator, &main(), &v(ghost), None).await.unwrap();
    }
    assert_eq!(house.problems().await, "");

    // A registry that was removed is made again without roles.
    let new = NewRegistry { name: v("second"), kind: RegistryKind::Hosted, anonymous_read: false };
    house.holdfast.create_registry(&house.root, new).await.unwrap();
    bend(&house, &RegistryRecord::key_of(&v("second")), haunt).await;
    assert_eq!(house.problems().await.lines().count(), 2);
    house.holdfast.remove_registry(&house.root, &v("second")).await.unwrap();
    assert_eq!(house.problems().await, "");
}

#[tokio::test]
async fn owners_who_are_nobody() {
    let house = inhabited().await;
    bend::<CrateHead>(&house, &head_key(), |head| head.owners.push(v("team:ghosts"))).await;
    assert_snapshot!(house.problems().await, @"`foo` is owned by `team:ghosts`, which does not exist; end that with `holdfast crate owner remove main foo team:ghosts`");
    house.holdfast.remove_owners(&house.operator, &main(), &v("foo"), &[v("team:ghosts")]).await.unwrap();
    assert_eq!(house.problems().await, "");
    bend::<CrateHead>(&house, &head_key(), |head| head.owners = vec![v("ghost"), v("team:ghosts")]).await;
    assert_snapshot!(house.problems().await, @r"
    `foo` is owned by `ghost`, who does not exist; add another owner with `holdfast crate owner add main foo NAME`, then end that with `holdfast crate owner remove main foo ghost`
    `foo` is owned by `team:ghosts`, which does not exist; add another owner with `holdfast crate owner add main foo NAME`, then end that with `holdfast crate owner remove main foo team:ghosts`
    ");
    house.holdfast.add_owners(&house.operator, &main(), &v("foo"), &[v("bob")]).await.unwrap();
    let ghosts = [v("ghost"), v("team:ghosts")];
    house.holdfast.remove_owners(&house.operator, &main(), &v("foo"), &ghosts).await.unwrap();
    assert_eq!(house.problems().await, "");
}

#[tokio::test]
async fn teams_that_would_see_a_crate() {
    let house = inhabited().await;
    let teams = Some(BTreeSet::from([v("core"), v("ghosts"), v("phantoms")]));
    bend::<CrateHead>(&house, &head_key(), |head| head.restricted_to = teams).await;
    assert_snapshot!(house.problems().await, @r"
    `foo` is visible to `team:ghosts`, which does not exist; end that with `holdfast crate restrict main foo --team core`
    `foo` is visible to `team:phantoms`, which does not exist; end that with `holdfast crate restrict main foo --team core`
    ");
    let kept = BTreeSet::from([v("core")]);
    house.holdfast.restrict_crate(&house.operator, &main(), &v("foo"), Some(&kept)).await.unwrap();
    assert_eq!(house.problems().await, "");
    bend::<CrateHead>(&house, &head_key(), |head| head.restricted_to = Some([v("ghosts")].into())).await;
    assert_snapshot!(house.problems().await, @"`foo` is visible to `team:ghosts`, which does not exist; end that with `holdfast crate restrict main foo`");
}

#[tokio::test]
async fn members_who_are_nobody_and_of_nothing() {
    let house = inhabited().await;
    for (team, login) in [("core", "ghost"), ("ghosts", "bob")] {
        plant(&house, &Membership { team: v(team), login: v(login), since: since() }).await;
    }
    assert_snapshot!(house.problems().await, @r"
    `team:core` has the member `ghost`, who does not exist; end that with `holdfast team member remove core ghost`
    `bob` is a member of `team:ghosts`, which does not exist; end that with `holdfast team member remove ghosts bob`
    ");
    // The team is known from elsewhere, so that all of its members are seen.
    bend::<CrateHead>(&house, &head_key(), |head| head.owners.push(v("team:phantoms"))).await;
    plant(&house, &Membership { team: v("phantoms"), login: v("spook"), since: since() }).await;
    let found = house.problems().await;
    let member = found.lines().find(|line| line.contains("spook")).unwrap();
    assert_snapshot!(member, @"`spook` is a member of `team:phantoms`, which does not exist; end that with `holdfast team member remove phantoms spook`");
    for (team, login) in [("core", "ghost"), ("ghosts", "bob"), ("phantoms", "spook")] {
        house.holdfast.remove_member(&house.operator, &v(team), &v(login)).await.unwrap();
    }
    let phantoms = [v("team:phantoms")];
    house.holdfast.remove_owners(&house.operator, &main(), &v("foo"), &phantoms).await.unwrap();
    assert_eq!(house.problems().await, "");
}

#[tokio::test]
async fn a_keeper_that_is_nobody() {
    let house = inhabited().await;
    let new = NewUser { login: v("robot"), role: Role::Guest, service: true, keeper: Some(v("core")) };
    house.holdfast.add_user(&house.root, new).await.unwrap();
    assert_eq!(house.problems().await, "");
    bend::<User>(&house, &User::key_of(&v("robot")), |user| user.keeper = Some(v("ghosts"))).await;
    assert_snapshot!(house.problems().await, @"`robot` is looked after by `team:ghosts`, which does not exist; make that team and remove it, with `holdfast team add ghosts` and `holdfast team remove ghosts`");
    house.holdfast.add_team(&house.operator, &v("ghosts")).await.unwrap();
    house.holdfast.remove_team(&house.operator, &v("ghosts")).await.unwrap();
    assert_eq!(house.problems().await, "");
}

#[tokio::test]
async fn secrets_of_nobody() {
    let session = Purpose::Session { agent: "Firefox".to_owned(), via: "password".to_owned() };
    let bends = [
        ("token", Purpose::Access, None),
        ("token", Purpose::Access, Some(Timestamp::from_unix_seconds(0))),
        ("session", session, Some(Timestamp::from_unix_seconds(i64::from(u32::MAX)))),
        ("device", Purpose::Device, Some(Timestamp::from_unix_seconds(i64::from(u32::MAX)))),
    ];
    for (what, purpose, expires_at) in bends {
        let house = inhabited().await;
        let id = bent_token(&house, |token| {
            *token = Token { holder: ghost(), purpose, expires_at, ..token.clone() }
        })
        .await;
        assert_eq!(
            house.problems().await,
            format!(
                "the {what} `{id}` belongs to `ghost`, who does not exist; revoke it with `holdfast token revoke {id}`"
            )
        );
        house.holdfast.revoke_token(&house.operator, &id).await.unwrap();
        assert_eq!(house.problems().await, "");
    }
}

#[tokio::test]
async fn secrets_made_from_nothing() {
    let house = inhabited().await;
    let parent: TokenId = v("AAAAAAAAAAA");
    let id = bent_token(&house, |token| token.parent = Some(parent.clone())).await;
    assert_eq!(
        house.problems().await,
        format!(
            "the token `{id}` was made from `{parent}`, which does not exist; revoke it with `holdfast token revoke {id}`"
        )
    );
    let created_at = since();
    let key =
        SigningKey { key: v(KEY), login: v("bob"), subject: None, parent: Some(parent.clone()), created_at };
    plant(&house, &key).await;
    let (key, found) = (key.key.id(), house.problems().await);
    let told = "was made from `AAAAAAAAAAA`, which does not exist; forget it with `holdfast token revoke-key";
    let told = format!("the signing key `{}` {told} {}`", key.as_str(), key.as_str());
    assert!(found.lines().any(|line| line == told), "{found}");
    house.holdfast.revoke_key(&house.operator, &key).await.unwrap();
    // A token that ends does not work without its parent, and goes then; so does one without a holder.
    let end = house.holdfast.outside().now().plus(Duration::from_mins(15));
    bend::<Token>(&house, &Token::key_of(&id), |token| token.expires_at = Some(end)).await;
    assert_eq!(house.problems().await, "");
    bend::<Token>(&house, &Token::key_of(&id), |token| token.holder = ghost()).await;
    assert_eq!(house.problems().await, "");
    house.outside.advance(Duration::from_mins(15));
    assert_eq!(house.holdfast.clear_ended().await.unwrap(), 1);
    assert_eq!(house.problems().await, "");
}

#[tokio::test]
async fn ways_to_sign_in_as_nobody() {
    let house = inhabited().await;
    let password = PasswordRecord { login: v("ghost"), hash: "x".to_owned(), changed_at: since() };
    plant(&house, &password).await;
    let issuer = "https://id.example".to_owned();
    plant(&house, &Identity { issuer, subject: "17".to_owned(), login: v("ghost"), since: since() }).await;
    let key = SigningKey { key: v(KEY), login: v("ghost"), subject: None, parent: None, created_at: since() };
    plant(&house, &key).await;
    let id = key.key.id();
    assert_snapshot!(house.problems().await.replace(id.as_str(), "<key>"), @r"
    there is a password for `ghost`, who does not exist; make that user and remove them, with `holdfast user add ghost --role guest` and `holdfast user remove ghost`
    `17` of `https://id.example` signs in as `ghost`, who does not exist; link them to somebody else with `holdfast user link NAME --issuer https://id.example --subject 17`
    the signing key `<key>` belongs to `ghost`, who does not exist; forget it with `holdfast token revoke-key <key>`
    ");

    let new = NewUser { login: v("ghost"), role: Role::Guest, service: false, keeper: None };
    house.holdfast.link_identity(&house.operator, &v("bob"), "https://id.example", "17").await.unwrap();
    house.holdfast.revoke_key(&house.operator, &id).await.unwrap();
    house.holdfast.add_user(&house.operator, new.clone()).await.unwrap();
    house.holdfast.remove_user(&house.operator, &new.login).await.unwrap();
    assert_eq!(house.problems().await, "");
}

#[tokio::test]
async fn index_entries_of_whoever_is_named_are_looked_for() {
    let house = inhabited().await;
    bend::<CrateHead>(&house, &head_key(), |head| head.owners.push(v("ghost"))).await;
    super::write(&house, "owned/ghost", "main/bar", holdfast_store::Op::Put("{}".to_owned())).await;
    super::write(&house, "tokens-of/ghost", "AAAAAAAAAAA", holdfast_store::Op::Put("{}".to_owned())).await;
    assert_snapshot!(house.problems().await, @r"
    `foo` is owned by `ghost`, who does not exist; end that with `holdfast crate owner remove main foo ghost`
    the index entry `tokens-of/ghost AAAAAAAAAAA` belongs to nothing
    the index entry `owned/ghost main/bar` belongs to nothing
    ");
}

#[tokio::test]
async fn more_names_than_are_read_at_a_time() {
    let house = inhabited().await;
    for number in 0..260 {
        let login = v(&format!("ghost-{number:03}"));
        plant(&house, &Membership { team: v("core"), login, since: since() }).await;
    }
    house.publish(&house.alice, &krate("bar", "1.0.0")).await.unwrap();
    assert_eq!(house.problems().await.lines().count(), 260);
}
