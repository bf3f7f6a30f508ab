//! Finding crates and using programs: `cargo search`, `cargo info` and `cargo install`.

use holdfast_testkit::{Cargo, Project, Server};

#[test]
fn search_puts_the_exact_name_first_and_counts_the_rest() {
    let server = Server::start();
    for number in 0..13 {
        server.publish(&format!("parser-{number}"), "1.0.0");
    }
    server.publish("parser", "0.1.0");
    server.publish("parser", "0.2.0");
    server.publish("unrelated", "1.0.0");
    server.wait_until_searchable(15);
    let cargo = server.cargo();
    let found = cargo.anywhere("search parser --registry main").ok();
    assert!(found.stdout.starts_with("parser = \"0.2.0\""), "{}", found.stdout);
    found.clone().says("... and 4 crates more").says("A package for tests").never_says("unrelated");
    cargo
        .anywhere("search parser --limit 20 --registry main")
        .ok()
        .says("parser-12")
        .never_says("crates more");
    cargo.anywhere("search zzz-nothing --registry main").ok().never_says("parser");
}

#[test]
fn search_needs_the_login_that_the_rest_needs() {
    let server = Server::start();
    server.publish("alpha", "1.0.0");
    let nobody = Cargo::with_registry("main", &server.index("main"));
    nobody.anywhere("search alpha --registry main").fails().says("no token found");
}

#[test]
fn info_shows_what_the_manifest_says() {
    let server = Server::start();
    let cargo = server.cargo();
    Project::library("alpha", "1.0.0").publish(&cargo);
    Project::library("alpha", "1.1.0")
        .field("rust-version", "\"1.86\"")
        .field("repository", "\"https://git.example.com/alpha\"")
        .field("keywords", "[\"fast\"]")
        .toml("[features]\nextra = []")
        .publish(&cargo);
    let info = cargo.anywhere("info alpha --registry main").ok();
    for words in
        ["alpha", "#fast", "A package for tests", "1.1.0", "MIT", "1.86", "git.example.com/alpha", "extra"]
    {
        info.clone().says(words);
    }
    cargo.anywhere("info alpha@1.0.0 --registry main").ok().says("1.0.0").never_says("1.86");
    cargo.anywhere("info nothing-here --registry main").fails().says("could not find `nothing-here`");
}

#[test]
fn install_builds_a_program_with_its_dependencies() {
    let server = Server::start();
    let cargo = server.cargo();
    Project::library("alpha", "1.0.0").publish(&cargo);
    Project::program("tool", "2.0.0", &["alpha::name()", "\"from the tool\""])
        .depends("alpha", "1")
        .publish(&cargo);
    let root = cargo.work().join("installed");
    cargo
        .anywhere(&format!("install tool --registry main --root {}", root.display()))
        .ok()
        .says("Installed package");
    let ran = cargo.paste(root.join("bin").join("tool").to_str().unwrap()).ok();
    assert_eq!(ran.stdout, "alpha 1.0.0\nfrom the tool\n");
}
