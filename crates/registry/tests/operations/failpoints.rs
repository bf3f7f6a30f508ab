//! Failpoints: every operation, with every call that it makes failing once in every way.
//!
//! For the first call, then the second, and so on until none is left: the operation is told that the store or
//! the storage is in trouble and says so; nothing is half done; asked again it does its work, or says that
//! its work is done; and then everything is as if it had been asked once, the audit log too.

use crate::house::{House, krate, main, v};
use holdfast_blobs::BlobError;
use holdfast_package::testing::OWN_INDEX;
use holdfast_registry::entity::{Outcome, RegistryKind, Role};
use holdfast_registry::{Kind, NewRegistry, NewToken, NewUser, RegistryChange, Result, Yank};
use holdfast_store::faults::Fault;
use holdfast_types::Scopes;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

type Done<'h> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'h>>;

/// An operation with what must be there before it.
struct Deed {
    name: &'static str,
    before: for<'h> fn(&'h House) -> Done<'h>,
    act: for<'h> fn(&'h House) -> Done<'h>,
    /// What it says when it is asked again after it took effect though nobody could tell.
    again: Again,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    /// It succeeds and changes nothing.
    Succeeds,
    /// It says that there is nothing to do any more.
    Says(Kind),
    /// It makes another one, as whoever lost the answer needs.
    MakesAnother,
}

macro_rules! deed {
    ($name:literal, $again:expr, |$before:ident| $setup:expr, |$house:ident| $act:expr) => {
        Deed {
            name: $name,
            again: $again,
            before: |$before| {
                Box::pin(async move {
                    let _ = $setup;
                    Ok(())
                })
            },
            act: |$house| {
                Box::pin(async move {
                    let _ = $act?;
                    Ok(())
                })
            },
        }
    };
}

fn crate_deeds() -> Vec<Deed> {
    use Again::{Says, Succeeds};
    vec![
        deed!("publish new", Succeeds, |_h| (), |h| h
            .publish(&h.alice, &krate("foo", "1.0.0").readme("# Foo"))
            .await),
        deed!("publish update", Succeeds, |h| h.have(&["foo@1.0.0"]).await, |h| {
            h.publish(&h.alice, &krate("foo", "1.1.0")).await
        }),
        deed!(
            "publish after removal",
            Succeeds,
            |h| {
                h.have(&["foo@1.0.0"]).await;
                h.holdfast.remove_crate(&h.root, &main(), &v("foo")).await?
            },
            |h| h.publish(&h.alice, &krate("foo", "1.0.0")).await
        ),
        deed!("add package", Succeeds, |_h| (), |h| {
            let staged = h.stage(&h.holdfast, &krate("foo", "1.0.0")).await?;
            h.holdfast.add_package(&h.operator, &main(), staged, OWN_INDEX).await
        }),
        deed!("yank", Succeeds, |h| h.have(&["foo@1.0.0", "foo@1.1.0"]).await, |h| {
            h.holdfast.yank(&h.alice, &main(), &v("foo"), &v("1.1.0"), Yank::Yes).await
        }),
        deed!(
            "unyank",
            Succeeds,
            |h| {
                h.have(&["foo@1.0.0", "foo@1.1.0"]).await;
                h.yank("foo@1.1.0", Yank::Yes).await;
            },
            |h| h.holdfast.yank(&h.alice, &main(), &v("foo"), &v("1.1.0"), Yank::No).await
        ),
        deed!(
            "owners add",
            Succeeds,
            |h| {
                h.have(&["foo@1.0.0"]).await;
                h.holdfast.add_team(&h.root, &v("core")).await?
            },
            |h| h.holdfast.add_owners(&h.alice, &main(), &v("foo"), &[v("bob"), v("team:core")]).await
        ),
        deed!(
            "owners remove",
            Says(Kind::Invalid),
            |h| {
                h.have(&["foo@1.0.0"]).await;
                h.holdfast.add_owners(&h.alice, &main(), &v("foo"), &[v("bob")]).await?
            },
            |h| h.holdfast.remove_owners(&h.alice, &main(), &v("foo"), &[v("bob")]).await
        ),
        deed!("remove version", Succeeds, |h| h.have(&["foo@1.0.0", "foo@1.1.0"]).await, |h| {
            h.holdfast.remove_version(&h.root, &main(), &v("foo"), &v("1.1.0")).await
        }),
        deed!("remove crate", Succeeds, |h| h.have(&["foo@1.0.0", "foo@1.1.0"]).await, |h| {
            h.holdfast.remove_crate(&h.root, &main(), &v("foo")).await
        }),
    ]
}

