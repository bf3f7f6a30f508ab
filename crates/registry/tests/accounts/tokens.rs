//! Tokens: made, listed, revoked, and never stronger than the one they were made with.

use crate::world::{World, new_token, refused, v};
use holdfast_identity::signed::PublicKey;
use holdfast_registry::entity::{Role, Token};
use holdfast_registry::{Actor, Kind, NewToken};
use holdfast_store::{Committed, Tx};
use holdfast_types::{Scopes, Timestamp, TokenId};
use std::time::Duration;

const KEY: &str = "k3.public.AmDwjlyf8jAV3gm5Z7Kz9xAOcsKslt_Vwp5v-emjFzBHLCtcANzTaVEghTNEMj9PkQ";

/// Scopes from words: `read acme-* @main` is an operation, a crate pattern and a registry.
fn scopes(words: &str) -> Scopes {
    let mut scopes = Scopes::default();
    for word in words.split_whitespace() {
        if let Some(registry) = word.strip_prefix('@') {
            scopes.registries.insert(v(registry));
        } else if let Ok(endpoint) = word.parse() {
            scopes.endpoints.insert(endpoint);
        } else {
            scopes.crates.insert(v(word));
        }
    }
    scopes
}

#[tokio::test]
async fn users_make_their_own_and_admins_anybodys() {
    let world = World::new().await;
    for login in ["alice", "bob"] {
        world.add(login, Role::Publisher).await;
    }
    let (holdfast, alice, admin) = (&world.holdfast, world.actor("alice").await, world.actor("admin").await);
    let new = NewToken {
        label: "CI of acme".to_owned(),
        scopes: scopes("publish-new acme-* @main"),
        ..new_token("alice")
    };
    let (token, secret) = holdfast.create_token(&alice, new.clone()).await.unwrap();
    assert_eq!((token.holder.name(), &token.label, &token.scopes), ("alice", &new.label, &new.scopes));
    assert_eq!((token.digest, token.expires_at), (secret.digest(), None));
    assert!(secret.reveal().starts_with("hf_"));
    let actor = holdfast.authenticate(&secret, None).await.unwrap();
    assert_eq!(actor.as_account().unwrap().scopes, new.scopes);

    holdfast.create_token(&admin, new_token("bob")).await.unwrap();
    let other = holdfast.create_token(&alice, new_token("bob")).await;
    world.refused(other, Kind::Forbidden, "alice token-create bob", "needs the role admin").await;
    let nobody = holdfast.create_token(&Actor::anonymous(None), new_token("bob")).await;
    world.refused(nobody, Kind::Unauthenticated, "anonymous token-create bob", "needs a token").await;
    let missing = holdfast.create_token(&admin, new_token("carol")).await;
    world.refused(missing, Kind::NotFound, "admin token-create carol", "no user `carol`").await;
    let log = world.log().await;
    assert!(
        log.contains(&"alice token-create alice".to_owned())
            && log.contains(&"admin token-create bob".to_owned())
    );
}

#[tokio::test]
async fn no_token_makes_a_stronger_one() {
    let world = World::new().await;
    world.add("alice", Role::Publisher).await;
    for (own, new, refusal) in [
        ("", "", None),
        ("", "admin * @main", None),
        ("admin read", "", Some("choose scopes among `read`, `admin`")),
        ("admin read", "read", None),
        ("admin read", "admin read", None),
        ("admin read", "yank", Some("choose scopes among `read`, `admin`")),
        ("admin read", "read yank", Some("choose scopes")),
        ("admin publish-new", "read", None),
        ("acme-*", "", Some("choose crates within `acme-*`")),
        ("acme-*", "acme-core", None),
        ("acme-*", "Acme_Core-* acme-web", None),
        ("acme-*", "acme-core *", Some("choose crates within")),
        ("acme-* web", "web acme_*", None),
        ("acme-* web", "web2", Some("choose crates within `acme-*`, `web`")),
        ("@main @two", "", Some("choose registries among `main`, `two`")),
        ("@main @two", "@two", None),
        ("@main @two", "@main @three", Some("choose registries among")),
        ("admin read acme-* @main", "read acme-x @main", None),
        ("admin read acme-* @main", "read acme-x", Some("choose registries")),
        ("read", "read", Some("has not the scope `admin`")),
    ] {
        let actor = world.scoped("alice", scopes(own)).await;
        let new = NewToken { scopes: scopes(new), ..new_token("alice") };
        let words = format!("{own} -> {:?}", new.scopes);
        let made = world.holdfast.create_token(&actor, new).await;
        match refusal {
            None => assert!(made.is_ok(), "{words}: {made:?}"),
            Some(reason) => world.refused(made, Kind::Forbidden, "alice token-create alice", reason).await,
        }
    }
}

