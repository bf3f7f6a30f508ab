//! Publishing: what comes of it, and what is refused.

use crate::house::{House, krate, main, other_bytes, refusal, v};
use holdfast_package::testing::{CrateBuilder, OWN_INDEX};
use holdfast_package::{Limits, RequiredFields};
use holdfast_registry::{Published, RegistryChange, Settings, Upload};
use holdfast_types::Sha256;
use insta::assert_snapshot;

#[tokio::test]
async fn a_new_crate_is_one_version_one_head_one_file_and_one_line_in_the_log() {
    let house = House::new().await;
    let receipt = house.publish(&house.alice, &krate("foo", "1.0.0")).await.unwrap();
    assert_eq!(receipt.outcome, Published::New);
    assert_eq!((receipt.name, receipt.version, receipt.warnings), (v("foo"), v("1.0.0"), vec![]));
    assert_snapshot!(house.documents().await, @r"
    blob/<foo@1.0.0> main/foo/1.0.0
    crate/main foo
    owned/alice main/foo
    readme/main foo
    recent/main 001767225600000/foo
    version/main/foo 1.0.0
    ");
    assert_snapshot!(house.files().await, @"<foo@1.0.0>");
    assert_snapshot!(house.log().await, @"alice publish foo@1.0.0");
    assert_eq!(house.versions("foo").await, "1.0.0");
    assert_eq!(house.problems().await, "");
}

#[tokio::test]
async fn an_update_adds_a_version_and_moves_the_crate_on() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    let etag = house.holdfast.index_file(&house.alice, &main(), &v("foo")).await.unwrap().etag.clone();
    house.outside.advance(std::time::Duration::from_mins(1));
    let update = krate("foo", "1.1.0").field("description", "Better").readme("# Better");
    let receipt = house.publish(&house.alice, &update).await.unwrap();
    assert_eq!(receipt.outcome, Published::New);
    let file = house.holdfast.index_file(&house.alice, &main(), &v("foo")).await.unwrap();
    assert_ne!(file.etag, etag, "seen at once, not after the staleness bound");
    assert_eq!(house.versions("foo").await, "1.0.0 1.1.0");
    assert_eq!(house.shown("foo").await, "1.1.0 of 2: Better");
    assert_snapshot!(house.documents().await, @r"
    blob/<foo@1.0.0> main/foo/1.0.0
    blob/<foo@1.1.0> main/foo/1.1.0
    crate/main foo
    owned/alice main/foo
    readme/main foo
    recent/main 001767225660000/foo
    version/main/foo 1.0.0
    version/main/foo 1.1.0
    ");
    assert_eq!(house.files().await, "<foo@1.0.0> <foo@1.1.0>");
}

#[tokio::test]
async fn the_same_bytes_again_are_success_and_change_nothing() {
    let house = House::new().await;
    house.have(&["foo@1.0.0"]).await;
    let (bodies, log) = (house.bodies().await, house.log().await);
    house.outside.advance(std::time::Duration::from_mins(1));
    let again = house.publish(&house.alice, &krate("foo", "1.0.0")).await.unwrap();
    assert_eq!(again.outcome, Published::Again);
    let again = house.publish(&house.root, &krate("foo", "1.0.0")).await.unwrap();
    assert_eq!(again.outcome, Published::Again);
    assert_eq!(house.bodies().await, bodies);
    assert_eq!(house.log().await, log);
    // Not for those who could not have published them.
    assert_snapshot!(refusal(house.publish(&house.bob, &krate("foo", "1.0.0")).await), @"Forbidden: `bob` does not own the crate `foo`; an owner can add you with `cargo owner --add bob foo`");
}

#[tokio::test]
async fn a_number_is_taken_for_ever() {
    let house = House::new().await;
    house.have(&["foo@1.0.0", "foo@2.0.0+linux"]).await;
    let others = [
        krate("foo", "1.0.0").readme("other"),
        krate("foo", "1.0.0+b"),
        krate("foo", "2.0.0"),
        krate("foo", "2.0.0+mac"),
        // The very same file under another number.
        krate("foo", "1.0.0").sent("vers", "1.0.0+c"),
    ];
    let mut told = Vec::new();
    for other in &others {
        told.push(refusal(house.publish(&house.alice, other).await));
    }
    assert_snapshot!(told.join("\n"), @r"
    Conflict: `foo@1.0.0` is already published with other bytes; choose a new version
    Conflict: `foo@1.0.0` is already published, and build metadata does not make `1.0.0+b` another version; choose a new version
    Conflict: `foo@2.0.0+linux` is already published, and build metadata does not make `2.0.0` another version; choose a new version
    Conflict: `foo@2.0.0+linux` is already published, and build metadata does not make `2.0.0+mac` another version; choose a new version
    Conflict: `foo@1.0.0` is already published, and build metadata does not make `1.0.0+c` another version; choose a new version
    ");
    assert_eq!(house.versions("foo").await, "1.0.0 2.0.0+linux");
    assert_eq!(house.files().await, "<foo@1.0.0> <foo@2.0.0+linux>", "refused before a file is kept");
    let again = house.publish(&house.alice, &krate("foo", "2.0.0+linux")).await.unwrap();
    assert_eq!(again.outcome, Published::Again);
}

#[tokio::test]
async fn spellings_of_one_name_are_one_crate() {
    let house = House::new().await;
    house.have(&["Foo-bar@1.0.0"]).await;
    let mut told = Vec::new();
    for name in ["foo-bar", "Foo_bar", "FOO-BAR"] {
        told.push(refusal(house.publish(&house.alice, &krate(name, "1.1.0")).await));
    }
    assert_snapshot!(told.join("\n"), @r"
    Conflict: the crate is called `Foo-bar` here; publish it under that spelling of `foo-bar`
    Conflict: the crate is called `Foo-bar` here; publish it under that spelling of `Foo_bar`
    Conflict: the crate is called `Foo-bar` here; publish it under that spelling of `FOO-BAR`
    ");
    // Whoever does not own it learns that first.
    assert_snapshot!(refusal(house.publish(&house.bob, &krate("foo_bar", "1.1.0")).await), @"Forbidden: `bob` does not own the crate `Foo-bar`; an owner can add you with `cargo owner --add bob Foo-bar`");
    assert_eq!(house.versions("foo-bar").await, "1.0.0");
    assert_eq!(house.versions("foo_bar").await, "NotFound", "cargo asks for each spelling itself");
}

#[tokio::test]
async fn names_of_the_language_and_of_devices_are_reserved() {
    let house = House::new().await;
    let mut told = Vec::new();
    for name in ["std", "Nul", "proc-macro", "1foo", "a b", "a.b", "", "ſtd"] {
        let metadata = format!(r#"{{"name":"{name}","vers":"1.0.0"}}"#);
        let package = house.stage(&house.holdfast, &krate("foo", "1.0.0")).await.unwrap();
        let upload = Upload { metadata: metadata.as_bytes(), package, own_index: OWN_INDEX };
        told.push(refusal(house.holdfast.publish(&house.alice, &main(), upload).await));
    }
    assert_snapshot!(told.join("\n"), @r"
    Invalid: `package.name` is not valid: the crate name `std` is reserved; choose another one
    Invalid: `package.name` is not valid: the crate name `Nul` is reserved; choose another one
    Invalid: `package.name` is not valid: the crate name `proc-macro` is reserved; choose another one
    Invalid: `package.name` is not valid: the crate name `1foo` must start with an ASCII letter
    Invalid: `package.name` is not valid: the crate name `a b` contains ' '; allowed are ASCII letters, digits, `-` and `_`
    Invalid: `package.name` is not valid: the crate name `a.b` contains '.'; allowed are ASCII letters, digits, `-` and `_`
    Invalid: `package.name` is not valid: the crate name is empty
    Invalid: `package.name` is not valid: the crate name `ſtd` must start with an ASCII letter
    ");
    assert_eq!(house.documents().await, "");
    assert_eq!(house.files().await, "");
}

#[tokio::test]
async fn an_operator_can_require_fields_and_a_registry_its_own() {
    let required_fields: RequiredFields = v("license, repository");
    let house = House::with(Settings { required_fields, ..Settings::default() }).await;
    let bare = krate("foo", "1.0.0").without("license");
    assert_snapshot!(refusal(house.publish(&house.alice, &bare).await), @"Invalid: this registry requires `license` or `license-file` and `repository`; add them to `[package]` in Cargo.toml");
    house
        .publish(&house.alice, &krate("foo", "1.0.0").field("repository", "https://r.example"))
        .await
        .unwrap();

    let own = RegistryChange { required_fields: Some(Some(v("keywords"))), ..RegistryChange::default() };
    house.holdfast.update_registry(&house.root, &main(), own).await.unwrap();
    let bare = krate("foo", "1.1.0").without("license");
    assert_snapshot!(refusal(house.publish(&house.alice, &bare).await), @"Invalid: this registry requires `keywords`; add it to `[package]` in Cargo.toml");
    let none = RegistryChange { required_fields: Some(Some(v(""))), ..RegistryChange::default() };
    house.holdfast.update_registry(&house.root, &main(), none).await.unwrap();
    house.publish(&house.alice, &bare).await.unwrap();
    assert_eq!(house.versions("foo").await, "1.0.0 1.1.0");
}

#[tokio::test]
async fn what_is_sent_and_what_is_packed_must_agree() {
    let house = House::new().await;
    let lies: [CrateBuilder; 4] = [
        krate("foo", "1.0.0").sent("name", "bar"),
        krate("foo", "1.0.0").sent("vers", "1.0.1"),
        krate("foo", "1.0.0").sent("features", serde_json::json!({ "extra": [] })),
        krate("foo", "1.0.0").field("links", "z").sent("links", serde_json::Value::Null),
    ];
    let mut told = Vec::new();
    for lie in &lies {
        told.push(refusal(house.publish(&house.alice, lie).await));
    }
    let garbage = Upload {
        metadata: b"{",
        package: house.stage(&house.holdfast, &lies[0]).await.unwrap(),
        own_index: OWN_INDEX,
    };
    told.push(refusal(house.holdfast.publish(&house.alice, &main(), garbage).await));
    assert_snapshot!(told.join("\n"), @r"
    Invalid: the path `foo-1.0.0/Cargo.toml` is not in the folder `bar-1.0.0/`; make the .crate file again with `cargo package`
    Invalid: the path `foo-1.0.0/Cargo.toml` is not in the folder `foo-1.0.1/`; make the .crate file again with `cargo package`
    Invalid: `features.extra` is in the publish request, but it is not in the packaged Cargo.toml; publish again with `cargo publish`
    Invalid: `package.links` is `z` in the packaged Cargo.toml, but it is not in the publish request; publish again with `cargo publish`
    Invalid: the publish metadata is not valid: EOF while parsing an object at line 1 column 1
    ");
    assert_eq!(house.documents().await, "");
    assert_eq!(house.files().await, "");
}

#[tokio::test]
async fn too_much_is_refused_in_words() {
    let package = Limits { packed_bytes: 20_000, unpacked_bytes: 50_000, ..Limits::default() };
    let house = House::with(Settings { package, ..Settings::default() }).await;
    // Hashes do not compress.
    let random: Vec<u8> = (0_u32..700).flat_map(|n| *Sha256::of(&n.to_be_bytes()).as_bytes()).collect();
    let zeros = vec![b'0'; 60_000];
    let wordy = krate("foo", "1.0.0").field("description", "word ".repeat(60_000));
    let told = [
        refusal(house.publish(&house.alice, &krate("foo", "1.0.0").file("random", &random)).await),
        refusal(house.publish(&house.alice, &krate("foo", "1.0.0").file("zeros", &zeros)).await),
    ];
    assert_snapshot!(told.join("\n"), @r"
    TooLarge: the upload is larger than the limit of `20000` bytes
    TooLarge: the .crate file unpacks to more than 50000 bytes; use `exclude` in Cargo.toml to leave files out
    ");
    let house = House::new().await;
    assert_snapshot!(refusal(house.publish(&house.alice, &wordy).await), @"TooLarge: there is more metadata than fits into 256 kB; use fewer features, dependencies or words");
    assert_eq!(house.documents().await, "");
}

#[tokio::test]
async fn a_readme_of_control_characters_is_no_fault_of_ours() {
    let house = House::new().await;
    let readme = "\u{1}\"\\\n".repeat(16_000);
    house.publish(&house.alice, &krate("foo", "1.0.0").readme(&readme)).await.unwrap();
    assert_eq!(house.problems().await, "");
}

#[tokio::test]
async fn the_operator_adds_packages_that_an_admin_then_owns() {
    let house = House::new().await;
    // As published elsewhere: faults of single fields do no harm.
    let old = krate("foo", "1.0.0").field("homepage", "javascript:alert(1)").readme("# Old");
    let staged = house.stage(&house.holdfast, &old).await.unwrap();
    let receipt = house.holdfast.add_package(&house.operator, &main(), staged, OWN_INDEX).await.unwrap();
    assert_eq!(receipt.outcome, Published::New);
    assert_snapshot!(receipt.warnings.join("\n"), @"`homepage` must be an address that starts with `https://` or `http://`, not `javascript:alert(1)`");
    let owners = house.holdfast.owners(&house.rita, &main(), &v("foo")).await.unwrap();
    assert_eq!(owners, [v("admin")]);
    let described = house.holdfast.describe(&house.rita, &main(), &v("foo")).await.unwrap();
    assert_eq!(described.versions[0].published_by, None);
    assert_eq!(described.head.about.homepage, None);
    assert_snapshot!(house.log().await, @"operator publish foo@1.0.0");

    let staged = house.stage(&house.holdfast, &old).await.unwrap();
    let again = house.holdfast.add_package(&house.operator, &main(), staged, OWN_INDEX).await.unwrap();
    assert_eq!(again.outcome, Published::Again);
    let staged = house.stage(&house.holdfast, &other_bytes(&old)).await.unwrap();
    let taken = house.holdfast.add_package(&house.operator, &main(), staged, OWN_INDEX).await;
    assert_snapshot!(refusal(taken), @"Conflict: `foo@1.0.0` is already published with other bytes; choose a new version");
}

#[tokio::test]
async fn no_publish_gets_into_a_registry_that_goes_away() {
    let house = House::new().await;
    let process = house.process();
    let new = holdfast_registry::NewRegistry {
        name: v("second"),
        kind: holdfast_registry::entity::RegistryKind::Hosted,
        anonymous_read: false,
    };
    house.holdfast.create_registry(&house.root, new).await.unwrap();
    // This process has the registry in its cache, and the other one removes it.
    house.holdfast.may_upload(&house.alice, &v("second")).await.unwrap();
    process.remove_registry(&house.root, &v("second")).await.unwrap();
    let late = house.publish_at(&house.holdfast, &house.alice, "second", &krate("foo", "1.0.0")).await;
    assert_snapshot!(refusal(late), @"NotFound: there is no registry `second` here");
    assert_eq!(house.documents().await, "");
}
