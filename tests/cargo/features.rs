//! Everything that a manifest can say about dependencies and features, from publish through the index to a
//! build.

use super::{locked, output_of};
use holdfast_testkit::{Cargo, Project, Server};
use serde_json::json;

/// A crate with a feature of every kind.
fn publish_rich(cargo: &Cargo) {
    let turbo = "pub fn speed() -> &'static str {\n    if cfg!(feature = \"turbo\") { \"fast\" } else { \"slow\" }\n}\n";
    Project::library("base-qux", "1.0.0")
        .toml("[features]\nturbo = []")
        .file("src/lib.rs", turbo)
        .publish(cargo);
    Project::library("helper", "1.0.0").publish(cargo);
    Project::library("for-windows", "1.0.0").publish(cargo);
    let code = "pub fn name() -> String {\n    let mut text = String::from(renamed::speed());\n    \
                #[cfg(feature = \"help\")]\n    text.push_str(helper::name());\n    text\n}\n";
    Project::library("rich", "1.0.0")
        .field("links", "\"rich-native\"")
        .field("rust-version", "\"1.85\"")
        .dependency(
            "renamed",
            "package = \"base-qux\", version = \"1\", registry = \"main\", default-features = false",
        )
        .dependency("helper", "version = \"^1.0\", registry = \"main\", optional = true")
        .toml("[features]\nhelp = [\"dep:helper\"]\nfast = [\"renamed/turbo\", \"helper?/std\"]")
        .toml("[target.'cfg(windows)'.dependencies]\nfor-windows = { version = \"1\", registry = \"main\" }")
        .toml("[target.'cfg(unix)'.dev-dependencies]\nhelper = { version = \"1\", registry = \"main\" }")
        .toml("[build-dependencies]\nhelper = { version = \"1\", registry = \"main\" }")
        .file(
            "build.rs",
            "fn main() {\n    println!(\"cargo::rerun-if-changed={}\", helper::name().len());\n}\n",
        )
        .file("src/lib.rs", code)
        .publish(cargo);
}

#[test]
fn renamed_optional_target_and_build_dependencies_survive() {
    let server = Server::start();
    let cargo = server.cargo();
    // `helper?/std` needs the feature to exist.
    Project::library("helper", "1.0.1").toml("[features]\nstd = []").publish(&cargo);
    publish_rich(&cargo);
    let program = Project::program("consumer", "0.1.0", &["rich::name()"])
        .dependency("rich", "version = \"1\", registry = \"main\", features = [\"fast\", \"help\"]");
    assert_eq!(output_of(&cargo, &program.write(&cargo)), "fasthelper 1.0.1");
    let plain = Project::program("consumer", "0.1.0", &["rich::name()"]).depends("rich", "1");
    assert_eq!(output_of(&cargo, &plain.write(&cargo)), "slow");
}

#[test]
fn the_index_line_has_every_field_in_its_place() {
    let server = Server::start();
    let cargo = server.cargo();
    Project::library("helper", "1.0.1").toml("[features]\nstd = []").publish(&cargo);
    publish_rich(&cargo);
    let lines = server.http().get("/r/main/index/ri/ch/rich").expect_status(200).index_lines();
    assert_eq!(lines.len(), 1);
    let line = &lines[0];
    assert_eq!(
        (&line["name"], &line["vers"], &line["links"], &line["rust_version"], &line["yanked"]),
        (&json!("rich"), &json!("1.0.0"), &json!("rich-native"), &json!("1.85"), &json!(false))
    );
    assert_eq!(line["pubtime"].as_str().unwrap().len(), "2026-01-01T00:00:00Z".len());
    let dependencies = line["deps"].as_array().unwrap();
    let find = |name: &str, kind: &str| {
        let mut matching = dependencies.iter().filter(|dep| dep["name"] == name && dep["kind"] == kind);
        matching.next().unwrap_or_else(|| panic!("no {kind} dependency `{name}` in {line}"))
    };
    let renamed = find("renamed", "normal");
    assert_eq!((&renamed["package"], &renamed["default_features"]), (&json!("base-qux"), &json!(false)));
    assert_eq!((&renamed["req"], &renamed["registry"]), (&json!("^1"), &json!(null)));
    assert_eq!(find("helper", "normal")["optional"], true);
    assert_eq!(find("helper", "build")["optional"], false);
    assert_eq!(find("helper", "dev")["target"], "cfg(unix)");
    assert_eq!(find("for-windows", "normal")["target"], "cfg(windows)");
    let feature = |name: &str| {
        let plain = &line["features"][name];
        if plain.is_null() { line["features2"][name].clone() } else { plain.clone() }
    };
    assert_eq!(feature("help"), json!(["dep:helper"]));
    assert_eq!(feature("fast"), json!(["renamed/turbo", "helper?/std"]));
    assert_eq!(line["v"], if line["features2"].is_null() { json!(null) } else { json!(2) });
}

#[test]
fn the_resolver_chooses_a_version_for_the_rust_that_the_program_supports() {
    let server = Server::start();
    let cargo = server.cargo();
    Project::library("alpha", "1.0.0").field("rust-version", "\"1.85\"").publish(&cargo);
    Project::library("alpha", "1.1.0").field("rust-version", "\"1.90\"").publish(&cargo);
    let program = |rust: &str| {
        let program = Project::program("consumer", "0.1.0", &["alpha::name()"]).field("rust-version", rust);
        let folder = program.depends("alpha", "1").write(&cargo);
        cargo.ok(&folder, "generate-lockfile");
        locked(&folder, "alpha")
    };
    assert_eq!(program("\"1.86\""), ["1.0.0"]);
    assert_eq!(program("\"1.91\""), ["1.1.0"]);
}

#[test]
fn two_crates_that_link_one_native_library_are_kept_apart() {
    let server = Server::start();
    let cargo = server.cargo();
    for name in ["native-one", "native-two"] {
        Project::library(name, "1.0.0")
            .field("links", "\"thing\"")
            .file("build.rs", "fn main() {}\n")
            .publish(&cargo);
    }
    let both =
        Project::program("consumer", "0.1.0", &[]).depends("native-one", "1").depends("native-two", "1");
    cargo.fails(&both.write(&cargo), "generate-lockfile").says("links to the native library `thing`");
}