#[tokio::test]
async fn no_token_makes_one_that_outlives_it() {
    let world = World::new().await;
    let minute = Duration::from_mins(1);
    let new = |expires_in| NewToken { expires_in, ..new_token("admin") };
    let (token, secret) = world.holdfast.create_token(&world.operator, new(Some(minute))).await.unwrap();
    assert_eq!(token.expires_at, Some(Timestamp::from_unix_seconds(1_767_225_660)));
    let actor = world.holdfast.authenticate(&secret, None).await.unwrap();
    world.outside.advance(Duration::from_secs(20));
    for (expires_in, fits) in [(None, false), (Some(minute), false), (Some(Duration::from_secs(41)), false)]
        .into_iter()
        .chain([(Some(Duration::from_secs(40)), true), (Some(Duration::from_secs(1)), true)])
    {
        let made = world.holdfast.create_token(&actor, new(expires_in)).await;
        if fits {
            made.unwrap();
        } else {
            let words = "let the new one end by 2026-01-01T00:01:00Z";
            world.refused(made, Kind::Forbidden, "admin token-create admin", words).await;
        }
    }
}

#[tokio::test]
async fn labels_and_times_have_bounds() {
    let world = World::new().await;
    let admin = world.actor("admin").await;
    let long = "é".repeat(101);
    for (label, reason) in [
        ("", "1 to 100 characters"),
        ("  ", "1 to 100 characters"),
        (&long, "1 to 100 characters"),
        ("a\nb", "control characters"),
        ("a\0b", "control characters"),
        ("bootstrap", "the server's own"),
    ] {
        let made = world
            .holdfast
            .create_token(&admin, NewToken { label: label.to_owned(), ..new_token("admin") })
            .await;
        world.refused(made, Kind::Invalid, "admin token-create admin", reason).await;
    }
    let label = "é".repeat(100);
    world.holdfast.create_token(&admin, NewToken { label, ..new_token("admin") }).await.unwrap();
    for expires_in in [Duration::ZERO, Duration::from_millis(999)] {
        let new = NewToken { expires_in: Some(expires_in), ..new_token("admin") };
        let made = world.holdfast.create_token(&admin, new).await;
        world.refused(made, Kind::Invalid, "admin token-create admin", "at least one second").await;
    }
    let new = NewToken { expires_in: Some(Duration::MAX), ..new_token("admin") };
    let (token, _) = world.holdfast.create_token(&admin, new).await.unwrap();
    assert!(token.expires_at.unwrap().to_string().starts_with("9999-"));
}

#[tokio::test]
async fn tokens_are_listed_to_their_owner_and_to_admins() {
    let world = World::new().await;
    for login in ["alice", "bob"] {
        world.add(login, Role::Publisher).await;
    }
    let (holdfast, alice, admin) = (&world.holdfast, world.actor("alice").await, world.actor("admin").await);
    world.token("bob").await;
    let count = async |actor: &Actor, login: Option<&str>| {
        holdfast.list_tokens(actor, login.map(v).as_ref()).await.map(|tokens| tokens.len())
    };
    assert_eq!(count(&alice, Some("alice")).await.unwrap(), 1);
    assert_eq!(count(&admin, Some("alice")).await.unwrap(), 1);
    assert_eq!(count(&admin, None).await.unwrap(), 4, "alice's, bob's, the admin's own and the first");
    refused(count(&alice, Some("bob")).await, Kind::Forbidden, "needs the role admin");
    refused(count(&alice, None).await, Kind::Forbidden, "needs the role admin");
    refused(count(&Actor::anonymous(None), None).await, Kind::Unauthenticated, "needs a token");
    let narrow = world.scoped("alice", scopes("read")).await;
    refused(count(&narrow, Some("alice")).await, Kind::Forbidden, "has not the scope `admin`");
}

#[tokio::test]
async fn tokens_are_revoked_by_their_owner_and_by_admins() {
    let world = World::new().await;
    for login in ["alice", "bob"] {
        world.add(login, Role::Publisher).await;
    }
    let (holdfast, alice, admin) = (&world.holdfast, world.actor("alice").await, world.actor("admin").await);
    let (bobs, secret) = holdfast.create_token(&world.operator, new_token("bob")).await.unwrap();
    holdfast.authenticate(&secret, None).await.unwrap();
    // Whether there is such a token is nothing to somebody who could not revoke it.
    let absent = TokenId::from_entropy([9; 8]);
    for id in [&bobs.id, &absent] {
        let (deed, words) = (format!("alice token-revoke {id}"), format!("there is no token `{id}`"));
        world.refused(holdfast.revoke_token(&alice, id).await, Kind::NotFound, &deed, &words).await;
    }
    let deed = format!("anonymous token-revoke {}", bobs.id);
    let nobody = holdfast.revoke_token(&Actor::anonymous(None), &bobs.id).await;
    world.refused(nobody, Kind::Unauthenticated, &deed, "needs a token").await;
    let narrow = world.scoped("admin", scopes("read")).await;
    let deed = format!("admin token-revoke {}", bobs.id);
    let refusal = holdfast.revoke_token(&narrow, &bobs.id).await;
    world.refused(refusal, Kind::Forbidden, &deed, "has not the scope `admin`").await;

    holdfast.authenticate(&secret, None).await.unwrap();
    holdfast.revoke_token(&admin, &bobs.id).await.unwrap();
    refused(holdfast.authenticate(&secret, None).await, Kind::Unauthenticated, "not valid");
    assert!(world.log().await.contains(&deed));
    refused(holdfast.revoke_token(&admin, &bobs.id).await, Kind::NotFound, "there is no token");

    let (own, secret) = holdfast.create_token(&alice, new_token("alice")).await.unwrap();
    holdfast.revoke_token(&alice, &own.id).await.unwrap();
    refused(holdfast.authenticate(&secret, None).await, Kind::Unauthenticated, "not valid");
}

