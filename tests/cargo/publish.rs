//! `cargo publish`: one package, a workspace, twice, and what was removed.

use super::{consumer, locked, output_of};
use holdfast_testkit::{Project, Server, Workspace, noise};

#[test]
fn a_package_is_published_verified_and_used() {
    let server = Server::start();
    let cargo = server.cargo();
    let library = Project::library("alpha", "1.0.0").write(&cargo);
    cargo.ok(&library, "publish").says("Published alpha v1.0.0 at registry `main`");
    assert_eq!(output_of(&cargo, &consumer("alpha", "1").write(&cargo)), "alpha 1.0.0");
    server.cli().assert_clean();
    server.assert_unharmed();
}

#[test]
fn a_workspace_of_crates_that_need_each_other_is_published_at_once() {
    let server = Server::start();
    let cargo = server.cargo();
    let workspace = Workspace(vec![
        Project::library("top", "0.3.0").depends_beside("middle", "0.2").depends_beside("base", "0.1"),
        Project::library("middle", "0.2.0").depends_beside("base", "0.1"),
        Project::library("base", "0.1.0"),
    ]);
    cargo.ok(&workspace.write(&cargo), "publish --workspace").says("Published");
    let program = consumer("top", "0.3").write(&cargo);
    assert_eq!(output_of(&cargo, &program), "top 0.3.0");
    assert_eq!(
        (locked(&program, "middle"), locked(&program, "base")),
        (vec!["0.2.0".into()], vec!["0.1.0".into()])
    );
}

#[test]
fn the_same_package_again_is_no_fault_of_the_server() {
    let server = Server::start();
    let cargo = server.cargo();
    let library = Project::library("alpha", "1.0.0").publish(&cargo);
    // Cargo looks into the index first.
    cargo.fails(&library, "publish --no-verify").says("crate alpha@1.0.0 already exists on");
    // A yanked version it lets through, up to 1.97: then the same bytes are there already, and others are not.
    cargo.ok(&library, "yank --version 1.0.0");
    let changed = Project::library("alpha", "1.0.0").file("src/more.rs", "// more\n").write(&cargo);
    let refused = cargo.fails(&changed, "publish --no-verify").output();
    let by_server = refused.contains("status 409") && refused.contains("already published with other bytes");
    assert!(by_server || refused.contains("already exists on"), "{refused}");
}

#[test]
fn a_removed_version_is_gone_and_its_number_stays_taken() {
    let server = Server::start();
    let cargo = server.cargo();
    Project::library("alpha", "1.0.0").publish(&cargo);
    Project::library("alpha", "1.1.0").publish(&cargo);
    let program = consumer("alpha", "1").write(&cargo);
    assert_eq!(output_of(&cargo, &program), "alpha 1.1.0");

    server.cli().ok("crate remove main alpha@1.1.0");
    let index = "/r/main/index/al/ph/alpha";
    holdfast_testkit::until("the version to leave the index", || {
        (server.http().get(index).expect_status(200).index_lines().len() == 1).then_some(())
    });
    server.http().get("/r/main/dl/alpha/1.1.0/download").expect_status(404);
    cargo.ok(&program, "update").says("Downgrading alpha v1.1.0");
    assert_eq!(locked(&program, "alpha"), ["1.0.0"]);
    let other = Project::library("alpha", "1.1.0").file("src/more.rs", "// more\n").write(&cargo);
    cargo.fails(&other, "publish --no-verify").says("status 409").says("was removed by an admin");
    server.cli().assert_clean();
}

#[test]
fn a_field_that_the_registry_requires_is_asked_for() {
    let server = Server::start();
    server.cli().ok("registry update main --required-fields repository,readme");
    let cargo = server.cargo();
    let bare = Project::library("alpha", "1.0.0").write(&cargo);
    holdfast_testkit::until("the setting to be seen", || {
        let ran = cargo.run(&bare, "publish --no-verify");
        (!ran.is_success()).then(|| ran.says("status 400").says("repository")).or_else(|| {
            // Too early: the server still went by the old setting.
            server.cli().ok("crate remove main alpha");
            None
        })
    });
    Project::library("beta", "1.0.0")
        .field("repository", "\"https://git.example.com/beta\"")
        .field("readme", "\"README.md\"")
        .file("README.md", "# beta\n")
        .publish(&cargo);
}

#[test]
fn a_package_that_is_too_large_is_refused_in_words() {
    let server = Server::builder().env("HOLDFAST_MAX_CRATE_SIZE", "1MiB").start();
    let cargo = server.cargo();
    // Far above the limit: the answer must reach cargo although most of the upload is never read.
    for size in [1_200_000, 30_000_000] {
        let folder = Project::library("alpha", "1.0.0").write(&cargo);
        std::fs::write(folder.join("noise.bin"), noise(7, size)).unwrap();
        let refused = cargo.fails(&folder, "publish --no-verify").says("status 413");
        refused.says("1048576").says("use `exclude` in Cargo.toml");
    }
    server.http().get("/r/main/index/al/ph/alpha").expect_status(404);
    server.cli().assert_clean();
}