fn account_deeds() -> Vec<Deed> {
    use Again::{Says, Succeeds};
    vec![
        deed!("user add", Says(Kind::Conflict), |_h| (), |h| {
            let new = NewUser { login: v("carol"), role: Role::Publisher, service: true, keeper: None };
            h.holdfast.add_user(&h.root, new).await
        }),
        deed!("user disable", Succeeds, |_h| (), |h| h.holdfast.disable_user(&h.root, &v("bob")).await),
        deed!("user enable", Succeeds, |h| h.holdfast.disable_user(&h.root, &v("bob")).await?, |h| {
            h.holdfast.enable_user(&h.root, &v("bob")).await
        }),
        deed!(
            "user remove",
            Says(Kind::NotFound),
            |h| {
                h.have(&["foo@1.0.0", "bar@1.0.0"]).await;
                for name in ["foo", "bar"] {
                    h.holdfast.add_owners(&h.alice, &main(), &v(name), &[v("bob")]).await?;
                }
                h.holdfast.add_team(&h.root, &v("core")).await?;
                h.holdfast.add_member(&h.root, &v("core"), &v("bob")).await?;
            },
            |h| h.holdfast.remove_user(&h.root, &v("bob")).await
        ),
        deed!("team add", Says(Kind::Conflict), |_h| (), |h| h.holdfast.add_team(&h.root, &v("core")).await),
        deed!(
            "team remove",
            Says(Kind::NotFound),
            |h| {
                h.have(&["foo@1.0.0"]).await;
                h.holdfast.add_team(&h.root, &v("core")).await?;
                h.holdfast.add_member(&h.root, &v("core"), &v("bob")).await?;
                h.holdfast.add_owners(&h.alice, &main(), &v("foo"), &[v("team:core")]).await?
            },
            |h| h.holdfast.remove_team(&h.root, &v("core")).await
        ),
        deed!("member add", Succeeds, |h| h.holdfast.add_team(&h.root, &v("core")).await?, |h| {
            h.holdfast.add_member(&h.root, &v("core"), &v("bob")).await
        }),
        deed!(
            "member remove",
            Says(Kind::NotFound),
            |h| {
                h.holdfast.add_team(&h.root, &v("core")).await?;
                h.holdfast.add_member(&h.root, &v("core"), &v("bob")).await?;
            },
            |h| h.holdfast.remove_member(&h.root, &v("core"), &v("bob")).await
        ),
        deed!("token create", Again::MakesAnother, |_h| (), |h| {
            let new = NewToken {
                login: v("bob"),
                label: "ci".to_owned(),
                scopes: Scopes::default(),
                expires_in: None,
            };
            h.holdfast.create_token(&h.root, new).await
        }),
        deed!("token revoke", Says(Kind::NotFound), |_h| (), |h| {
            h.holdfast.revoke_token(&h.root, &h.bob.as_account().unwrap().token).await
        }),
        deed!("token revoke own", Succeeds, |_h| (), |h| h.holdfast.revoke_current_token(&h.bob).await),
        deed!("registry create", Says(Kind::Conflict), |_h| (), |h| {
            let new = NewRegistry { name: v("second"), kind: RegistryKind::Hosted, anonymous_read: true };
            h.holdfast.create_registry(&h.root, new).await
        }),
        deed!("registry update", Succeeds, |_h| (), |h| {
            let change =
                RegistryChange { anonymous_read: Some(true), required_fields: Some(Some(v("license"))) };
            h.holdfast.update_registry(&h.root, &main(), change).await
        }),
        deed!("registry remove", Says(Kind::NotFound), |_h| (), |h| {
            h.holdfast.remove_registry(&h.root, &main()).await
        }),
    ]
}

/// What was done, without what is random: the log, every document but tokens, and the files.
#[derive(Debug, PartialEq)]
struct State {
    log: Vec<String>,
    documents: Vec<String>,
    files: String,
    tokens: usize,
}

async fn state(house: &House) -> State {
    let done = house.entries().await.into_iter().filter(|entry| entry.outcome == Outcome::Done);
    let mut log: Vec<String> = done
        .map(|entry| {
            let detail = entry.detail.filter(|_| entry.action != "token-create").unwrap_or_default();
            format!("{} {} {} {detail}", entry.actor, entry.action, entry.subject)
        })
        .collect();
    // A removal that could not be confirmed is taken back, and then it is none.
    while let Some(at) = log.iter().position(|line| line.ends_with(" taken back")) {
        let line = log.remove(at).replace("taken back", "");
        log.remove(log.iter().position(|undone| *undone == line).unwrap());
    }
    log.sort();
    let (tokens, documents) =
        house.bodies().await.into_iter().partition::<Vec<_>, _>(|doc| doc.starts_with("token"));
    let tokens = tokens.iter().filter(|doc| doc.starts_with("token ")).count();
    State { log, documents, files: house.files().await, tokens }
}

