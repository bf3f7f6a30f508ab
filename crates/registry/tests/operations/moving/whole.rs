//! Nothing is forgotten, and nothing is put where something is.

use super::{Place, everything, export, old_house};
use crate::house::{House, krate, main, v};
use holdfast_registry::{Actor, AuditFilter, Files, Kind, Resume};
use holdfast_store::Key;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Where the documents of each entity are. An entity that has no line here makes a test fail: add it, let
/// [`old_house`] make one, and teach `src/kinds.rs` and `src/walk.rs` about it.
const ENTITIES: &[(&str, &str)] = &[
    ("AuditEntry", "audit"),
    ("CrateHead", "crate"),
    ("Identity", "identity"),
    ("Invitation", "invitation"),
    ("Membership", "member"),
    ("PasswordRecord", "password"),
    ("Readme", "readme"),
    ("RegistryRecord", "registry"),
    ("ServerRecord", "server"),
    ("SigningKey", "signing-key"),
    ("Team", "team"),
    ("Token", "token"),
    ("TokenUse", "token-use"),
    ("User", "user"),
    ("Version", "version"),
];

/// Entities that stay behind: they are about processes that work on a database, not about what is in it, or
/// over in a few minutes.
const NOT_MOVED: &[&str] = &["DeviceRequest", "Lease", "Spent", "UnfinishedImport"];

/// Where index entries and counters are.
const DERIVED: &[&str] = &[
    "blob",
    "downloads",
    "identities-of",
    "keys-of",
    "owned",
    "recent",
    "teams-of",
    "token-digest",
    "tokens-of",
    "visible",
];

/// Every `impl Entity for X` in the sources of the package, tests aside.
fn entities_in(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            entities_in(&path, found);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let names = text.lines().filter_map(|line| line.trim().strip_prefix("impl Entity for "));
        found.extend(names.map(|rest| rest.trim_end_matches([' ', '{', '}']).to_owned()));
    }
}

