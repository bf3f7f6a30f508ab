//! What a manifest must say, how it must agree with what was sent, and what comes out of a package.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use holdfast_package::testing::{CrateBuilder, Dependency, OWN_INDEX};
use holdfast_package::{Limits, Package, PackageError, RequiredFields, read, verify};
use holdfast_types::{DependencyKind, PublishMetadata, RegistryIndex, crates_io_index};
use serde_json::json;

const ELSEWHERE: &str = "sparse+https://crates.example/index/";

fn open(builder: &CrateBuilder) -> Result<Package, PackageError> {
    open_required(builder, "")
}

fn open_required(builder: &CrateBuilder, required: &str) -> Result<Package, PackageError> {
    let (metadata, packed) = builder.build();
    let metadata = PublishMetadata::parse(&metadata).unwrap();
    verify(&*packed, &Limits::default(), &metadata, &required.parse().unwrap(), OWN_INDEX)
}

fn sentences(cases: &[(&str, CrateBuilder)]) -> String {
    let say = |(case, builder): &(&str, CrateBuilder)| match open(builder) {
        Ok(_) => panic!("{case} was accepted"),
        Err(e) => {
            let sentence = e.to_string();
            assert!(!sentence.ends_with('.') && !sentence.contains('\n'), "{sentence}");
            format!("{case}: {sentence}")
        }
    };
    cases.iter().map(say).collect::<Vec<_>>().join("\n")
}

fn foo() -> CrateBuilder {
    CrateBuilder::new("foo", "1.0.0")
}

fn foo_with(dependency: Dependency) -> CrateBuilder {
    foo().dependency(dependency)
}

fn bar() -> Dependency {
    Dependency::new("bar", "1.2")
}

/// Everything that a manifest can hold.
fn full() -> CrateBuilder {
    CrateBuilder::new("Full-crate", "1.0.0-rc.1+b")
        .field("homepage", "https://example.com/h")
        .field("documentation", "http://example.com")
        .field("repository", "https://example.com/r")
        .field("license", "MIT/Apache-2.0")
        .field("links", "z")
        .field("rust-version", "1.70")
        .field("authors", vec!["A <a@example.com>"])
        .field("keywords", vec!["c++", "a_b"])
        .field("categories", vec!["development-tools::cargo-plugins"])
        .readme("\u{feff}# Héllo")
        .dependency(bar().optional().no_default_features().features(&["f", "g"]))
        .dependency(Dependency::new("baz-qux", ">=1, <3").alias("_renamed").crates_io())
        .dependency(Dependency::new("baz", "=1.0.0").registry(ELSEWHERE).target("cfg(windows)"))
        .dependency(Dependency::new("bar", "1").kind(DependencyKind::Build).target("x86_64-unknown-none"))
        .dependency(Dependency::new("tester", "*").kind(DependencyKind::Dev).target("cfg(unix)"))
        .feature("default", &["std", "bar?/f"])
        .feature("std", &["dep:bar", "_renamed/std"])
        .section("profile", toml::Table::new())
        .file("src/main.rs", b"")
        .file("src/bin/one.rs", b"")
        .file("src/bin/two/main.rs", b"")
        .file("src/bin/two/module.rs", b"")
        .file(
            ".cargo_vcs_info.json",
            br#"{"git":{"sha1":"0123456789abcdef0123456789abcdef01234567","dirty":true},"path_in_vcs":"crates/full"}"#,
        )
}

