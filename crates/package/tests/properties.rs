//! Whatever the bytes, there is an answer.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use holdfast_package::testing::{CrateBuilder, Dependency, OWN_INDEX, gzip};
use holdfast_package::{Limits, RequiredFields, file, read, verify};
use holdfast_types::PublishMetadata;
use proptest::prelude::*;

fn builder() -> CrateBuilder {
    CrateBuilder::new("foo", "1.0.0")
        .readme("# Hello")
        .dependency(Dependency::new("bar", "1").optional().target("cfg(unix)"))
        .feature("default", &["dep:bar"])
        .file(&"long/".repeat(30), b"x")
        .file(".cargo_vcs_info.json", b"{}")
}

/// Changes bytes, inserts some, takes some away.
fn mutate(bytes: &mut Vec<u8>, mutations: &[(usize, u8, u8)]) {
    for (at, byte, how) in mutations {
        let at = at % bytes.len().max(1);
        match how % 4 {
            0 => bytes.insert(at.min(bytes.len()), *byte),
            1 if at < bytes.len() => drop(bytes.remove(at)),
            2 => bytes.truncate(bytes.len().max(4096) - at % 512),
            _ if at < bytes.len() => bytes[at] ^= byte,
            _ => {}
        }
    }
}

fn open(packed: &[u8]) {
    let limits = Limits { unpacked_bytes: 1 << 20, ..Limits::default() };
    let metadata = PublishMetadata::parse(&builder().metadata()).unwrap();
    let _ = verify(packed, &limits, &metadata, &RequiredFields::default(), OWN_INDEX);
    let _ = file(packed, &limits, "src/lib.rs", 100);
    if let Ok(package) = read(packed, &limits, OWN_INDEX) {
        let again = verify(packed, &limits, &package.metadata, &RequiredFields::default(), OWN_INDEX);
        assert_eq!(again.map(|p| p.metadata.name).ok(), Some(package.metadata.name));
    }
}

proptest! {
    #[test]
    fn noise(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        open(&bytes);
        open(&gzip(&bytes, b""));
    }

    #[test]
    fn damaged_packages(mutations in prop::collection::vec(any::<(usize, u8, u8)>(), 1..6)) {
        let mut packed = builder().package();
        mutate(&mut packed, &mutations);
        open(&packed);
    }

    #[test]
    fn damaged_archives(mutations in prop::collection::vec(any::<(usize, u8, u8)>(), 1..6)) {
        let mut tar = builder().tar();
        mutate(&mut tar, &mutations);
        open(&gzip(&tar, b""));
    }

    #[test]
    fn damaged_manifests(mutations in prop::collection::vec((0_usize..600, prop::sample::select(b"[]{}='\".,\n #a0-_/:?*".as_slice()), any::<u8>()), 1..6)) {
        let mut manifest = builder().manifest_text().into_bytes();
        mutate(&mut manifest, &mutations);
        open(&builder().manifest(manifest).package());
    }

    #[test]
    fn honest_packages_agree(
        name in "[a-z][a-z0-9_-]{2,20}x", features in prop::collection::btree_map("[a-z][a-z0-9+._-]{0,8}", Just(()), 0..5),
        requirement in prop::sample::select(vec!["*", "1", "^1.2", "=1.2.3", "~1", ">=1, <2.5", "1.*", "0.0.1-rc.1"]),
        optional: bool, defaults: bool, target in prop::option::of(prop::sample::select(vec!["cfg(unix)", "cfg(all(a, not(b = \"c d\")))", "t-u-x"])),
    ) {
        let mut dependency = Dependency::new("dep-y", requirement).alias("z_alias");
        if optional { dependency = dependency.optional(); }
        if !defaults { dependency = dependency.no_default_features(); }
        if let Some(target) = target { dependency = dependency.target(target); }
        let mut builder = CrateBuilder::new(&name, "0.1.0-a.1+b").dependency(dependency);
        for feature in features.keys() { builder = builder.feature(feature, &["z_alias/x"]); }
        let (metadata, packed) = builder.build();
        let metadata = PublishMetadata::parse(&metadata).unwrap();
        let package = verify(&*packed, &Limits::default(), &metadata, &RequiredFields::default(), OWN_INDEX).unwrap();
        prop_assert_eq!(package.metadata.deps, metadata.deps);
    }
}