fn kinds<'a>(keys: impl IntoIterator<Item = &'a Key>) -> BTreeSet<String> {
    keys.into_iter().map(|key| key.part.split('/').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_entity_index_entry_and_counter_is_moved() {
    let mut entities = BTreeSet::new();
    entities_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut entities);
    entities.retain(|entity| !NOT_MOVED.contains(&entity.as_str()));
    let known: BTreeSet<String> = ENTITIES.iter().map(|(entity, _)| (*entity).to_owned()).collect();
    assert_eq!(entities, known, "an entity is new or gone; say so in ENTITIES or NOT_MOVED");

    let (house, memory) = old_house().await;
    let (documents, counters) = everything(&memory);
    let expected = ENTITIES.iter().map(|(_, part)| *part).chain(DERIVED.iter().copied());
    assert_eq!(
        kinds(documents.keys().chain(counters.keys())),
        expected.map(str::to_owned).collect(),
        "the house must have something of every kind, and each kind its line in ENTITIES or DERIVED"
    );
    let (stream, totals) = export(&house.holdfast, Files::Included).await;
    let place = Place::empty().await;
    let imported = place.import(&stream, Resume::No).await.unwrap();
    assert_eq!(imported.totals, totals);
    assert_eq!((imported.skipped_documents, imported.skipped_files), (0, 0));
    assert_same(&place.everything(), &(documents, counters));
    place.assert_clean().await;
    let filter = AuditFilter { action: Some("import".to_owned()), limit: 10, ..AuditFilter::default() };
    assert_eq!(place.holdfast.audit_log(&Actor::operator(), &filter).await.unwrap().len(), 1);
}

/// Compares key by key, so that a difference can be read.
pub(super) fn assert_same(
    found: &(BTreeMap<Key, String>, BTreeMap<Key, i64>),
    expected: &(BTreeMap<Key, String>, BTreeMap<Key, i64>),
) {
    let lost: Vec<&Key> = expected.0.keys().filter(|key| !found.0.contains_key(key)).collect();
    let extra: Vec<&Key> = found.0.keys().filter(|key| !expected.0.contains_key(key)).collect();
    assert!(lost.is_empty() && extra.is_empty(), "lost: {lost:?}, extra: {extra:?}");
    let changed: Vec<_> = found.0.iter().filter(|(key, body)| expected.0[key] != **body).collect();
    assert!(changed.is_empty(), "changed: {changed:?}");
    assert_eq!(found.1, expected.1);
}

#[tokio::test]
async fn what_was_moved_serves_the_same_bytes() {
    let (house, _memory) = old_house().await;
    let (stream, _) = export(&house.holdfast, Files::Included).await;
    let place = Place::empty().await;
    place.import(&stream, Resume::No).await.unwrap();
    let operator = Actor::operator();
    for name in ["foo", "bar", "baz"] {
        let before = house.holdfast.index_file(&operator, &main(), &v(name)).await.unwrap();
        let after = place.holdfast.index_file(&operator, &main(), &v(name)).await.unwrap();
        assert_eq!((&before.body, &before.etag), (&after.body, &after.etag), "{name}");
    }
    for (name, version) in [("foo", "1.1.0"), ("baz", "1.0.0")] {
        let bytes = async |holdfast: &holdfast_registry::Holdfast| {
            let download = holdfast.download(&operator, &main(), &v(name), &v(version)).await.unwrap();
            download.blob.into_bytes().await.unwrap()
        };
        assert_eq!(bytes(&house.holdfast).await, bytes(&place.holdfast).await);
    }
    let verified = place.holdfast.verify_password("alice", "correct horse".parse().unwrap(), None).await;
    assert_eq!(verified.unwrap(), v("alice"));
    // Who could log in still can, and life goes on.
    assert!(!place.holdfast.start(None).await.unwrap().created);
}

#[tokio::test]
async fn files_may_stay_where_they_are() {
    let (house, memory) = old_house().await;
    let (stream, totals) = export(&house.holdfast, Files::LeftOut).await;
    assert_eq!((totals.files, totals.file_bytes), (0, 0));
    let elsewhere = Place::empty().await;
    let refused = elsewhere.import(&stream, Resume::No).await.unwrap_err();
    assert!(refused.detail().contains("is not in this storage"), "{refused}");

    let fresh = Place::empty().await;
    let place = Place::over(&fresh.memory, fresh.memory.clone(), house.blobs.clone());
    place.import(&stream, Resume::No).await.unwrap();
    assert_same(&place.everything(), &everything(&memory));
    place.assert_clean().await;
}

#[tokio::test]
async fn a_file_that_versions_share_is_moved_once() {
    let house = House::new().await;
    let shared = krate("foo", "1.0.0");
    house.publish(&house.alice, &shared).await.unwrap();
    let kind = holdfast_registry::entity::RegistryKind::Hosted;
    let new = holdfast_registry::NewRegistry { name: v("second"), kind, anonymous_read: false };
    house.holdfast.create_registry(&house.root, new).await.unwrap();
    house.publish_at(&house.holdfast, &house.alice, "second", &shared).await.unwrap();
    let (stream, totals) = export(&house.holdfast, Files::Included).await;
    assert_eq!(totals.files, 1);
    let place = Place::empty().await;
    place.import(&stream, Resume::No).await.unwrap();
    place.assert_clean().await;
}

#[tokio::test]
async fn a_place_in_use_is_refused() {
    let (house, memory) = old_house().await;
    let (stream, _) = export(&house.holdfast, Files::Included).await;
    let before = everything(&memory);
    for resume in [Resume::No, Resume::Yes] {
        let used = Place::over(&memory, memory.clone(), house.blobs.clone());
        let refused = used.import(&stream, resume).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Conflict);
        assert!(refused.detail().contains("not empty: it holds a server made at `2026-01-01T"), "{refused}");
    }
    assert_same(&everything(&memory), &before);

    let empty = Place::empty().await;
    let operator = Actor::operator();
    let progress = holdfast_registry::Progress::default();
    let refused = empty.holdfast.export(&operator, Vec::new(), Files::Included, &progress).await.unwrap_err();
    assert!(refused.detail().contains("holds no server"), "{refused}");
    for actor in [&house.alice, &house.anon] {
        let refused = house.holdfast.export(actor, Vec::new(), Files::Included, &progress).await.unwrap_err();
        assert!(matches!(refused.kind(), Kind::Forbidden | Kind::Unauthenticated), "{refused:?}");
    }
}

#[tokio::test]
async fn a_source_that_lost_a_file_is_named() {
    let (house, _memory) = old_house().await;
    let download = house.holdfast.download(&house.operator, &main(), &v("bar"), &v("0.1.0")).await.unwrap();
    let far = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_hours(3_000_000);
    house.blobs.condemn(&download.sha256, far).await.unwrap();
    // Set aside, it is still there.
    export(&house.holdfast, Files::Included).await;
    house.blobs.purge(&download.sha256).await.unwrap();
    let progress = holdfast_registry::Progress::default();
    let refused =
        house.holdfast.export(&house.operator, Vec::new(), Files::Included, &progress).await.unwrap_err();
    assert!(refused.detail().contains("of `bar@0.1.0` is missing"), "{refused}");
    // Without the version, the rest can be moved.
    house.holdfast.remove_version(&house.root, &main(), &v("bar"), &v("0.1.0")).await.unwrap();
    export(&house.holdfast, Files::Included).await;
}