#[test]
fn everything_comes_out() {
    let (metadata, packed) = full().build();
    let sent = PublishMetadata::parse(&metadata).unwrap();
    let all = "description license repository, homepage documentation readme keywords categories rust-version authors";
    let verified = verify(&*packed, &Limits::default(), &sent, &all.parse().unwrap(), OWN_INDEX).unwrap();
    let shown = format!("{verified:#?}").replace(crates_io_index(), "(crates.io)");
    insta::assert_snapshot!(shown);
    let mut alone = read(&*packed, &Limits::default(), OWN_INDEX).unwrap();
    let key = |d: &holdfast_types::MetadataDependency| (d.alias().to_owned(), d.kind, d.target.clone());
    alone.metadata.deps.sort_by_key(key);
    assert_eq!(alone, verified);
    // What is sent in another order, or with its own registry by name, is the same.
    let mut reordered = sent.clone();
    reordered.deps.reverse();
    for dependency in &mut reordered.deps {
        dependency.registry.get_or_insert_with(|| OWN_INDEX.parse().unwrap());
        dependency.features.reverse();
    }
    let again = verify(&*packed, &Limits::default(), &reordered, &RequiredFields::default(), OWN_INDEX);
    assert_eq!(again.unwrap().metadata.deps[0].registry, Some(RegistryIndex::crates_io()));
}

#[test]
fn disagreements() {
    let sent_dep = |field: &str, value: serde_json::Value| {
        let mut dep = json!({"name": "bar", "version_req": "^1.2", "optional": false, "default_features": true,
            "features": [], "target": null, "kind": "normal"});
        dep[field] = value;
        foo_with(bar()).sent("deps", json!([dep]))
    };
    insta::assert_snapshot!(sentences(&[
        ("name", foo().field("name", "Foo")),
        ("version", foo().field("version", "1.0.0+other")),
        ("links", foo().sent("links", "z")),
        ("links unsent", foo().field("links", "z").sent("links", json!(null))),
        ("rust-version", foo().field("rust-version", "1.70").sent("rust_version", "1.60")),
        ("unsent dependency", foo_with(bar()).sent("deps", json!([]))),
        ("unpacked dependency", foo().sent("deps", json!([{"name": "evil", "version_req": "*"}]))),
        ("name of a dependency", sent_dep("name", "evil".into())),
        ("requirement", sent_dep("version_req", "^1.1".into())),
        ("optional", sent_dep("optional", true.into())),
        ("default features", sent_dep("default_features", false.into())),
        ("features", sent_dep("features", json!(["f"]))),
        ("target", sent_dep("target", "cfg(unix)".into())),
        ("kind", sent_dep("kind", "dev".into())),
        ("alias", sent_dep("explicit_name_in_toml", "other".into())),
        ("artifact", sent_dep("artifact", json!(["bin"]))),
        ("crates.io for this", sent_dep("registry", crates_io_index().into())),
        ("another for this", sent_dep("registry", ELSEWHERE.into())),
        (
            "this for crates.io",
            foo_with(bar().crates_io()).sent("deps", json!([{"name": "bar", "version_req": "^1.2"}]))
        ),
        (
            "this for another",
            foo_with(bar().registry(ELSEWHERE)).sent("deps", json!([{"name": "bar", "version_req": "^1.2"}]))
        ),
        ("feature", foo().sent("features", json!({"x": []}))),
        ("unsent feature", foo().feature("x", &[]).sent("features", json!({}))),
        (
            "values",
            foo().feature("x", &[]).feature("y", &["x"]).sent("features", json!({"x": ["y"], "y": ["x"]}))
        ),
    ]));
}

