//! `fsck`: it finds what is planted, and nothing where nothing is.

mod lively;
mod naming;

use crate::house::{House, krate, main, v};
use holdfast_blobs::Blobs;
use holdfast_package::testing::{CrateBuilder, Dependency};
use holdfast_registry::entity::{CrateHead, Version, trust_part};
use holdfast_registry::{Depth, Kind, Settings, Yank};
use holdfast_store::{Batch, Committed, Entity, Key, Memory, Op, Tx};
use holdfast_types::{GITHUB_ISSUER, Sha256};
use insta::assert_snapshot;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

fn foo() -> CrateBuilder {
    krate("foo", "1.0.0")
}

/// A house with a crate of two versions.
async fn furnished() -> House {
    let house = House::new().await;
    house.publish(&house.alice, &foo()).await.unwrap();
    house.have(&["foo@1.1.0"]).await;
    assert_eq!(house.problems().await, "");
    house
}

/// Changes a stored entity behind everybody's back.
async fn bend<E: Entity>(house: &House, key: &Key, change: impl FnOnce(&mut E)) {
    let mut tx = Tx::new(&house.store);
    let mut entity = tx.get::<E>(key).await.unwrap().unwrap();
    change(&mut entity);
    tx.put(&entity).await.unwrap();
    assert_eq!(tx.commit().await.unwrap(), Committed::Yes);
}

/// Writes or removes one document as it is.
async fn write(house: &House, part: &str, sort: &str, op: Op) {
    let mut batch = Batch::new();
    batch.add(Key::new(part, sort), op).unwrap();
    house.store.commit(batch).await.unwrap();
}

fn head_key() -> Key {
    CrateHead::key_of(&main(), &v("foo"))
}

fn version_key() -> Key {
    Version::key_of(&main(), &v("foo"), &v("1.0.0"))
}

#[tokio::test]
async fn a_busy_life_leaves_nothing_to_find() {
    let house = House::new().await;
    house.holdfast.add_team(&house.root, &v("core")).await.unwrap();
    house.holdfast.add_member(&house.root, &v("core"), &v("bob")).await.unwrap();
    house.have(&["foo@1.0.0", "foo@1.1.0", "foo@2.0.0-rc.1", "bar@0.1.0"]).await;
    let dependent = krate("baz", "1.0.0").dependency(Dependency::new("foo", "1")).readme("# Baz");
    house.publish(&house.bob, &dependent).await.unwrap();
    house.yank("foo@1.1.0", Yank::Yes).await;
    house.holdfast.add_owners(&house.alice, &main(), &v("foo"), &[v("team:core"), v("bob")]).await.unwrap();
    house.holdfast.remove_owners(&house.bob, &main(), &v("foo"), &[v("alice")]).await.unwrap();
    house.holdfast.remove_version(&house.root, &main(), &v("foo"), &v("1.0.0")).await.unwrap();
    house.holdfast.remove_crate(&house.root, &main(), &v("bar")).await.unwrap();
    house.holdfast.disable_user(&house.root, &v("alice")).await.unwrap();
    let findings = house.holdfast.fsck(&house.root, Depth::Digests).await.unwrap();
    assert_eq!(findings.problems, Vec::<String>::new());
    assert_eq!((findings.crates, findings.versions), (3, 3));
    let refused = house.holdfast.fsck(&house.alice, Depth::Sizes).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Forbidden);
}

#[tokio::test]
async fn a_missing_file_is_found() {
    let house = furnished().await;
    let sha256 = Sha256::of(&foo().package());
    house.blobs.condemn(&sha256, SystemTime::UNIX_EPOCH + Duration::from_hours(3_000_000)).await.unwrap();
    assert_eq!(house.problems().await, "", "a condemned file is still there");
    house.blobs.purge(&sha256).await.unwrap();
    assert_snapshot!(house.problems().await, @"the file of `foo@1.0.0` in `main` is missing");
}

#[tokio::test]
async fn a_file_of_another_size_or_digest_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(&format!("file:{}", folder.path().display())).await.unwrap();
    let house = House::over(Arc::new(Memory::new()), blobs, Settings::default()).await;
    house.publish(&house.alice, &foo()).await.unwrap();
    let name = Sha256::of(&foo().package()).to_string();
    let path = folder.path().join(&name[..2]).join(&name);
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, &bytes).unwrap();
    let sizes = house.holdfast.fsck(&house.root, Depth::Sizes).await.unwrap();
    assert_eq!(sizes.problems, Vec::<String>::new(), "its size is right");
    let damaged = house.problems().await.replace(&Sha256::of(&bytes).to_string(), "<damaged>");
    assert_snapshot!(damaged, @"the file of `foo@1.0.0` in `main` is damaged: its digest is <damaged>, not <foo@1.0.0>");
    std::fs::write(&path, &bytes[..100]).unwrap();
    let size = format!("not {}", bytes.len());
    assert_snapshot!(house.problems().await.replace(&size, "not <size>"), @"the file of `foo@1.0.0` in `main` has 100 bytes, not <size>");
}

#[tokio::test]
async fn heads_that_do_not_fit_their_versions_are_found() {
    let house = furnished().await;
    bend::<CrateHead>(&house, &head_key(), |head| head.version_count = 3).await;
    assert_snapshot!(house.problems().await, @"`foo` in `main` has 2 of 3 versions");
    let house = furnished().await;
    bend::<CrateHead>(&house, &head_key(), |head| head.max_version = Some(v("1.0.0"))).await;
    assert_snapshot!(house.problems().await, @"`foo` in `main` does not show its newest version");
    let house = furnished().await;
    bend::<CrateHead>(&house, &head_key(), |head| head.max_yanked = true).await;
    assert_snapshot!(house.problems().await, @"`foo` in `main` does not show its newest version");
    let house = furnished().await;
    bend::<Version>(&house, &version_key(), |version| version.size_bytes = 1).await;
    let size = foo().package().len().to_string();
    assert_snapshot!(house.problems().await.replace(&size, "<size>"), @"the file of `foo@1.0.0` in `main` has <size> bytes, not 1");
}