async fn prepared(deed: &Deed) -> House {
    let house = House::new().await;
    (deed.before)(&house).await.unwrap();
    house
}

/// Does a deed once while something fails, looks, and does it again. `false` when nothing failed.
async fn survives(
    deed: &Deed,
    expected: &State,
    place: &str,
    plan: impl FnOnce(&House) -> Arc<dyn Fn() -> bool>,
) -> bool {
    let house = prepared(deed).await;
    let has_fired = plan(&house);
    let result = (deed.act)(&house).await;
    if !has_fired() {
        assert!(result.is_ok(), "{place}: {result:?}");
        return false;
    }
    house.faults.clear();
    house.blobs.inject(None);
    if let Err(error) = &result {
        assert_eq!(error.kind(), Kind::Unavailable, "{place}: {error:?}");
    }
    assert_eq!(house.problems().await, "", "{place}: half done");
    if result.is_err() {
        retry(deed, &house, expected, place).await;
    }
    assert_eq!(house.problems().await, "", "{place}: asked again");
    let mut state = state(&house).await;
    if deed.again == Again::MakesAnother && state.tokens == expected.tokens + 1 {
        state.tokens -= 1;
        state.log.dedup();
        let mut expected_log = expected.log.clone();
        expected_log.dedup();
        assert_eq!(state.log, expected_log, "{place}");
        return true;
    }
    assert_eq!(&state, expected, "{place}");
    true
}

async fn retry(deed: &Deed, house: &House, expected: &State, place: &str) {
    let is_done = &state(house).await == expected;
    match ((deed.act)(house).await, deed.again) {
        (Err(error), Again::Says(kind)) if is_done => assert_eq!(error.kind(), kind, "{place}: {error:?}"),
        (Ok(()), Again::Says(_)) => assert!(!is_done, "{place}: done twice"),
        (Ok(()), Again::Succeeds | Again::MakesAnother) => {}
        (Err(error), _) => panic!("{place}: asked again it says {error:?}"),
    }
}

async fn survives_all(deeds: &[Deed]) {
    for deed in deeds {
        let house = prepared(deed).await;
        (deed.act)(&house).await.unwrap();
        let expected = state(&house).await;
        let faults = [Fault::Unavailable, Fault::UnknownBefore, Fault::UnknownAfter, Fault::Conflict];
        let mut calls = 0;
        for fault in faults {
            for nth in 1.. {
                let place = format!("{}, {fault:?} at call {nth} of the store", deed.name);
                let plan = |house: &House| -> Arc<dyn Fn() -> bool> {
                    house.faults.fail_nth(nth, fault);
                    let (faults, before) = (house.faults.clone(), house.faults.fired());
                    Arc::new(move || faults.fired() > before)
                };
                if !survives(deed, &expected, &place, plan).await {
                    calls = nth - 1;
                    break;
                }
            }
        }
        assert!(calls > 1, "{} makes {calls} calls", deed.name);
        for nth in 1.. {
            let place = format!("{}, at call {nth} of the storage", deed.name);
            if !survives(deed, &expected, &place, |house| fail_blob_call(house, nth)).await {
                break;
            }
        }
    }
}

/// Fails the nth call of the file storage, whichever it is.
fn fail_blob_call(house: &House, nth: u64) -> Arc<dyn Fn() -> bool> {
    let calls = Arc::new(AtomicU64::new(0));
    let counted = calls.clone();
    house.blobs.inject(Some(Arc::new(move |call| {
        if counted.fetch_add(1, Ordering::SeqCst) + 1 == nth {
            return Err(BlobError::unavailable("pass a failpoint", format!("{call:?}")));
        }
        Ok(())
    })));
    Arc::new(move || calls.load(Ordering::SeqCst) >= nth)
}

#[tokio::test]
async fn operations_on_crates_are_whole_or_not_at_all() {
    survives_all(&crate_deeds()).await;
}

#[tokio::test]
async fn operations_on_accounts_are_whole_or_not_at_all() {
    survives_all(&account_deeds()).await;
}

#[tokio::test]
async fn a_refusal_stays_one_when_it_cannot_be_logged() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    for nth in 1.. {
        let before = house.faults.fired();
        house.faults.fail_nth(nth, Fault::Unavailable);
        let error = house.publish(&house.bob, &krate("foo", "1.1.0")).await.unwrap_err();
        let is_hit = house.faults.fired() > before;
        house.faults.clear();
        assert!(matches!(error.kind(), Kind::Forbidden | Kind::Unavailable), "{error:?}");
        if !is_hit {
            assert!(nth > 2);
            break;
        }
    }
    assert_eq!(house.versions("foo").await, "1.0.0");
    assert_eq!(house.problems().await, "");
}