#[test]
fn manifests_that_are_not() {
    let manifest = |text: &str| foo().manifest(text);
    let package = "[package]\nname = \"foo\"\nversion = \"1.0.0\"\n";
    let with = |rest: &str| foo().manifest(format!("{package}{rest}"));
    let deep = format!("x = {}{}", "[".repeat(200), "]".repeat(200));
    insta::assert_snapshot!(sentences(&[
        ("empty", manifest("")),
        ("not TOML", manifest("[package]\nname = foo\n")),
        ("not UTF-8", foo().manifest(b"[package]\n\xff")),
        ("deep", manifest(&deep)),
        ("no package", manifest("[workspace]\n")),
        ("no name", manifest("[package]\nversion = \"1.0.0\"")),
        ("no version", manifest("[package]\nname = \"foo\"")),
        ("reserved name", manifest("[package]\nname = \"std\"\nversion = \"1.0.0\"")),
        ("bad version", manifest("[package]\nname = \"foo\"\nversion = \"1.0\"")),
        ("wrong type", with("description = 1")),
        ("inherited version", manifest("[package]\nname = \"foo\"\nversion.workspace = true")),
        ("inherited field", with("exclude = { workspace = true }")),
        ("inherited dependency", with("[dependencies]\nbar.workspace = true")),
        ("inherited lints", with("[lints]\nworkspace = true")),
        ("patch", with("[patch.crates-io]\nbar = { path = \"x\" }")),
        ("replace", with("[replace]\n\"bar:1.0.0\" = { path = \"x\" }")),
        ("no requirement", with("[dependencies]\nbar = { path = \"../bar\" }")),
        ("git", with("[dependencies]\nbar = { version = \"1\", git = \"https://x\" }")),
        ("registry by name", with("[dependencies]\nbar = { version = \"1\", registry = \"main\" }")),
        ("platform", with("[target.'cfg(windows'.dependencies]\nbar = \"1\"")),
        ("registry", with("[dependencies]\nbar = { version = \"1\", registry-index = \"javascript:x\" }")),
        ("bad requirement", with("[target.'cfg(unix)'.dependencies]\nbar = \"one\"")),
        ("bad dependency", with("[build-dependencies]\nbar = 1")),
        ("bad alias", with("[dependencies]\n\"b a\" = { version = \"1\", package = \"bar\" }")),
        ("optional for development", with("[dev_dependencies]\nbar = { version = \"1\", optional = true }")),
        ("rust-version", with("rust-version = \">=1.60\"")),
        ("feature name", with("[features]\n\"a b\" = []")),
        ("feature values", with("[features]\na = \"b\"")),
        ("bin", with("[bin]\nname = \"x\"")),
    ]));
}

#[test]
fn features_must_be_known() {
    let optional = || bar().optional();
    insta::assert_snapshot!(sentences(&[
        ("nothing", foo().feature("a", &["b"])),
        ("not optional", foo_with(bar()).feature("a", &["bar"])),
        ("dep: of nothing", foo().feature("a", &["dep:bar"])),
        ("dep: not optional", foo_with(bar()).feature("a", &["dep:bar"])),
        ("weak not optional", foo_with(bar()).feature("a", &["bar?/x"])),
        ("feature of nothing", foo().feature("a", &["bar/x"])),
        ("hidden by dep:", foo_with(optional()).feature("a", &["dep:bar"]).feature("b", &["bar"])),
        ("hidden by a feature", foo_with(optional()).feature("bar", &[])),
        ("dev", foo_with(bar().kind(DependencyKind::Dev)).feature("a", &["dep:bar"])),
    ]));
    for builder in [
        foo_with(optional()),
        foo_with(optional()).feature("a", &["bar"]),
        foo_with(optional()).feature("a", &["bar/x"]),
        foo_with(optional()).feature("bar", &["dep:bar"]),
        foo_with(bar().kind(DependencyKind::Dev)).feature("a", &["bar/x"]),
        foo_with(optional().kind(DependencyKind::Build)).feature("a", &["bar?/x", "dep:bar"]),
    ] {
        open(&builder).unwrap();
    }
}

#[test]
fn fields() {
    let many = |count: usize| (0..count).map(|n| format!("f{n}")).collect::<Vec<_>>();
    let names = many(301);
    let dependencies = |count: usize| {
        many(count).iter().fold(foo(), |builder, name| builder.dependency(Dependency::new(name, "1")))
    };
    let features = names.iter().fold(foo(), |builder, name| builder.feature(name, &[]));
    insta::assert_snapshot!(sentences(&[
        ("script", foo().field("homepage", "javascript:alert(1)")),
        ("no scheme", foo().field("repository", "example.com/x")),
        ("no host", foo().field("documentation", "https://")),
        ("keywords", foo().field("keywords", many(6))),
        ("keyword", foo().field("keywords", vec!["two words"])),
        ("long keyword", foo().field("keywords", vec!["a".repeat(21)])),
        ("categories", foo().field("categories", many(6))),
        ("category", foo().field("categories", vec![" "])),
        ("features", features),
        ("values", foo().feature("a", &[]).feature("all", &["a"; 301])),
        ("dependencies", dependencies(501)),
    ]));
    open(&dependencies(500)).unwrap();
    let imported = read(&*foo().field("homepage", "javascript:x").package(), &Limits::default(), OWN_INDEX);
    let imported = imported.unwrap();
    assert_eq!((imported.metadata.homepage, imported.warnings.len()), (None, 1));
}