#[tokio::test]
async fn every_token_may_end_itself() {
    let world = World::new().await;
    let narrow = world.scoped("admin", scopes("yank nothing @nowhere")).await;
    world.holdfast.revoke_current_token(&narrow).await.unwrap();
    let id = &narrow.as_account().unwrap().token;
    assert!(world.log().await.contains(&format!("admin token-revoke {id}")));
    world.holdfast.revoke_current_token(&narrow).await.unwrap();
    let operator = world.holdfast.revoke_current_token(&world.operator).await;
    world.refused(operator, Kind::Invalid, "operator token-revoke ", "not asked with a token").await;
    let nobody = world.holdfast.revoke_current_token(&Actor::anonymous(None)).await;
    world.refused(nobody, Kind::Unauthenticated, "anonymous token-revoke ", "needs a token").await;
}

/// Whoever stole a token is out when it is revoked, whatever they made with it.
#[tokio::test]
async fn what_was_made_with_a_token_ends_with_it() {
    let world = World::new().await;
    world.add_with_password("alice", "correct horse").await;
    let holdfast = &world.holdfast;
    let (stolen, secret) = holdfast.create_token(&world.operator, new_token("alice")).await.unwrap();
    let thief = holdfast.authenticate(&secret, None).await.unwrap();
    let child = holdfast.create_token(&thief, new_token("alice")).await.unwrap().1;
    let child = holdfast.authenticate(&child, None).await.unwrap();
    let (_, grandchild) = holdfast.create_token(&child, new_token("alice")).await.unwrap();
    let key: PublicKey = v(KEY);
    holdfast.add_key(&child, &v("alice"), key, None).await.unwrap();
    let session = world.at_browser(&world.session("alice", "correct horse").await).await.unwrap();
    let (kept, at_browser) = holdfast.create_token(&session, new_token("alice")).await.unwrap();
    let by_admin = world.token("alice").await;
    assert!(holdfast.authenticate(&grandchild, None).await.is_ok());

    holdfast.revoke_token(&world.operator, &stolen.id).await.unwrap();
    refused(holdfast.authenticate(&grandchild, None).await, Kind::Unauthenticated, "not valid");
    assert_eq!(holdfast.list_keys(&world.operator, Some(&v("alice"))).await.unwrap(), []);
    for secret in [at_browser, by_admin] {
        assert!(holdfast.authenticate(&secret, None).await.is_ok());
    }
    let listed = holdfast.list_tokens(&session, Some(&v("alice"))).await.unwrap();
    assert_eq!(listed.len(), 3, "the session, what it made, and what the admin made");
    assert!(listed.iter().any(|(token, _)| token.id == kept.id));
}

/// As a crash between a revocation and what follows it leaves it.
#[tokio::test]
async fn what_outlived_its_token_is_cleared_away() {
    let world = World::new().await;
    world.add("alice", Role::Publisher).await;
    let holdfast = &world.holdfast;
    let alice = world.actor("alice").await;
    let (child, _) = holdfast.create_token(&alice, new_token("alice")).await.unwrap();
    holdfast.add_key(&alice, &v("alice"), v(KEY), None).await.unwrap();
    let kept = world.token("alice").await;
    assert_eq!(holdfast.clear_ended().await.unwrap(), 0);

    let mut tx = Tx::new(&world.store);
    tx.delete::<Token>(&Token::key_of(&child.parent.unwrap())).await.unwrap();
    assert_eq!(tx.commit().await.unwrap(), Committed::Yes);
    assert_eq!(holdfast.clear_ended().await.unwrap(), 2);
    assert!(!world.has(Token::key_of(&child.id)).await);
    assert_eq!(holdfast.list_keys(&world.operator, Some(&v("alice"))).await.unwrap(), []);
    assert!(holdfast.authenticate(&kept, None).await.is_ok());
}