#[tokio::test]
async fn crates_that_nobody_may_publish_are_found() {
    let house = furnished().await;
    bend::<CrateHead>(&house, &head_key(), |head| head.owners.clear()).await;
    assert_snapshot!(house.problems().await, @"`foo` has no owner; add one with `holdfast crate owner add main foo NAME`");
    house.holdfast.add_owners(&house.operator, &main(), &v("foo"), &[v("bob")]).await.unwrap();
    assert_eq!(house.problems().await, "");
    bend::<CrateHead>(&house, &head_key(), |head| head.trusted_only = true).await;
    assert_snapshot!(house.problems().await, @"`foo` is left to trusted jobs and trusts none; let its owners publish with `holdfast crate trust main foo --only false`");
}

#[tokio::test]
async fn index_entries_that_are_missing_or_stray_are_found() {
    let house = furnished().await;
    write(&house, "owned/alice", "main/foo", Op::Remove).await;
    assert_snapshot!(house.problems().await, @"`crate/main foo` lacks its index entry `owned/alice main/foo`");
    let house = furnished().await;
    write(&house, "owned/bob", "main/foo", Op::Put("{}".to_owned())).await;
    write(&house, "recent/main", "000000000000001/ghost", Op::Put("{}".to_owned())).await;
    write(&house, "tokens-of/bob", "AAAAAAAAAAA", Op::Put("{}".to_owned())).await;
    write(&house, "teams-of/bob", "ghosts", Op::Put("{}".to_owned())).await;
    write(&house, "visible/ghosts", "main/foo", Op::Put("{}".to_owned())).await;
    write(&house, "identities-of/bob", "ghost", Op::Put("{}".to_owned())).await;
    write(&house, "keys-of/bob", "ghost", Op::Put("{}".to_owned())).await;
    write(&house, "device-code", "BCDF-GHJK", Op::Put("\"ghost\"".to_owned())).await;
    write(&house, &trust_part(GITHUB_ISSUER), "main/foo/0", Op::Put("{}".to_owned())).await;
    assert_snapshot!(house.problems().await.replace(&trust_part(GITHUB_ISSUER), "trust/<github>"), @r"
    the index entry `tokens-of/bob AAAAAAAAAAA` belongs to nothing
    the index entry `identities-of/bob ghost` belongs to nothing
    the index entry `keys-of/bob ghost` belongs to nothing
    the index entry `teams-of/bob ghosts` belongs to nothing
    the index entry `device-code BCDF-GHJK` belongs to nothing
    the index entry `recent/main 000000000000001/ghost` belongs to nothing
    the index entry `owned/bob main/foo` belongs to nothing
    the index entry `visible/ghosts main/foo` belongs to nothing
    the index entry `trust/<github> main/foo/0` belongs to nothing
    ");
    let house = furnished().await;
    let sha256 = Sha256::of(&foo().package());
    write(&house, &Version::blob_part(&sha256), "main/foo/1.0.0", Op::Remove).await;
    assert_snapshot!(house.problems().await, @"`version/main/foo 1.0.0` lacks its index entry `blob/<foo@1.0.0> main/foo/1.0.0`");
}

#[tokio::test]
async fn what_cannot_be_read_is_found_and_does_not_hide_the_rest() {
    let house = furnished().await;
    house.have(&["bar@1.0.0", "zoo@1.0.0"]).await;
    write(&house, "version/main/bar", "1.0.0", Op::Put("{\"v\":1}".to_owned())).await;
    bend::<CrateHead>(&house, &CrateHead::key_of(&main(), &v("zoo")), |head| head.version_count = 9).await;
    assert_snapshot!(house.problems().await, @r"
    `version/main/bar 1.0.0` cannot be read: missing field `registry` at line 1 column 7
    `zoo` in `main` has 1 of 9 versions
    ");
    let house = furnished().await;
    write(&house, "crate/main", "foo", Op::Put("nonsense".to_owned())).await;
    assert_snapshot!(house.problems().await, @r"
    `crate/main foo` cannot be read: expected ident at line 1 column 2
    the index entry `recent/main 001767225600001/foo` belongs to nothing
    the index entry `owned/alice main/foo` belongs to nothing
    ");
    // Whoever cannot be read is somebody all the same.
    let house = furnished().await;
    house.holdfast.add_team(&house.root, &v("core")).await.unwrap();
    house.holdfast.add_member(&house.root, &v("core"), &v("alice")).await.unwrap();
    for (part, sort) in [("user", "alice"), ("team", "core"), ("registry", "main")] {
        write(&house, part, sort, Op::Put("{\"v\":1}".to_owned())).await;
    }
    bend::<CrateHead>(&house, &head_key(), |head| head.version_count = 3).await;
    assert_snapshot!(house.problems().await, @r"
    `foo` in `main` has 2 of 3 versions
    `user alice` cannot be read: missing field `login` at line 1 column 7
    `team core` cannot be read: missing field `name` at line 1 column 7
    `registry main` cannot be read: missing field `name` at line 1 column 7
    ");
    for part in ["identity", "invitation", "password", "signing-key", "spent", "token", "token-use", "device"]
    {
        let house = furnished().await;
        write(&house, part, "nonsense", Op::Put("{\"v\":1}".to_owned())).await;
        let found = house.problems().await;
        assert!(found.starts_with(&format!("`{part} nonsense` cannot be read: missing field")), "{found}");
        assert_eq!(found.lines().count(), 1, "{found}");
    }
}
