//! Where a registry can be: open to everybody, below a path of a proxy, one of several.

use super::{consumer, output_of};
use holdfast_testkit::{Cargo, Project, Proxy, Server, until};

#[test]
fn an_open_registry_needs_no_token_to_read() {
    let server = Server::start();
    Project::library("alpha", "1.0.0").publish(&server.cargo());
    server.wait_until_searchable(1);
    server.cli().ok("registry update main --anonymous-read true");
    let config = until("the registry to open", || {
        Some(server.anonymous().get("/r/main/index/config.json")).filter(|answer| answer.status == 200)
    });
    assert_ne!(config.json()["auth-required"], true);
    let nobody = Cargo::with_config(&format!("[registries.main]\nindex = \"{}\"\n", server.index("main")));
    assert_eq!(output_of(&nobody, &consumer("alpha", "1").write(&nobody)), "alpha 1.0.0");
    nobody.anywhere("search alpha --registry main").ok().says("alpha = \"1.0.0\"");
    nobody.anywhere("info alpha --registry main").ok().says("1.0.0");
    let project = Project::library("beta", "1.0.0").write(&nobody);
    nobody.fails(&project, "publish --no-verify --registry main").says("no token found");

    server.cli().ok("registry update main --anonymous-read false");
    until("the registry to close", || {
        (server.anonymous().get("/r/main/index/config.json").status == 401).then_some(())
    });
}

#[test]
fn a_registry_below_a_path_of_a_proxy_works() {
    let proxy = Proxy::start();
    let server = Server::builder().env("HOLDFAST_PUBLIC_URL", &format!("{}/crates", proxy.url())).start();
    proxy.forward_to(server.address(), "/crates");
    let index = format!("sparse+{}/crates/r/main/index/", proxy.url());
    let cargo = Cargo::with_registry("main", &index).token(server.token());
    Project::library("alpha", "1.0.0").publish(&cargo);
    Project::library("beta", "1.0.0").depends("alpha", "1").publish(&cargo);
    assert_eq!(output_of(&cargo, &consumer("beta", "1").write(&cargo)), "beta 1.0.0");
    cargo.anywhere("owner --list beta --registry main").ok().says("admin");
    let line = server.http().get("/r/main/index/be/ta/beta").index_lines().remove(0);
    assert!(line["deps"][0]["registry"].is_null(), "a dependency on this registry names none: {line}");
}

#[test]
fn registries_of_one_server_are_apart() {
    let server = Server::start();
    server.cli().ok("registry create internal --kind hosted");
    let mut http = server.http();
    until("the new registry to be there", || {
        (http.get("/r/internal/index/config.json").status == 200).then_some(())
    });
    server.publish("alpha", "1.0.0");
    http.get("/r/internal/index/al/ph/alpha").expect_status(404);
    let cargo = Cargo::with_registry("internal", &server.index("internal")).token(server.token());
    let first = Project::library("alpha", "9.0.0").write(&cargo);
    cargo.ok(&first, "publish --no-verify --registry internal");
    assert_eq!(http.get("/r/main/index/al/ph/alpha").index_lines()[0]["vers"], "1.0.0");
    assert_eq!(http.get("/r/internal/index/al/ph/alpha").index_lines()[0]["vers"], "9.0.0");
}

#[test]
fn a_dependency_on_another_registry_keeps_its_address() {
    let server = Server::start();
    server.cli().ok("registry create internal --kind hosted");
    let (main, internal) = (server.index("main"), server.index("internal"));
    let config = format!(
        "[registry]\ndefault = \"main\"\nglobal-credential-providers = [\"cargo:token\"]\n\
         [registries.main]\nindex = \"{main}\"\n[registries.internal]\nindex = \"{internal}\"\n"
    );
    let cargo = Cargo::with_config(&config)
        .env("CARGO_REGISTRIES_MAIN_TOKEN", server.token())
        .env("CARGO_REGISTRIES_INTERNAL_TOKEN", server.token());
    until("the new registry to be there", || {
        (server.http().get("/r/internal/index/config.json").status == 200).then_some(())
    });
    let inner = Project::library("inner", "1.0.0").write(&cargo);
    cargo.ok(&inner, "publish --no-verify --registry internal");
    Project::library("outer", "1.0.0")
        .dependency("inner", "version = \"1\", registry = \"internal\"")
        .publish(&cargo);
    let line = server.http().get("/r/main/index/ou/te/outer").index_lines().remove(0);
    assert_eq!(line["deps"][0]["registry"], internal);
    assert_eq!(output_of(&cargo, &consumer("outer", "1").write(&cargo)), "outer 1.0.0");
}