#[test]
fn operators_require_fields() {
    let sentence =
        |builder: &CrateBuilder, required: &str| open_required(builder, required).unwrap_err().to_string();
    let bare = foo().without("license").field("description", " ");
    let all = holdfast_package::RequiredField::ALL.map(holdfast_package::RequiredField::as_str).join(",");
    insta::assert_snapshot!(
        [
            sentence(&bare, "license"),
            sentence(&bare, "license description"),
            sentence(&bare, &all),
            // A README that is named but not packed is none.
            sentence(&foo().field("readme", "README.md"), "readme"),
            "licence".parse::<RequiredFields>().unwrap_err().to_string(),
        ]
        .join("\n")
    );
    open_required(&foo().without("license").field("license-file", "LICENSE"), "license").unwrap();
    assert_eq!("license, readme".parse::<RequiredFields>().unwrap().to_string(), "license,readme");
}

#[test]
fn warnings_are_no_refusals() {
    let builder = foo().field("license", "Beer").dependency(Dependency::new("bar", "*"));
    insta::assert_snapshot!(open(&builder).unwrap().warnings.join("\n"));
}

#[test]
fn a_server_with_two_names_takes_packages_for_both() {
    let builder = foo_with(bar()).own_index("sparse+https://crates.acme.example/r/main/index/");
    let package = open(&builder).unwrap();
    assert_eq!(package.metadata.deps[0].registry, None);
    insta::assert_snapshot!(package.warnings.join("\n"));
}

#[test]
fn some_cargos_send_features_of_dependencies_that_they_left_out() {
    let builder =
        foo().feature("a", &[]).sent("features", json!({"a": ["local/f", "dep:local", "local?/g"]}));
    assert!(open(&builder).unwrap().metadata.features.values().all(Vec::is_empty));
}

#[test]
fn versionless_dependencies_of_tests_are_left_out() {
    let manifest = foo().manifest_text() + "[dev-dependencies]\nlocal = { path = \"../local\" }\n";
    assert!(open(&foo().manifest(manifest)).unwrap().metadata.deps.is_empty());
}

#[test]
fn readmes() {
    let text = |builder: &CrateBuilder| {
        let metadata = open(builder).unwrap().metadata;
        (metadata.readme_file, metadata.readme.map(|text| text.len()))
    };
    let named = |path: &str| (Some(path.to_owned()), Some(2));
    assert_eq!(text(&foo().file("README.md", b"hi")), named("README.md"));
    assert_eq!(text(&foo().file("README", b"hi").file("README.txt", b"hi")), named("README.txt"));
    assert_eq!(text(&foo().field("readme", false).file("README.md", b"hi")), (None, None));
    assert_eq!(text(&foo().field("readme", "./doc/x.md").file("doc/x.md", b"hi")), named("doc/x.md"));
    let latin = foo().readme("").field("readme", "latin.md").file("latin.md", b"\xe9");
    assert_eq!(text(&latin), (Some("latin.md".to_owned()), None));
    // Cut off between characters.
    let long = foo().readme(&format!("a{}", "é".repeat(40_000)));
    assert_eq!(text(&long).1, Some(64 * 1024 - 1));
    // Before the manifest.
    let early = foo().without_manifest().file("A.md", b"hi").field("readme", "A.md");
    let manifest = early.manifest_text();
    assert_eq!(text(&early.file("Cargo.toml", manifest.as_bytes())), named("A.md"));
}
